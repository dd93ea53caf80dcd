"""The faults of an app: a list of them, and its effect on the app's responses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import TypeVar, cast

from ...exchange.reply import App, Handler, Output, Read, Start
from ...http import Head, Request
from ..limited_list import LimitedList
from ..seeded_random import Seed, SeededRandom
from .fault import ActionFilter, Fault, FaultContext, ReplacingFault, SpoilingFault, filter_actions
from .table import FAULTS, check_fault, decode_fault, parse_fault

__all__ = ["FaultList", "FaultyApp"]

F = TypeVar("F", bound=Fault)


class FaultList(LimitedList[Fault]):
    """Faults, which spoil or replace the responses of an app. They can be added and removed while it runs.

    A fault applies to requests until its ``times`` are used up; then it is removed. Of each kind, the first one that
    applies is used, so a second one waits until the first is used up; all that replace the response are of one kind.
    Faults of different kinds act together, for example a cut, a delay and CRLF.

    Args:
        *faults: as for `add`.
        seed: of the random numbers in them.

    Raises:
        InvalidRequestError: as for `add`.
    """

    def __init__(self, *faults: Fault | str | Mapping[str, object], seed: Seed = "once upon a time") -> None:
        super().__init__()
        self._random = SeededRandom(seed)
        self._responses = 0
        self.add(*faults)

    def add(self, *faults: Fault | str | Mapping[str, object]) -> None:
        """Add faults: all of them, or none if it raises.

        Args:
            *faults: values, texts such as ``"cut:at=100,times=1"``, or objects such as ``{"fault": "cut", "at": 100}``.

        Raises:
            InvalidRequestError: there is no such fault, or a value is out of range.
        """
        self._items += [_to_fault(one) for one in faults]

    def apply(self, request: Request, app: App) -> Handler:
        """Return the handler of a request: the app's, with the faults that apply to it."""
        replacement = self._use(ReplacingFault, lambda one: one.matches(request))
        handler = app(request) if replacement is None else _respond(replacement)
        filters: tuple[ActionFilter, ...] = ()

        def apply_filters(action: Output) -> Iterable[Output]:
            nonlocal filters
            if isinstance(action, Start):
                filters = (*self._create_filters(request, action.head),)
            actions: Iterable[Output] = (action,)
            for one in filters:
                actions = chain.from_iterable(map(one, actions))
            return actions

        return filter_actions(handler, apply_filters)

    def _create_filters(self, request: Request, head: Head) -> Iterator[ActionFilter]:
        """Yield the filters of the faults that apply to a response, in the order of the table."""
        self._responses += 1
        rng = self._random.fork(self._responses)
        for name, kind in FAULTS.items():
            if not issubclass(kind, SpoilingFault):
                continue
            one = self._use(kind, lambda one: one.matches(request) and one.can_spoil(head))
            if one is not None:
                yield one.create_filter(FaultContext(request, rng.fork(name)))

    def _use(self, kind: type[F], applies: Callable[[F], bool]) -> F | None:
        """Return the first fault of a kind that applies, and count it as used once more; None if there is none."""
        return cast("F | None", self._use_first(lambda one: isinstance(one, kind) and applies(one)))


class FaultyApp:
    """An `App` that wraps another one, such as a replayed recording, with faults of its own. An `Emulator` has some itself.

    Args:
        app: any app.
        *faults: as for `FaultList.add`.
        seed: of the random numbers in them.

    Raises:
        InvalidRequestError: as for `FaultList.add`.
    """

    def __init__(self, app: App, *faults: Fault | str, seed: Seed = "once upon a time") -> None:
        self._app = app
        self.faults = FaultList(*faults, seed=seed)

    def __call__(self, request: Request) -> Handler:
        """Return the handler of a request."""
        return self.faults.apply(request, self._app)


def _to_fault(given: Fault | str | Mapping[str, object]) -> Fault:
    match given:
        case str():
            return parse_fault(given)
        case Fault():
            return check_fault(given)
        case _:
            return decode_fault(given)


def _respond(fault: ReplacingFault) -> Handler:
    while (yield Read()):
        pass
    yield from fault.respond()
