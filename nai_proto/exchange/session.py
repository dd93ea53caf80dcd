"""Who asks, where, and how long it may take. The session is a value; requests are signed when they are sent."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Self

from ..errors import LocalProtocolError, Phase, TimedOut
from ..http import NO_HEADERS, Headers, Host, Request
from ..limits import Limits, Timeouts
from ..secret import PersistentToken, Token

__all__ = ["Budget", "Session"]

_BASE: Final = re.compile(
    r"https?://(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?:/[!$-.0->@-\[\]-~/]*)?"
)
_OURS: Final = Headers([("User-Agent", "nai-proto"), ("Accept-Encoding", "identity")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Base URLs by role, token, headers, limits and timeouts of a client.

    The defaults of the URLs are the service's own hosts (native §1.1). A base URL may have a path: it is put in front of
    every target, as a gateway wants it.

    Raises:
        LocalProtocolError: a base URL is not ``http(s)://host[:port][/path]``.
    """

    token: Token | None = None
    account: str = "https://image.novelai.net"
    text: str = "https://text.novelai.net"
    image: str = "https://image.novelai.net"
    api: str = "https://api.novelai.net"
    headers: Headers = NO_HEADERS
    "Sent with every request that does not have a field of that name."
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()

    def __post_init__(self) -> None:
        for role in Host:
            _check_base(role.value, getattr(self, role.value))

    @classmethod
    def at(
        cls,
        url: str,
        *,
        token: Token | None = None,
        headers: Headers = NO_HEADERS,
        limits: Limits = Limits(),
        timeouts: Timeouts = Timeouts(),
    ) -> Self:
        """All four roles at one address: an emulator, a proxy, a gateway."""
        return cls(
            token=token,
            account=url,
            text=url,
            image=url,
            api=url,
            headers=headers,
            limits=limits,
            timeouts=timeouts,
        )

    def with_token(self, token: Token | None) -> Session:
        """This session with another token."""
        return replace(self, token=token)

    def sign(self, request: Request) -> Request:
        """The request as it is sent: absolute, authorized, with this session's header fields.

        What the request says itself wins. A request that is absolute already is left alone, and gets no token: tokens go
        to this session's hosts and to no other.

        Raises:
            LocalProtocolError: the endpoint refuses persistent tokens, and the token is one (native §2.1).
        """
        if request.base or request.host is None:
            return request
        token = request.token or self.token
        if request.login_only and isinstance(token, PersistentToken):
            raise LocalProtocolError(
                f"{request.method} {request.path} takes no PersistentToken, only the AccessToken of a login "
                "(nai.account.login gives one; nai.using puts it on a flow)"
            )
        base: str = getattr(self, request.host.value)
        scheme, _, rest = base.partition("://")
        authority, slash, prefix = rest.partition("/")
        return Request(  # not by `replace`, which takes three times as long
            request.method,
            (slash + prefix).rstrip("/") + request.target,
            request.headers.adding(self.headers).adding(_OURS),
            request.body,
            request.host,
            token,
            f"{scheme}://{authority}",
            request.login_only,
        )


def _check_base(role: str, url: str) -> None:
    found = _BASE.fullmatch(url)
    if found is None or int(found["port"] or 0) > 65_535:
        raise LocalProtocolError(
            f"the base URL of {role} is not http(s)://host[:port][/path], without user, query, fragment and blanks"
        )


class Budget:
    """What is left of the timeouts of one run: the driver asks before each wait and says afterwards what it took."""

    __slots__ = ("_left", "_timeouts")

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._left = timeouts.total

    @property
    def counts(self) -> bool:
        """Is there a total at all? If not, nobody needs to look at the clock."""
        return self._left is not None

    def limit(self, phase: Phase) -> float | None:
        """Seconds for one wait in this phase; None is without limit."""
        limit: float | None = None if phase == "total" else getattr(self._timeouts, phase)
        if self._left is None:
            return limit
        return self._left if limit is None else min(limit, self._left)

    def spend(self, seconds: float) -> None:
        """A wait took this long."""
        if self._left is not None:
            self._left = max(0.0, self._left - seconds)

    def timed_out(self, phase: Phase, *, sent: bool) -> TimedOut:
        """The error for a wait in this phase that reached its limit; say before, with `spend`, what the wait took."""
        if self._left is not None and (self._left < _TICK or phase == "total"):
            return TimedOut(f"the total of {self._timeouts.total:g} s ran out", sent=sent, phase="total")
        limit: float | None = None if phase == "total" else getattr(self._timeouts, phase)
        return TimedOut(f"nothing within {limit or 0:g} s ({_WAITS[phase]})", sent=sent, phase=phase)


_TICK: Final = 0.001
"""Timers may be early by their resolution."""


_WAITS: Final[dict[Phase, str]] = {
    "connect": "connecting",
    "write": "sending the request",
    "read": "waiting for the answer",
    "idle": "waiting for more of the answer",
    "total": "in all",
}
