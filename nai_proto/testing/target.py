"""A fuzz target: what reads a stranger's bytes, valid inputs to begin with, and the errors that it may raise.

A target is a value, so that one registry serves every kind of fuzzing: Hypothesis in a test suite, a coverage-guided fuzzer
for hours, or a loop of your own. `Target.run` is the whole law: any input ends in a result or in a documented error, and how
a stream is cut into reads changes neither.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from zlib import crc32

from ..errors import LimitExceeded, NaiError
from .connection import cut

__all__ = ["Feed", "Target", "TargetResult"]

Feed: TypeAlias = Literal["bytes", "text", "JSON", "chunks", "operations"]


@dataclass(frozen=True, slots=True)
class TargetResult:
    """How an input was read."""

    result: object
    "What the target returned; of a stream the list of its events, also of those before an error; else None."
    error: Exception | None = None
    "The documented error that it raised."


@dataclass(frozen=True, slots=True)
class Target:
    """One reader, format, state machine or operation that strangers' input reaches.

    Args:
        name: what is fuzzed, such as ``codecs.sse.SSEDecoder``.
        feed: what ``call`` is given: the input as ``"bytes"``; as ``"text"``; as a document of ``"JSON"``; as ``"chunks"``,
            a list of reads; or as ``"operations"``, where each byte chooses the next step of a state machine.
        call: reads the input. Of ``"chunks"`` it returns an iterable of events.
        seeds: returns valid inputs, as bytes.
        allowed: the errors that are documented. Any other exception is a bug.
    """

    name: str
    feed: Feed
    call: Callable[[Any], object]
    seeds: Callable[[], Iterable[bytes]]
    allowed: tuple[type[Exception], ...] = (NaiError,)

    def __str__(self) -> str:
        return self.name

    def run(self, data: bytes, edges: Iterable[int] | None = None) -> TargetResult:
        """Read one input to its result or to a documented error.

        Args:
            data: the input. Text is decoded from UTF-8; what is no JSON is not tried as JSON.
            edges: offsets at which a stream is cut into reads; None chooses some, always the same ones for the same input.

        Raises:
            AssertionError: the same stream gave other events, or another kind of error, when it was cut.
            Exception: whatever the target raised that is not documented.
        """
        match self.feed:
            case "chunks":
                whole = self._read_stream([data])
                pieces = self._read_stream(cut(data, _choose_edges(data) if edges is None else edges))
                assert pieces.result == whole.result, f"{self.name}: the cuts change what is read"
                assert _is_same_kind(pieces.error, whole.error), f"{self.name}: the cuts change the error"
                return whole
            case "text":
                return self._call(_decode_text(data))
            case "JSON":
                try:
                    document = json.loads(data)
                except (ValueError, RecursionError):
                    return TargetResult(None)
                return self._call(document)
            case _:
                return self._call(data)

    def _call(self, given: object) -> TargetResult:
        try:
            return TargetResult(self.call(given))
        except self.allowed as error:
            return TargetResult(None, error)

    def _read_stream(self, pieces: list[bytes]) -> TargetResult:
        events: list[object] = []
        try:
            made: Any = self.call(pieces)
            events.extend(made)
        except self.allowed as error:
            return TargetResult(events, error)
        return TargetResult(events)


def _is_same_kind(one: Exception | None, other: Exception | None) -> bool:
    """Return whether two errors are of one kind. What is too long and wrong may be told as either: the rest may not be there
    yet when the limit is reached."""
    if one is not None and other is not None and LimitExceeded in (type(one), type(other)):
        return True
    return type(one) is type(other)


def _decode_text(data: bytes) -> str:
    """Return the text; halves of characters as Python holds them, and other bad bytes replaced."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def _choose_edges(data: bytes) -> Iterable[int]:
    """Return three offsets; of one input in eight every offset of its begin, since each read costs time."""
    first = crc32(data)
    if first % 8 == 0 or not data:
        return range(len(data))[:64]
    return (first % len(data), (first >> 8) % len(data), (first >> 16) % len(data))
