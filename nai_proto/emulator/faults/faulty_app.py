"""An app that wraps another one, and makes its responses fail on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final, TypeVar, cast

import msgspec
from msgspec.structs import replace

from ...errors import InvalidRequestError, NaiError
from ...exchange.reply import App, Handler, Output, Read, Start
from ...http import Head, Request
from ..errors import Refused
from ..http.responses import send_error, send_json
from ..seeded_random import Seed, SeededRandom
from .fault import ActionFilter, Fault, FaultContext, ReplacingFault, SpoilingFault, filter_actions
from .table import FAULTS, check_fault, decode_fault, parse_fault

__all__ = ["CONTROL", "FaultyApp"]

F = TypeVar("F", bound=Fault)

CONTROL: Final = "/_emulator/faults"
"""The path at which faults are added by HTTP; the service has nothing there."""
_MAX_CONTROL_BYTES: Final = 65_536
"The largest body of a request to `CONTROL`."


class FaultyApp:
    """An `App` that wraps an `App`, and spoils or replaces its responses.

    A fault applies to requests until its ``times`` are used up. Of each kind, the first one that applies is used, so a
    second one waits until the first is used up; all that replace the response are of one kind. Faults of different kinds
    act together, for example a cut, a delay and CRLF.

    At `CONTROL`, without a token, ``GET`` lists the faults as JSON, ``POST`` adds one or a list of them, and ``DELETE``
    removes them all; each responds with the faults that there are then. No fault applies to these requests.

    Args:
        app: any app.
        *faults: values or texts, as for `add`.
        seed: of the random numbers in them.

    Raises:
        InvalidRequestError: as for `add`.
    """

    def __init__(self, app: App, *faults: Fault | str, seed: Seed = "once upon a time") -> None:
        self._app = app
        self._faults: list[Fault] = []
        self._random = SeededRandom(seed)
        self._responses = 0
        self.add(*faults)

    @property
    def faults(self) -> Sequence[Fault]:
        """The faults that are left, in the order in which they were added; ``times`` is how often each still applies."""
        return tuple(self._faults)

    def add(self, *faults: Fault | str) -> None:
        """Add faults: all of them, or none if it raises.

        Args:
            *faults: values or texts, such as ``"cut:at=100,times=1"``.

        Raises:
            InvalidRequestError: there is no such fault, or a value is out of range.
        """
        self._faults += [parse_fault(one) if isinstance(one, str) else check_fault(one) for one in faults]

    def clear(self) -> None:
        """Remove all faults. Responses that have begun are not affected."""
        self._faults.clear()

    def __call__(self, request: Request) -> Handler:
        """Return the handler of a request."""
        if request.path == CONTROL:
            return self._control(request)
        replacement = self._use(ReplacingFault, lambda one: one.matches(request))
        handler = self._app(request) if replacement is None else _respond(replacement)
        filters: Sequence[ActionFilter] = ()

        def apply_filters(action: Output) -> Iterable[Output]:
            nonlocal filters
            if isinstance(action, Start):
                filters = self._create_filters(request, action.head)
            actions: Iterable[Output] = (action,)
            for one in filters:
                actions = chain.from_iterable(map(one, actions))
            return actions

        return filter_actions(handler, apply_filters)

    def _create_filters(self, request: Request, head: Head) -> Sequence[ActionFilter]:
        """Return the filters of the faults that apply to a response, in the order of the table."""
        self._responses += 1
        rng = self._random.fork(self._responses)
        filters: list[ActionFilter] = []
        for name, kind in FAULTS.items():
            if not issubclass(kind, SpoilingFault):
                continue
            one = self._use(kind, lambda one: one.matches(request) and one.can_spoil(head))
            if one is not None:
                filters.append(one.create_filter(FaultContext(request, rng.fork(name))))
        return filters

    def _use(self, kind: type[F], applies: Callable[[F], bool]) -> F | None:
        """Return the first fault of a kind that applies, and count it as used once more; None if there is none."""
        for at, one in enumerate(self._faults):
            if isinstance(one, kind) and applies(one):
                left = None if one.times is None else one.times - 1
                self._faults[at : at + 1] = [] if left == 0 else [replace(one, times=left)]
                return one
        return None

    def _control(self, request: Request) -> Handler:
        body = bytearray()
        while data := (yield Read()):
            body += data
            if len(body) > _MAX_CONTROL_BYTES:
                break
        try:
            match request.method:
                case "GET" | "HEAD":
                    pass
                case "POST":
                    self._post(bytes(body))
                case "DELETE":
                    self.clear()
                case _:
                    raise Refused(405, f"{CONTROL} takes GET, POST and DELETE")
        except Refused as refused:
            yield from send_error(refused)
        else:
            yield from send_json(200, {"faults": self.faults})

    def _post(self, body: bytes) -> None:
        try:
            if len(body) > _MAX_CONTROL_BYTES:
                raise InvalidRequestError(f"more than {_MAX_CONTROL_BYTES} bytes", parameter="body")
            given: object = msgspec.json.decode(body)
            self._faults += [
                decode_fault(one) for one in (cast("list[object]", given) if isinstance(given, list) else [given])
            ]
        except (NaiError, ValueError, RecursionError) as error:
            raise Refused(400, f"Validation error: {error}") from None


def _respond(fault: ReplacingFault) -> Handler:
    while (yield Read()):
        pass
    yield from fault.respond()
