"""What conditions of scripted replies and lists of requests ask about a request: its endpoint, model and prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast
from urllib.parse import parse_qsl

import msgspec

from ...codecs import multipart
from ...codecs.lone_surrogates import replace_lone_escapes
from ...errors import NaiError
from ...exchange.endpoints import match
from ...http import Request

__all__ = ["RequestFacts", "describe_request", "parse_parameters"]

_JSON_PART: Final = "request"
"The part of a form that holds the JSON document: docs/protocol/image.md#31-transport."


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What a request is about."""

    method: str
    path: str
    endpoint: str | None
    "Its name in the endpoint table; None if there is no such endpoint."
    model: str | None
    prompt: str = field(repr=False)
    """The text that a model goes on from, draws, or speaks: messages of a chat and several prompts are joined by line feeds.
    Of other requests it is the whole body. Token ids without a tokenizer are the empty text."""


def describe_request(
    request: Request, body: bytes, decode_ids: Callable[[str | list[int]], str] = lambda _: ""
) -> RequestFacts:
    """Return the facts of a request.

    Args:
        request: its head.
        body: its whole body.
        decode_ids: returns the text of token ids: a list, or the base64 of a native request.
    """
    matched = match(request.method, request.host, request.target, body)
    parameters = parse_parameters(request, body)
    document = _object(parameters)
    given = document.get("model")
    model = given if isinstance(given, str) else None
    endpoint = None if matched is None else matched[0].name
    prompt = _find_prompt(document, endpoint or "", decode_ids)
    if prompt is None:
        prompt = body.decode("utf-8", "replace")
    return RequestFacts(request.method, request.path, endpoint, model, prompt)


def parse_parameters(request: Request, body: bytes) -> object:
    """Return a request's parameters as a person would write them.

    Returns:
        The query's texts by name if there is no body. Else the JSON document; of a form, the JSON document of its part
        ``request``, with the sizes of its other parts as texts under their names; else the text, or the size of bytes
        that are no text.
    """
    if not body:
        return dict(parse_qsl(request.target.partition("?")[2], keep_blank_values=True))
    content_type = request.headers.get("content-type") or ""
    if content_type.lower().startswith("multipart/"):
        try:
            parts = {part.name: part.data for part in multipart.decode(content_type, body)}
        except NaiError:
            return _describe_bytes(body)
        document = _object(_parse_json(parts.pop(_JSON_PART, b"")))
        return {**document, **{name: _describe_bytes(data) for name, data in parts.items()}}
    return _parse_json(body)


def _parse_json(body: bytes) -> object:
    try:
        return msgspec.json.decode(replace_lone_escapes(body))
    except (ValueError, RecursionError):
        pass
    try:
        return body.decode()
    except UnicodeDecodeError:
        return _describe_bytes(body)


def _describe_bytes(data: bytes) -> str:
    return f"({len(data)} bytes)"


_DecodeIds: TypeAlias = Callable[[str | list[int]], str]


def _find_prompt(document: Mapping[str, Any], endpoint: str, decode_ids: _DecodeIds) -> str | None:
    """Return the prompt of a request; None if it has none."""
    match endpoint:
        case "chat_completions":
            return "\n".join(_message_texts(_list(document.get("messages"))))
        case "completions":
            return _join_prompts(document.get("prompt"), decode_ids)
        case "generate" | "generate_stream" | "api_generate" | "api_generate_stream":
            given, as_text = document.get("input"), _object(document.get("parameters")).get("use_string")
            is_text = not endpoint.startswith("api") if as_text is None else bool(as_text)
            return "" if not isinstance(given, str) else given if is_text else decode_ids(given)
        case "generate_image" | "generate_image_stream":
            return _image_prompt(document)
        case "get_voice" | "post_voice":
            return str(document.get("text", ""))
        case _:
            prompt = document.get("prompt")
            return prompt if isinstance(prompt, str) else None


def _message_texts(messages: list[Any]) -> Iterator[str]:
    for message in messages:
        content = _object(message).get("content")
        for part in [content] if isinstance(content, str) else _list(content):
            text = part if isinstance(part, str) else _object(part).get("text")
            if isinstance(text, str):
                yield text


def _join_prompts(given: object, decode_ids: _DecodeIds) -> str:
    if isinstance(given, str):
        return given
    prompts = _list(given)
    if prompts and all(isinstance(one, int) for one in prompts):
        return decode_ids(prompts)
    return "\n".join(one if isinstance(one, str) else decode_ids(_list(one)) for one in prompts)


def _image_prompt(document: Mapping[str, Any]) -> str:
    """Return the prompt of a picture, and those of its characters in lines of their own."""
    caption = _object(_object(_object(document.get("parameters")).get("v4_prompt")).get("caption"))
    characters = [_object(one).get("char_caption") for one in _list(caption.get("char_captions"))]
    return "\n".join(text for text in (document.get("input"), *characters) if isinstance(text, str))


def _object(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return cast("list[object]", value) if isinstance(value, list) else []
