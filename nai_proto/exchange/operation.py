"""Operations: requests to the service, with their readers, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from ..arguments import takes
from ..errors import ConcurrentGenerationError, NaiError
from ..http import Request
from ..limits import Limits, Timeouts
from ..secret import Token
from .actions import Sleep, Steps, get_context
from .call import Call, ReaderFactory
from .flow import PartialFlow, map_batches
from .flow import flow as _flow
from .retry import Repeat, RetryPolicy
from .session import NO_OPTIONS, FlowOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Operation"]

F = TypeVar("F")
E_co = TypeVar("E_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)
E = TypeVar("E")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Operation(Generic[E_co, R_co]):
    """One request, and how to read its response: events of type ``E``, a result of type ``R``.

    A frozen value: it pickles, compares, and can run any number of times, also at the same time.
    """

    request: Request
    readers: tuple[tuple[str, ReaderFactory[E_co, R_co]], ...] = field(repr=False)
    "A reader for each content type; ``*/*`` means any. `Call` chooses."
    repeat: Repeat = Repeat.IF_NOT_ACTED
    "When it may be sent again, whatever the retry policy is."
    options: FlowOptions = NO_OPTIONS

    @takes()
    def with_options(
        self,
        *,
        token: Token | str | None = None,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        retry: RetryPolicy | None = None,
    ) -> Operation[E_co, R_co]:
        """Return this operation with other options; arguments as for `Flow.with_options`."""
        return replace(self, options=self.options.updated(FlowOptions.of(token, timeouts, limits, retry)))

    def map_events(self, function: Callable[[E_co], F]) -> PartialFlow[F, R_co, R_co | None]:
        """Return a flow of this operation with each event passed through ``function``."""
        mapped = _map_events(self, function)
        return PartialFlow(mapped.function, mapped.arguments, mapped.keywords, mapped.options)

    def __iter__(self) -> Steps[E_co, R_co]:
        """Perform calls, as many as the retry policy allows, until one succeeds."""
        context = (yield from get_context()).with_options(self.options)
        session = context.session
        attempt, waited = 1, 0.0
        while True:
            call = Call(self, session=session)
            try:
                return (yield from call)
            except NaiError as error:
                remaining = (yield from get_context()).remaining
                delay = session.retry.delay(
                    attempt, error, repeat=self.repeat, started=call.started, waited=waited, remaining=remaining
                )
                if delay is None:
                    raise
                sleep = Sleep(*delay, error)
            if isinstance(sleep.reason, ConcurrentGenerationError):
                waited += sleep.at_most
            else:
                attempt += 1
                sleep = replace(sleep, attempt=attempt, attempts=session.retry.attempts)
            yield sleep


@_flow
def _map_events(operation: Operation[E, R], function: Callable[[E], F]) -> Steps[F, R]:
    def mapped(events: Sequence[E]) -> Sequence[F]:
        return [function(event) for event in events]

    return (yield from map_batches(operation, mapped, lambda partial: partial))
