"""An app that wraps another app, and records each exchange when it has ended."""

from __future__ import annotations

from collections.abc import Callable

from ...exchange.reply import App, Cut, Handler, RawWrite, Read, Start, Write
from ...http import Request
from .recording_file import Ending, RecordedExchange, SentAction

__all__ = ["Recorder"]


class Recorder:
    """An `App` that wraps an `App`, and passes all of its actions on unchanged.

    Args:
        app: any app, for example a `FaultyApp`.
        write: gets each exchange when it has ended, also when it was cut or the client has left. If the response has a
            Content-Length, it gets the exchange before the last piece is sent, so that every response that a client has
            received is recorded. The exchange has secrets in it; `Redaction.redact` removes them.
        now: returns seconds of any monotonic clock.
    """

    def __init__(self, app: App, write: Callable[[RecordedExchange], None], now: Callable[[], float]) -> None:
        self._app = app
        self._write = write
        self._now = now

    def __call__(self, request: Request) -> Handler:
        """Return the handler of a request."""
        handler = self._app(request)
        body, whole = bytearray(), False
        response: list[SentAction] = []
        content_length, size, recorded = "", 0, False
        ending, last = Ending.LEFT, self._now()
        incoming: bytes | None = None

        def record(ending: Ending) -> None:
            sent_request = (request.method, request.target, request.headers, bytes(body))
            self._write(RecordedExchange(*sent_request, whole, tuple(response), ending))

        try:
            while True:
                action = handler.send(incoming)
                if isinstance(action, Start | Write | RawWrite):
                    now = self._now()
                    response.append(SentAction(action, round(max(0.0, now - last), 6)))
                    last = now
                    if isinstance(action, Start):
                        content_length = action.head.headers.get("content-length") or ""
                    else:
                        size += len(action.data)
                    if content_length == str(size) and whole and not recorded:
                        recorded = True
                        record(Ending.COMPLETE)
                elif isinstance(action, Cut):
                    ending = Ending.CUT
                incoming = yield action
                if isinstance(action, Read):
                    body += incoming or b""
                    whole = not incoming
        except StopIteration:
            ending = Ending.COMPLETE
        except Exception:  # the connection goes down with the app
            ending = Ending.CUT
            raise
        finally:
            handler.close()
            if not recorded:
                record(ending)
