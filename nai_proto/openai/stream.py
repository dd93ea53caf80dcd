"""The event stream of the OpenAI-compatible endpoints (openai §6, sse §2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, Never, TypeVar

import msgspec

from ..codecs.json import error_message, service_error
from ..codecs.sse import SSESplitter
from ..errors import NaiError, StreamError, Truncated
from ..exchange.call import Reader, ReaderFactory
from ..http import Head
from ..limits import Limits
from .answers import ChatChunk, ChatCompletion, Completion, CompletionChunk
from .assembling import Accumulator
from .reading import general, usual

__all__ = ["Assembled", "ChunkReader", "Chunks"]

C = TypeVar("C", bound="ChatChunk | CompletionChunk")
R = TypeVar("R", bound="ChatCompletion | Completion")

_DONE: Final = b"[DONE]"
_UNNAMED: Final = (b"", b"message")
_UNUSUAL: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ChunkReader(Generic[C, R]):
    """Reads the event stream: each event is a chunk, the result is what they make together.

    Costs one splitting and one typed decoding per event. What does not decode is looked at again: it may be the end, a
    ping, an error in any of its shapes, a chunk in another form, or be wrong, and then the general decoder says how.
    Events of other names are chunks if they have choices, failures if they are called ``error``, and else left out.

    The stream is whole after ``[DONE]``, which also ends the reading, or when it ended after every answer had its finish
    reason (openai §6.4).
    """

    def __init__(self, chunk: type[C], accumulator: Accumulator[C, R], where: str, limits: Limits) -> None:
        self.complete = False
        self._usual = usual(chunk)
        self._general = general(chunk)
        self._accumulator = accumulator
        self._where = where
        self._depth = limits.json_depth
        self._splitter = SSESplitter(limits)
        self.failure: NaiError | None = None

    @property
    def partial(self) -> R | None:
        """What has come so far."""
        return self._accumulator.result if len(self._accumulator) else None

    def receive_data(self, data: bytes) -> Sequence[C]:
        if self.failure is not None:
            raise self.failure
        chunks: list[C] = []
        if self.complete:
            return chunks
        decode = self._usual
        for kind, block in self._splitter.receive_data(data):
            try:
                chunk = decode(block) if kind in _UNNAMED else None
            except _UNUSUAL:
                chunk = None
            if chunk is None:
                if block.strip() == _DONE:
                    self.complete = True
                    break
                try:
                    chunk = self._unusual(kind, block, len(self._accumulator) + len(chunks))
                except NaiError as error:
                    if not chunks:
                        raise
                    self.failure = error
                    break
                if chunk is None:
                    continue
            chunks.append(chunk)
        self._accumulator.receive(chunks)
        return chunks

    def receive_eof(self) -> R:
        if not self.complete:
            self.receive_data(b"")
            self._splitter.receive_eof()
            if not self._accumulator.finished:
                if self._splitter.stray and (error := service_error(self._splitter.stray)) is not None:
                    raise error
                seen = len(self._accumulator)
                raise Truncated(
                    f"{self._where}: the stream ended after {seen} chunks, before a finish reason or [DONE]"
                )
        return self._accumulator.result

    def _unusual(self, kind: bytes, block: bytes, number: int) -> C | None:
        """The chunk of an event; None if it has none: a ping, or something that is not known yet."""
        if not block.strip():
            return None
        if (error := service_error(block)) is not None:
            raise error
        if kind == b"error":
            raise StreamError(error_message(block, "") or "an error without a message")
        if kind not in _UNNAMED and b'"choices"' not in block:
            return None
        text = block.decode("utf-8", "replace").encode()  # bad UTF-8 is U+FFFD in an event stream (sse §1.1)
        return self._general.decode(text, where=f"{self._where}: event {number}", depth=self._depth)


@dataclass(frozen=True, slots=True)
class Chunks(Generic[C, R]):
    """Makes the reader of one stream."""

    chunk: type[C]
    accumulator: type[Accumulator[C, R]]

    def __call__(self, where: str, head: Head, limits: Limits, /) -> ChunkReader[C, R]:  # noqa: ARG002 -- a ReaderFactory
        return ChunkReader(self.chunk, self.accumulator(), where, limits)


class _Silent(Generic[R]):
    """A reader of a stream whose chunks nobody wants to see."""

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
            self._reader.receive_data(b"")  # an error behind chunks need not wait for them to be seen
        return ()


@dataclass(frozen=True, slots=True)
class Assembled(Generic[R]):
    """Makes a reader that gives no events, only what the chunks make together."""

    chunks: ReaderFactory[object, R]

    def __call__(self, where: str, head: Head, limits: Limits, /) -> _Silent[R]:
        return _Silent(self.chunks(where, head, limits))
