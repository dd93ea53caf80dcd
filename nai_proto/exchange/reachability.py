"""Find out whether the service answers: each of a session's addresses is asked once, and has an outcome of its own.

See docs/protocol/native.md#5-get--health-check.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Never

from ..arguments import NUMBER, TEXT, ArgumentType, convert_fields, list_of, member
from ..errors import NaiError, RemoteProtocolError, ServerError, StatusError, TimedOut, TransportError
from ..http import Headers, Host
from .actions import Steps, get_context
from .call import Call
from .endpoints import build, endpoint
from .flow import flow
from .operation import Operation
from .readers import NOTHING
from .retry import Repeat
from .session import Session
from .status_errors import parse_date

__all__ = ["HealthOutcome", "HostHealth", "health"]


class HealthOutcome(StrEnum):
    """What became of asking one address."""

    OK = "ok"
    "It answers, whatever it says."
    FAILING = "failing"
    "It answers with 5xx, or with something that is not HTTP: it is there, and does not work."
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

    An address that does not answer does not make the flow fail: each has an outcome. Nothing is retried, so that the
    outcomes are about this moment; the session's timeouts bound each wait.

    Raises (when run):
        TimedOut: `Timeouts.total` is over before all addresses were asked.
    """
    context = yield from get_context()
    found: list[HostHealth] = []
    for url, roles in _group_roles(context.session).items():
        call = Call(_build_check(roles[0]), session=context.session)
        outcome, detail = HealthOutcome.OK, "answers"
        began = context.now()
        try:
            yield from call
        except NaiError as error:
            outcome, detail = _judge(error), str(error)
        seconds = None if outcome is HealthOutcome.UNREACHABLE else max(0.0, context.now() - began)
        found.append(HostHealth(url, roles, outcome, detail, seconds, _measure_skew(call, began, seconds)))
    return tuple(found)


def _measure_skew(call: Call[Never, None], began: float, seconds: float | None) -> float | None:
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


def _build_check(role: Host) -> Operation[Never, None]:
    """Return the check of one address. The service documents it for the api host; the others answer something, too.

    The check is one call, which nobody retries.
    """
    request = replace(build(endpoint("health"), headers=Headers.of(accept="*/*")), host=role)
    return Operation(request, NOTHING, Repeat.ALWAYS)


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
