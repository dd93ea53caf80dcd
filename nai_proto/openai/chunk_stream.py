"""Read the event stream of the OpenAI-compatible endpoints.

See:
    docs/protocol/openai.md#6-streaming
    docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Never, TypeVar, cast

import msgspec

from ..codecs.json import encode_json
from ..codecs.lone_surrogates import SplitCharacters
from ..errors import NaiError
from ..exchange.call import Reader, ReaderFactory
from ..exchange.event_reader import EventReader
from ..http import Head
from ..limits import Limits
from .accumulators import Accumulator
from .response_objects import ChatChunk, ChatCompletion, CompletionChunk, OpenAICompletion
from .response_parser import strict_decoder, tolerant_decoder
from .unknown_keys import UnknownKeys, find_unknown_keys, make_decoder

__all__ = ["ChunkReader", "ChunkReaderFactory", "ResultReaderFactory"]

C = TypeVar("C", bound="ChatChunk | CompletionChunk")
R = TypeVar("R", bound="ChatCompletion | OpenAICompletion")


class ChunkReader(EventReader[C, R]):
    """Read the event stream of completions and chats.

    It is complete after ``[DONE]``, which also ends the reading, or at its end if every answer has its finish reason.

    See docs/protocol/openai.md#64-end-of-stream.
    """

    NAMES = (b"", b"message")
    MARK = b'"choices"'
    END = b"[DONE]"
    PARTS = "chunks"
    MISSING = "a finish reason or [DONE]"

    def __init__(self, chunk: type[C], accumulator: type[Accumulator[C, R]], where: str, limits: Limits) -> None:
        super().__init__(strict_decoder(chunk), where, limits)
        self._general = tolerant_decoder(chunk)
        self._chunk = chunk
        self._accumulator = accumulator
        self._unknown_keys: UnknownKeys = frozenset()
        self._may_learn = _MOST_LESSONS

    def general(self, data: bytes, where: str, depth: int) -> C:
        chunk = self._general.decode(data, where=where, depth=depth)
        if self._may_learn:
            self._may_learn -= 1
            self._learn_unknown_keys(data, depth)
        return chunk

    def _learn_unknown_keys(self, data: bytes, depth: int) -> None:
        """Let chunks with the unknown keys of this one be decoded quickly, too."""
        try:
            found = {*find_unknown_keys(msgspec.json.decode(data), self._chunk)}
        except ValueError:
            return  # a form of JSON that is only tolerated
        if found <= self._unknown_keys:
            return
        decode = make_decoder(self._chunk, self._unknown_keys | found, depth)  # type: ignore[arg-type]  # classes hash
        if decode is not None:
            self._unknown_keys |= found
            self._usual = decode

    def join_texts(self, document: dict[str, Any], split: SplitCharacters) -> None:
        choices = document.get("choices")
        for choice in cast("list[object]", choices) if isinstance(choices, list) else []:
            if isinstance(choice, dict):
                _join_choice(cast("dict[str, Any]", choice), split)

    def build_rest(self, rests: Mapping[Hashable, str]) -> C:
        choices: list[dict[str, Any]] = []
        for key, text in rests.items():
            index, part, name = cast("tuple[int, str, str]", key)
            choices.append({"index": index, part: {name: text}} if part else {"index": index, name: text})
        return self._general.decode(encode_json({"choices": choices}), where="the rest of a stream", depth=_REST_DEPTH)

    def result(self) -> R:
        return self._accumulator(self._events).result

    def whole(self) -> bool:
        return self._accumulator(self._events).is_finished


_MOST_LESSONS: Final = 4
"""How many chunks of a stream may show unknown keys that are decoded quickly from then on: to prepare for a key takes as
long as to decode a hundred chunks, and a stream may have new ones without end."""
_REST_DEPTH: Final = 4
_TEXT_PLACES: Final = (
    ("", "text"),
    *((part, name) for part in ("delta", "message") for name in ("content", "reasoning_content", "reasoning")),
)
"""Where a choice may have text.

See docs/protocol/openai.md#61-chat-chunk.
"""


def _join_choice(choice: dict[str, Any], split: SplitCharacters) -> None:
    last = choice.get("finish_reason") is not None
    index = number if isinstance(number := choice.get("index"), int) else 0
    for part, name in _TEXT_PLACES:
        key = (index, part, name)
        if last and key in split and part and choice.get(part) is None:
            choice[part] = {}
        place = choice.get(part) if part else choice
        if isinstance(place, dict):
            texts = cast("dict[str, Any]", place)
            if last and key in split and texts.get(name) is None:
                texts[name] = ""
            if isinstance(texts.get(name), str):
                texts[name] = split.join(texts[name], key, last=last)


@dataclass(frozen=True, slots=True)
class ChunkReaderFactory(Generic[C, R]):
    """Make the reader of one stream."""

    chunk: type[C]
    accumulator: type[Accumulator[C, R]]

    def __call__(self, where: str, head: Head, limits: Limits, /) -> ChunkReader[C, R]:  # noqa: ARG002 -- a ReaderFactory
        return ChunkReader(self.chunk, self.accumulator, where, limits)


class _ResultReader(Generic[R]):
    """A reader of a stream that gives no events, only the result."""

    def __init__(self, reader: Reader[object, R]) -> None:
        self._reader = reader
        self.receive_eof = reader.receive_eof

    @property
    def complete(self) -> bool:
        return self._reader.complete

    @property
    def partial(self) -> R | None:
        return self._reader.partial

    @property
    def failure(self) -> NaiError | None:
        return None

    def receive_data(self, data: bytes) -> tuple[Never, ...]:
        self._reader.receive_data(data)
        if self._reader.failure is not None:
            self._reader.receive_data(b"")  # raise an error behind chunks at once
        return ()


@dataclass(frozen=True, slots=True)
class ResultReaderFactory(Generic[R]):
    """Make a reader that gives no events, only what the chunks make together."""

    chunks: ReaderFactory[object, R]

    def __call__(self, where: str, head: Head, limits: Limits, /) -> _ResultReader[R]:
        return _ResultReader(self.chunks(where, head, limits))
