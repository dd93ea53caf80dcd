"""Parse the service's JSON, in every form that was observed, into `response_objects`.

`strict_decoder` decodes the form that nearly every chunk has, in one step. What it refuses goes through
`tolerant_decoder`, which moves text, reasoning and token ids to where they belong, keeps unknown keys in ``extra``, takes
null as absent, and for anything else says what is wrong, and where.

See:
    docs/protocol/openai.md#43-response-not-streamed-observed-form--important
    docs/protocol/openai.md#61-chat-chunk
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

import msgspec

from ..codecs.json import JsonDecoder, parse_service_error
from ..exchange.readers import BodyReader
from ..http import Head
from ..limits import Limits
from .response_objects import (
    EXTRA,
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    ChatCompletion,
    CompletionChoice,
    CompletionChunk,
    Delta,
    Message,
    ModelCard,
    OpenAICompletion,
    OpenAILogprobs,
    TokenLogprob,
    TopLogprob,
    Usage,
)

__all__ = ["PARTS", "DocumentReaderFactory", "ModelList", "list_keys", "strict_decoder", "tolerant_decoder"]

T = TypeVar("T")
R = TypeVar("R")

Json: TypeAlias = dict[str, Any]


class ModelList(msgspec.Struct):
    """The response that lists the models."""

    data: tuple[ModelCard, ...]


PARTS: Final[Mapping[type, Mapping[str, type]]] = {
    OpenAICompletion: {"choices": CompletionChoice, "usage": Usage},
    CompletionChunk: {"choices": CompletionChoice, "usage": Usage},
    ChatCompletion: {"choices": ChatChoice, "usage": Usage},
    ChatChunk: {"choices": ChatChunkChoice, "usage": Usage},
    CompletionChoice: {"logprobs": OpenAILogprobs},
    ChatChoice: {"message": Message, "logprobs": OpenAILogprobs},
    ChatChunkChoice: {"delta": Delta, "logprobs": OpenAILogprobs},
    OpenAILogprobs: {"content": TokenLogprob},
    TokenLogprob: {"top_logprobs": TopLogprob},
    ModelList: {"data": ModelCard},
}
"""The keys under which each type has objects of other types, or lists of them."""

_CHUNKS: Final = (CompletionChunk, ChatChunk)

_TEXT_KEYS: Final[Mapping[type, str]] = {CompletionChoice: "text", ChatChoice: "message", ChatChunkChoice: "delta"}
"""The key under which each type of choice has its text."""


def strict_decoder(type: type[T]) -> Callable[[bytes], T]:  # noqa: A002
    """Return the decoder of usual documents; it raises what msgspec raises for others."""
    if type not in _STRICT:
        _STRICT[type] = msgspec.json.Decoder(type).decode
    decode: Callable[[bytes], T] = _STRICT[type]
    return decode


def tolerant_decoder(type: type[T]) -> JsonDecoder[T]:  # noqa: A002
    """Return the decoder of all forms of a document."""
    if type not in _TOLERANT:
        _TOLERANT[type] = JsonDecoder(type, partial(_arrange, type=type), lenient=True)
    decoder: JsonDecoder[T] = _TOLERANT[type]
    return decoder


_STRICT: Final[dict[object, Any]] = {}
_TOLERANT: Final[dict[object, Any]] = {}


@dataclass(frozen=True, slots=True)
class DocumentReaderFactory(Generic[T, R]):
    """Make the reader of one JSON document: it returns ``to(document, where)``, or raises an error that is in it."""

    type: type[T]
    to: Callable[[T, str], R]

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[R]:  # noqa: ARG002 -- a ReaderFactory
        def finish(body: bytes) -> R:
            body = body.removeprefix(b"\xef\xbb\xbf")  # which JSON may have, but no decoder takes (RFC 8259 §8.1)
            if (error := parse_service_error(body)) is not None:
                raise error
            document: T = tolerant_decoder(self.type).decode(body, where=where, depth=limits.json_depth)
            return self.to(document, where)

        return BodyReader(finish, limits)


def _arrange(value: object, type: type) -> object:  # noqa: A002
    """Rearrange JSON as the strict type has it; what is no object is left for the decoder to refuse."""
    if isinstance(value, list):
        return [_arrange(item, type) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    given = cast("Json", value)
    if type in _TEXT_KEYS:
        given = _gather_text(given, _TEXT_KEYS[type])
    if type in _CHUNKS and "usage" in given:  # some servers leave the choices out where there is only the usage
        given = cast("Json", {"choices": [], **given})
    known, parts = list_keys(type), PARTS.get(type, {})
    made: Json = {EXTRA: {key: item for key, item in given.items() if key not in known}}
    for key in known & given.keys():
        item = given[key]
        if key in parts:
            made[key] = _arrange([] if item is None and key == "choices" else item, parts[key])
        else:
            made[key] = item
    return {key: item for key, item in made.items() if item is not None}


@cache
def list_keys(type: type) -> frozenset[str]:  # noqa: A002
    """Return the keys that an object of this type has a field for."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(type)) - {EXTRA}


def _gather_text(choice: Json, home: str) -> Json:
    """Return a choice with its text under ``home``, wherever the service put it; the rest stays, in ``extra``."""
    choice = {**choice}
    parts = {
        name: {**cast("Json", choice[name])} for name in ("delta", "message") if isinstance(choice.get(name), dict)
    }
    if home != "text" and choice.get(home) is None:
        parts[home] = {}
    choice.update(parts)
    own = choice if home == "text" else parts.get(home)
    if own is None:
        return choice  # mistyped, as the decoder will say
    others = [part for name, part in parts.items() if name != home]
    if home == "text":
        _settle(own, "text", [(own, "text"), *((part, "content") for part in others)])
    else:
        both = [own, *others]
        _settle(own, "content", [(own, "content"), (choice, "text"), *((part, "content") for part in others)])
        _settle(own, "reasoning_content", [(part, name) for part in both for name in _REASONING])
        _settle(own, "role", [(part, "role") for part in both])
    for part in parts.values():
        if choice.get("token_ids") is None and "token_ids" in part:
            choice["token_ids"] = part.pop("token_ids")
    return {key: item for key, item in choice.items() if item or key == home or key not in parts}


_REASONING: Final = ("reasoning_content", "reasoning")


def _settle(own: Json, key: str, places: Iterable[tuple[Json, str]]) -> None:
    """Move the first text among the places that is not empty to ``own[key]``, and drop the others."""
    texts: list[str] = [place.pop(name) for place, name in places if isinstance(place.get(name), str)]
    if texts and own.get(key) is None:
        own[key] = next(filter(None, texts), "")
