"""Operations: what can be asked of the service, as values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import Generic, TypeVar

from ..errors import NaiError
from ..http import Request
from .call import Call, ReaderFactory
from .flow import Flow
from .retry import CAREFUL, RetryPolicy

__all__ = ["Operation"]

E_co = TypeVar("E_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Operation(Generic[E_co, R_co]):
    """One request and how to read its answer: events of type ``E``, a result of type ``R``.

    A frozen value: it pickles, compares, and may be run any number of times, by any client, at the same time.
    """

    request: Request
    readers: tuple[tuple[str, ReaderFactory[E_co, R_co]], ...] = field(repr=False)
    "Who reads which content type; ``*/*`` takes any. `Call` chooses."
    policy: RetryPolicy = CAREFUL

    def retried(self, policy: RetryPolicy) -> Operation[E_co, R_co]:
        """This operation under another policy."""
        return replace(self, policy=policy)

    def __iter__(self) -> Flow[E_co, R_co]:
        """The operation as a flow: calls, as many as the policy allows, until one succeeds."""
        for attempt in count(1):
            call = Call(self)
            try:
                return (yield from call)
            except NaiError as error:
                delay = self.policy.delay(attempt, error, started=call.started)
                if delay is None:
                    raise
            yield delay
        raise AssertionError("unreachable: attempts end in a result or an error")
