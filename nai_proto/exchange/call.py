"""One use of an operation, as a state machine.

To use an HTTP library of your own, send the request that `send` returns, and pass the response to `receive_head`,
`receive_data` and `receive_eof`. A call decides which reader reads the response (by its content type, as tolerantly as
docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top), whether it is an error, and whether it is complete.

All transitions are in one table; any other input raises LocalProtocolError.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final, Generic, Protocol, TypeVar

from ..arguments import check_type
from ..errors import (
    InvalidRequestError,
    InvalidTypeError,
    LocalProtocolError,
    NaiError,
    RemoteProtocolError,
    TransportError,
    excerpt,
)
from ..http import Head, Headers, Request
from ..limits import Limits
from .actions import RECEIVE, Emit, Incoming, Receive, Send, Steps, compute, get_context
from .session import FlowOptions, Session
from .status_errors import error_from_response

__all__ = ["TRANSITIONS", "Call", "CallState", "Input", "Reader", "ReaderFactory"]

E = TypeVar("E")
R = TypeVar("R")
E_co = TypeVar("E_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


class Reader(Protocol[E_co, R_co]):
    """Turns the body of an accepted response into events and a result."""

    @property
    def complete(self) -> bool:
        """Is the message complete? Then what follows is ignored, and the body's end may be missing."""
        ...

    @property
    def partial(self) -> R_co | None:
        """The result so far, or None."""
        ...

    @property
    def failure(self) -> NaiError | None:
        """An error that followed the events returned last: the next call raises it, whatever its argument is."""
        ...

    def receive_data(self, data: bytes) -> Sequence[E_co]:
        """Receive a piece of the body, and return the events that it completes.

        An error that follows events is kept as `failure`, so that cutting the body differently changes nothing.
        """
        ...

    def receive_eof(self) -> R_co:
        """Receive the end of the body, and return the result."""
        ...


class ReaderFactory(Protocol[E_co, R_co]):
    """Makes the reader for one response. A class or a frozen dataclass, so that operations pickle and compare."""

    def __call__(self, where: str, head: Head, limits: Limits, /) -> Reader[E_co, R_co]: ...


class CallState(enum.Enum):
    """The state of a call."""

    __hash__ = object.__hash__  # that of Enum is slow, and each step of the table takes two

    IDLE = "idle"
    "nothing sent yet"
    HEAD = "head"
    "sent; the response's head is next"
    UNTYPED = "untyped"
    "accepted without a usable content type; the body's first byte decides who reads it"
    BODY = "body"
    "accepted; body bytes become events"
    REFUSED = "refused"
    "not accepted; body bytes explain why"
    DONE = "done"
    "the result was returned"
    FAILED = "failed"
    "an error was raised"


class Input(enum.Enum):
    """The inputs of a call."""

    __hash__ = object.__hash__

    SEND = "send"
    ACCEPTED = "2xx"
    UNKNOWN = "2xx, untyped"
    NOT_ACCEPTED = "other status"
    DATA = "data"
    DECIDED = "first byte"
    EOF = "eof"
    ERROR = "error"


# Python 3.11 takes as long to look up a member as for all other work on a piece of data.
_UNTYPED: Final = CallState.UNTYPED
_DATA: Final = Input.DATA

TRANSITIONS: Final[Mapping[tuple[CallState, Input], CallState]] = {
    (CallState.IDLE, Input.SEND): CallState.HEAD,
    (CallState.IDLE, Input.ERROR): CallState.FAILED,
    (CallState.HEAD, Input.ACCEPTED): CallState.BODY,
    (CallState.HEAD, Input.UNKNOWN): CallState.UNTYPED,
    (CallState.HEAD, Input.NOT_ACCEPTED): CallState.REFUSED,
    (CallState.HEAD, Input.ERROR): CallState.FAILED,
    (CallState.UNTYPED, Input.DATA): CallState.UNTYPED,
    (CallState.UNTYPED, Input.DECIDED): CallState.BODY,
    (CallState.UNTYPED, Input.ERROR): CallState.FAILED,
    (CallState.BODY, Input.DATA): CallState.BODY,
    (CallState.BODY, Input.EOF): CallState.DONE,
    (CallState.BODY, Input.ERROR): CallState.FAILED,
    (CallState.REFUSED, Input.DATA): CallState.REFUSED,
    (CallState.REFUSED, Input.ERROR): CallState.FAILED,
}

ANY_TYPE: Final = "*/*"
JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"

# After the end of the message, wait only for the end of the body, after which the connection can be reused.
_REST: Final = Receive(at_most=0.25)
_REST_SIZE: Final = 65_536
_LONG: Final = 1_048_576
"""Reading a response of so many bytes at its end takes some milliseconds."""
_BLANKS: Final = b" \t\r\n"
_LOOK: Final = 1024
"""Bytes in which the first byte that is no blank is searched."""
_NO_HEAD: Final = Head(0)
_BOM: Final = b"\xef\xbb\xbf"


class OperationFacts(Protocol[E_co, R_co]):
    """The part of an `Operation` that a call uses."""

    @property
    def request(self) -> Request: ...
    @property
    def readers(self) -> tuple[tuple[str, ReaderFactory[E_co, R_co]], ...]: ...
    @property
    def options(self) -> FlowOptions: ...


class Call(Generic[E, R]):
    """One attempt at an operation.

    Args:
        operation: any number of calls may use it. Not a flow, which may perform several operations: use `Run`.
        session: signs the request, and has the limits; the operation's own options (`Operation.with_options`) override
            it. Without a session, `send` returns a relative request.
        limits: bounds for the response; those of operation and session, or the defaults, if None.

    Raises:
        InvalidTypeError: ``operation`` is not an operation, or ``session`` is not a session.
    """

    def __init__(
        self, operation: OperationFacts[E, R], *, session: Session | None = None, limits: Limits | None = None
    ) -> None:
        candidate: object = operation
        if isinstance(candidate, type) or not hasattr(candidate, "readers"):
            raise InvalidTypeError(_advice(candidate), parameter="operation")
        options = operation.options
        if session is not None:
            check_type(session, Session, "session", "a nai.Session")
            session = session.with_options(options)
        self.operation = operation
        self.state = CallState.IDLE
        self.started = False
        "Has an event been returned?"
        self._session = session
        self._limits = limits or options.limits or (Limits() if session is None else session.limits)
        self._request = operation.request
        self._reader: Reader[E, R] | None = None
        self._head = _NO_HEAD
        self._pending: bytes = b""

    def __repr__(self) -> str:
        return f"Call({self.where}, {self.state.name})"

    @property
    def where(self) -> str:
        """Method and path, for error messages."""
        return f"{self.operation.request.method} {self.operation.request.path}"

    @property
    def complete(self) -> bool:
        """Is the message complete, even if the body goes on?"""
        return self._reader is not None and self._reader.complete

    @property
    def partial(self) -> R | None:
        """The result so far, or None; may be read at any moment."""
        return None if self._reader is None else self._reader.partial

    @property
    def headers(self) -> Headers:
        """The header fields of the response; none before it has begun."""
        return self._head.headers

    # ---- inputs

    def send(self) -> Request:
        """Return the request to send: signed, if the call has a session.

        Raises:
            InvalidRequestError: the endpoint refuses the session's kind of token; or the operation has a token of its
                own, but there is no session to sign with it.
        """
        if self._session is not None and self.state is CallState.IDLE:
            self._request = self._session.sign(self._request)
        elif self._session is None and self.operation.options.token is not None:
            raise InvalidRequestError(
                f"{self.where} has a token of its own (with_options): give session=, which signs", parameter="session"
            )
        self._step(Input.SEND)
        return self._request

    def receive_head(self, head: Head) -> None:
        """Receive the response's status and header fields.

        Raises:
            RemoteProtocolError: the operation does not take this content type or content coding.
        """
        accepted = 200 <= head.status < 300
        content_type = head.content_type
        factory = self._factory(content_type)
        self._step(Input.NOT_ACCEPTED if not accepted else Input.UNKNOWN if factory is None else Input.ACCEPTED)
        self._head = head
        if not accepted:
            return
        try:
            coding = ",".join(head.headers.get_all("content-encoding")).lower()
            if any(each.strip() not in ("", "identity") for each in coding.split(",")):
                raise RemoteProtocolError(
                    f"{self.where}: content coding {excerpt(coding, 40)!r}; the request asks for identity"
                )
            if factory is not None:
                self._reader = factory(self.where, head, self._limits)
            elif content_type not in ("", "text/plain", "application/octet-stream"):
                raise self._unexpected(content_type)
        except NaiError as error:
            raise self._failed(error)  # noqa: B904 -- the same error

    def receive_data(self, data: bytes) -> Sequence[E]:
        """Receive a piece of the body, and return the events that it completes.

        Raises:
            StatusError: the status is not 2xx, and enough of the body is received.
            StreamError, RemoteProtocolError: the response has an error, or is malformed. If events precede it in the same
                piece, they are returned, and the next input raises; pass ``b""`` to raise it now.
        """
        if self.state is _UNTYPED:
            self._step(_DATA)
            data = self._pending + data
            if not self._decide(data):
                self._pending = data
                return ()
        self._step(_DATA)
        if self._reader is None:
            self._pending += data
            if len(self._pending) >= self._limits.error_body:
                raise self._failed(self._refusal())
            return ()
        try:
            events = self._reader.receive_data(data)
        except NaiError as error:
            raise self._failed(error)  # noqa: B904 -- the same error
        self.started = self.started or bool(events)
        return events

    def receive_eof(self) -> R:
        """Receive the end of the body, and return the result.

        Raises:
            StatusError: the status is not 2xx.
            Truncated: the body ended before the message was complete.
            StreamError, RemoteProtocolError: as for `receive_data`.
        """
        if self.state is CallState.REFUSED:
            raise self._failed(self._refusal())
        blanks = b""
        if self.state is CallState.UNTYPED:
            blanks = self._pending
            self._decide(blanks, at_eof=True)
        reader = self._reader
        if reader is None or self.state is not CallState.BODY:
            raise self._out_of_order(Input.EOF)
        try:
            if blanks:
                reader.receive_data(blanks)
            result = reader.receive_eof()
        except NaiError as error:
            raise self._failed(error)  # noqa: B904 -- the same error
        self._step(Input.EOF)
        return result

    def receive_error(self, error: NaiError) -> R:
        """Receive a transport's error, and raise it, or return the result if the message is complete.

        If the status is not 2xx, its StatusError is raised instead, with what was received of the body.
        """
        if (self.state, Input.ERROR) not in TRANSITIONS:
            raise self._out_of_order(Input.ERROR)
        lost = isinstance(error, TransportError | RemoteProtocolError)
        if lost and self.state is CallState.BODY:
            self.receive_data(b"")  # raises an error that followed events
            if self.complete:
                return self.receive_eof()
        if lost and self.state is CallState.REFUSED:
            error = self._refusal()
        raise self._failed(error)

    def __iter__(self) -> Steps[E, R]:
        """Perform the call, without retries. A long response that is read at its end is read off the event loop."""
        if self._session is None:
            context = yield from get_context()
            self._session = context.with_options(self.operation.options).session
            self._limits = self._session.limits
        size = rest = 0
        try:
            head = yield Send(self.send(), self, self._session.timeouts, self._limits)
            if not isinstance(head, Head):
                raise LocalProtocolError(f"the result of Send is a Head, not {type(head).__name__}")
            self.receive_head(head)
            while not self.complete and (data := _body((yield RECEIVE))):
                size += len(data)
                if events := self.receive_data(data):
                    yield Emit(events)
                    if self._reader is not None and self._reader.failure is not None:
                        self.receive_data(b"")  # raises it now, not at the next read
            while self.complete and rest <= _REST_SIZE and (data := _body((yield _REST))):
                rest += len(data)
        except NaiError as error:
            if (self.state, Input.ERROR) not in TRANSITIONS:
                raise
            return self.receive_error(error)
        if size > _LONG and not self.started:
            return (yield from compute(self.receive_eof))
        return self.receive_eof()

    # ---- inside

    def _step(self, happened: Input) -> None:
        following = TRANSITIONS.get((self.state, happened))
        if following is None:
            raise self._out_of_order(happened)
        self.state = following

    def _out_of_order(self, happened: Input) -> LocalProtocolError:
        again = ": a call is used once; run its operation, or make a new call" if happened is Input.SEND else ""
        return LocalProtocolError(f"{self.where}: {happened.value!r} while the call is {self.state.value!r}{again}")

    def _failed(self, error: NaiError) -> NaiError:
        if self.state is not CallState.FAILED:
            self._step(Input.ERROR)
        if error.partial is None:
            error.partial = self.partial
        return error

    def _factory(self, content_type: str) -> ReaderFactory[E, R] | None:
        if content_type.endswith("+json"):
            content_type = JSON
        for accepted, factory in self.operation.readers:
            if accepted in (content_type, ANY_TYPE):
                return factory
        return None

    def _decide(self, data: bytes, *, at_eof: bool = False) -> bool:
        """Choose the reader by the body's first byte; return False if there is none yet."""
        text = data.removeprefix(_BOM)
        first = text[:_LOOK].lstrip(_BLANKS)[:1]
        if not at_eof and (_BOM.startswith(data) or (not first and len(text) < _LOOK)):
            return False
        stream = self._factory(EVENT_STREAM)
        factory = self._factory(JSON) if stream is None or first in (b"{", b"[") else stream
        if factory is None or first == b"<":
            raise self._failed(self._unexpected("text/html" if first == b"<" else self._head.content_type))
        self._step(Input.DECIDED)
        self._reader = factory(self.where, self._head, self._limits)
        return True

    def _unexpected(self, content_type: str) -> RemoteProtocolError:
        expected = " or ".join(accepted for accepted, _ in self.operation.readers)
        came = "an HTML page (from a gateway?)" if content_type == "text/html" else excerpt(content_type, 60)
        return RemoteProtocolError(f"{self.where}: expected {expected}, got {came or 'no content type'}")

    def _refusal(self) -> NaiError:
        body = self._pending[: self._limits.error_body]
        return error_from_response(self.operation.request, self._request, self._head, body)


def _body(incoming: Incoming) -> bytes:
    if not isinstance(incoming, bytes):
        raise LocalProtocolError(f"the result of Receive is bytes, not {type(incoming).__name__}")
    return incoming


def _advice(operation: object) -> str:
    """Return the message for something that is not an operation: what to write instead."""
    kind = type(operation).__name__
    if callable(operation):
        name = getattr(operation, "__qualname__", kind)
        return f"operation takes an operation; {name} was not called: write {name}(…)"
    if hasattr(operation, "__iter__") and not isinstance(operation, str | bytes):
        return (
            f"operation takes one operation; a {kind} may perform several: run it by a client or nai_proto.exchange.Run"
        )
    return f"operation takes an operation, such as nai.text.generate(prompt); this is of type {kind}"
