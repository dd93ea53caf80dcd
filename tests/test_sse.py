"""Server-sent events: the standard's rules, its vectors, hostile bytes, limits, and the way back.

See docs/protocol/sse.md#1-the-format.
"""

from __future__ import annotations

import base64
import codecs
import json
import pickle
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nai_proto.codecs.sse import ServerSentEvent, SSEDecoder, SSESplitter, encode_event
from nai_proto.errors import InvalidRequestError, LimitExceeded, LocalProtocolError
from nai_proto.limits import Limits
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.protocol_data import DATA

VECTORS: list[dict[str, Any]] = json.loads((DATA / "sse_vectors.json").read_bytes())
BOM = b"\xef\xbb\xbf"
BLOCK = b'event:newToken\nid:192\ndata:{"token":" the","ptr":192,"final":false}\n\n'


class Outcome(NamedTuple):
    """Everything that a decoder can be asked after the end of the stream."""

    events: list[ServerSentEvent]
    last_event_id: str
    reconnection_time: int | None
    stray: bytes


def decoded(pieces: Iterable[bytes], limits: Limits = Limits()) -> Outcome:
    decoder = SSEDecoder(limits)
    events = [event for piece in pieces for event in decoder.receive_data(piece)]
    assert decoder.receive_eof() == []
    return Outcome(events, decoder.last_event_id, decoder.reconnection_time, decoder.stray)


def split(pieces: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    splitter = SSESplitter()
    pairs = [pair for piece in pieces for pair in splitter.receive_data(piece)]
    splitter.receive_eof()
    return pairs


def reference(data: bytes) -> Outcome:
    """The standard's own words, one after the other, for a stream that is there as a whole."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(data, True)
    *lines, unfinished = re.split("\r\n|\n|\r", text.removeprefix("\ufeff"))
    events: list[ServerSentEvent] = []
    strays = [line for line in (*lines, unfinished) if line.startswith("{")]
    buffer = event_type = id_buffer = last_event_id = ""
    block_retry = reconnection_time = None
    for line in lines:
        if line == "":
            last_event_id = id_buffer
            if buffer != "":
                events.append(ServerSentEvent(event_type or "message", buffer[:-1], last_event_id, block_retry))
            buffer = event_type = ""
            block_retry = None
            continue
        if line.startswith(":"):
            continue
        name, value = line.split(":", 1) if ":" in line else (line, "")
        if value.startswith(" "):
            value = value[1:]
        if name == "event":
            event_type = value
        elif name == "data":
            buffer += value + "\n"
        elif name == "id":
            id_buffer = id_buffer if "\0" in value else value
        elif name == "retry" and re.fullmatch("[0-9]{1,18}", value):
            block_retry = reconnection_time = int(value)
    stray = strays[0].encode() if strays else b""
    return Outcome(events, last_event_id, reconnection_time, stray)


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def bytewise(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]


PARTS = st.sampled_from(
    [
        *(b"data", b"event", b"id", b"retry", b"Data", b"data:", b"event: ", b"id:", b"retry:", b"data: \n", b"id\n"),
        *(b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b":", b" ", b"\t", b"\0", b"x", b"7", b"{", b'{"error":"e"}\n'),
        *(b"\xc3", b"\xa9", b"\xe2\x80\xa8", b"\xf0\x9f\x98", b"\xff", b"\x85", b"\x0b", BOM),
        *(BLOCK, b"id: 5\ndata: a\n\n", b"data:b\n\n", b"event: e\ndata: c\n\n", b"data: d\n\n" * 3, b": ping\n\n"),
        *(b"event:e\nid:\ndata:f\n\n", b"event:\nid:6\ndata:g\n\n", BLOCK.replace(b"\n", b"\r\n")),
    ]
)
STREAMS = st.one_of(st.lists(PARTS, max_size=25).map(b"".join), st.binary(max_size=60))
CUTS = st.lists(st.integers(0, 10_000), max_size=8)


@for_each("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_every_vector_holds_however_it_is_cut(vector: dict[str, Any]) -> None:
    pieces = [base64.b64decode(chunk) for chunk in vector["chunks_base64"]]
    whole = b"".join(pieces)
    events = [ServerSentEvent(**event) for event in vector["events"]]
    final = (vector["final"]["last_event_id"], vector["final"]["reconnection_time"])
    for cutting in (pieces, [whole], bytewise(whole), [whole[i : i + 16] for i in range(0, len(whole), 16)]):
        outcome = decoded(cutting)
        assert outcome.events == events
        assert outcome[1:3] == final
        pairs = [(kind.decode("utf-8", "replace"), data.decode("utf-8", "replace")) for kind, data in split(cutting)]
        assert [(kind or "message", data) for kind, data in pairs] == [(e.event, e.data) for e in events]
    strict = reference(whole)
    assert (strict.events, *strict[1:3]) == (events, *final)


@settings(max_examples=scale_examples(500), deadline=None)
@given(STREAMS, CUTS)
@example(b"event:x\ndata:y\ndata:z\n\n" + BLOCK, [])
@example(b"data:x\rdata:y\n\n", [])
@example(b"id:a\0b\ndata:x\n\n", [])
@example(b"id:a\ndata:x\n\nid:\ndata:y\n\n", [])
@example(b"xdata:y\n\n", [1])
@example(b"data:a\n\n\r\ndata:b\n\n", [9])
@example(b"data:a\r\n\r\ndata:b\r\n\r\n", [9, 11])
@example(b"data:a\r\n\ndata:b\r\n\n", [])
@example(b"data:a\r\r\ndata:b\n\n", [7])
def test_any_bytes_in_any_pieces_read_as_the_standard_says(stream: bytes, at: list[int]) -> None:
    expected = reference(stream)
    for pieces in ([stream], cut(stream, at), bytewise(stream)):
        outcome = decoded(pieces)
        assert outcome[:3] == expected[:3]
        assert outcome.stray.decode("utf-8", "replace").encode() == expected.stray
        pairs = [(kind.decode("utf-8", "replace"), data.decode("utf-8", "replace")) for kind, data in split(pieces)]
        assert [(kind or "message", data) for kind, data in pairs] == [(e.event, e.data) for e in expected.events]


def test_the_splitter_says_nothing_for_a_type_that_the_block_does_not_name() -> None:
    assert split([b"data:a\n\nevent:message\ndata:b\n\nevent\ndata:c\ndata\n\n"]) == [
        (b"", b"a"),
        (b"message", b"b"),
        (b"", b"c\n"),
    ]


@for_each(
    "block",
    [
        b"event:a\nid:1\ndata:xy",
        b"event: a\nid: 1\ndata: xy",
        b"event:  a\nid:1\ndata:  xy",
        b"event:b\nid:1\ndata:xy",
        b"event:\nid:1\ndata:xy",
        b"event:a\nid:1\ndata:",
        b"event:a\nid:1\ndata: ",
        b"id:1\nid:2\ndata:xy",
        b"data:1\nid:2\ndata:xy",
        b"\nid:2\ndata:xy",
        b"event:a\nid:1\ndata",
        b"event:a\nid\ndata:xy",
        b"event:a\nid:1\n\ndata:xy",
        b"event:a\nid:1\ndata:xy\r",
        b"event:a\nid:1\ndata:xy\n\n\n",
        b"event:a\nid:1\ndata:xy\n\ndata:yz",
        b"event:a\nid:1\ndata:xy\ndata:yz",
        b"event:a\nid:1\ndata:xy\nname:yz",
        b"event:a\nid:1\nname:xy",
        b"event:a\nname:1\ndata:xy",
        b"name:a\nid:1\ndata:xy",
        b"id:1\nname:a\ndata:xy",
    ],
)
def test_a_block_alone_in_its_read_reads_as_any_other(block: bytes) -> None:
    block += b"\n\n"
    first = b"event:a\nid:0\ndata:0\n\n"
    for pieces in ([first, block, block], [first, first, block, first]):
        assert split(pieces) == split(bytewise(b"".join(pieces))) == split([b"".join(pieces)])


def test_two_blocks_behind_another_read_as_any_however_they_are_cut() -> None:
    first = b"event:a\nid:0\ndata:0\n\n"
    stream = b"event:a\nid:1\ndata:x\ndata:y\n\nevent:a\nid:2\ndata:z\n\n"
    for at in range(len(stream)):
        assert split([first, stream[:at], stream[at:]]) == [(b"a", b"0"), (b"a", b"x\ny"), (b"a", b"z")]


class LineCounter:
    """Keeps what a machine parses line by line, the general way."""

    def __init__(self, machine: SSEDecoder | SSESplitter, patch: pytest.MonkeyPatch) -> None:
        self.machine, self.lines = machine, b""
        parse: Callable[[bytes, list[Any]], None] = machine._parse_lines

        def parse_lines(data: bytes, events: list[Any]) -> None:
            self.lines += data
            parse(data, events)

        patch.setattr(machine, "_parse_lines", parse_lines)

    def receive(self, data: bytes) -> tuple[int, bytes]:
        """Return how many events these bytes completed, and which of them were parsed line by line."""
        self.lines = b""
        return len(self.machine.receive_data(data)), self.lines


@for_each("newline", [b"\n", b"\r\n"])
@for_each("start", [b"", BOM])
@for_each("make", [SSEDecoder, SSESplitter])
def test_only_a_block_that_is_open_between_reads_is_parsed_line_by_line(
    make: Callable[[], SSEDecoder | SSESplitter], start: bytes, newline: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = LineCounter(make(), monkeypatch)
    blocks, begin, end = (part.replace(b"\n", newline) for part in (BLOCK * 3, b"event:e\ndata:", b"\n\n"))
    assert counter.receive(start + blocks) == (3, b"")
    assert counter.receive(blocks + begin) == (3, b"event:e\ndata:")
    assert counter.receive(b"x") == (0, b"")
    assert counter.receive(b"y" + end + blocks) == (4, b"y\n\n")
    assert counter.receive(blocks) == (3, b"")


def test_a_read_of_one_usual_block_is_split_without_the_regular_expression(monkeypatch: pytest.MonkeyPatch) -> None:
    splitter = SSESplitter()
    first, other = b"event: a\nid:1\ndata: x\n\n", b"event:b\nid: 2\ndata:y\n\n"
    assert splitter.receive_data(first) == [(b"a", b"x")]
    monkeypatch.setattr(splitter, "_match_usual_blocks", None)
    monkeypatch.setattr(splitter, "_parse_lines", None)
    for _ in range(2):
        assert splitter.receive_data(first) == [(b"a", b"x")]
        assert splitter.receive_data(other) == [(b"b", b"y")]


def test_bad_utf_8_is_replaced_in_each_part_of_a_usual_block() -> None:
    block = b"event:e\xff\nid:i\xff\ndata:d\xff\n\n"
    assert SSEDecoder().receive_data(block * 2) == [ServerSentEvent("e\ufffd", "d\ufffd", "i\ufffd")] * 2
    assert SSESplitter().receive_data(block * 2) == [(b"e\xff", b"d\xff")] * 2


@for_each("make", [SSEDecoder, SSESplitter])
def test_what_is_no_limits_and_no_bytes_is_refused_by_its_name(make: Callable[..., SSEDecoder | SSESplitter]) -> None:
    with pytest.raises(InvalidRequestError, match=r"^limits ") as caught:
        make(9)
    assert caught.value.parameter == "limits"
    with pytest.raises(InvalidRequestError, match=r"^data ") as caught:
        make().receive_data("data:x\n\n")  # type: ignore[arg-type]
    assert caught.value.parameter == "data"


@for_each("kind", [bytearray, memoryview])
def test_a_block_of_other_bytes_than_bytes_is_split_to_bytes(kind: Callable[[bytes], Any]) -> None:
    splitter = SSESplitter()
    for _ in range(3):
        ((event, data),) = splitter.receive_data(kind(BLOCK))
        assert (type(event), type(data)) == (bytes, bytes)


def test_ids_and_retries_are_right_for_each_of_several_events_in_one_read() -> None:
    stream = b"data:1\n\nid:a\ndata:2\n\ndata:3\n\nretry:50\nid:b\ndata:4\n\ndata:5\n\nid\ndata:6\n\n"
    decoder = SSEDecoder()
    assert decoder.last_event_id == ""
    assert decoder.reconnection_time is None
    events = decoder.receive_data(stream)
    assert [(event.id, event.retry) for event in events] == [
        *(("", None), ("a", None), ("a", None), ("b", 50), ("b", None), ("", None))
    ]
    assert decoder.receive_data(b"id:c\n") == []
    assert decoder.last_event_id == ""
    assert decoder.receive_data(b"\n") == []
    assert decoder.last_event_id == "c"
    assert decoder.reconnection_time == 50


@for_each("digits, value", [("9" * 18, 10**18 - 1), ("9" * 19, None), ("1" * 5000, None)])
def test_a_retry_of_too_many_digits_is_ignored(digits: str, value: int | None) -> None:
    assert decoded([f"retry:{digits}\ndata:x\n\n".encode()]).reconnection_time == value


def test_a_line_that_ends_with_cr_is_handed_out_at_once() -> None:
    decoder = SSEDecoder()
    assert decoder.receive_data(b"data:x\r\r") == [ServerSentEvent(data="x")]
    assert decoder.receive_data(b"\n") == []
    assert decoder.receive_data(b"\n") == []


@for_each("pieces", [[b"data:x\n\n"], [b"data:x\r\n", b"\r\n"], [b"da", b"ta: x\n", b"\n"]])
def test_an_event_is_handed_out_with_its_blank_line(pieces: list[bytes]) -> None:
    decoder = SSEDecoder()
    *before, last = [decoder.receive_data(piece) for piece in pieces]
    assert not any(before)
    assert last == [ServerSentEvent(data="x")]


# The bare JSON error (docs/protocol/openai.md#65-errors-inside-a-stream)


@for_each("make", [SSEDecoder, SSESplitter])
def test_the_first_line_that_looks_like_json_is_kept(make: Callable[[], SSEDecoder | SSESplitter]) -> None:
    decoder = make()
    decoder.receive_data(b'data:{"a":1}\n\n: {\n{"error":"first"}\r\n{"error":"second"}\n')
    assert decoder.stray == b'{"error":"first"}'
    decoder.receive_data(b'{"error":"third"}')
    decoder.receive_eof()
    assert decoder.stray == b'{"error":"first"}'


def test_an_unfinished_last_line_is_kept_at_the_end_only() -> None:
    decoder = SSESplitter()
    assert decoder.receive_data(BOM + b'{"statusCode":') == []
    assert decoder.receive_data(b"500}") == []
    assert decoder.stray == b""
    decoder.receive_eof()
    assert decoder.stray == b'{"statusCode":500}'


@for_each("pieces", [[b"{\n"], [b"{", b"\n"], [BOM, b"{\n"]])
def test_a_line_as_short_as_the_byte_order_mark_is_kept_without_its_end(pieces: list[bytes]) -> None:
    assert decoded(pieces).stray == b"{"


def test_what_is_kept_of_it_is_bounded() -> None:
    assert decoded([b"{" * 11 + b"\n"], Limits(error_body=10)).stray == b"{" * 10
    assert decoded([b"{" * 11], Limits(error_body=10)).stray == b"{" * 10


# Limits (docs/protocol/sse.md#3-hazards)


def failure(pieces: Iterable[bytes], limits: Limits) -> tuple[list[ServerSentEvent], LimitExceeded | None]:
    """All events, however late the error comes, and the error."""
    decoder = SSEDecoder(limits)
    events: list[ServerSentEvent] = []
    try:
        for piece in pieces:
            events += decoder.receive_data(piece)
        decoder.receive_eof()
    except LimitExceeded as error:
        return events, error
    return events, None


@for_each("end", [b"", b"\n", b"\r\n", b"\n\n"])
@for_each("start", [b"", BOM, b"data:a\n\n", b"data:a\n", b":\n"])
@for_each("kind", [b":", b"data:", b"id: ", b"unknown"])
def test_a_line_may_be_as_long_as_the_limit(kind: bytes, start: bytes, end: bytes) -> None:
    line = kind.ljust(40, b"x")
    limits = Limits(line=40)
    for stream, value in ((start + line + end, None), (start + line + b"x" + end, 41)):
        for pieces in ([stream], bytewise(stream)):
            error = failure(pieces, limits)[1]
            assert (error and (error.what, error.limit, error.value)) == (value and ("line", 40, value))


@for_each("end", [b"", b"\n", b"\n\n"])
@for_each("lines", [[b"data: ", b"12345678"], [b"data:", b"12345678"], [b"data:123\ndata:", b"4567"]])
def test_an_events_data_may_be_as_large_as_the_limit(lines: list[bytes], end: bytes) -> None:
    block = b"".join(lines)
    limits = Limits(event=8)
    for start in (b"", BOM, b"data:x\n\n", b"event:abcdefghijkl\n", b":abcdefghijklmnopq\n", b"\r"):
        for stream, value in ((start + block + end, None), (start + block + b"9" + end, 9)):
            for pieces in ([stream], bytewise(stream), [start, block, stream[len(start + block) :]]):
                error = failure(pieces, limits)[1]
                assert (error and (error.what, error.limit, error.value)) == (value and ("event", 8, value))


def test_many_empty_data_lines_are_bounded_too() -> None:
    assert failure([b"data\n" * 9 + b"\n"], Limits(event=8))[1] is None
    error = failure([b"data\n" * 10], Limits(event=8))[1]
    assert error is not None
    assert error.what == "event"


def test_an_events_size_is_counted_anew_after_each_blank_line() -> None:
    assert len(failure([b"data:12345678\n\n" * 3], Limits(event=8))[0]) == 3
    assert len(failure([b"data:1234567\ndata\n\n\n" * 3], Limits(event=8))[0]) == 3


@settings(deadline=None)
@given(STREAMS, CUTS, st.integers(5, 80), st.integers(0, 80))
def test_limits_cost_no_event_before_the_error_wherever_the_cuts_are(
    stream: bytes, at: list[int], line: int, event: int
) -> None:
    limits = Limits(line=line, event=event)
    whole, error = failure([stream], limits)
    for pieces in (cut(stream, at), bytewise(stream)):
        events, other = failure(pieces, limits)
        assert events == whole
        assert type(other) is type(error)


def test_an_error_behind_events_of_the_same_read_comes_with_the_next_call() -> None:
    stream = b"data:x\n\n" + b"y" * 41
    decoder, splitter = SSEDecoder(Limits(line=40)), SSESplitter(Limits(line=40))
    assert decoder.receive_data(stream) == [ServerSentEvent(data="x")]
    assert splitter.receive_data(stream) == [(b"", b"x")]
    with pytest.raises(LimitExceeded, match="line: 41"):
        decoder.receive_data(b"data:z\n\n")
    with pytest.raises(LimitExceeded, match="line: 41"):
        splitter.receive_eof()
    for call in (lambda: decoder.receive_data(b""), decoder.receive_eof, splitter.receive_eof):
        with pytest.raises(LocalProtocolError, match="over"):
            call()


# The end


@for_each("make", [SSEDecoder, SSESplitter])
@for_each("before", [b"", BLOCK, b"data:unfinished"])
def test_nothing_can_be_fed_after_the_end(make: Callable[[], SSEDecoder | SSESplitter], before: bytes) -> None:
    decoder = make()
    decoder.receive_data(before)
    assert not decoder.receive_eof()
    for data in (b"", b"\n", BLOCK, b"\r\n"):
        with pytest.raises(LocalProtocolError, match="over"):
            decoder.receive_data(data)
    with pytest.raises(LocalProtocolError, match="over"):
        decoder.receive_eof()


def test_nothing_can_be_fed_after_a_failure() -> None:
    decoder = SSEDecoder(Limits(line=4))
    with pytest.raises(LimitExceeded):
        decoder.receive_data(b"12345")
    for data in (b"", BLOCK):
        with pytest.raises(LocalProtocolError, match="over"):
            decoder.receive_data(data)


# Linear time and bounded copying


class CountingTail(bytearray):
    """The unfinished line, counting the bytes that go through it. The clock is left to the benchmarks."""

    moved = 0

    def __iadd__(self, more: Any) -> Any:  # type: ignore[misc]
        self.moved += len(more)
        return super().__iadd__(more)

    def __bytes__(self) -> bytes:
        self.moved += len(self)
        return bytes(memoryview(self))

    def __getitem__(self, key: Any) -> Any:
        raise AssertionError("the unfinished line is looked at again")


@pytest.mark.parametrize("size", [1, 16, 1400])
def test_each_byte_of_an_unfinished_line_is_moved_twice_at_most(size: int) -> None:
    stream = b"data:" + b"x" * 50_000 + b"\n\n" + b":" * 50_000 + b"\n" + BLOCK
    decoder = SSESplitter()
    tail = CountingTail()
    decoder.receive_data(stream[:3])
    tail += decoder._tail
    decoder._tail = tail
    events = [e for at in range(3, len(stream), size) for e in decoder.receive_data(stream[at : at + size])]
    assert [len(data) for _, data in events] == [50_000, 40]
    assert tail.moved <= 2 * len(stream)


# Values


def test_an_event_shows_its_name_and_id_but_not_its_data() -> None:
    event = ServerSentEvent(event="newToken", id="192", data="Once upon a time")
    assert repr(event) == str(event) == "ServerSentEvent(event='newToken', id='192')"
    assert f"{[event._replace(retry=5)]}" == "[ServerSentEvent(event='newToken', id='192', retry=5)]"


def test_an_event_is_a_value() -> None:
    event = ServerSentEvent(data="x", event="e", id="1", retry=3)
    assert event == ServerSentEvent(data="x", event="e", id="1", retry=3) != ServerSentEvent(data="x")
    assert len({event, pickle.loads(pickle.dumps(event))}) == 1
    with pytest.raises(AttributeError):
        event.data = "y"  # type: ignore[misc]


# The way back

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
ONE_LINE = TEXT.map(lambda text: re.sub("[\r\n\0]", "", text))
RETRIES = st.none() | st.integers(0, 10**18 - 1)
EVENTS = st.builds(
    ServerSentEvent, ONE_LINE.filter(bool), TEXT.map(lambda text: text.replace("\r", "\n")), ONE_LINE, RETRIES
)


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=5), st.booleans(), st.sampled_from([b"\n", b"\r\n", b"\r"]), CUTS)
def test_decoding_what_was_encoded_gives_it_back(
    events: list[ServerSentEvent], space: bool, newline: bytes, at: list[int]
) -> None:
    ids = ["", *(event.id for event in events)]
    blocks = [
        encode_event(event, last_event_id=last, space=space, newline=newline)
        for event, last in zip(events, ids, strict=False)
    ]
    stream = b"".join(blocks)
    for pieces in (blocks, [stream], cut(stream, at), bytewise(stream)):
        assert decoded(pieces).events == events


def test_only_the_lines_that_matter_are_written() -> None:
    assert encode_event(ServerSentEvent(data="[DONE]"), space=True) == b"data: [DONE]\n\n"
    assert encode_event(ServerSentEvent(data="")) == b"data:\n\n"
    native = ServerSentEvent(data="a\n b\n", event="newToken", id="3", retry=9)
    assert encode_event(native) == b"event:newToken\nid:3\nretry:9\ndata:a\ndata:  b\ndata:\n\n"
    assert encode_event(native, last_event_id="3")[:24] == b"event:newToken\nretry:9\nd"
    assert encode_event(ServerSentEvent(data="x"), last_event_id="3", newline=b"\r\n") == b"id:\r\ndata:x\r\n\r\n"


@for_each(
    "part, event",
    [
        *(("type", ServerSentEvent("SECRET" + end, "x")) for end in ("\r", "\n", "\0", "\ud800")),
        *(("id", ServerSentEvent(data="x", id="SECRET" + end)) for end in ("\r", "\n", "\0", "\ud800")),
        *(("data", ServerSentEvent(data="SECRET" + end)) for end in ("\r\n", "\r", "\ud800")),
        ("type", ServerSentEvent("", "x")),
        *(("retry", ServerSentEvent(data="x", retry=number)) for number in (-1, 10**18)),
    ],
)
def test_what_would_not_come_back_is_refused_by_its_name_without_quoting_it(part: str, event: ServerSentEvent) -> None:
    with pytest.raises(InvalidRequestError, match=rf"\b{part}\b") as caught:
        encode_event(event)
    assert caught.value.parameter == "event"
    assert "SECRET" not in str(caught.value)
    assert caught.value.__context__ is None


@for_each(
    "name, takes, event",
    [
        ("event", "a ServerSentEvent", ("message", "x", "", None)),
        ("event.event", "a str", ServerSentEvent(b"e", "x")),  # type: ignore[arg-type]
        ("event.data", "a str", ServerSentEvent(data=b"x")),  # type: ignore[arg-type]
        ("event.id", "a str", ServerSentEvent(data="x", id=7)),  # type: ignore[arg-type]
        ("event.retry", "an int or None", ServerSentEvent(data="x", retry="7")),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_event_is_refused_by_its_name(name: str, takes: str, event: Any) -> None:
    with pytest.raises(InvalidRequestError, match=f"^{re.escape(name)} takes {takes}, not "):
        encode_event(event)


def test_the_id_of_the_reader_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidRequestError, match=r"^last_event_id takes a str") as caught:
        encode_event(ServerSentEvent(data="x"), last_event_id=3)  # type: ignore[arg-type]
    assert caught.value.parameter == "last_event_id"


@for_each("retry", [0, 1, 10**18 - 1])
def test_a_retry_comes_back_from_0_up_to_18_digits(retry: int) -> None:
    event = ServerSentEvent(data="x", retry=retry)
    assert decoded([encode_event(event)]).events == [event]


def test_a_line_ends_with_lf_crlf_or_cr() -> None:
    with pytest.raises(InvalidRequestError, match="LF, CRLF or CR"):
        encode_event(ServerSentEvent(data="x"), newline=b"\n\r")
