"""What the service answers: streams in all their forms, and errors."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

from hypothesis import strategies as st

from ...codecs.image_frames import encode_frame
from ...http import Head, Headers
from .json_texts import TEXTS, dump

__all__ = ["error_answers", "image_streams", "native_streams", "openai_streams"]


@st.composite
def _events(draw: st.DrawFn, events: Iterable[Mapping[str, str]]) -> bytes:
    """Draw a form of server-sent events: line ends, blanks, a byte order mark, the order of fields, and comments.

    See docs/protocol/sse.md#1-the-format.
    """
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    blank = draw(st.sampled_from(["", " "]))
    out = [draw(st.sampled_from(["", "\ufeff"]))]
    for event in events:
        if draw(st.booleans()):
            out.append(": still here" + newline + draw(st.sampled_from(["", newline])))
        out += [f"{name}:{blank}{event[name]}{newline}" for name in draw(st.permutations([*event]))]
        out.append(newline)
    return "".join(out).encode()


@st.composite
def native_streams(draw: st.DrawFn, final: bool = True) -> tuple[bytes, list[str]]:
    """Generate the body of a ``/ai/generate-stream`` response, in any valid form, and the texts of its tokens.

    See docs/protocol/native.md#10-streaming-aigenerate-stream.

    Args:
        final: does the last event have ``final: true``?
    """
    texts = draw(st.lists(TEXTS, min_size=1, max_size=12))
    events: list[dict[str, str]] = []
    for ptr, text in enumerate(texts):
        token = {"token": text, "ptr": ptr, "final": final and ptr == len(texts) - 1}
        events.append({"event": "newToken", "id": str(ptr), "data": dump(draw, token)})
    return draw(_events(events)), texts


@st.composite
def openai_streams(draw: st.DrawFn, chat: bool = True, final: bool = True) -> tuple[bytes, list[str]]:
    """Generate the body of a streamed chat or completion, and the texts of its chunks, without the empty ones.

    The first chunk of a chat may have a role and no text, the last one has the reason of the end, and there may be chunks
    without choices (that of the usage), without text, and with keys that nobody knows.

    See docs/protocol/openai.md#6-streaming.

    Args:
        chat: of a chat, or of a completion.
        final: does it end with the reason of the end and ``[DONE]``?
    """
    texts = draw(st.lists(TEXTS.filter(bool), min_size=1, max_size=8))
    empty: list[dict[str, Any]] = [{"content": None}, {"content": ""}, {}] if chat else [{"text": ""}]
    nothing = st.sampled_from(empty)
    choices: list[list[dict[str, Any]]] = [[_choice(chat, draw(nothing) | ({"role": "assistant"} if chat else {}))]]
    for text in texts:
        choices.append([_choice(chat, {"content" if chat else "text": text})])
        if draw(st.booleans()):
            choices.append(draw(st.sampled_from([[], [_choice(chat, draw(nothing))]])))
    if final:
        choices.append([_choice(chat, draw(nothing)) | {"finish_reason": draw(st.sampled_from(["stop", "length"]))}])
    kind = "chat.completion.chunk" if chat else "text_completion"
    chunks: list[dict[str, Any]] = [
        {"id": "c-1", "object": kind, "created": 1_767_225_600, "model": "glm-4-6", "choices": each} for each in choices
    ]
    if draw(st.booleans()):
        usage = {"prompt_tokens": 3, "completion_tokens": len(texts), "total_tokens": 3 + len(texts)}
        chunks.append({**chunks[0], "choices": [], "usage": usage})
    if draw(st.booleans()):
        chunks[0] = chunks[0] | {"system_fingerprint": None, "unheard_of": {"of": [1.5, None]}}
    events = [{"data": dump(draw, chunk)} for chunk in chunks]
    return draw(_events([*events, {"data": "[DONE]"}] if final else events)), texts


def _choice(chat: bool, content: dict[str, Any]) -> dict[str, Any]:
    return {"index": 0, "finish_reason": None} | ({"delta": content} if chat else content)


@st.composite
def image_streams(
    draw: st.DrawFn, framing: Literal["msgpack", "sse"] = "msgpack", samples: int = 1
) -> tuple[bytes, list[tuple[str, int, bytes]]]:
    """Generate the body of a ``/ai/generate-image-stream`` response, and what it shows.

    This is a list of ``"intermediate"`` or ``"final"``, the number of the sample, and the bytes of its picture, which are
    none that can be drawn. Samples come in any order, with events of kinds that nobody knows between them.

    See docs/protocol/image.md#7-streaming.

    Args:
        framing: as the request says.
        samples: how many images were asked for.
    """
    pictures = st.binary(min_size=1, max_size=20)
    shown = [
        ("intermediate", sample, b"\xff\xd8\xff\xe0" + draw(pictures))
        for sample in draw(st.lists(st.integers(0, samples - 1), max_size=6))
    ]
    shown += [
        ("final", sample, b"\x89PNG\r\n\x1a\n" + draw(pictures)) for sample in draw(st.permutations(range(samples)))
    ]
    messages: list[dict[str, Any]] = []
    for step, (kind, sample, picture) in enumerate(shown):
        if draw(st.booleans()):
            messages.append({"event_type": "unheard_of", "samp_ix": sample, "text": "?"})
        number = {"step_ix": step, "sigma": draw(st.sampled_from([20_000, 57.5]))} if kind == "intermediate" else {}
        messages.append({"event_type": kind, "samp_ix": sample, **number, "gen_id": 8_292_275, "image": picture})
    if framing == "msgpack":
        return b"".join(map(encode_frame, messages)), shown
    events: list[dict[str, str]] = []
    for message in messages:
        encoded = {
            name: b64encode(value).decode() if isinstance(value, bytes) else value for name, value in message.items()
        }
        events.append({"event": message["event_type"], "data": dump(draw, encoded)})
    return draw(_events(events)), shown


# ---- answers that are not 2xx

_ERROR_BODIES: Final[tuple[Callable[[int, str], tuple[str, bytes]], ...]] = (
    lambda status, text: ("application/json", json.dumps({"statusCode": status, "message": text}).encode()),
    lambda _, text: (
        "application/json; charset=utf-8",
        json.dumps({"error": {"message": text, "code": None}}).encode(),
    ),
    lambda _, text: ("application/json", json.dumps({"detail": [{"loc": ["body"], "msg": text}]}).encode()),
    lambda _, text: ("application/json", json.dumps({"message": [text, text]}).encode()),
    lambda status, text: (
        "text/html",
        f"<html><head><title>{status}</title></head><body>{text}</body></html>".encode(),
    ),
    lambda _, text: ("text/plain; charset=utf-8", text.encode()),
    lambda _, text: ("application/json", b"\xef\xbb\xbf" + json.dumps({"message": text}).encode()[:-1]),  # cut short
    lambda _, __: ("application/octet-stream", b"\xff\x00"),
    lambda _, __: ("", b""),
)
_WAITS: Final = ("0", "2", "1.5", "-1", "soon", "Wed, 21 Oct 2015 07:28:00 GMT")


@st.composite
def error_answers(
    draw: st.DrawFn, statuses: Iterable[int] = (400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504, 520)
) -> tuple[Head, bytes]:
    """Generate the head and the body of an answer that is not 2xx.

    Bodies are JSON in the forms of the service, of its two APIs and of the framework behind them, a gateway's page, plain
    text, JSON that is cut short, bytes that are none of these, or nothing.
    ``Retry-After`` may be seconds, a date, or neither.

    See docs/protocol/native.md#4-errors-and-limits-all-endpoints.

    Args:
        statuses: to draw from.
    """
    status = draw(st.sampled_from([*statuses]))
    content_type, body = draw(st.sampled_from(_ERROR_BODIES))(status, draw(TEXTS))
    fields = {"content_type": content_type} if content_type else {}
    if draw(st.booleans()):
        fields["retry_after"] = draw(st.sampled_from(_WAITS))
    return Head(status, Headers.of(**fields)), body
