"""What other implementations read is read as the same: JSON and base64 by the standard library, event streams by openai.

Other files compare with h11 (test_wire), Pillow (test_png, test_pixels), and node (test_jsregex_laws, test_msgpackr).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from openai._streaming import SSEDecoder as TheirDecoder

from nai_proto.codecs.forgiving_base64 import decode_base64
from nai_proto.codecs.json import JsonDecoder
from nai_proto.codecs.lone_surrogates import replace_lone_escapes
from nai_proto.codecs.secret_box import from_base64, read_json
from nai_proto.codecs.sse import SSEDecoder
from nai_proto.errors import Damaged, NaiError
from nai_proto.testing import find_target
from nai_proto.testing.strategies import chunkings, target_inputs
from tests.hypothesis_profiles import scale_examples

ANYTHING = JsonDecoder[Any](Any)
documents = target_inputs(find_target("json")) | st.text('[]{}",:\\u0dD18 ne-.truefals').map(str.encode)


@given(documents)
@settings(max_examples=scale_examples(400))
def test_json_that_is_read_is_what_the_standard_library_reads(data: bytes) -> None:
    try:
        value = ANYTHING.decode(data, where="here", depth=64)
    except NaiError:
        return
    assert value == json.loads(replace_lone_escapes(data))


@given(documents)
@settings(max_examples=scale_examples(400))
def test_json_of_a_browser_is_what_the_standard_library_reads(data: bytes) -> None:
    try:
        expected = json.loads(data.decode(), parse_constant=float)
    except (ValueError, RecursionError):
        expected = None
    try:
        value = read_json(data)
    except (ValueError, RecursionError):
        assert expected is None or any(name in data for name in (b"NaN", b"Infinity"))
        return
    assert value == expected


texts = st.binary(max_size=40).map(lambda data: base64.b64encode(data).decode())
digits = texts | st.text("AZaz09+/=- \n", max_size=12)


@given(digits)
@settings(max_examples=scale_examples(400))
def test_strict_base64_is_what_the_standard_library_reads(text: str) -> None:
    try:
        data = from_base64(text, "text")
    except Damaged:
        try:
            expected = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return
        assert base64.b64encode(expected).decode() != text, "valid base64 was refused"
        return
    assert data == base64.b64decode(text, validate=True) == decode_base64(text)


def read_theirs(pieces: Iterable[bytes]) -> list[tuple[str, str]]:
    return [(event.event or "message", event.data) for event in TheirDecoder().iter_bytes(iter(pieces))]


def read_ours(pieces: Iterable[bytes]) -> list[tuple[str, str]]:
    decoder = SSEDecoder()
    return [(event.event, event.data) for piece in pieces for event in decoder.receive_data(piece)]


line_texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Generate events with data, in all forms that both read: comments, unknown fields, blanks, several lines of data."""
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 5))):
        data = draw(st.lists(line_texts, min_size=1, max_size=3))
        block = [f"data:{draw(st.sampled_from(['', ' ']))}{text}" for text in data]
        others = st.sampled_from([": comment", ":", "event: newToken", "event:x", "other: 1", "retry: 5", "id: 7"])
        for line in draw(st.lists(others, max_size=3)):
            block.insert(draw(st.integers(0, len(block))), line)
        lines += [*block, ""]
    return "".join(line + end for line in lines).encode()


@given(st.data())
@settings(max_examples=scale_examples(200))
def test_an_event_stream_is_what_openai_reads(data: st.DataObject) -> None:
    stream = data.draw(streams())
    assert read_ours(data.draw(chunkings(stream))) == read_theirs([stream])
