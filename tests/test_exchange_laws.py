"""Two wires that talk to each other, whatever order their drivers call them in: each reads exactly what the other has sent.

See docs/architecture.md#the-states-of-a-call
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nai_proto.errors import LocalProtocolError, TransportError, Truncated
from nai_proto.exchange.client import ClientExchange
from nai_proto.http import Head, Headers, Request
from nai_proto.http.wire import NEED_DATA, ConnectionClosed, Data, EndOfMessage, Wire
from tests.hypothesis_profiles import scale_examples

SIZES = st.integers(1, 200) | st.just(100_000)
RARELY = st.integers(0, 5).map(lambda number: number == 5)
PIECES = st.lists(st.binary(min_size=1, max_size=20), max_size=3)


@dataclass
class Message:
    """A request or a response: what was sent of it, or what was read of it."""

    start: str = ""
    "Its target, or its status."
    body: bytes = b""
    ended: bool = False
    left: deque[bytes] = field(default_factory=deque[bytes])
    "What the server has still to send of the body."
    has_length: bool = False
    closes: bool = False
    "Does it end the connection?"


@dataclass
class Pipe:
    """One direction of a connection."""

    data: bytearray = field(default_factory=bytearray)
    closed: bool = False

    @property
    def is_ready(self) -> bool:
        """Is there something to read, or the end?"""
        return bool(self.data) or self.closed

    def write(self, data: bytes) -> None:
        if not self.closed:
            self.data += data

    def take(self, size: int) -> bytes:
        """Return the next read; ``b""`` at the end."""
        taken = bytes(self.data[:size])
        del self.data[:size]
        return taken


class ExchangeMachine(RuleBasedStateMachine):
    """Beside the wires a model: what each side has sent, and what the other has read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.client, self.server = Wire("client"), Wire("server")
        self.to_server, self.to_client = Pipe(), Pipe()
        self.exchange: ClientExchange | None = None
        self.requests: list[Message] = []
        self.read_requests: list[Message] = []
        self.responses: list[Message] = []
        self.read_responses: list[Message] = []
        self.response: Message | None = None
        "Of the server's present cycle."
        self.cycles = 0
        self.ended = self.server_ended = False

    @rule(data=st.data())
    def proceed(self, data: st.DataObject) -> None:
        """Take some of the steps that the two drivers may take now."""
        for _ in range(5):
            if steps := [step for step, may_come in self.steps() if may_come]:
                data.draw(st.sampled_from(steps))(data)

    def steps(self) -> Iterator[tuple[Callable[[st.DataObject], None], bool]]:
        yield self.send_request, self.is_reusable
        yield self.read_request, self.to_server.is_ready and not self.server_ended
        yield self.send_response, self.can_respond
        yield self.send_interim_response, self.can_respond
        yield self.go_on_responding, self.response is not None and not self.response.ended
        yield self.start_next_cycle, self.is_complete
        yield self.read_response, self.exchange is not None and not self.ended and self.to_client.is_ready

    # ---- the client's driver

    @property
    def is_waiting(self) -> bool:
        """Is a request open, whose response the client has not read to its end?"""
        return len(self.requests) > sum(each.ended for each in self.read_responses)

    def send_request(self, data: st.DataObject) -> None:
        method, body = data.draw(st.sampled_from(["GET", "POST", "HEAD"])), data.draw(st.binary(max_size=30))
        self.exchange = ClientExchange(self.client, self.next_request(body, method))
        self.exchange.request_written()
        self.to_server.write(self.exchange.data_to_send)
        self.requests.append(Message(f"{method}/{len(self.requests)}", body if method == "POST" else b"", ended=True))

    def next_request(self, body: bytes, method: str) -> Request:
        return Request(method, f"/{len(self.requests)}", body=body if method == "POST" else b"", base="http://x")

    @property
    def is_reusable(self) -> bool:
        """May the client send a request? The last response has ended, and the connection has not."""
        last = self.responses[len(self.requests) - 1] if self.requests and not self.is_waiting else None
        return not (self.is_waiting or self.ended or (last is not None and last.closes))

    def read_response(self, data: st.DataObject) -> None:
        assert self.exchange is not None
        received = self.to_client.take(data.draw(SIZES))
        self.exchange.receive_data(received)
        self.ended = not received
        while self.is_waiting:
            if not received:
                begun = len(self.read_responses) == len(self.requests)
                with pytest.raises(Truncated if begun else TransportError):
                    self.exchange.next_incoming()
                return
            match self.exchange.next_incoming():
                case Head(status):
                    self.read_responses.append(Message(str(status)))
                case bytes() as piece:
                    self.read_responses[-1].body += piece
                    self.read_responses[-1].ended = not piece
                case signal:
                    assert signal is NEED_DATA
                    return
        assert self.exchange.can_reuse_connection == self.is_reusable

    # ---- the server's driver

    @property
    def request(self) -> Message | None:
        """The request of the server's present cycle, as far as it was read."""
        return self.read_requests[self.cycles] if len(self.read_requests) > self.cycles else None

    def read_request(self, data: st.DataObject) -> None:
        received = self.to_server.take(data.draw(SIZES))
        self.server.receive_data(received)
        self.read_events(received)

    def read_events(self, received: bytes | None) -> None:
        while True:
            try:
                event = self.server.next_event()
            except Truncated:
                assert received == b""
                self.server_ended = True
                return
            match event:
                case Request(method=method, target=target):
                    self.read_requests.append(Message(method + target))
                case Data(piece):
                    self.read_requests[-1].body += piece
                case EndOfMessage():
                    self.read_requests[-1].ended = True
                case ConnectionClosed():
                    self.server_ended = True
                    return
                case _:
                    return

    def send_response(self, data: st.DataObject) -> None:
        pieces, status = data.draw(PIECES), data.draw(st.sampled_from([200, 404, 503]))
        has_length, closes = data.draw(st.booleans()), data.draw(RARELY)
        fields = [("Content-Length", str(sum(map(len, pieces))))] if has_length else []
        head = Head(status, Headers([*fields, *([("Connection", "close")] if closes else [])]))
        self.to_client.write(self.server.send_response(head))
        self.response = Message(str(status), left=deque(pieces), has_length=has_length, closes=closes)
        self.responses.append(self.response)

    def send_interim_response(self, _: st.DataObject) -> None:
        self.to_client.write(self.server.send_informational(103))

    def go_on_responding(self, _: st.DataObject) -> None:
        """Send the next piece of the body, or its end."""
        response = self.response
        assert response is not None
        if response.left:
            self.to_client.write(self.server.send_data(response.left[0]))
            response.body += response.left.popleft()
        else:
            self.to_client.write(self.server.send_end())
            response.ended = True
            self.to_client.closed |= response.closes

    def start_next_cycle(self, _: st.DataObject) -> None:
        self.server.start_next_cycle()
        self.response = None
        self.cycles += 1
        if not self.server_ended:
            self.read_events(None)

    @property
    def can_respond(self) -> bool:
        return self.request is not None and self.response is None

    @property
    def is_complete(self) -> bool:
        """Are the request and the response of the server's present cycle complete, and may another one follow?"""
        request, response = self.request, self.response
        if request is None or response is None or response.closes:
            return False
        return request.ended and response.ended

    # ---- what a driver must not do

    @rule(method=st.sampled_from(["GET", "POST"]))
    def call_out_of_order(self, method: str) -> None:
        """What comes out of order is an error, which changes nothing."""
        response = self.response
        calls: list[Callable[[], object]] = []
        if not self.is_reusable:
            calls.append(lambda: ClientExchange(self.client, self.next_request(b"", method)))
        if not self.is_complete:
            calls.append(self.server.start_next_cycle)
        if response is not None:
            calls += [lambda: self.server.send_response(Head(200, Headers())), self.server.send_informational]
        if response is None or response.ended:
            calls += [lambda: self.server.send_data(b"x"), self.server.send_end]
        elif response.has_length and not self.is_for_head:
            calls.append(self.server.send_end if response.left else lambda: self.server.send_data(b"x"))
        for call in calls:
            with pytest.raises(LocalProtocolError):
                call()

    @property
    def is_for_head(self) -> bool:
        return self.request is not None and self.request.start.startswith("HEAD")

    # ---- what happens to a connection

    @precondition(lambda self: self.cycles and not self.to_client.closed)
    @rule(kept=st.integers(0, 100))
    def cut_response(self, kept: int) -> None:
        """The server's end is gone, and the last bytes that it has sent with it."""
        del self.to_client.data[kept:]
        self.to_client.closed = True

    @precondition(lambda self: self.cycles and not self.to_server.closed)
    @rule()
    def close_client(self) -> None:
        self.to_server.closed = True

    # ---- what always holds

    @invariant()
    def each_side_reads_what_the_other_has_sent(self) -> None:
        self.check(self.requests, self.read_requests, lambda _: True)
        self.check(self.responses, self.read_responses, lambda at: not self.requests[at].start.startswith("HEAD"))

    def check(self, sent: list[Message], read: list[Message], has_body: Callable[[int], bool]) -> None:
        assert len(read) <= len(sent)
        for at, (theirs, mine) in enumerate(zip(sent, read, strict=False)):
            assert mine.start == theirs.start
            body = theirs.body if has_body(at) else b""
            assert body.startswith(mine.body)
            if mine.ended:
                assert mine.body == body
                assert theirs.ended or theirs.has_length or not has_body(at)
            if at < len(read) - 1:
                assert mine.ended


TestExchangeMachine = ExchangeMachine.TestCase
TestExchangeMachine.settings = settings(max_examples=scale_examples(120), stateful_step_count=20, deadline=None)
