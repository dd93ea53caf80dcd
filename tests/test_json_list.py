"""A list is read item by item while it comes, and is the same list, or error, as a document that is read at once."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nai_proto import NO_RETRY, Limits, RetryPolicy, Session, objects
from nai_proto.codecs.json import JsonDecoder
from nai_proto.codecs.json_list import JsonListSplitter
from nai_proto.errors import LimitExceeded, NaiError, RemoteProtocolError, StreamError, TransportError
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.readers import JsonBodyReader
from nai_proto.http import Head, Headers
from nai_proto.objects import StoredObject
from nai_proto.testing import FlowTrace, play
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

JSON: Final = Head(200, Headers.of(content_type="application/json"))
URL: Final = "http://emulator.invalid"
SESSION: Final = Session(base_url=URL, retry=NO_RETRY)
USUAL: Final = Limits()


class Whole(msgspec.Struct):
    objects: list[Any]


def read_whole(response: Whole) -> tuple[StoredObject, ...]:
    return tuple(map(StoredObject.from_json, response.objects))


LISTING: Final = objects.list_objects("stories")
AT_ONCE: Final = Operation(LISTING.request, (("application/json", JsonBodyReader(Whole, read_whole)),))
"""The list as a reader of whole documents reads it."""


def pieces_of(body: bytes, cuts: Iterable[int]) -> list[bytes]:
    return [
        body[start:end] for start, end in pairwise(sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)}))
    ]


def outcome(trace: FlowTrace[Any, Any]) -> object:
    return trace.result if trace.error is None else (type(trace.error), str(trace.error))


def check_same(body: bytes, cuts: Iterable[int] = (), limits: Limits = USUAL) -> None:
    """Compare the list as it comes in pieces with the document that is read at once: what is read, and every error."""
    session = Session(base_url=URL, retry=NO_RETRY, limits=limits)
    script: list[Head | bytes | NaiError] = [JSON, *pieces_of(body, cuts), b""]
    whole = play(AT_ONCE, [JSON, body, b""], session)
    listed = play(LISTING, script, session)
    streamed = play(objects.stream_objects("stories"), script, session)
    assert outcome(listed) == outcome(whole)
    if whole.error is None:
        assert (tuple(streamed.events), streamed.result) == (whole.result, len(whole.result))
    else:
        assert outcome(streamed) == outcome(whole)


TEXTS = st.text(st.sampled_from('ab"\\,[]{}é🦢\n\x00'), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.just(1.5) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ITEMS = VALUES | st.fixed_dictionaries({"id": TEXTS, "meta": TEXTS, "data": TEXTS, "changeIndex": st.integers(0, 9)})
CUTS = st.lists(st.integers(0, 4000), max_size=12)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Return a list as services write it, or with other members, spaced, or escaped."""
    document: dict[str, Any] = {"objects": draw(st.lists(ITEMS, max_size=5))}
    document |= draw(st.dictionaries(st.sampled_from(["total", "message", "x"]), VALUES, max_size=2))
    if draw(st.integers(0, 9)) == 0:
        document = dict(reversed(document.items()))
    indent = draw(st.sampled_from([None, None, 1]))
    text = json.dumps(document, indent=indent, ensure_ascii=draw(st.booleans()))
    return draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf", b" \n"])) + text.encode()


DAMAGE = [b"", b",", b"[", b"]", b"{", b"}", b'"', b"\\", b"\xff", b"0", b"NaN", b"\x00", b":", b" ", b"1e999", b"]}"]


@given(bodies(), CUTS)
@settings(max_examples=scale_examples(100))
def test_a_list_is_the_same_however_it_is_cut(body: bytes, cuts: list[int]) -> None:
    check_same(body, cuts)


@given(bodies(), st.data(), CUTS)
@settings(max_examples=scale_examples(200))
def test_a_damaged_list_is_the_same_error_however_it_is_cut(body: bytes, data: st.DataObject, cuts: list[int]) -> None:
    at = data.draw(st.integers(0, len(body)))
    damaged = body[:at] + data.draw(st.sampled_from(DAMAGE)) + body[at + data.draw(st.integers(0, 3)) :]
    check_same(damaged, cuts)


@for_each(
    "body",
    [
        *(
            "",
            "{",
            "null",
            "[]",
            '{"objects"',
            '{"objects":[',
            '{"objects":7}',
            '{"objects":null}',
            '{"objects":[]',
            '"x"',
        ),
        *(
            '{"objects":[]}',
            '{"objects":[] }',
            '{"objects":[1]}',
            '{"objects":[1,]}',
            '{"objects":[,1]}',
            '{"objects":[,]}',
        ),
        *(
            '{"objects":[1 2]}',
            '{"objects":[1]} x',
            '{"objects":[1}]',
            '{"objects":[{]}',
            '{"objects":[1,2}',
            '{"objects":[{}',
        ),
        *(
            '{"objects":[{}]',
            '{"objects":[{}],}',
            '{"objects":[{}],"a"}',
            '{"objects":[{"a":"b',
            '{"objects":[{}}, {}]}',
        ),
        *('{"objects":[1e999,NaN,{"a":-Infinity}]}', '{"objects":["\\ud800",{"\\ud83e\\udda2":"\\udda2"}]}'),
        *('{"objects":[{"id":1,"id":"b"}],"error":"busy"}', '{"objects":[],"statusCode":500,"message":"no"}'),
        *('{"error":"no","objects":[{}]}', '{"detail":"no"}', '{"total":1,"objects":[{"id":"a"}]}', '{"Objects":[{}]}'),
        *('{"objects":{"a":[{}]}}', '{"objects":[[[[]]]],"more":[[[[]]]]}', f'{{{" " * 90}"objects":[{{"id":"a"}}]}}'),
    ],
)
def test_every_form_is_read_and_every_damage_told_as_of_a_whole_document(body: str) -> None:
    data = body.encode()
    check_same(data)
    check_same(data, range(len(data)))
    for limits in (Limits(json_depth=3), Limits(body=20)):
        check_same(data, limits=limits)


def test_an_item_is_there_when_its_end_has_come() -> None:
    splitter = JsonListSplitter("objects", lambda data: JsonDecoder(list[Any]).decode(data, where="x", depth=9))
    assert splitter.receive_data(b'{"objects": [{"a": "},"},') == [{"a": "},"}]
    assert splitter.receive_data(b' {"b": [1, "\\') == []
    assert splitter.receive_data(b'""]}') == []
    assert splitter.receive_data(b"\n,7") == [{"b": [1, '"']}]
    assert splitter.receive_data(b"]") == [7]
    assert splitter.receive_data(b', "total": 2}') == []
    assert splitter.receive_eof() == b'{"objects": [0], "total": 2}'


def test_items_before_a_damaged_one_are_events_before_the_error() -> None:
    body = b'{"objects":[{"id":"a"},{"id":"b"},{"id":c},{"id":"d"}]}'
    trace = play(objects.stream_objects("stories"), [JSON, body, b""], SESSION)
    assert [item.id for item in trace.events] == ["a", "b"]
    assert type(trace.error) is RemoteProtocolError
    assert str(trace.error).endswith(f"(byte {body.index(b'c}')})")


def test_an_error_beside_the_list_is_the_error() -> None:
    trace = play(objects.stream_objects("stories"), [JSON, b'{"objects":[{}],"error":"busy"}', b""], SESSION)
    assert (len(trace.events), type(trace.error)) == (1, StreamError)


@for_each("second", ['"objects":[]', '"objects":[0]', '"obj\\u0065cts":[{}]', '"total":{"objects":1},"objects":1'])
def test_a_document_with_two_lists_is_refused(second: str) -> None:
    body = f'{{"objects":[{{}}],{second}}}'.encode()
    for operation in (LISTING, objects.stream_objects("stories")):
        assert isinstance(play(operation, [JSON, body, b""], SESSION).error, RemoteProtocolError)


def test_the_limit_of_a_body_holds_for_what_has_come_in_all() -> None:
    body = b'{"objects":[' + b",".join(b'{"id":"%d"}' % number for number in range(100)) + b"]}"
    for cuts in ((), range(0, len(body), 7)):
        session = Session(base_url=URL, limits=Limits(body=500))
        trace = play(objects.stream_objects("stories"), [JSON, *pieces_of(body, cuts), b""], session)
        assert [item.id for item in trace.events] == [str(number) for number in range(len(trace.events))]
        assert len(trace.events) > 30
        assert isinstance(trace.error, LimitExceeded)
        assert (trace.error.what, trace.error.limit) == ("body", 500)


# ---- a list that breaks off

LOST: Final = TransportError("lost", sent=True, phase="idle")
HEAD: Final = b'{"objects":[{"id":"a","data":"1"},{"id":"b","data":"2"}'
RETRYING: Final = Session(base_url=URL, retry=RetryPolicy(attempts=3))


def stream_after_loss(*second: Head | bytes | NaiError) -> FlowTrace[Any, Any]:
    return play(objects.stream_objects("stories"), [JSON, HEAD + b",", LOST, *second], RETRYING)


def test_a_list_that_breaks_off_is_read_again_and_no_object_comes_twice() -> None:
    trace = stream_after_loss(JSON, HEAD[:30], HEAD[30:] + b',{"id":"c"}]}', b"")
    assert trace.error is None
    assert ([item.id for item in trace.events], trace.result) == (["a", "b", "c"], 3)


@for_each("body", [HEAD.replace(b'"2"', b'"3"') + b"]}", b'{"objects":[]}', b'{"objects":[{"id":"a","data":"1"}]}'])
def test_a_list_that_changed_after_it_broke_off_is_an_error(body: bytes) -> None:
    trace = stream_after_loss(JSON, body, b"")
    assert [item.id for item in trace.events] == ["a", "b"]
    assert isinstance(trace.error, RemoteProtocolError)
    assert "had changed" in str(trace.error)


def test_a_list_that_keeps_breaking_off_is_given_up() -> None:
    trace = stream_after_loss(JSON, LOST, JSON, LOST)
    assert [item.id for item in trace.events] == ["a", "b"]
    assert isinstance(trace.error, NaiError)
    assert trace.error is LOST


# ---- memory and time


def long_list(count: int) -> Iterator[bytes]:
    """Yield a list in pieces of 64 KiB, which take no memory together."""
    noise = random.Random(1)
    buffer = bytearray(b'{"objects":[')
    for number in range(count):
        item = {"id": str(number), "data": noise.randbytes(5_000).hex()}
        buffer += json.dumps(item).encode() + (b"," if number + 1 < count else b"]}")
        while len(buffer) >= 65_536:
            yield bytes(buffer[:65_536])
            del buffer[:65_536]
    yield bytes(buffer)


def test_a_longer_list_takes_no_more_memory() -> None:
    def peak(count: int) -> int:
        splitter = JsonListSplitter("objects", lambda data: JsonDecoder(list[Any]).decode(data, where="x", depth=9))
        tracemalloc.start()
        found = sum(len(splitter.receive_data(piece)) for piece in long_list(count))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found == count
        assert len(splitter.receive_eof()) < 100
        return most

    assert peak(400) < 1.2 * peak(40)


@example(b'"' + b"\\" * 60_001)
@example(b"[" * 200)
@given(st.sampled_from([b"[", b"{", b'{"', b'\\"', b'""', b",[", b"]", b'{"a":[']).map(lambda each: each * 30_000))
def test_a_long_item_is_searched_once_whatever_it_is(item: bytes) -> None:
    """A search that began anew with each read would take minutes."""
    splitter = JsonListSplitter("objects", lambda data: JsonDecoder(list[Any]).decode(data, where="x", depth=9))
    splitter.receive_data(b'{"objects":[')
    for start in range(0, len(item), 64):
        splitter.receive_data(item[start : start + 64])
    assert splitter.receive_eof().startswith(b'{"objects":[')
