"""The service's addresses: which of its endpoints and models each of them has.

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
    """One address, and what is to be had there."""

    roles: tuple[Host | None, ...]
    """Whose endpoints it has; None is everyone's, and then the model in a request decides.

    See docs/protocol/native.md#171-general-behaviour.
    """
    models: frozenset[Host]
    "The hosts whose native text models it has."
    moved: bool = False
    """Does it refuse whatever is about accounts, since that has moved?

    See docs/protocol/native.md#11-host-migration-important.
    """
    kept: frozenset[str] = frozenset()
    "Names of endpoints that it has though they are another's."

    def find(self, method: str, request: Request, body: bytes) -> tuple[Endpoint, EndpointParameters] | None:
        """The endpoint that a request means; None when it is not here.

        Raises:
            Refused: it was here once.
        """
        if self.kept and (kept := match(method, None, request.target, body)) and kept[0].name in self.kept:
            return kept
        if self.moved and request.path.startswith("/user/"):
            raise Refused(400, _ACCOUNTS_MOVED)
        found = (match(method, role, request.target, body) for role in self.roles)
        meant = next((each for each in found if each is not None), None)
        if meant is None and Host.API in self.roles and request.path == "/ai/generate-image":
            raise Refused(404, _IMAGES_MOVED)
        return meant


_BOTH: Final = frozenset((Host.TEXT, Host.API))
ALL_HOSTS: Final = HostProfile((None,), _BOTH)
"""All of the service at one address, for programs that know only one."""
_IMAGE: Final = HostProfile((Host.IMAGE, Host.ACCOUNT), frozenset())
_TEXT: Final = HostProfile((Host.TEXT, Host.ACCOUNT), frozenset((Host.TEXT,)))
_API: Final = HostProfile((Host.API,), frozenset((Host.API,)), moved=True)
_STRICT: Final = {Host.ACCOUNT: _IMAGE, Host.IMAGE: _IMAGE, Host.TEXT: _TEXT, Host.API: _API}
_LENIENT_API: Final = HostProfile((Host.API, Host.ACCOUNT), _BOTH)
_KEPT: Final = frozenset(("upscale", "subscription"))


def restrict_to_host(role: Host, app: App) -> App:
    """An app at the address of one role, where it has no more than that role's host has.

    See docs/protocol/native.md#11-host-migration-important.

    Args:
        role: accounts and images have one host, and the text host answers for accounts as well.
        app: an `Emulator`, or whatever is around one.
    """
    return lambda request: app(replace(request, host=role))


def get_host_profile(role: Host | None, *, strict: bool, old: bool = False) -> HostProfile:
    """The address of a role; None is that of everyone.

    See:
        docs/protocol/native.md#171-general-behaviour
        docs/protocol/image.md#12-notes-for-an-emulator

    Args:
        role: whose it is.
        strict: have the accounts left the api host? Otherwise it still has them, and all models.
        old: has the api host what released clients still ask it for?
    """
    if role is None:
        return ALL_HOSTS
    found = _LENIENT_API if role is Host.API and not strict else _STRICT[role]
    return replace(found, kept=_KEPT) if old and role is Host.API else found


_ACCOUNTS_MOVED: Final = "Please refresh NovelAI.net. If using a third-party tool, update to the image URL."
_IMAGES_MOVED: Final = (
    "On 2024-02-21, we announced the deprecation of api.novelai.net for image generation. As of 2024-04-05, this url does "
    "not work for such. Please use image.novelai.net/ai/generate-image."
)
