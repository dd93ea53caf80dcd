"""Find out whether the service answers: each of a session's addresses is asked once, and has an outcome of its own.

See docs/protocol/native.md#5-get--health-check.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Never

from ..arguments import NUMBER, TEXT, ArgumentType, convert_fields, list_of, member
from ..errors import NaiError, RemoteProtocolError, ServerError, StatusError, TimedOut, TransportError, excerpt
from ..http import Head, Headers, Host
from ..limits import Limits
from .actions import Steps, get_context
from .call import ANY_TYPE, Call
from .endpoints import Endpoint, build, endpoint
from .flow import flow
from .operation import Operation
from .readers import BodyReader
from .retry import Repeat
from .session import Session
from .status_errors import parse_date

__all__ = ["HealthOutcome", "HostHealth", "health"]


class HealthOutcome(StrEnum):
    """What became of asking one address."""

    OK = "ok"
    "It answers as the service does."
    FAILING = "failing"
    "It answers with 5xx, with something that is not HTTP, or as no part of the service does: something else is there."
    UNREACHABLE = "unreachable"
    "It does not answer: no such name, no connection, no TLS, or no response in time."


@dataclass(frozen=True, slots=True)
class HostHealth:
    """The outcome for one address."""

    url: str
    "The address, as the session has it."
    roles: tuple[Host, ...]
    "What the session sends there."
    outcome: HealthOutcome
    detail: str
    "What the address said, or why it could not be asked."
    seconds: float | None = None
    "From the request to the end of the answer, with the time to connect; None without an answer."
    clock_skew: float | None = None
    """Seconds by which the clock of the answer is ahead of the one here; None if the answer has no ``Date``. It is exact to
    about a second and half of `seconds`."""

    def __post_init__(self) -> None:
        roles = list_of(ArgumentType("a Host", Host))
        convert_fields(
            self,
            url=TEXT,
            roles=roles,
            outcome=member(HealthOutcome),
            detail=TEXT,
            seconds=NUMBER | None,
            clock_skew=NUMBER | None,
        )

    @property
    def is_reachable(self) -> bool:
        """Return whether the address answers and works."""
        return self.outcome is HealthOutcome.OK


@flow
def health() -> Steps[Never, tuple[HostHealth, ...]]:
    """Ask each address of the session whether it answers (``GET /``), one after the other; needs no token.

    An answer that is not known to be the service's is followed by a request that only the service refuses in JSON.

    An address that does not answer does not make the flow fail: each has an outcome. Nothing is retried, so that the
    outcomes are about this moment; the session's timeouts bound each wait.

    Raises (when run):
        TimedOut: `Timeouts.total` is over before all addresses were asked.
    """
    context = yield from get_context()
    found: list[HostHealth] = []
    for url, roles in _group_roles(context.session).items():
        call = Call(_build_check(endpoint("health"), roles[0]), session=context.session)
        began = context.now()
        outcome, detail, body = yield from _ask(call)
        seconds = None if outcome is HealthOutcome.UNREACHABLE else max(0.0, context.now() - began)
        skew = _measure_skew(call, began, seconds)
        if outcome is HealthOutcome.OK and not _is_of_service(body):
            outcome, detail = yield from _look_closer(roles[0], context.session, detail)
        found.append(HostHealth(url, roles, outcome, detail, seconds, skew))
    return tuple(found)


def _ask(call: Call[Never, bytes]) -> Steps[Never, tuple[HealthOutcome, str, bytes]]:
    """Return the outcome of one request, what is said of it, and the beginning of the body."""
    try:
        body = yield from call
        return HealthOutcome.OK, "answers", body
    except StatusError as error:
        return _judge(error), str(error), error.body
    except RemoteProtocolError as error:
        sent = f": it sent {error.excerpt!r}" if error.excerpt else ""
        return _judge(error), f"{error}{sent}", b""
    except NaiError as error:
        return _judge(error), str(error), b""


def _look_closer(role: Host, session: Session, detail: str) -> Steps[Never, tuple[HealthOutcome, str]]:
    """Ask something that only the service answers in JSON, without the token, and return the outcome.

    Args:
        role: of the address.
        session: the run's.
        detail: what is said if the service answers.
    """
    call = Call(_build_check(endpoint("information"), role), session=replace(session, token=None))
    outcome, said, body = yield from _ask(call)
    if outcome is not HealthOutcome.OK:
        return outcome, said
    if _is_of_service(body):
        return outcome, detail
    title = _TITLE.search(body)
    what = "a web page" if _MARKUP.match(body) else "another text" if body.strip() else "nothing"
    text = excerpt(b" ".join((body if title is None else title[1]).split()), _LONGEST_TEXT)
    found = f"{what}, {text!r}" if text else what
    return HealthOutcome.FAILING, f"answers, but not as NovelAI's service: it sends {found}"


_KNOWN_TEXT: Final = b"OK"
"An emulator's answer to the check."
_MARKUP: Final = re.compile(rb"\s*<[!a-z]", re.IGNORECASE)
_TITLE: Final = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_LONGEST_TEXT: Final = 60


def _is_of_service(body: bytes) -> bool:
    """Return whether an answer is known to be the service's: an error in its form, or the check's text."""
    return body.strip() == _KNOWN_TEXT or (b'"statusCode"' in body and b'"message"' in body)


def _measure_skew(call: Call[Never, bytes], began: float, seconds: float | None) -> float | None:
    """Return how far the clock of an answer is ahead; it was read between the request and the answer."""
    date = parse_date(call.headers.get("date") or "")
    return None if date is None or seconds is None else date.timestamp() - (began + seconds / 2)


def _group_roles(session: Session) -> dict[str, tuple[Host, ...]]:
    """Return the roles by address: several have one, and it is asked once."""
    roles: dict[str, tuple[Host, ...]] = {}
    for role in Host:
        url: str = getattr(session, role.value)
        roles[url] = (*roles.get(url, ()), role)
    return roles


def _build_check(row: Endpoint, role: Host) -> Operation[Never, bytes]:
    """Return a request to an address, whose body is kept. It is one call, which nobody retries."""
    request = replace(build(row, headers=Headers.of(accept="*/*")), host=role)
    return Operation(request, _BODY, Repeat.ALWAYS)


@dataclass(frozen=True, slots=True)
class _Body:
    """Reads a body as it is."""

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[bytes]:  # noqa: ARG002 -- a ReaderFactory
        return BodyReader(bytes, limits)


_BODY: Final[tuple[tuple[str, _Body], ...]] = ((ANY_TYPE, _Body()),)


_FAILURES: Final[tuple[tuple[type[NaiError], HealthOutcome], ...]] = (
    (ServerError, HealthOutcome.FAILING),
    (StatusError, HealthOutcome.OK),  # 404, 429: it answers
    (RemoteProtocolError, HealthOutcome.FAILING),
    (TransportError, HealthOutcome.UNREACHABLE),
)


def _judge(error: NaiError) -> HealthOutcome:
    """Return the outcome that an error means.

    Raises:
        NaiError: it says nothing about the address: the client was closed, or the time for the whole run is over.
    """
    if isinstance(error, TimedOut) and error.phase == "total":
        raise error
    for kind, outcome in _FAILURES:
        if isinstance(error, kind):
            return outcome
    raise error
