"""Host profiles: which endpoints and text models each of the service's hosts has.

See:
    docs/protocol/native.md#11-host-migration-important
    docs/protocol/native.md#12-which-host-per-text-model
    docs/protocol/native.md#171-general-behaviour
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ...exchange.endpoints import Endpoint, EndpointParameters, match
from ...exchange.reply import App
from ...http import Host, Request
from ..errors import Refused

__all__ = ["ALL_HOSTS", "HostProfile", "get_host_profile", "restrict_to_host"]


@dataclass(frozen=True, slots=True)
class HostProfile:
    """What one host has."""

    roles: tuple[Host | None, ...]
    """The hosts whose endpoints it has; None stands for all, and then the model in a request decides."""
    models: frozenset[Host]
    "The hosts whose native text models it has."
    moved: bool = False
    """Does it refuse account requests, because they have moved to another host?"""
    kept: frozenset[str] = frozenset()
    "Names of endpoints that it keeps although they belong to another host."

    def find(self, method: str, request: Request, body: bytes) -> tuple[Endpoint, EndpointParameters] | None:
        """Return the endpoint that a request addresses, with its parameters; None if this host does not have it.

        Raises:
            Refused: the endpoint has moved to another host.
        """
        if self.kept and (kept := match(method, None, request.target, body)) and kept[0].name in self.kept:
            return kept
        if self.moved and request.path.startswith("/user/"):
            raise Refused(
                400,
                _ACCOUNTS_MOVED,
                reason="the api host has no accounts any more; send /user/* to the account host (image.novelai.net), or "
                "start the emulator with --hosts lenient",
            )
        matches = (match(method, role, request.target, body) for role in self.roles)
        matched = next((each for each in matches if each is not None), None)
        if matched is None and Host.API in self.roles and request.path == "/ai/generate-image":
            raise Refused(
                404, _IMAGES_MOVED, reason="the api host draws no more; send this to the image host (image.novelai.net)"
            )
        return matched


_BOTH: Final = frozenset((Host.TEXT, Host.API))
ALL_HOSTS: Final = HostProfile((None,), _BOTH)
"""The whole service at one address, for programs that know only one."""
_IMAGE: Final = HostProfile((Host.IMAGE, Host.ACCOUNT), frozenset())
_TEXT: Final = HostProfile((Host.TEXT, Host.ACCOUNT), frozenset((Host.TEXT,)))
_API: Final = HostProfile((Host.API,), frozenset((Host.API,)), moved=True)
_STRICT: Final = {Host.ACCOUNT: _IMAGE, Host.IMAGE: _IMAGE, Host.TEXT: _TEXT, Host.API: _API}
_LENIENT_API: Final = HostProfile((Host.API, Host.ACCOUNT), _BOTH)
_KEPT: Final = frozenset(("upscale", "subscription"))


def restrict_to_host(role: Host, app: App) -> App:
    """Return the app as one host, with only the endpoints that this host has.

    Args:
        role: of the host. Accounts and images share one host, and the text host has the account endpoints as well.
        app: an `Emulator`, or an app that wraps one.
    """
    return lambda request: app(replace(request, host=role))


def get_host_profile(role: Host | None, *, strict: bool, old: bool = False) -> HostProfile:
    """Return the profile of a host.

    See:
        docs/protocol/native.md#171-general-behaviour
        docs/protocol/image.md#12-notes-for-an-emulator

    Args:
        role: of the host; None is one address for the whole service.
        strict: does the api host refuse account requests? Otherwise it still has them, and all text models.
        old: does the api host have the endpoints that released clients still use there?
    """
    if role is None:
        return ALL_HOSTS
    profile = _LENIENT_API if role is Host.API and not strict else _STRICT[role]
    return replace(profile, kept=_KEPT) if old and role is Host.API else profile


_ACCOUNTS_MOVED: Final = "Please refresh NovelAI.net. If using a third-party tool, update to the image URL."
_IMAGES_MOVED: Final = (
    "On 2024-02-21, we announced the deprecation of api.novelai.net for image generation. As of 2024-04-05, this url does "
    "not work for such. Please use image.novelai.net/ai/generate-image."
)
