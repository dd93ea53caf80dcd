"""Streams with odd values: none that says nothing ends a run, no text is lost, and half a character is seen.

See docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top.
"""

from __future__ import annotations

import json
from base64 import b64encode
from itertools import pairwise
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto import text
from nai_proto.codecs.image_frames import encode_frame
from nai_proto.errors import LimitExceeded, NaiError, RemoteProtocolError, StreamError, Truncated
from nai_proto.http import Head, Headers
from nai_proto.image import PreviewStep, generate_stream
from nai_proto.limits import Limits
from nai_proto.openai import Message, chat_completion_stream, completion_stream
from nai_proto.testing import FlowTrace, play
from tests.cases import for_each
from tests.image_support import JPEG, PNG

STREAM: Final = Head(200, Headers.of(content_type="text/event-stream"))
DONE: Final = b"data: [DONE]\n\n"
CHAT: Final[Any] = chat_completion_stream([Message.user("x")])
COMPLETION: Final[Any] = completion_stream("x")
NATIVE: Final[Any] = text.generate_stream("x")


def event(document: object, name: str = "") -> bytes:
    line = f"event: {name}\n".encode() if name else b""
    return line + b"data: " + (document if isinstance(document, bytes) else json.dumps(document).encode()) + b"\n\n"


def delta(content: object, **choice: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": content}, **choice}]}


def piece(content: object, **choice: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "text": content, **choice}]}


def run(operation: Any, body: bytes) -> FlowTrace[Any, Any]:
    return play(operation, [STREAM, body, b""])


def joined(story: FlowTrace[Any, Any]) -> str:
    return "".join([each.text for each in story.events])


NAN, INFINITY = float("nan"), float("-inf")


@for_each(
    "odd",
    [
        delta("b", logprobs={"content": [{"token": "b", "logprob": NAN, "top_logprobs": None}]}),
        delta("b", logprobs={"tokens": None, "token_logprobs": [INFINITY], "content": None}),
        delta("b", logprobs=None, token_ids=None, stop_reason=None, unknown=NAN),
        delta("b", index=None, finish_reason=None),
        {**delta("b"), "created": NAN, "usage": None, "id": None, "model": None, "object": None},
        {**delta("b"), "created": 1700000000.5, "usage": {"prompt_tokens": NAN, "completion_tokens": 3.0}},
        b'{"created": 1e999, "choices": [{"index": 0, "delta": {"content": "b"}}]}',
        b'{"created": -Infinity, "choices": [{"index": 0, "delta": {"content": "b"}, "note": "NaN \\" Infinity"}]}',
    ],
)
def test_a_chat_goes_on_behind_a_value_that_is_null_or_not_finite(odd: Any) -> None:
    story = run(CHAT, event(delta("a")) + event(odd) + event(delta("c")) + DONE)
    assert joined(story) == story.result.text == "abc"


@for_each(
    "nothing",
    [
        delta(None),
        {"choices": None},
        {"choices": [{"index": 0, "delta": None}]},
        {"choices": [{"index": 0}]},
        {"usage": {"prompt_tokens": 1}},
        {"choices": [], "usage": {"prompt_tokens": None}},
        b"null",
        b" { } ",
        b"",
    ],
)
def test_a_chat_goes_on_behind_what_says_nothing(nothing: Any) -> None:
    story = run(CHAT, event(delta("a")) + event(nothing) + event(delta("c")) + DONE)
    assert joined(story) == story.result.text == "ac"


def test_what_is_not_finite_is_absent_in_extra_keys_and_texts_stay_as_they_are() -> None:
    story = run(CHAT, event(delta('NaN, "-Infinity"', note=[NAN, 1.5], usage=NAN)) + DONE)
    (choice,) = story.events[0].choices
    assert (choice.text, choice.extra) == ('NaN, "-Infinity"', {"note": [None, 1.5], "usage": None})


@for_each(
    "odd",
    [
        {"token": None, "ptr": 1, "final": False},
        {"token": "", "ptr": None, "final": None},
        {"ptr": 1},
        {"token": "", "ptr": 1.0, "final": False, "logprobs": None},
        {"token": "", "ptr": NAN, "logprobs": {"chosen": [[[5], [NAN, None]]], "before": None}},
    ],
)
def test_native_text_goes_on_behind_a_value_that_is_null_or_not_finite(odd: Any) -> None:
    events = [{"token": "a", "ptr": 0, "final": False}, odd, {"token": "c", "ptr": 2, "final": True}]
    story = run(NATIVE, b"".join(event(each, "newToken") for each in events))
    assert joined(story) == story.result.text == "ac"


def test_an_answer_in_one_piece_is_read_alike() -> None:
    document = {"output": "abc", "logprobs": [{"chosen": [[[5], [NAN, INFINITY]]], "before": None}], "note": NAN}
    head = Head(201, Headers.of(content_type="application/json"))
    story = play(text.generate("x"), [head, json.dumps(document).encode(), b""])
    assert story.result.text == "abc"
    assert story.result.logprobs is not None
    assert story.result.logprobs[0].chosen[0].logprobs == (None, None)


STEP: Final = {"event_type": "intermediate", "samp_ix": 0, "step_ix": 2, "sigma": 57.5, "image": JPEG}
FINAL: Final = {"event_type": "final", "samp_ix": 0, "image": PNG}


@for_each("framing", ["sse", "msgpack"])
@for_each(
    "odd",
    [
        {"samp_ix": None},
        {"samp_ix": 0.0, "step_ix": 2.0},
        {"step_ix": None, "sigma": None},
        {"code": None, "message": None},
    ],
)
def test_images_come_behind_a_preview_with_null_or_with_whole_numbers_as_floats(
    framing: Any, odd: dict[str, Any]
) -> None:
    messages: list[dict[str, Any]] = [{**STEP, **odd}, {**FINAL, **odd}]
    if framing == "sse":
        body = b"".join(
            event({**each, "image": b64encode(each["image"]).decode()}, each["event_type"]) for each in messages
        )
    else:
        body = b"".join(map(encode_frame, messages))
    content_type = "text/event-stream" if framing == "sse" else "application/msgpack"
    operation: Any = generate_stream("a cat", seed=1, framing=framing)
    story = play(operation, [Head(200, Headers.of(content_type=content_type)), body, b""])
    preview, image = story.events
    assert isinstance(preview, PreviewStep)
    assert (preview.sample, preview.step) == (0, 0 if odd.get("step_ix", 0) is None else 2)
    assert (image.data, image.sample) == (PNG, 0)


@for_each("framing", ["sse", "msgpack"])
def test_kinds_of_image_events_that_are_not_known_are_ignored(framing: Any) -> None:
    other = {**STEP, "event_type": "other"}
    if framing == "sse":
        encoded = {**other, "image": b64encode(JPEG).decode()}
        body = event(encoded, "intermediate") + event(encoded, "other") + event(encoded)
        body += event({**FINAL, "image": b64encode(PNG).decode()}, "final")
    else:
        body = encode_frame(other) + encode_frame(FINAL)
    content_type = "text/event-stream" if framing == "sse" else "application/msgpack"
    operation: Any = generate_stream("a cat", seed=1, framing=framing)
    story = play(operation, [Head(200, Headers.of(content_type=content_type)), body, b""])
    assert [each.data for each in story.events] == [each.data for each in story.result] == [PNG]


@for_each("image", ["data:image/png;base64,{}", " {}\r\n", "{}"])
def test_images_come_in_base64_as_browsers_take_it(image: str) -> None:
    digits = b64encode(PNG).decode()
    for each in (digits, digits.rstrip("="), digits[:9] + "\n" + digits[9:]):
        body = event({**FINAL, "image": image.format(each)}, "final")
        story = run(generate_stream("a cat", seed=1, framing="sse"), body)
        assert [picture.data for picture in story.result] == [PNG]


def test_an_error_with_half_a_character_says_what_it_says() -> None:
    error = run(
        generate_stream("a cat", seed=1, framing="sse"),
        event({"event_type": "error", "message": "no \ud83d", "code": 502}, "error"),
    ).error
    assert isinstance(error, StreamError)
    assert (str(error), error.status) == ("no \ufffd (statusCode 502)", 502)


# ---- halves of characters

UNITS: Final = st.lists(st.sampled_from(["a", "\ud83d", "\ude00", "\U0001f600", "夜"]), max_size=8).map("".join)


@settings(deadline=None)
@given(UNITS, st.lists(st.integers(0, 14)))
def test_every_half_of_a_character_before_done_is_seen(whole: str, cuts: list[int]) -> None:
    """Without a finish reason, it is the end that says that nothing follows."""
    units = whole.encode("utf-16-le", "surrogatepass")
    edges = sorted({0, len(units), *(2 * cut for cut in cuts if 2 * cut < len(units))})
    pieces = [units[low:high].decode("utf-16-le", "surrogatepass") for low, high in pairwise(edges)]
    expected = units.decode("utf-16-le", "replace")
    for operation, build in ((CHAT, delta), (COMPLETION, piece)):
        story = run(operation, b"".join(event(build(each)) for each in [*pieces, ""]) + DONE)
        assert joined(story) == story.result.text == expected


def test_halves_of_several_answers_come_in_one_event_at_the_end() -> None:
    choices = [{"index": 0, "delta": {"reasoning_content": "\ud83d"}}, {"index": 1, "delta": {"content": "b\ud83d"}}]
    story = run(CHAT, event({"choices": choices}) + DONE)
    first, second = story.result.choices
    assert (first.message.reasoning_content, second.message.content) == ("\ufffd", "b\ufffd")
    assert [len(each.choices) for each in story.events] == [2, 2]


def test_half_a_character_before_a_stream_breaks_off_is_in_the_partial_result() -> None:
    for operation, body in (
        (CHAT, event(delta("a\ud83d"))),
        (COMPLETION, event(piece("a\ud83d"))),
        (NATIVE, event({"token": "a\ud83d", "ptr": 0, "final": False}, "newToken")),
    ):
        error = run(operation, body).error
        assert isinstance(error, Truncated)
        partial: Any = error.partial
        assert partial.text == "a\ufffd"


def test_half_a_character_in_utf_8_is_seen() -> None:
    story = run(CHAT, event(b'{"choices": [{"index": 0, "delta": {"content": "a\xf0\x9f"}}]}') + DONE)
    assert joined(story) == story.result.text == "a\ufffd"


# ---- what is an error all the same


@for_each(
    "operation, broken, kind",
    [
        (CHAT, event(b"{oops"), RemoteProtocolError),
        (CHAT, event([]), RemoteProtocolError),
        (CHAT, event({"choices": {}}), RemoteProtocolError),
        (CHAT, event({"choices": [None]}), RemoteProtocolError),
        (CHAT, event({"note": 1}), RemoteProtocolError),
        (CHAT, event(delta(5)), RemoteProtocolError),
        (CHAT, event({"error": {"message": "no"}}), StreamError),
        (CHAT, event({"detail": "no"}), StreamError),
        (COMPLETION, event(piece(["a"])), RemoteProtocolError),
        (NATIVE, event({"token": 5, "ptr": 1}, "newToken"), RemoteProtocolError),
        (NATIVE, event({"token": "a", "final": "no"}, "newToken"), RemoteProtocolError),
    ],
)
def test_text_that_has_come_is_never_lost_to_an_event_that_is_broken(
    operation: Any, broken: bytes, kind: type[NaiError]
) -> None:
    first = {CHAT: event(delta("a")), COMPLETION: event(piece("a"))}.get(operation)
    error = run(operation, (first or event({"token": "a", "ptr": 0, "final": False}, "newToken")) + broken).error
    assert error is not None
    assert type(error) is kind
    partial: Any = error.partial
    assert partial.text == "a"


# ---- streams without an end


@for_each(
    "operation, endless",
    [
        (NATIVE, event({"token": "a", "ptr": 0, "final": False}, "newToken")),
        (CHAT, event(delta("a"))),
        (CHAT, b": x\n\n"),
    ],
)
@given(size=st.integers(1, 300))
def test_a_stream_whose_events_are_kept_may_be_as_long_as_a_body(operation: Any, endless: bytes, size: int) -> None:
    limit = 10 * len(endless) + 3
    body = endless * 12
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    trace = play(operation.with_options(limits=Limits(body=limit)), [STREAM, *pieces])
    assert isinstance(trace.error, LimitExceeded)
    assert (trace.error.what, trace.error.limit) == ("body", limit)
    assert joined(trace) == "a" * (0 if endless.startswith(b":") else 10)


def test_a_stream_of_images_may_be_longer_since_its_previews_are_not_kept() -> None:
    preview = {"event_type": "intermediate", "samp_ix": 0, "step_ix": 1, "image": b64encode(JPEG).decode()}
    final = {"event_type": "final", "samp_ix": 0, "image": b64encode(PNG).decode()}
    body = event(preview, "intermediate") * 5 + event(final, "final")
    operation = generate_stream("x").with_options(limits=Limits(body=len(body) // 2))
    assert len(run(operation, body).events) == 6
