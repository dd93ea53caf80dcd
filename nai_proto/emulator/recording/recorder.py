"""Watches exchanges of an app while they run, and records each one when it has ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ...exchange.reply import App, Cut, Handler, RawWrite, Read, Start, Write
from ...http import Head, Request
from .recording_file import Ending, RecordedExchange, SentAction

__all__ = ["Recorder", "WatchedExchange"]


@dataclass(eq=False, slots=True)
class WatchedExchange:
    """An exchange that may still be running: what the server has read and sent of it. It has secrets in it."""

    request: Request
    body: bytearray = field(default_factory=bytearray, repr=False)
    "The part of the request's body that the server has read."
    whole: bool = False
    "Has it read the body to its end?"
    answer: list[SentAction] = field(default_factory=list[SentAction], repr=False)
    "What it has sent, in order."
    sent_bytes: int = 0
    "Length of the response's body as far as it was sent."
    ending: Ending | None = None
    "How it ended; None while it runs."

    @property
    def head(self) -> Head | None:
        """The head of the response, if it was sent."""
        return next((sent.action.head for sent in self.answer if isinstance(sent.action, Start)), None)

    def to_recorded(self) -> RecordedExchange:
        """Return what there is of the exchange, as a value. One that is still running ends as if the client left now."""
        request, ending = self.request, self.ending or Ending.LEFT
        sent_request = (request.method, request.target, request.headers, bytes(self.body))
        return RecordedExchange(*sent_request, self.whole, tuple(self.answer), ending)

    def watch(self, handler: Handler, now: Callable[[], float], on_end: Callable[[], None]) -> Handler:
        """Run a handler, and pass all of its actions on unchanged.

        Args:
            handler: responds to the request.
            now: returns seconds of any monotonic clock.
            on_end: called once, when the exchange has ended, also when it was cut or the client has left. If the response
                has a Content-Length, this is before its last piece is sent, so that a client that has received a response
                can find it recorded.
        """
        last, ending = now(), Ending.LEFT
        incoming: bytes | None = None
        try:
            while True:
                action = handler.send(incoming)
                if isinstance(action, Start | Write | RawWrite):
                    time = now()
                    self.answer.append(SentAction(action, round(max(0.0, time - last), 6)))
                    last = time
                    if not isinstance(action, Start):
                        self.sent_bytes += len(action.data)
                    if self._is_complete() and self.ending is None:
                        self.ending = Ending.COMPLETE
                        on_end()
                elif isinstance(action, Cut):
                    ending = Ending.CUT
                incoming = yield action
                if isinstance(action, Read):
                    self.body += incoming or b""
                    self.whole = not incoming
        except StopIteration:
            ending = Ending.COMPLETE if self.answer else Ending.CUT
        except Exception:  # the connection goes down with the app
            ending = Ending.CUT
            raise
        finally:
            handler.close()
            if self.ending is None:
                self.ending = ending
                on_end()

    def _is_complete(self) -> bool:
        """Return whether the response has a length, and all of it is there."""
        length = None if self.head is None else self.head.headers.get("content-length")
        return self.whole and length == str(self.sent_bytes)


class Recorder:
    """An `App` that wraps an `App`, and passes all of its actions on unchanged.

    Args:
        app: any app, for example a `FaultyApp`.
        write: gets each exchange when it has ended, as `WatchedExchange.watch` calls ``on_end``. The exchange has secrets
            in it; `Redaction.redact` removes them.
        now: returns seconds of any monotonic clock.
    """

    def __init__(self, app: App, write: Callable[[RecordedExchange], None], now: Callable[[], float]) -> None:
        self._app: Final = app
        self._write: Final = write
        self._now: Final = now

    def __call__(self, request: Request) -> Handler:
        """Return the handler of a request."""
        exchange = WatchedExchange(request)
        return exchange.watch(self._app(request), self._now, lambda: self._write(exchange.to_recorded()))
