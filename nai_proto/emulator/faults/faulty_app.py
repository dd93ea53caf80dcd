"""An app that fails when it is told to."""

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
"""Where faults are switched on by HTTP; the service has nothing there."""
_MOST: Final = 65_536
"Bytes of a request to there."


class FaultyApp:
    """An `App` around an `App`, with faults.

    A fault meets requests until its ``times`` are used up. Of each kind the first that fits is used, so a second of the
    kind waits until the first is; of those that answer in the app's place there is one kind only. Different kinds act
    together: the cut of a slow answer with CRLF.

    At `CONTROL`, without a token, ``GET`` lists the faults as JSON, ``POST`` adds one or a list of them, ``DELETE`` clears
    them; each answers with what there is then. No fault meets these requests.

    Args:
        app: what fails; any app.
        faults: values, or their texts, as `add` takes them.
        seed: of the chance in them.

    Raises:
        InvalidRequestError: as `add` does.
    """

    def __init__(self, app: App, *faults: Fault | str, seed: Seed = "once upon a time") -> None:
        self._app = app
        self._faults: list[Fault] = []
        self._chance = SeededRandom(seed)
        self._answers = 0
        self.add(*faults)

    @property
    def faults(self) -> Sequence[Fault]:
        """What is switched on, in the order in which it was; ``times`` is what is left of it."""
        return tuple(self._faults)

    def add(self, *faults: Fault | str) -> None:
        """Switches faults on: all, or none if it raises.

        Args:
            faults: values, or their texts, such as ``"cut:at=100,times=1"``.

        Raises:
            InvalidRequestError: there is no such fault; one of its values cannot be.
        """
        self._faults += [parse_fault(one) if isinstance(one, str) else check_fault(one) for one in faults]

    def clear(self) -> None:
        """Switches all faults off. Answers under way stay as they are."""
        self._faults.clear()

    def __call__(self, request: Request) -> Handler:
        """The handler for one request."""
        if request.path == CONTROL:
            return self._control(request)
        instead = self._use(ReplacingFault, lambda one: one.meets(request))
        answer = self._app(request) if instead is None else _instead(instead)
        changes: Sequence[ActionFilter] = ()

        def change(action: Output) -> Iterable[Output]:
            nonlocal changes
            if isinstance(action, Start):
                changes = self._changes(request, action.head)
            actions: Iterable[Output] = (action,)
            for one in changes:
                actions = chain.from_iterable(map(one, actions))
            return actions

        return filter_actions(answer, change)

    def _changes(self, request: Request, head: Head) -> Sequence[ActionFilter]:
        """What happens to the answer with this head, in the order of the table."""
        self._answers += 1
        chance = self._chance.fork(self._answers)
        changes: list[ActionFilter] = []
        for name, kind in FAULTS.items():
            if not issubclass(kind, SpoilingFault):
                continue
            one = self._use(kind, lambda one: one.meets(request) and one.fits(head))
            if one is not None:
                changes.append(one.change(FaultContext(request, chance.fork(name))))
        return changes

    def _use(self, kind: type[F], fits: Callable[[F], bool]) -> F | None:
        """The first fault of the kind that fits, which has been used once more."""
        for at, one in enumerate(self._faults):
            if isinstance(one, kind) and fits(one):
                left = None if one.times is None else one.times - 1
                self._faults[at : at + 1] = [] if left == 0 else [replace(one, times=left)]
                return one
        return None

    def _control(self, request: Request) -> Handler:
        body = bytearray()
        while data := (yield Read()):
            body += data
            if len(body) > _MOST:
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
            if len(body) > _MOST:
                raise InvalidRequestError(f"more than {_MOST} bytes", parameter="body")
            given: object = msgspec.json.decode(body)
            self._faults += [
                decode_fault(one) for one in (cast("list[object]", given) if isinstance(given, list) else [given])
            ]
        except (NaiError, ValueError, RecursionError) as error:
            raise Refused(400, f"Validation error: {error}") from None


def _instead(one: ReplacingFault) -> Handler:
    while (yield Read()):
        pass
    yield from one.respond()
