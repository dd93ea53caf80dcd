"""From the service's JSON to the values of `answers`, in every form that was observed.

`usual` reads the form that nearly every chunk has, in one strict decoding. What it refuses goes through `general`, which
moves text, reasoning and token ids to where they belong, keeps unknown keys in ``extra``, takes null for what is
absent, and says of anything else what is wrong with it, and where.

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

from ..codecs.json import JsonDecoder, service_error
from ..exchange.readers import BodyReader
from ..http import Head
from ..limits import Limits
from .answers import (
    EXTRA,
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    ChatCompletion,
    Completion,
    CompletionChoice,
    CompletionChunk,
    Delta,
    Message,
    ModelCard,
    Usage,
)

__all__ = ["Document", "Listed", "general", "usual"]

T = TypeVar("T")
R = TypeVar("R")

Json: TypeAlias = dict[str, Any]


class Listed(msgspec.Struct):
    """The answer that lists the models."""

    data: tuple[ModelCard, ...]


_PARTS: Final[Mapping[type, Mapping[str, type]]] = {
    Completion: {"choices": CompletionChoice, "usage": Usage},
    CompletionChunk: {"choices": CompletionChoice, "usage": Usage},
    ChatCompletion: {"choices": ChatChoice, "usage": Usage},
    ChatChunk: {"choices": ChatChunkChoice, "usage": Usage},
    ChatChoice: {"message": Message},
    ChatChunkChoice: {"delta": Delta},
    Listed: {"data": ModelCard},
}
"""The keys under which each type has others, or lists of them."""

_HOMES: Final[Mapping[type, str]] = {CompletionChoice: "text", ChatChoice: "message", ChatChunkChoice: "delta"}
"""Where each kind of choice has its text."""


def usual(type: type[T]) -> Callable[[bytes], T]:  # noqa: A002
    """Reads an everyday document; raises what msgspec raises for any other."""
    if type not in _USUAL:
        _USUAL[type] = msgspec.json.Decoder(type).decode
    decode: Callable[[bytes], T] = _USUAL[type]
    return decode


def general(type: type[T]) -> JsonDecoder[T]:  # noqa: A002
    """Reads any form of a document."""
    if type not in _GENERAL:
        _GENERAL[type] = JsonDecoder(type, partial(_arranged, type=type))
    decoder: JsonDecoder[T] = _GENERAL[type]
    return decoder


_USUAL: Final[dict[object, Any]] = {}
_GENERAL: Final[dict[object, Any]] = {}


@dataclass(frozen=True, slots=True)
class Document(Generic[T, R]):
    """Reads one JSON document as ``type`` in any form and gives ``to(document, where)``; an error inside it is raised."""

    type: type[T]
    to: Callable[[T, str], R]

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[R]:  # noqa: ARG002 -- a ReaderFactory
        def finish(body: bytes) -> R:
            body = body.removeprefix(b"\xef\xbb\xbf")  # which JSON may have, but no decoder takes (RFC 8259 §8.1)
            if (error := service_error(body)) is not None:
                raise error
            document: T = general(self.type).decode(body, where=where, depth=limits.json_depth)
            return self.to(document, where)

        return BodyReader(finish, limits)


def _arranged(value: object, type: type) -> object:  # noqa: A002
    """JSON as the strict type has it; what is not an object stays, for the decoder to say so."""
    if isinstance(value, list):
        return [_arranged(item, type) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    given = cast("Json", value)
    if type in _HOMES:
        given = _gathered(given, _HOMES[type])
    known, parts = _keys(type), _PARTS.get(type, {})
    made: Json = {EXTRA: {key: item for key, item in given.items() if key not in known}}
    for key in known & given.keys():
        item = given[key]
        if key in parts:
            made[key] = _arranged([] if item is None and key == "choices" else item, parts[key])
        else:
            made[key] = item
    return {key: item for key, item in made.items() if item is not None}


@cache
def _keys(type: type) -> frozenset[str]:  # noqa: A002
    return frozenset(field.encode_name for field in msgspec.structs.fields(type)) - {EXTRA}


def _gathered(choice: Json, home: str) -> Json:
    """A choice with its text at home, wherever else the service put it; what else was there stays, in ``extra``."""
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
    """Moves the first text among the places that is not empty to ``own[key]``; a text that says no more is dropped."""
    texts: list[str] = [place.pop(name) for place, name in places if isinstance(place.get(name), str)]
    if texts and own.get(key) is None:
        own[key] = next(filter(None, texts), "")
