"""The requests that an emulator got, for tests and for people who look: what was asked, and what was answered.

Nothing secret is shown: tokens, keys and passwords are replaced by other texts of their form
(`recording.Redaction`). Prompts and answers are shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from typing import Any, Final, overload

from ..errors import InvalidRequestError
from ..exchange.reply import Handler
from ..http import Request
from .http.responses import IGNORED, REASON
from .recording.recorder import WatchedExchange
from .recording.recording_file import Ending, RecordedExchange
from .recording.redaction import Redaction
from .replies.request_facts import RequestFacts, describe_request, parse_parameters

__all__ = ["RequestLog", "SeenRequest"]

_MOST_REQUESTS: Final = 1_000
_MOST_BYTES: Final = 64 * 2**20
"Of all bodies together. The oldest requests are forgotten first."


class SeenRequest:
    """A request that an emulator got, and its response; it may still be running."""

    def __init__(
        self,
        number: int,
        request: Request,
        started: float,
        account: str | None,
        redaction: Redaction,
    ) -> None:
        self.number: Final = number
        "Its number, from 1, in the order in which they came."
        self.time: Final = started
        "When it came, in seconds since 1970."
        self.account: Final = account
        "The e-mail of the account whose token it carried; None without a valid one."
        self.seconds: float | None = None
        "How long it took by the emulator's clock; None while it runs."
        self.revision = 0
        "The `RequestLog.revision` at which it last began or ended."
        self._exchange = WatchedExchange(request)
        self._redaction = redaction

    @property
    def method(self) -> str:
        """Its method."""
        return self._exchange.request.method

    @property
    def path(self) -> str:
        """Its path, without the query and secrets."""
        return self._redaction.redact_text(self._exchange.request.path)

    @property
    def model(self) -> str | None:
        """The model that it names, without secrets; None if it names none."""
        model = self.facts.model
        return None if model is None else self._redaction.redact_text(model)

    @property
    def status(self) -> int | None:
        """The status of the response; None if it has none, or not yet."""
        return None if self._exchange.head is None else self._exchange.head.status

    @property
    def reason(self) -> str | None:
        """Why it was refused, in a sentence without secrets; None if it was not."""
        return self._find_field(REASON)

    @property
    def ignored(self) -> tuple[str, ...]:
        """The names of its parameters that changed nothing: misspelt ones, and those without an effect here."""
        listed = self._find_field(IGNORED)
        return tuple(listed.split(", ")) if listed else ()

    @property
    def ending(self) -> Ending | None:
        """How the exchange ended; None while it runs."""
        return self._exchange.ending

    @property
    def received_bytes(self) -> int:
        """Length of the request's body as far as it was read."""
        return len(self._exchange.body)

    @property
    def sent_bytes(self) -> int:
        """Length of the response's body as far as it was sent."""
        return self._exchange.sent_bytes

    @property
    def bytes(self) -> int:
        """Length of both bodies."""
        return self.received_bytes + self.sent_bytes

    @property
    def parameters(self) -> Any:
        """What was asked: the JSON document without secrets; of a request without a body, the query's texts by name.

        See `replies.request_facts.parse_parameters` for forms and other bodies.
        """
        exchange = self.exchange
        request = Request(exchange.method, exchange.target, exchange.headers)
        return parse_parameters(request, exchange.body)

    @property
    def facts(self) -> RequestFacts:
        """Its endpoint, model and prompt."""
        return describe_request(self._exchange.request, bytes(self._exchange.body))

    @property
    def exchange(self) -> RecordedExchange:
        """The whole exchange as far as it went, without secrets."""
        return self._redaction.redact(self._exchange.to_recorded())

    def _find_field(self, name: str) -> str | None:
        """Return a header field of the response, without secrets."""
        value = None if self._exchange.head is None else self._exchange.head.headers.get(name)
        return None if value is None else self._redaction.redact_text(value)

    def __repr__(self) -> str:
        shown = [self.method, self.path, self.model, self.status or "no response yet", self.reason]
        return f"<{' '.join(str(one) for one in shown if one)}>"

    def watch(self, handler: Handler, now: Callable[[], float], on_end: Callable[[], None]) -> Handler:
        """Run the handler that answers it, and pass all of its actions on."""

        def end() -> None:
            self.seconds = max(0.0, now() - self.time)
            on_end()

        return self._exchange.watch(handler, now, end)


class RequestLog(Sequence[SeenRequest]):
    """The latest requests of an emulator, oldest first: at most 1,000, with 64 MiB of bodies.

    Args:
        now: returns UNIX time in seconds.
        salt: 16 or more random bytes, for the texts in the place of secrets.
        find_account: returns the e-mail of the account whose token a request carries, or None.
    """

    def __init__(self, now: Callable[[], float], salt: bytes, find_account: Callable[[Request], str | None]) -> None:
        self._now: Final = now
        self._find_account: Final = find_account
        self._redaction: Final = Redaction(salt, contents=True)
        self._seen: deque[SeenRequest] = deque()
        self._numbers = count(1)
        self._bytes = 0
        self.revision = 0
        "How often a request has begun or ended."

    @overload
    def __getitem__(self, index: int, /) -> SeenRequest: ...
    @overload
    def __getitem__(self, index: slice, /) -> tuple[SeenRequest, ...]: ...
    def __getitem__(self, index: int | slice, /) -> SeenRequest | tuple[SeenRequest, ...]:
        """Return a request, or several; ``[-1]`` is the newest."""
        return self._seen[index] if isinstance(index, int) else tuple(islice(self._seen, *index.indices(len(self))))

    def __len__(self) -> int:
        """Return how many requests are remembered."""
        return len(self._seen)

    def __iter__(self) -> Iterator[SeenRequest]:
        return iter(tuple(self._seen))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_list_lines(self)})"

    def find(
        self,
        path: str | None = None,
        *,
        method: str | None = None,
        model: str | None = None,
        prompt: str | None = None,
    ) -> list[SeenRequest]:
        """Return the requests with this path, method and model, whose prompt contains this text; oldest first."""
        return [
            seen
            for seen in self
            if path in (None, seen.path)
            and method in (None, seen.method)
            and (model is None or seen.facts.model == model)
            and (prompt is None or prompt in seen.facts.prompt)
        ]

    def assert_sent(
        self,
        path: str | None = None,
        *,
        method: str | None = None,
        model: str | None = None,
        prompt: str | None = None,
        times: int | None = None,
    ) -> SeenRequest:
        """Return the newest of the requests that `find` finds.

        Args:
            path, method, model, prompt: as for `find`.
            times: how many there must be, 1 or more; None is any such number. `assert_not_sent` is for none.

        Raises:
            AssertionError: there is none, or not so many. The message lists what was asked.
            InvalidRequestError: ``times`` is 0 or less.
        """
        if times is not None and times < 1:
            raise InvalidRequestError(f"times is {times}, and assert_not_sent is for none", parameter="times")
        found = self.find(path, method=method, model=model, prompt=prompt)
        if found and times in (None, len(found)):
            return found[-1]
        expected = f"{times} requests" if times and times > 1 else "a request" if times is None else "one request"
        raise AssertionError(self._describe_failure(expected, len(found), method, path, model, prompt))

    def assert_not_sent(
        self,
        path: str | None = None,
        *,
        method: str | None = None,
        model: str | None = None,
        prompt: str | None = None,
    ) -> None:
        """Check that `find` finds no request.

        Args:
            path, method, model, prompt: as for `find`.

        Raises:
            AssertionError: there is one. The message lists what was asked.
        """
        if found := self.find(path, method=method, model=model, prompt=prompt):
            raise AssertionError(self._describe_failure("no request", len(found), method, path, model, prompt))

    def _describe_failure(self, expected: str, found: int, *conditions: str | None) -> str:
        given = zip(("method", "path", "model", "prompt"), conditions, strict=True)
        described = ", ".join(f"{name} {value!r}" for name, value in given if value is not None) or "anything"
        return f"expected {expected} with {described}, got {found}; all requests: {_list_lines(self)}"

    def clear(self) -> None:
        """Forget all requests."""
        self._seen.clear()
        self._bytes = 0

    def watch(self, request: Request, handler: Handler) -> Handler:
        """Run the handler of a request, and remember the exchange from now on."""
        seen = SeenRequest(next(self._numbers), request, self._now(), self._find_account(request), self._redaction)
        self._seen.append(seen)
        self._revise(seen)
        return seen.watch(handler, self._now, lambda: self._count(seen))

    def _revise(self, seen: SeenRequest) -> None:
        self.revision += 1
        seen.revision = self.revision

    def _count(self, seen: SeenRequest) -> None:
        """Count the bytes of an exchange that has ended, and forget the oldest ones if there are too many."""
        self._revise(seen)
        if seen not in self._seen:
            return
        self._bytes += seen.bytes
        while len(self._seen) > _MOST_REQUESTS or (self._bytes > _MOST_BYTES and len(self._seen) > 1):
            oldest = self._seen.popleft()
            self._bytes -= oldest.bytes if oldest.ending else 0


def _list_lines(requests: Sequence[SeenRequest]) -> str:
    return "".join(f"\n  {seen.number}. {seen!r}" for seen in requests) or "none"
