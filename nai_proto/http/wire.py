"""One HTTP/1.1 connection as bytes in, events out, in either role (RFC 9112).

h11 reads all heads and formats those of responses. A request's head (`heads`) and all bodies (`body_framing`) are handled
here, since h11 takes four and ten times as long for them. h11 cannot be used for heads only, so each exchange has an
``h11.Connection`` of its own, which receives data until the final head is complete. The rest of that data
(``trailing_data``) begins the body; what follows the body begins the next exchange. Framing and persistence are
therefore decided here; h11 has already refused what would make them doubtful: several lengths, unknown codings.

Whatever bytes arrive, in whatever pieces, the wire returns events or raises a `NaiError`. Cutting the bytes differently
changes only where `Data` is split. Time is linear in the bytes. An error's message names fields, never their values,
which may be secrets. After a `RemoteProtocolError` nothing more is read; a server may still send a response.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import h11

from ..errors import LimitExceeded, LocalProtocolError, RemoteProtocolError, Truncated, excerpt
from ..limits import Limits
from .body_framing import BodyFraming, Reader, Writer, opens_tunnel
from .first_bytes import LONGEST_START, check_response_start
from .heads import ANY_REQUEST, build_response, format_request_head
from .messages import Head, Headers, Request
from .wire_states import NEED_DATA, OUR_TRANSITIONS, PAUSED, PEER_TRANSITIONS, Signal, WireInput, WireState

__all__ = [
    "CONNECTION_CLOSED",
    "END_OF_MESSAGE",
    "NEED_DATA",
    "PAUSED",
    "ConnectionClosed",
    "Data",
    "EndOfMessage",
    "Event",
    "Signal",
    "Tunnel",
    "Wire",
]


@dataclass(frozen=True, slots=True)
class Data:
    """A piece of the body: all of it that one read had."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EndOfMessage:
    """The message is complete."""


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """The peer closed between two messages, so that no message is incomplete. A client's open request has no response."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A CONNECT was granted (RFC 9110 §9.3.6): from now on the bytes are not HTTP, and the wire is not used any more."""

    data: bytes = field(repr=False)
    "The bytes that were received after the heads."


Event: TypeAlias = Request | Head | Data | EndOfMessage | ConnectionClosed | Tunnel
"""What `Wire.next_event` returns: ``Request`` in the server's role, ``Head`` in the client's."""

END_OF_MESSAGE: Final = EndOfMessage()
CONNECTION_CLOSED: Final = ConnectionClosed()


_HEAD, _BODY, _DONE, _TUNNEL, _RELEASED, _FAILED = WireState  # Python 3.11 takes long to find a member of an enum


# asyncio reads at most this much at once. Larger reads are cut, which bounds what is copied of pipelined messages.
_PIECE: Final = 262_144
_WITH_LENGTH: Final = frozenset({"POST", "PUT", "PATCH"})  # RFC 9110 §8.6: they send a length of 0 too


class Wire:
    """One connection: bytes in, events out; messages in, bytes out.

    Pass every read to `receive_data`, then call `next_event` until it returns `NEED_DATA` or `PAUSED`. Send what the
    ``send_`` methods return, at once and in order. When one raises, nothing was sent and the state is unchanged.

    Args:
        role: ``"client"`` or ``"server"``.
        limits: of which ``head``, ``chunk_line`` and ``body`` are used (``body`` by `receive_data`).
    """

    def __init__(self, role: Literal["client", "server"], limits: Limits = Limits()) -> None:
        self._role = role
        self._limits = limits
        self._inbox: deque[bytes] = deque()  # unread reads, or parts of them
        self._held = 0  # bytes in the inbox
        self._eof = False
        self._begin()
        if role == "client":  # as after an exchange: the first request begins one
            self._our_state = self._peer_state = _DONE

    def _begin(self) -> None:
        """Begin an exchange, and keep the inbox."""
        self._h11 = h11.Connection(
            h11.CLIENT if self._role == "client" else h11.SERVER,
            max_incomplete_event_size=self._limits.head + _PIECE,  # never reached: `_read_head` has a lower limit
        )
        self._fed = 0  # bytes that h11 has received
        self._our_state = self._peer_state = _HEAD
        self._method = ""
        self._keep = True
        self._peer: str  # set by the head of a request
        self._expects: bool
        self._body: Reader
        self._writer: Writer  # set by the head of our response

    # Reading

    def receive_data(self, data: bytes) -> None:
        """Receive one read from the peer; ``b""`` means that it closed.

        Raises:
            LimitExceeded: more than `Limits.head` and `Limits.body` together are unread. A driver that reads only at
                `NEED_DATA` never meets this.
            LocalProtocolError: the connection is a tunnel, or the peer had closed before.
        """
        if self._peer_state is _RELEASED:
            raise LocalProtocolError("the connection is a tunnel: its bytes are not HTTP")
        if not data:
            self._eof = True
            return
        if self._eof:
            raise LocalProtocolError("the peer has closed; no data can follow")
        if self._peer_state is _FAILED:
            return
        inbox = self._inbox
        self._held += len(data)
        if inbox and self._held > (most := self._limits.head + self._limits.body):
            self._fail()
            raise LimitExceeded("unread", limit=most, value=self._held)
        if len(data) <= _PIECE:
            inbox.append(data)
        else:
            inbox.extend(data[at : at + _PIECE] for at in range(0, len(data), _PIECE))

    def next_event(self) -> Event | Signal:
        """Return the next event; or `NEED_DATA`: read more; or `PAUSED` (server): end our response first.

        Raises:
            LimitExceeded: ``head`` (with those of interim responses), ``chunk_line`` or ``trailers`` are larger than
                allowed.
            LocalProtocolError: the connection is a tunnel, or has failed before.
            RemoteProtocolError: this is not HTTP/1.1, is a response without a request, or switches protocols.
            Truncated: the peer closed inside a message.
        """
        try:
            if self._peer_state is _BODY:
                return self._read_body()
            if self._peer_state is _HEAD:
                return self._read_head()
            if self._peer_state is _DONE:
                return self._read_between()
        except RemoteProtocolError:
            self._fail()
            raise
        if self._peer_state is _TUNNEL:
            self._step_peer(WireInput.RELEASED)
            return Tunnel(b"".join(self._inbox))
        raise LocalProtocolError(f"nothing more to read: the wire is {self._peer_state.value}")

    def _read_body(self) -> Event | Signal:
        body = self._body
        while self._inbox and not body.done:
            data = body.receive_data(self._take())
            self._expects = False
            if body.rest:
                self._put_back(body.rest)
            if data:
                return Data(data)
        if not body.done:
            if not self._eof:
                return NEED_DATA
            body.receive_eof()
        self._step_peer(WireInput.END)
        return END_OF_MESSAGE

    def _read_head(self) -> Event | Signal:
        while self._inbox:
            piece = self._take()
            if self._fed < LONGEST_START and self._role == "client":
                check_response_start(self._h11.trailing_data[0] + piece, self._peer)
            self._fed += len(piece)
            self._h11.receive_data(piece)
            while type(event := self._next_h11_event()) is h11.InformationalResponse:  # isinstance is slow for an ABC
                pass  # h11 refuses 101, since its request asked for no other protocol
            if type(event) is h11.Response or type(event) is h11.Request:
                rest, _ = self._h11.trailing_data
                if rest:
                    self._put_back(rest)
                head = self._convert_head(event)
                self._check_size(self._fed - len(rest))
                return head
            self._check_size(self._fed)
        if not self._eof:
            return NEED_DATA
        if not self._fed:
            return CONNECTION_CLOSED
        raise Truncated("the connection closed inside the head of a message")

    def _read_between(self) -> Event | Signal:
        if not self._inbox:
            return CONNECTION_CLOSED if self._eof else NEED_DATA
        if self._role == "server":
            return PAUSED
        raise RemoteProtocolError("bytes without a request", excerpt=excerpt(self._inbox[0]))

    def _next_h11_event(self) -> object:
        """Return h11's next event. Drop h11's errors, whose texts quote the peer."""
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError as error:
            quote = excerpt(str(error))
        raise RemoteProtocolError("malformed head", excerpt=quote)

    def _check_size(self, size: int) -> None:
        if size > self._limits.head:
            raise LimitExceeded("head", limit=self._limits.head, value=size)

    def _convert_head(self, event: h11.Request | h11.Response) -> Event:
        """Read the peer's head: return its event, and set the body's framing and whether the connection persists."""
        fields = list(event.headers)
        framing = BodyFraming(fields)
        headers = Headers([(name.decode("ascii"), value.decode("latin-1")) for name, value in fields])
        # Both framings at once may be read, but may be an attempt at request smuggling (RFC 9112 §6.1).
        doubtful = framing.chunked and framing.length is not None
        self._keep = self._keep and event.http_version >= b"1.1" and not (framing.close or doubtful)
        if isinstance(event, h11.Request):
            self._method = event.method.decode("ascii")
            self._body = framing.reader(self._limits, self._method, None)
            self._expects = self._h11.they_are_waiting_for_100_continue
            self._step_peer(WireInput.HEAD)
            return Request(self._method, event.target.decode("ascii"), headers)
        status = event.status_code
        self._body = framing.reader(self._limits, self._method, status)
        self._step_peer(WireInput.GRANTED if opens_tunnel(self._method, status) else WireInput.HEAD)
        return Head(status, headers)

    def _take(self) -> bytes:
        piece = self._inbox.popleft()
        self._held -= len(piece)
        return piece

    def _put_back(self, rest: bytes) -> None:
        self._inbox.appendleft(rest)
        self._held += len(rest)

    # Writing

    def send_request(self, request: Request, limits: Limits | None = None) -> bytes:
        """Begin the next exchange, and return the request's bytes, head and body.

        Content-Length is added if there is a body, and for POST, PUT and PATCH.

        Args:
            request: for a CONNECT, the target is the authority to connect to.
            limits: new limits, from this exchange on.

        Raises:
            LocalProtocolError: an exchange is not complete, or the connection is closed or a server's.
            InvalidRequestError: the method, the target or a header field cannot be sent; the message names it.
        """
        if not self.can_send_request:
            raise LocalProtocolError("no request can be sent now: the connection is busy, closed or a server's")
        fields = request.fields()
        if request.body or request.method in _WITH_LENGTH:
            fields.append(("Content-Length", str(len(request.body))))
        head, close = format_request_head(request.method, request.target, fields, len(request.body))
        if request.body and request.method == "CONNECT":
            raise LocalProtocolError("a CONNECT has no body")
        if limits is not None:
            self._limits = limits
        self._begin()
        self._h11.send(ANY_REQUEST)
        self._method = request.method
        self._peer = f"what answers at {request.authority}" if request.base else "it"
        self._keep = not close
        self._step_our(WireInput.HEAD)
        self._step_our(WireInput.END)
        return head + request.body

    def send_informational(self, status: int = 100) -> bytes:
        """Return an interim response without fields (RFC 9110 §15.2); nothing for a client of HTTP/1.0.

        Raises:
            LocalProtocolError: no request is open, its response has begun, or the status is not 100 or 102 to 199.
        """
        if self._our_state is not _HEAD or self._peer_state not in (_BODY, _DONE):
            raise LocalProtocolError("an interim response is sent after a request and before its response")
        if status == 101 or not 100 <= status <= 199:
            raise LocalProtocolError(f"status {status}: the status of an interim response is 100 or 102 to 199")
        if status == 100:
            self._expects = False
        if not self._chunks:
            return b""
        return self._h11.send(h11.InformationalResponse(status_code=status, headers=[]))

    def send_response(self, head: Head) -> bytes:
        """Return the head of a response.

        The body is framed by Content-Length if the head has one, else by chunks, or by closing the connection if the
        client speaks HTTP/1.0; Transfer-Encoding and ``Connection: close`` are added as needed. The connection also
        closes if the request was malformed, was not received, or waits for 100: its body may follow or not. After
        the head that grants a CONNECT, `next_event` returns `Tunnel`.

        Raises:
            LocalProtocolError: a response has begun already, or a CONNECT would be granted before its body is read.
            InvalidRequestError: the status or a header field cannot be sent; the message names it.
        """
        if self._our_state is not _HEAD:
            raise LocalProtocolError("a response has begun already, or this is a client")
        granted = opens_tunnel(self._method, head.status)
        understood = self._peer_state in (_BODY, _DONE)
        if granted and not (understood and self._body.done):
            raise LocalProtocolError("read the body of a CONNECT before granting it")
        headers = head.headers
        if granted or head.status == 204:  # may have neither (RFC 9112 §6.1, RFC 9110 §8.6)
            headers = headers.without("content-length", "transfer-encoding")
        keep = self._keep and understood and not self.expects_continue
        event = build_response(head.status, headers if keep else [*headers, ("Connection", "close")])
        framing = BodyFraming(event.headers)
        self._keep = not framing.close
        self._writer = framing.writer(self._method, head.status, chunks=self._chunks)
        if granted:
            if self._peer_state is _BODY:
                self._step_peer(WireInput.END)
            self._step_peer(WireInput.GRANTED)
        self._step_our(WireInput.GRANTED if granted else WireInput.HEAD)
        return self._h11.send(event)

    def send_data(self, data: bytes) -> bytes:
        """Return a piece of the response's body; nothing if the request was HEAD, or the status is 204 or 304.

        Raises:
            LocalProtocolError: no response is open, or its body is longer than its Content-Length.
        """
        self._check_open()
        return self._writer.send_data(data)

    def send_end(self) -> bytes:
        """Return the end of the response.

        Raises:
            LocalProtocolError: no response is open, or its body is shorter than its Content-Length.
        """
        self._check_open()
        end = self._writer.send_end()
        self._step_our(WireInput.END)
        return end

    def _check_open(self) -> None:
        if self._our_state is not _BODY:
            raise LocalProtocolError("no response is open")

    def start_next_cycle(self) -> None:
        """Begin the next exchange of a server, with what the peer has pipelined.

        Raises:
            LocalProtocolError: `can_start_next_cycle` is false.
        """
        if not self.can_start_next_cycle:
            raise LocalProtocolError("the exchange is not complete, or the connection must close")
        self._begin()

    # State

    def _step_peer(self, happened: WireInput) -> None:
        self._peer_state = PEER_TRANSITIONS[self._peer_state, happened]

    def _step_our(self, happened: WireInput) -> None:
        self._our_state = OUR_TRANSITIONS[self._our_state, happened]

    def _fail(self) -> None:
        self._step_peer(WireInput.ERROR)

    @property
    def _chunks(self) -> bool:
        """Does the client speak HTTP/1.1? By h11's answer, which also frames the response's head."""
        return (self._h11.their_http_version or b"1.0") >= b"1.1"

    @property
    def _complete(self) -> bool:
        return self._our_state is _DONE and self._peer_state is _DONE and self._keep

    @property
    def can_send_request(self) -> bool:
        """Return whether a client may send the next request.

        It may when no exchange is open, the peer has not closed, and no bytes are unread.
        """
        return self._complete and self._role == "client" and not self._eof and not self._inbox

    @property
    def can_start_next_cycle(self) -> bool:
        """Return whether a server may call `start_next_cycle`: both messages are complete, and the connection persists."""
        return self._complete and self._role == "server"

    @property
    def expects_continue(self) -> bool:
        """Return whether a server's client waits for 100 before it sends the body (RFC 9110 §10.1.1).

        False once the body or the response has begun.
        """
        may_wait = self._our_state is _HEAD and self._peer_state is _BODY
        return may_wait and self._expects and not (self._inbox or self._body.done)
