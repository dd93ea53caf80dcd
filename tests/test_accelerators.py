"""The accelerators of the extra ``fast`` read what the standard library reads, and write what it can read."""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Callable

import isal
import pybase64
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs import accelerators

ALPHABET = "ABab01+/=-_ \nü"


def result_or_error(read: Callable[[], object]) -> object:
    try:
        return read()
    except ValueError:
        return ValueError


def whole(text: str, decode: Callable[[str], bytes]) -> object:
    """What the caller makes of it: the length counts as well."""
    data = result_or_error(lambda: decode(text))
    fits = isinstance(data, bytes) and len(text) == (len(data) + 2) // 3 * 4 and text.find("=", 0, len(text) - 2) < 0
    return data if fits else ValueError


def test_they_are_tested_indeed() -> None:
    assert pybase64.__version__
    assert isal.__version__
    for quick, plain in (
        (accelerators.decode, accelerators.plain_decode),
        (accelerators.encode, accelerators.plain_encode),
        (accelerators.inflate, accelerators.plain_inflate),
        (accelerators.deflate, accelerators.plain_deflate),
    ):
        assert quick is not plain


@given(st.binary(max_size=2000))
def test_base64_is_written_the_same(data: bytes) -> None:
    assert (
        accelerators.encode(data)
        == accelerators.plain_encode(data)
        == binascii.b2a_base64(data, newline=False).decode()
    )
    assert accelerators.decode(accelerators.encode(data)) == data


@given(
    st.one_of(
        st.text(ALPHABET, max_size=12), st.binary(max_size=40).map(accelerators.plain_encode), st.text(max_size=9)
    )
)
def test_base64_is_read_the_same(text: str) -> None:
    assert whole(text, accelerators.decode) == whole(text, accelerators.plain_decode)


def test_long_base64_is_read_in_pieces_and_only_its_end_is_padded() -> None:
    text = accelerators.plain_encode(bytes(300_000))
    broken = text[:262_142] + "==" + text[262_144:]
    for decode in (accelerators.decode, accelerators.plain_decode):
        assert whole(text, decode) == bytes(300_000)
        assert whole(broken, decode) is ValueError


@given(st.binary(max_size=3000), st.integers(1, 4000))
def test_deflate_of_either_is_inflated_the_same_by_either(payload: bytes, most: int) -> None:
    for deflate in (accelerators.deflate, accelerators.plain_deflate):
        packed = deflate(payload)
        assert zlib.decompress(packed, -15) == payload
        for inflate in (accelerators.inflate, accelerators.plain_inflate):
            found, ended, behind = inflate(packed + b"more", most)
            assert found == payload[:most]
            if len(payload) < most:
                assert (ended, behind) == (True, 4)


@given(
    st.one_of(
        st.binary(max_size=60), st.binary(max_size=300).map(accelerators.plain_deflate).map(lambda data: data[:-1])
    )
)
def test_what_is_no_whole_stream_is_one_for_neither(data: bytes) -> None:
    def read(inflate: Callable[[bytes, int], tuple[bytes, bool, int]]) -> object:
        found = result_or_error(lambda: inflate(data, 10_000))
        return found if isinstance(found, tuple) and found[1] else None

    assert read(accelerators.inflate) == read(accelerators.plain_inflate)
