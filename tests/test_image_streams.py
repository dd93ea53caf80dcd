"""Images while they are drawn, in both framings.

See docs/protocol/image.md#7-streaming.
"""

from __future__ import annotations

import json
from base64 import b64encode
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.image_frames import encode_frame
from nai_proto.codecs.zip_archive import zip_files
from nai_proto.errors import InvalidRequestError, LimitExceeded, NaiError, RemoteProtocolError, StreamError, Truncated
from nai_proto.http import Head, Headers
from nai_proto.image import MODELS, Image, ImageModel, PreviewStep, generate_stream
from nai_proto.limits import Limits
from nai_proto.testing import FlowTrace, play
from tests.cases import for_each
from tests.image_support import JPEG, PNG, WEBP, body_of

# the bytes of docs/protocol/image.md#71-msgpack-stream-msgpack
STEP = bytes.fromhex(
    "0000004e 86 aa6576656e745f74797065 ac696e7465726d656469617465 a773616d705f6978 00 a7737465705f6978 03"
    "a667656e5f6964 ce007e87b3 a57369676d61 ca4267783e a5696d616765 c404 ffd8ffe0"
)
FINAL = bytes.fromhex(
    "00000037 84 aa6576656e745f74797065 a566696e616c a773616d705f6978 00 a667656e5f6964 ce007e87b3"
    "a5696d616765 c408 89504e470d0a1a0a"
)
ERROR = bytes.fromhex(
    "00000042 84 aa6576656e745f74797065 a56572726f72 a773616d705f6978 00 a4636f6465 cd01f4"
    "a76d657373616765 b6 4572726f722067656e65726174696e6720696d616765"
)
MSGPACK = "application/msgpack"
SSE = "text/event-stream"


def message(kind: str, sample: int = 0, **more: object) -> dict[str, object]:
    return {"event_type": kind, "samp_ix": sample, "gen_id": 8292275, **more}


def step(number: int, sample: int = 0) -> dict[str, object]:
    return message("intermediate", sample, step_ix=number, sigma=20000 if number == 0 else 57.5, image=JPEG)


def final(sample: int = 0) -> dict[str, object]:
    return message("final", sample, image=PNG)


def framed(*messages: dict[str, object]) -> bytes:
    return b"".join(map(encode_frame, messages))


def evented(*messages: dict[str, object]) -> bytes:
    pieces: list[str] = []
    for each in messages:
        data = {key: b64encode(value).decode() if isinstance(value, bytes) else value for key, value in each.items()}
        pieces.append(f"event: {each['event_type']}\ndata: {json.dumps(data)}\n\n")
    return "".join(pieces).encode()


def streamed(
    body: bytes | list[bytes], content_type: str = MSGPACK, limits: Limits | None = None, **options: Any
) -> FlowTrace[Any, tuple[Image, ...]]:
    pieces = [body] if isinstance(body, bytes) else body
    head = Head(200, Headers.of(content_type=content_type))
    operation = generate_stream("a cat", **{"seed": 5, "size": (512, 512), **options})
    return play(operation.with_options(limits=limits), [head, *filter(None, pieces), b"", b""])


STORY = [step(0), step(0, 1), message("retry"), step(1), final(1), {**step(2), "new": [None]}, final()]
EVENTS = [
    PreviewStep(JPEG, 0, 0, 20000),
    PreviewStep(JPEG, 1, 0, 20000),
    PreviewStep(JPEG, 0, 1, 57.5),
    Image(PNG, "image_1.png", 6, 1),
    PreviewStep(JPEG, 0, 2, 57.5),
    Image(PNG, "image_0.png", 5, 0),
]
FORMS = {MSGPACK: framed(*STORY), SSE: evented(*STORY)}


def test_a_stream_is_requested_in_either_framing() -> None:
    operation = generate_stream("a cat", model="V4.5 Full", seed=5)
    assert operation.request.path == "/ai/generate-image-stream"
    assert body_of(operation.request)["parameters"]["stream"] == "msgpack"
    assert operation.seed == 5
    other = generate_stream("a cat", framing="sse")
    assert body_of(other.request)["parameters"]["stream"] == "sse"


@for_each("model", MODELS)
def test_models_before_v4_do_not_stream(model: ImageModel) -> None:
    if model.family.structured:
        assert generate_stream("a cat", model=model).request.body
        return
    with pytest.raises(InvalidRequestError, match=f"{model.id} does not stream: V4 and later do"):
        generate_stream("a cat", model=model)
    assert generate_stream("a cat", model=model, validate=False).request.body


def test_another_framing_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="framing is msgpack or sse, not 'json'"):
        generate_stream("a cat", framing="json")  # type: ignore[arg-type]  # as somebody without a type checker would


def test_the_protocol_s_own_bytes_are_read() -> None:
    played = streamed(STEP + FINAL)
    mark = b"\x89PNG\r\n\x1a\n"
    assert played.events == [PreviewStep(JPEG, 0, 3, 57.86742401123047), Image(mark, "image_0.png", 5)]
    assert played.result == (Image(mark, "image_0.png", 5),)
    failed = streamed(STEP + ERROR)
    assert failed.events == [PreviewStep(JPEG, 0, 3, 57.86742401123047)]
    assert isinstance(failed.error, StreamError)
    assert (failed.error.status, str(failed.error)) == (500, "Error generating image (statusCode 500)")
    assert failed.error.partial == ()


@pytest.mark.parametrize("form", FORMS)
@given(cuts=st.lists(st.integers(0, max(map(len, FORMS.values())))))
def test_both_framings_tell_the_same_however_they_are_cut(form: str, cuts: list[int]) -> None:
    body = FORMS[form]
    edges = [0, *sorted(cut for cut in cuts if cut < len(body)), len(body)]
    played = streamed([body[a:b] for a, b in pairwise(edges)], form, n_samples=2)
    assert played.events == EVENTS
    assert played.result == (EVENTS[5], EVENTS[3])


@for_each("form", FORMS)
def test_byte_by_byte_is_the_same(form: str) -> None:
    assert streamed([bytes([one]) for one in FORMS[form]], form, n_samples=2).events == EVENTS


@for_each("form", FORMS)
def test_what_follows_the_last_image_does_not_matter(form: str) -> None:
    played = streamed([FORMS[form], b"\xff\xff\xff\xff junk"], form, n_samples=2)
    assert len(played.result) == 2


@for_each("form", FORMS)
def test_a_stream_without_all_images_is_cut_short(form: str) -> None:
    write = framed if form == MSGPACK else evented
    played = streamed(write(step(0), final(1)), form, n_samples=2)
    assert isinstance(played.error, Truncated)
    assert played.error.partial == (Image(PNG, "image_1.png", 6, 1),)
    assert isinstance(streamed(write(step(0))[:-3], form).error, Truncated)
    assert isinstance(streamed(b"", form).error, Truncated)


@for_each("form", FORMS)
def test_an_error_in_the_stream_comes_behind_its_events(form: str) -> None:
    write = framed if form == MSGPACK else evented
    played = streamed(write(step(0), message("error", code=500, message="no"), final()), form)
    assert played.events == [PreviewStep(JPEG, 0, 0, 20000)]
    assert isinstance(played.error, StreamError)
    assert (played.error.status, str(played.error)) == (500, "no (statusCode 500)")
    silent = streamed(write({"event_type": "error", "code": "x"}), form)
    assert "an error without a message" in str(silent.error)


def test_an_error_of_another_form_is_one_too() -> None:
    error = streamed(b'event: error\ndata: {"message":"gone"}\n\n', SSE).error
    assert isinstance(error, StreamError)
    assert str(error) == "gone"


def test_an_event_needs_no_name_of_its_own() -> None:
    body = evented(step(0), final()).replace(b"event: intermediate\n", b"").replace(b"event: final\n", b"")
    assert streamed(body, SSE).events == [EVENTS[0], EVENTS[5]]
    odd = b'data: {"event_type":"error","code":502,"message":"gone"}\n\n'
    error = streamed(odd, SSE).error
    assert isinstance(error, StreamError)
    assert error.status == 502


def test_what_is_no_message_is_an_error() -> None:
    for body, form in (
        (framed({"samp_ix": 0}), MSGPACK),
        (b"\0\0\0\1\xc1", MSGPACK),
        (b'event: final\ndata: {"event_type":"final","image":7}\n\n', SSE),
        (b"event: final\ndata: nonsense\n\n", SSE),
    ):
        error = streamed(body, form).error
        assert isinstance(error, RemoteProtocolError)
        assert "event 0" in str(error)


def test_an_archive_may_come_instead() -> None:
    archive = zip_files([("image_0.png", PNG)])
    for content_type in (MSGPACK, "binary/octet-stream", "image/png"):
        body = PNG if content_type == "image/png" else archive
        played = streamed(body, content_type)
        assert (played.events, played.result) == ([], (Image(PNG, "image_0.png", 5),))
    listed = json.dumps({"images": [{"image": b64encode(PNG).decode(), "index": 0, "seed": 7}]}).encode()
    assert streamed(listed, "application/json").result == (Image(PNG, "image_0.png", 7),)


@for_each("body", [zip_files([("image_0.png", PNG)]), PNG, WEBP, JPEG, FORMS[MSGPACK], b"\0\0", b""])
def test_what_an_answer_is_does_not_depend_on_how_it_is_cut(body: bytes) -> None:
    whole, split = streamed(body), streamed([body[at : at + 1] for at in range(len(body))])
    assert (whole.events, type(whole.error)) == (split.events, type(split.error))
    if whole.error is None:
        assert whole.result == split.result


def test_frames_may_come_as_any_bytes() -> None:
    assert streamed(framed(step(0), final()), "application/octet-stream").events == [EVENTS[0], EVENTS[5]]


def test_large_images_fit_and_too_large_ones_do_not() -> None:
    large = {**final(), "image": PNG + bytes(3_000_000)}
    assert len(streamed(evented(large), SSE).result[0].data) > 3_000_000
    assert len(streamed(framed(large)).result[0].data) > 3_000_000
    small = Limits(frame=1000, line=1000)
    assert isinstance(streamed(framed(large), limits=small).error, LimitExceeded)
    assert isinstance(streamed(evented(large), SSE, limits=small).error, LimitExceeded)


def test_a_frame_that_is_too_large_is_an_error_behind_the_events() -> None:
    played = streamed(framed(step(0)) + b"\0\xff\xff\xff", limits=Limits(frame=1000))
    assert played.events == EVENTS[:1]
    assert isinstance(played.error, LimitExceeded | Truncated)


def test_events_show_no_bytes() -> None:
    assert repr(EVENTS[0]) == "PreviewStep(sample=0, step=0, sigma=20000)"


@given(
    st.sampled_from([MSGPACK, SSE, "", "binary/octet-stream"]),
    st.lists(
        st.binary(max_size=30) | st.sampled_from([STEP, FINAL, ERROR, evented(step(0)), evented(final())]), max_size=4
    ),
)
def test_whatever_comes_gives_events_or_one_of_the_errors(content_type: str, pieces: list[bytes]) -> None:
    try:
        streamed(pieces, content_type).result  # noqa: B018 -- it raises
    except NaiError:
        pass
