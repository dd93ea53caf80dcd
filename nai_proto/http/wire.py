"""One HTTP/1.1 connection as bytes in, events out, in either role (RFC 9112).

h11 reads the heads, and writes those of responses. A request's head (`heads`) and all bodies (`body_framing`) are ours,
since handing them through h11 costs four and ten times as much. h11 has no way to give a body away, so its public names are
used like this: one ``h11.Connection`` lives for one exchange. It is fed until the final head is out; what it still holds
then (``trailing_data``) begins the body, and it sees neither another byte nor the end of the data. What follows the body
begins the next exchange. Framing and persistence are therefore decided here; h11 has refused before what makes them
doubtful: several lengths, unknown codings.

Whatever bytes arrive, in whatever pieces, the wire gives events or raises a `NaiError`; cutting them differently never
changes the events but for where `Data` is split. Time is linear in the bytes. An error's text names fields, never
their values: they may be secrets. After a `RemoteProtocolError` nothing more is read; a server may still answer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import h11

from ..errors import LimitExceeded, LocalProtocolError, RemoteProtocolError, Truncated, excerpt
from ..limits import Limits
from .body_framing import BodyFraming, FixedReader, MutedWriter, Reader, Writer, grants
from .heads import ANY_REQUEST, request_head, response
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
    """A piece of the body: all that one read held of it."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EndOfMessage:
    """The message is complete."""


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """The peer closed between two messages; nothing is missing. A client's request in flight has had no answer."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A CONNECT was granted (RFC 9110 §9.3.6): from here on the bytes are not HTTP, and the wire is done."""

    data: bytes = field(repr=False)
    "What had come already behind the heads."


Event: TypeAlias = Request | Head | Data | EndOfMessage | ConnectionClosed | Tunnel
"""What `Wire.next_event` gives: ``Request`` in the server's role, ``Head`` in the client's."""

END_OF_MESSAGE: Final = EndOfMessage()
CONNECTION_CLOSED: Final = ConnectionClosed()


_HEAD, _BODY, _DONE, _TUNNEL, _RELEASED, _FAILED = WireState  # Python 3.11 takes long to find a member of an enum


# asyncio reads no more at once. Larger pieces are cut, so that what an exchange copies of later ones is bounded.
_PIECE: Final = 262_144
_WITH_LENGTH: Final = frozenset({"POST", "PUT", "PATCH"})  # RFC 9110 §8.6: length 0 has to be said, too


class Wire:
    """One connection: bytes in, events out; messages in, bytes out.

    Give every read to `receive_data`, then take `next_event` until it is `NEED_DATA` or `PAUSED`. What a ``send_`` method
    returns has to go to the peer at once and in order; when it raises, nothing of the message was sent and the
    state is what it was.

    Args:
        role: ``"client"`` or ``"server"``.
        limits: ``head``, ``chunk_line`` and ``body`` are used; see `receive_data` for the last.
    """

    def __init__(self, role: Literal["client", "server"], limits: Limits = Limits()) -> None:
        self._role = role
        self._limits = limits
        self._inbox: deque[bytes] = deque()  # reads, or what is left of them, that nobody has looked at
        self._held = 0  # bytes in the inbox
        self._eof = False
        self._begin()
        if role == "client":  # as if an exchange were over: the first request begins the first one
            self._our_state = self._peer_state = _DONE

    def _begin(self) -> None:
        """A new exchange; the inbox goes on."""
        self._h11 = h11.Connection(
            h11.CLIENT if self._role == "client" else h11.SERVER,
            max_incomplete_event_size=self._limits.head + _PIECE,  # never reached: `_read_head` has the limit
        )
        self._fed = 0  # bytes that h11 was given
        self._our_state = self._peer_state = _HEAD
        self._method = ""
        self._expects = False
        self._keep = True
        self._body: Reader = FixedReader(0)
        self._writer: Writer = MutedWriter()

    # Reading

    def receive_data(self, data: bytes) -> None:
        """Take one read from the peer; ``b""`` says that it closed.

        Raises:
            LimitExceeded: more than `Limits.head` and `Limits.body` together lie here unread. It does not happen to
                a driver that reads only at `NEED_DATA`.
            LocalProtocolError: the bytes belong to a tunnel, or the peer had closed before.
        """
        if self._peer_state is _RELEASED:
            raise LocalProtocolError("the bytes of a tunnel do not go through the wire")
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
        """Return the next event; or `NEED_DATA`: read more; or `PAUSED` (server): our own response has to end first.

        Raises:
            LimitExceeded: ``head``, ``chunk_line`` or ``trailers`` are larger than allowed. Interim answers count in
                the head, with theirs.
            LocalProtocolError: the wire has become a tunnel, or has failed before.
            RemoteProtocolError: this is not HTTP/1.1; or an answer without a request; or a switch of protocols.
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
            self._fed += len(piece)
            self._h11.receive_data(piece)
            while type(event := self._ask()) is h11.InformationalResponse:  # isinstance of an ABC is a call of Python
                if event.status_code == 101:
                    raise RemoteProtocolError("status 101 where no other protocol was asked for")
            if type(event) is h11.Response or type(event) is h11.Request:
                rest, _ = self._h11.trailing_data
                if rest:
                    self._put_back(rest)
                head = self._open(event)
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
        raise RemoteProtocolError("bytes that no request has asked for", excerpt=excerpt(self._inbox[0]))

    def _ask(self) -> object:
        """h11's next event. Its error texts quote the peer, and its errors hold them: neither is passed on."""
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError as error:
            quote = excerpt(str(error))
        raise RemoteProtocolError("malformed head of a message (RFC 9112 §2-5)", excerpt=quote)

    def _check_size(self, size: int) -> None:
        if size > self._limits.head:
            raise LimitExceeded("head", limit=self._limits.head, value=size)

    def _open(self, event: h11.Request | h11.Response) -> Event:
        """What their head says: the event, how the body is framed, whether the connection lives on."""
        fields = list(event.headers)
        framing = BodyFraming(fields)
        headers = Headers([(name.decode("ascii"), value.decode("latin-1")) for name, value in fields])
        # Both framings at once are legal to read, but smell of smuggling (RFC 9112 §6.1).
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
        self._step_peer(WireInput.GRANTED if grants(self._method, status) else WireInput.HEAD)
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
        """Return a request's bytes, head and body; it begins the next exchange, with other limits if they are given.

        Content-Length is added where there is a body, and for POST, PUT and PATCH. The target of a CONNECT is the
        authority to be reached.

        Raises:
            LocalProtocolError: an exchange is under way, or the connection is closed or a server's.
            InvalidRequestError: something cannot be sent: the text names the method, the target or the header field.
        """
        if not self.can_send_request:
            raise LocalProtocolError("no request can go here now: the connection is busy, closed or a server's")
        fields = request.fields()
        if request.body or request.method in _WITH_LENGTH:
            fields.append(("Content-Length", str(len(request.body))))
        head, close = request_head(request.method, request.target, fields, len(request.body))
        if request.body and request.method == "CONNECT":
            raise LocalProtocolError("a CONNECT has no body")
        if limits is not None:
            self._limits = limits
        self._begin()
        self._h11.send(ANY_REQUEST)
        self._method = request.method
        self._keep = not close
        self._step_our(WireInput.HEAD)
        self._step_our(WireInput.END)
        return head + request.body

    def send_informational(self, status: int = 100) -> bytes:
        """An interim answer without fields (RFC 9110 §15.2); a client of HTTP/1.0 is spared it.

        Raises:
            LocalProtocolError: no request is open, its answer has begun, or the status is not 100 or 102 to 199.
        """
        if self._our_state is not _HEAD or self._peer_state not in (_BODY, _DONE):
            raise LocalProtocolError("an interim answer stands between a request and its answer")
        if status == 101 or not 100 <= status <= 199:
            raise LocalProtocolError(f"status {status}: an interim one is 100 or 102 to 199")
        if status == 100:
            self._expects = False
        if not self._chunks:
            return b""
        return self._h11.send(h11.InformationalResponse(status_code=status, headers=[]))

    def send_response(self, head: Head) -> bytes:
        """The head of an answer.

        The body goes by Content-Length if the head has one, else in chunks, or until the connection closes when the
        client speaks HTTP/1.0; Transfer-Encoding and ``Connection: close`` are added as needed. It closes also when
        the request was not understood, has not come yet, or still waits for 100: its body may follow or not. A CONNECT
        that is granted ends here, and `next_event` gives `Tunnel`.

        Raises:
            LocalProtocolError: an answer has begun already, or something in the head cannot be sent: the text names
                the status or the header field. Or a CONNECT would be granted before its body is read.
        """
        if self._our_state is not _HEAD:
            raise LocalProtocolError("one request has one answer, and a client has none to give")
        granted = grants(self._method, head.status)
        understood = self._peer_state in (_BODY, _DONE)
        if granted and not (understood and self._body.done):
            raise LocalProtocolError("the body of a CONNECT has to be read before it is granted")
        headers = head.headers
        if granted or head.status == 204:  # must have neither (RFC 9112 §6.1, RFC 9110 §8.6)
            headers = headers.without("content-length", "transfer-encoding")
        keep = self._keep and understood and not self.expects_continue
        event = response(head.status, headers if keep else [*headers, ("Connection", "close")])
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
        """A piece of the answer's body; nothing if it is one to HEAD, or 204 or 304.

        Raises:
            LocalProtocolError: no answer is open, or this is more than its Content-Length.
        """
        self._check_open()
        return self._writer.send_data(data)

    def send_end(self) -> bytes:
        """The end of the answer.

        Raises:
            LocalProtocolError: no answer is open, or the body is shorter than its Content-Length.
        """
        self._check_open()
        end = self._writer.send_end()
        self._step_our(WireInput.END)
        return end

    def _check_open(self) -> None:
        if self._our_state is not _BODY:
            raise LocalProtocolError("no answer is open")

    def start_next_cycle(self) -> None:
        """Server: go on to the next request, with what the peer has pipelined.

        Raises:
            LocalProtocolError: the exchange is not `can_start_next_cycle`.
        """
        if not self.can_start_next_cycle:
            raise LocalProtocolError("the exchange is not complete, or the connection has to close")
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
        """The client knows chunks; asked of h11, which frames the answer's head by the same answer."""
        return (self._h11.their_http_version or b"1.0") >= b"1.1"

    @property
    def _complete(self) -> bool:
        return self._our_state is _DONE and self._peer_state is _DONE and self._keep

    @property
    def can_send_request(self) -> bool:
        """Client: the next request may go here. Nothing is under way, and there are neither stray bytes nor an end."""
        return self._complete and self._role == "client" and not self._eof and not self._inbox

    @property
    def can_start_next_cycle(self) -> bool:
        """Server: both messages are complete and the connection lives on: `start_next_cycle` may be called."""
        return self._complete and self._role == "server"

    @property
    def expects_continue(self) -> bool:
        """Server: the client waits for 100 before it sends the body (RFC 9110 §10.1.1): nothing of it has come, nor has
        an answer begun."""
        waits = self._expects and self._our_state is _HEAD and self._peer_state is _BODY
        return waits and not (self._inbox or self._body.done)
