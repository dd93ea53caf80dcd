"""The configuration of a client, and the options that override it for one operation or flow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ..arguments import check_type, takes
from ..errors import InvalidRequestError
from ..http import NO_HEADERS, Headers, Host, Request
from ..http.messages import is_target
from ..limits import Limits, Timeouts
from ..secret import PersistentToken, Token, parse_token
from ..version import __version__
from .retry import RetryPolicy

__all__ = ["NO_OPTIONS", "FlowOptions", "Session"]

_BASE_URL: Final = re.compile(
    r"https?://(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?P<path>/[!$-.0->@-\[\]-~/]*)?"
)
_DEFAULT_HEADERS: Final = Headers([("User-Agent", f"nai-proto/{__version__}"), ("Accept-Encoding", "identity")])
_HOSTS: Final = {
    Host.ACCOUNT: "https://image.novelai.net",
    Host.TEXT: "https://text.novelai.net",
    Host.IMAGE: "https://image.novelai.net",
    Host.API: "https://api.novelai.net",
}
"""The service's own hosts (docs/protocol/native.md#1-hosts)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowOptions:
    """The options of one operation or flow; None is not set."""

    token: Token | None = None
    timeouts: Timeouts | None = None
    limits: Limits | None = None
    retry: RetryPolicy | None = None

    @classmethod
    def of(
        cls,
        token: Token | str | None = None,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        retry: RetryPolicy | None = None,
    ) -> FlowOptions:
        """Check the arguments of `with_options`.

        Raises:
            InvalidTypeError: one has another type.
            InvalidRequestError: the token is not printable ASCII without blanks.
        """
        for name, value, kind in (
            ("timeouts", timeouts, Timeouts),
            ("limits", limits, Limits),
            ("retry", retry, RetryPolicy),
        ):
            if value is not None:
                check_type(value, kind, name, f"nai.{kind.__name__}")
        return cls(token=None if token is None else parse_token(token), timeouts=timeouts, limits=limits, retry=retry)

    @property
    def is_empty(self) -> bool:
        """Is no option set?"""
        return self.token is None and self.timeouts is None and self.limits is None and self.retry is None

    def updated(self, later: FlowOptions) -> FlowOptions:
        """Return these options, overridden by those that ``later`` has."""
        return FlowOptions(
            token=later.token or self.token,
            timeouts=later.timeouts or self.timeouts,
            limits=later.limits or self.limits,
            retry=later.retry or self.retry,
        )


NO_OPTIONS: Final = FlowOptions()


_put: Final = object.__setattr__  # the class is frozen, with an __init__ of its own


@dataclass(frozen=True, slots=True, init=False)
class Session:
    """Base URLs by role, token, header fields, limits, timeouts and retry policy.

    A base URL may have a path, which is put in front of every target, as gateways need it.

    Args:
        token: ``"pst-…"`` is a persistent token, any other text an access token. Shown in no repr.
        base_url: the address of all four roles: an emulator, a proxy, or a gateway.
        account, text, image, api: the address of one role. Default: ``base_url``, or the service's own.
        headers: sent with every request that has no field of that name. An Authorization field replaces the token.
        limits: bounds for what the server sends.
        timeouts: seconds to wait, by phase.
        retry: how often a request is repeated, and how long to wait.

    Raises:
        InvalidRequestError: a base URL is not ``http(s)://host[:port][/path]``, or the token is not printable ASCII.
        InvalidTypeError: an argument has another type.
    """

    token: Token | None
    account: str
    text: str
    image: str
    api: str
    headers: Headers
    limits: Limits
    timeouts: Timeouts
    retry: RetryPolicy

    @takes()
    def __init__(
        self,
        *,
        token: Token | str | None = None,
        base_url: str | None = None,
        account: str | None = None,
        text: str | None = None,
        image: str | None = None,
        api: str | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = NO_HEADERS,
        limits: Limits = Limits(),
        timeouts: Timeouts = Timeouts(),
        retry: RetryPolicy = RetryPolicy(),
    ) -> None:
        addresses = {Host.ACCOUNT: account, Host.TEXT: text, Host.IMAGE: image, Host.API: api}
        if base_url is not None:
            _check_base_url("base_url", base_url)
        for host, url in addresses.items():
            if url is not None:
                _check_base_url(host.value, url)
            _put(self, host.value, url or base_url or _HOSTS[host])
        for name, value, kind in (
            ("limits", limits, Limits),
            ("timeouts", timeouts, Timeouts),
            ("retry", retry, RetryPolicy),
        ):
            check_type(value, kind, name, f"nai.{kind.__name__}")
            _put(self, name, value)
        _put(self, "token", None if token is None else parse_token(token))
        _put(self, "headers", headers if isinstance(headers, Headers) else Headers.parse(headers))

    def with_token(self, token: Token | str | None) -> Session:
        """Return this session with another token."""
        changed = self._copy()
        _put(changed, "token", None if token is None else parse_token(token))
        return changed

    def with_options(self, options: FlowOptions) -> Session:
        """Return this session with the options that are set."""
        if options.is_empty:
            return self
        changed = self._copy()
        for name in ("token", "timeouts", "limits", "retry"):
            if (value := getattr(options, name)) is not None:
                _put(changed, name, value)
        return changed

    def sign(self, request: Request) -> Request:
        """Return the request as it is sent: absolute, with a token, and with this session's header fields.

        The request's own token and fields win. An absolute request is returned unchanged, without a token: tokens are
        sent only to this session's hosts.

        See docs/protocol/native.md#21-tokens.

        Raises:
            InvalidRequestError: the token is a persistent token, which the endpoint refuses; or the target is not a path.
        """
        if request.base or request.host is None:
            return request
        request.check_target()
        token = request.token or self.token
        if request.login_only and isinstance(token, PersistentToken):
            raise InvalidRequestError(
                f"{request.method} {request.path} takes no persistent token, only the one of a login",
                parameter="token",
                advice="(yield from nai.account.login(…)), or client.run(nai.account.login(…)), gives one",
            )
        base: str = getattr(self, request.host.value)
        scheme, _, rest = base.partition("://")
        authority, slash, prefix = rest.partition("/")
        own = self.headers.adding(_DEFAULT_HEADERS) if self.headers else _DEFAULT_HEADERS
        return Request(  # `replace` takes three times as long
            request.method,
            (slash + prefix).rstrip("/") + request.target,
            request.headers.adding(own),
            request.body,
            request.host,
            token,
            f"{scheme}://{authority}",
            request.login_only,
        )

    def _copy(self) -> Session:
        copy = object.__new__(Session)
        for name in Session.__slots__:
            _put(copy, name, getattr(self, name))
        return copy


def _check_base_url(name: str, url: str) -> None:
    check_type(url, str, name, "a URL as a string")
    parts = _BASE_URL.fullmatch(url)
    if parts is None or int(parts["port"] or 0) > 65_535 or not is_target(parts["path"] or "/"):
        raise InvalidRequestError(
            f"{name} is not http(s)://host[:port][/path], without user, query, fragment and blanks", parameter=name
        )
