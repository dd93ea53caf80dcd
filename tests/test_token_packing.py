"""Packed token ids.

See docs/protocol/native.md#111-packing.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.codecs.token_packing import pack, unpack
from nai_proto.errors import InvalidRequestError, RemoteProtocolError
from tests.cases import for_each
from tests.protocol_data import DATA as PROTOCOL_DATA

DATA = json.loads((PROTOCOL_DATA / "key_vectors.json").read_bytes())
VECTORS: list[dict[str, Any]] = DATA["token_packing_vectors"]


@for_each("vector", VECTORS, ids=lambda vector: f"{len(vector['tokens'])}x{vector['width']}")
def test_every_vector_holds_both_ways(vector: dict[str, Any]) -> None:
    assert pack(vector["tokens"], vector["width"]) == vector["base64"]
    assert unpack(vector["base64"], vector["width"]) == vector["tokens"]
    assert unpack(vector["base64"].encode(), vector["width"]) == vector["tokens"]


def test_the_bytes_are_little_endian_on_every_host() -> None:
    assert pack([0x0102, 0x0304], 2) == base64.b64encode(b"\x02\x01\x04\x03").decode()
    assert pack([0x01020304], 4) == base64.b64encode(b"\x04\x03\x02\x01").decode()


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**16 - 1)))
def test_two_byte_tokens_come_back(tokens: list[int]) -> None:
    assert unpack(pack(tokens, 2), 2) == tokens
    assert pack(iter(tokens), 2) == pack(tuple(tokens), 2)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1)))
def test_four_byte_tokens_come_back(tokens: list[int]) -> None:
    assert unpack(pack(tokens, 4), 4) == tokens


@for_each("width", [2, 4])
def test_the_largest_token_fits_and_the_next_does_not(width: int) -> None:
    most = 256**width - 1
    assert unpack(pack([0, most], width), width) == [0, most]
    with pytest.raises(InvalidRequestError, match=f"token 1 is {most + 1}, which {width} bytes cannot hold"):
        pack([0, most + 1], width)
    with pytest.raises(InvalidRequestError, match=f"token 0 is -1, which {width} bytes cannot hold"):
        pack(iter([-1]), width)
    with pytest.raises(InvalidRequestError, match="token 0 is a number of 16610 bits") as caught:
        pack([10**5000], width)
    assert caught.value.__context__ is None


@for_each("token", [1.0, "1", None])
def test_what_is_no_integer_is_refused_by_its_type(token: Any) -> None:
    with pytest.raises(InvalidRequestError, match=f"token 2 is a {type(token).__name__}"):
        pack([1, True, token], 2)


@for_each("width", [0, 1, 3, 8, -2])
def test_a_token_takes_two_or_four_bytes(width: int) -> None:
    with pytest.raises(InvalidRequestError, match=f"not {width}"):
        pack([], width)
    with pytest.raises(InvalidRequestError, match=f"not {width}"):
        unpack("", width)


@for_each(
    "text",
    [
        *("A", "AA", "AAA", "AA=", "AAA", "AAAA=", "AAAA====", "=AAA", "A=AA", "AA==AA==", "====", "="),
        *("AA-_", "AA A", " AAAA", "AAAA\n", "AA\r\nAA", "AAAé", "AAA\ud800", "AAA\0"),
    ],
)
def test_base64_is_read_strictly(text: str) -> None:
    for form in (text, text.encode("utf-8", "surrogatepass")):
        with pytest.raises(RemoteProtocolError, match="not base64") as caught:
            unpack(form, 2)
        assert caught.value.__context__ is None


@for_each("size, width", [(1, 2), (3, 2), (2, 4), (6, 4), (7, 4)])
def test_a_length_that_is_no_multiple_of_the_width_is_refused(size: int, width: int) -> None:
    text = base64.b64encode(bytes(size))
    with pytest.raises(RemoteProtocolError, match=f"{size} bytes are no whole number of tokens of {width}") as caught:
        unpack(text, width)
    assert caught.value.excerpt == text.decode()


@settings(deadline=None)
@given(st.text() | st.binary(), st.sampled_from([2, 4]))
def test_any_text_gives_tokens_or_the_documented_error(text: str | bytes, width: int) -> None:
    try:
        tokens = unpack(text, width)
    except RemoteProtocolError:
        return
    assert unpack(pack(tokens, width), width) == tokens
