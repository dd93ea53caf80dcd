"""Frames of the image stream: the captured bytes, any split, limits, hostile bytes, and the way back.

See docs/protocol/image.md#71-msgpack-stream-msgpack.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nai_proto.codecs.image_frames import FrameSplitter, MessageDecoder, encode_frame
from nai_proto.errors import InvalidRequestError, LimitExceeded, LocalProtocolError, RemoteProtocolError, Truncated
from nai_proto.limits import Limits
from nai_proto.testing.strategies import chunkings
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

INTERMEDIATE = bytes.fromhex(
    "0000004e86aa6576656e745f74797065ac696e7465726d656469617465a773616d705f697800a7737465705f697803"
    "a667656e5f6964ce007e87b3a57369676d61ca4267783ea5696d616765c404ffd8ffe0"
)
FINAL = bytes.fromhex(
    "0000003784aa6576656e745f74797065a566696e616ca773616d705f697800a667656e5f6964ce007e87b3"
    "a5696d616765c40889504e470d0a1a0a"
)
ERROR = bytes.fromhex(
    "0000004284aa6576656e745f74797065a56572726f72a773616d705f697800a4636f6465cd01f4"
    "a76d657373616765b64572726f722067656e65726174696e6720696d616765"
)
ANY: MessageDecoder[Any] = MessageDecoder(object)


def split(pieces: list[bytes], limits: Limits = Limits()) -> tuple[list[bytes], type[Exception] | None]:
    """All frames, however late the error comes, and its class."""
    splitter = FrameSplitter(limits)
    frames: list[bytes] = []
    try:
        for piece in pieces:
            frames += map(bytes, splitter.receive_data(piece))
        splitter.receive_eof()
    except (LimitExceeded, Truncated) as error:
        return frames, type(error)
    return frames, None


def test_the_captured_frames_are_read() -> None:
    frames, failure = split([INTERMEDIATE + FINAL + ERROR])
    assert failure is None
    assert [ANY.decode(frame, where="frame") for frame in frames] == [
        {
            "event_type": "intermediate",
            "samp_ix": 0,
            "step_ix": 3,
            "gen_id": 8292275,
            "sigma": 57.86742401123047,
            "image": b"\xff\xd8\xff\xe0",
        },
        {"event_type": "final", "samp_ix": 0, "gen_id": 8292275, "image": b"\x89PNG\r\n\x1a\n"},
        {"event_type": "error", "samp_ix": 0, "code": 500, "message": "Error generating image"},
    ]


def test_a_written_frame_is_the_captured_one() -> None:
    message = {"event_type": "final", "samp_ix": 0, "gen_id": 8292275, "image": b"\x89PNG\r\n\x1a\n"}
    assert encode_frame(message) == FINAL


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
MESSAGES = st.lists(st.dictionaries(st.text(max_size=8), VALUES, max_size=5), max_size=6)


@given(MESSAGES, st.data())
def test_what_was_written_is_read_in_any_pieces(messages: list[dict[str, Any]], data: st.DataObject) -> None:
    stream = b"".join(map(encode_frame, messages))
    frames, failure = split(data.draw(chunkings(stream)))
    assert failure is None
    assert [ANY.decode(frame, where="frame") for frame in frames] == messages


def framed(bodies: list[bytes]) -> bytes:
    return b"".join(len(body).to_bytes(4) + body for body in bodies)


STREAMS = st.tuples(st.lists(st.binary(max_size=12), max_size=5).map(framed), st.binary(max_size=12)).map(b"".join)


@settings(max_examples=scale_examples(300))
@given(STREAMS, st.data())
@example(framed([b"x" * 11, b"", b"y" * 10]), None)
@example(framed([b"x"]) + b"\0\0\0", None)
def test_frames_and_failure_are_the_same_however_the_bytes_are_cut(stream: bytes, data: st.DataObject | None) -> None:
    limits = Limits(frame=10)
    whole = split([stream], limits)
    bytewise = [stream[at : at + 1] for at in range(len(stream))]
    for pieces in (bytewise, data.draw(chunkings(stream)) if data else [stream, b""]):
        assert split(pieces, limits) == whole
    frames, failure = whole
    read = framed(frames)
    rest = stream[len(read) :]
    assert stream.startswith(read)
    assert (failure is None) is (not rest)
    assert (failure is LimitExceeded) is (len(rest) >= 4 and int.from_bytes(rest[:4]) > 10)


def test_a_frame_that_claims_four_gigabytes_is_refused_at_its_head() -> None:
    splitter = FrameSplitter()
    assert splitter.receive_data(b"\xff\xff\xff") == []
    with pytest.raises(LimitExceeded) as caught:
        splitter.receive_data(b"\xff")
    assert (caught.value.what, caught.value.limit, caught.value.value) == ("frame", Limits().frame, 2**32 - 1)
    with pytest.raises(LocalProtocolError, match="has ended"):
        splitter.receive_data(b"")


def test_an_error_behind_frames_of_the_same_read_comes_with_the_next_call() -> None:
    splitter = FrameSplitter(Limits(frame=len(FINAL)))
    assert splitter.receive_data(FINAL + INTERMEDIATE) == [FINAL[4:]]
    with pytest.raises(LimitExceeded):
        splitter.receive_eof()
    with pytest.raises(LocalProtocolError, match="has ended"):
        splitter.receive_eof()


@for_each("cut", range(1, len(FINAL)))
def test_a_stream_that_ends_within_a_frame_is_truncated(cut: int) -> None:
    splitter = FrameSplitter()
    assert splitter.receive_data(INTERMEDIATE + FINAL[:cut]) == [INTERMEDIATE[4:]]
    with pytest.raises(Truncated, match=f"ended {cut} bytes into") as caught:
        splitter.receive_eof()
    assert (f"of {len(FINAL)}" in str(caught.value)) is (cut >= 4)


class Piece(msgspec.Struct):
    event_type: str
    sigma: float = 0.0
    image: bytes = b""


@for_each("sigma", [b"\xca\x46\x9c\x40\x00", b"\xcb\x40\xd3\x88\x00\x00\x00\x00\x00", b"\xcd\x4e\x20"])
def test_a_number_may_come_in_any_width(sigma: bytes) -> None:
    body = b"\x83\xaaevent_type\xa1x\xa5sigma" + sigma + b"\xa5other\x91\x01"
    assert MessageDecoder(Piece).decode(body, where="frame") == Piece("x", 20000.0)


@for_each(
    "body, problem",
    [
        (b"", "not msgpack"),
        (b"\x80", "missing required field `event_type`"),
        (b"\x81\xaaevent_type\x01", "Expected `str`, got `int` - at `$.event_type`"),
        (b"\x81\xaaevent_type\xa1\xff", "not UTF-8"),
        (b"\x81\xaaevent_type\xa1x\x00", "not msgpack"),
        (b"\x82\xaaevent_type\xa1x\xa1b" + b"\x91" * 100_000, "too deeply"),
        (b"\xc1", "not msgpack"),
        (b"\xdf\xff\xff\xff\xff", "not msgpack"),
    ],
)
def test_what_is_no_message_is_an_error_that_says_where(body: bytes, problem: str) -> None:
    with pytest.raises(RemoteProtocolError, match="frame 3: ") as caught:
        MessageDecoder(Piece).decode(body, where="frame 3")
    assert problem in str(caught.value)
    assert caught.value.__context__ is None


@given(
    st.binary(max_size=60) | st.lists(st.sampled_from([b"\x81", b"\xa1a", b"\xdd", b"\0\xff\xff\xff"])).map(b"".join)
)
def test_any_bytes_are_a_message_or_a_documented_error(body: bytes) -> None:
    for decoder in (ANY, MessageDecoder(Piece)):
        failure: RemoteProtocolError | None = None
        try:
            decoder.decode(body, where="frame")
        except RemoteProtocolError as error:
            failure = error
        assert failure is None or failure.__context__ is None


def test_memory_is_that_of_the_frame_and_of_no_claim() -> None:
    body = b"x" * 1_000_000
    stream = framed([body])
    tracemalloc.start()
    splitter = FrameSplitter()
    for at in range(0, len(stream), 7):
        splitter.receive_data(stream[at : at + 7])
    for claim in (b"\xdd\0\xff\xff\xff", b"\xdf\0\xff\xff\xff", b"\xc6\0\xff\xff\xff"):
        with pytest.raises(RemoteProtocolError):
            ANY.decode(claim, where="frame")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.4 * len(body)  # growing in place may move it once


@for_each("message", [object(), {"a": "\ud800"}, {"a": 2**70}, {"a": {1, object()}}])
def test_what_has_no_form_is_not_written(message: object) -> None:
    with pytest.raises(InvalidRequestError, match="frame"):
        encode_frame(message)


def test_what_holds_itself_is_not_written() -> None:
    message: dict[str, Any] = {}
    message["self"] = message
    with pytest.raises(InvalidRequestError, match="itself"):
        encode_frame(message)
