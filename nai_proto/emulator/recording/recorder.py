"""An app that lets another answer, and notes down every exchange when it is over."""

from __future__ import annotations

from collections.abc import Callable

from ...exchange.reply import App, Cut, Handler, RawWrite, Read, Start, Write
from ...http import Request
from .recording_file import Ending, RecordedExchange, SentAction

__all__ = ["Recorder"]


class Recorder:
    """An `App` around an `App`: whatever it does goes through unchanged.

    Args:
        app: what answers; any app, a `Faulty` one as well.
        write: gets each exchange when it has ended, be it that it was cut or that the client left; if the answer's length
            is known, before its last piece is sent, so that what a client has seen whole has been noted. It holds
            secrets: `Redaction.redacted` takes them out.
        now: seconds of any clock that only goes forward.
    """

    def __init__(self, app: App, write: Callable[[RecordedExchange], None], now: Callable[[], float]) -> None:
        self._app = app
        self._write = write
        self._now = now

    def __call__(self, request: Request) -> Handler:
        """The handler for one request."""
        handler = self._app(request)
        body, whole = bytearray(), False
        answer: list[SentAction] = []
        promised, size, noted = "", 0, False
        ending, before = Ending.LEFT, self._now()
        incoming: bytes | None = None

        def note(ending: Ending) -> None:
            asked = (request.method, request.target, request.headers, bytes(body))
            self._write(RecordedExchange(*asked, whole, tuple(answer), ending))

        try:
            while True:
                action = handler.send(incoming)
                if isinstance(action, Start | Write | RawWrite):
                    now = self._now()
                    answer.append(SentAction(action, round(max(0.0, now - before), 6)))
                    before = now
                    if isinstance(action, Start):
                        promised = action.head.headers.get("content-length") or ""
                    else:
                        size += len(action.data)
                    if promised == str(size) and whole and not noted:
                        noted = True
                        note(Ending.COMPLETE)
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
            if not noted:
                note(ending)
