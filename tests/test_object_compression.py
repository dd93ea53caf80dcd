"""The compression mark and raw deflate.

See docs/protocol/content.md#3-objects.
"""

from __future__ import annotations

import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nai_proto.codecs.accelerators import plain_deflate
from nai_proto.codecs.object_compression import MARK, deflate, inflate, pack, split_mark, unpack
from nai_proto.errors import Damaged, LimitExceeded
from nai_proto.limits import Limits
from tests.cases import for_each

FREE = 1_048_576


def test_the_mark_is_fifteen_zeros_and_a_one() -> None:
    assert MARK.hex() == "00" * 15 + "01"


@given(st.binary(max_size=300), st.booleans())
def test_what_was_packed_unpacks(payload: bytes, compressed: bool) -> None:
    if compressed or not payload.startswith(MARK):
        assert unpack(pack(payload, compressed)) == (payload, compressed)


@given(st.binary(max_size=100) | st.binary(max_size=100).map(lambda data: MARK + data))
@example(MARK)
@example(MARK[:-1])
def test_any_bytes_unpack_or_are_damaged(data: bytes) -> None:
    failure: Damaged | None = None
    try:
        payload, compressed = unpack(data)
        assert compressed or payload == data
    except Damaged as error:
        failure = error
    if failure is not None:
        assert failure.category == "bad deflate"
        assert data.startswith(MARK)
        assert failure.__context__ is None


def test_the_mark_alone_is_split_off() -> None:
    assert split_mark(MARK + b"x") == (b"x", True)
    assert split_mark(MARK[:-1]) == (MARK[:-1], False)


def test_a_stream_is_whole_and_nothing_follows_it() -> None:
    stream = deflate(b"the harbour at night " * 20)
    for cut in range(len(stream)):
        with pytest.raises(Damaged):
            inflate(stream[:cut])
    with pytest.raises(Damaged, match="1 bytes follow"):
        inflate(stream + b"\0")


@for_each("window", [zlib.MAX_WBITS, zlib.MAX_WBITS | 16])
def test_wrappers_are_refused(window: int) -> None:
    with pytest.raises(Damaged):
        inflate(zlib.compress(b"text", wbits=window))


@for_each("size", [0, 1, 1000])
def test_the_limit_is_what_may_come_out(size: int) -> None:
    stream = deflate(b"a" * size)
    assert inflate(stream, Limits(unpacked=size)) == b"a" * size
    if size:
        with pytest.raises(LimitExceeded) as caught:
            inflate(stream, Limits(unpacked=size - 1))
        assert (caught.value.limit, caught.value.value) == (size - 1, size)


def test_the_ratio_counts_from_one_mebibyte_on() -> None:
    assert len(inflate(deflate(bytes(FREE)))) == FREE
    with pytest.raises(LimitExceeded, match="packed size") as caught:
        inflate(deflate(bytes(FREE + 1)))
    assert (caught.value.limit, caught.value.value) == (FREE, FREE + 1)
    assert len(inflate(deflate(bytes(4 * FREE)), Limits(unpacked_ratio=1100))) == 4 * FREE


def test_a_bomb_is_not_inflated_beyond_the_limit() -> None:
    bomb = plain_deflate(bytes(100 * FREE))
    with pytest.raises(LimitExceeded) as caught:
        inflate(bomb)
    assert caught.value.value == caught.value.limit + 1 == 200 * len(bomb) + 1
