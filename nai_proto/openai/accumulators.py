"""Join chunks to the response that they make together, at any moment.

See docs/protocol/openai.md#6-streaming.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar, cast

from ..arguments import ArgumentType, list_of
from .response_objects import (
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    ChatCompletion,
    CompletionChoice,
    CompletionChunk,
    Message,
    OpenAICompletion,
    OpenAILogprobs,
)

__all__ = ["Accumulator", "ChatAccumulator", "CompletionAccumulator"]

C = TypeVar("C", bound="ChatChunk | CompletionChunk")
R = TypeVar("R", bound="ChatCompletion | OpenAICompletion")
T = TypeVar("T")


class Accumulator(ABC, Generic[C, R]):
    """Keeps chunks, and joins them when ``result`` is read::

        so_far = ChatAccumulator()
        for chunk in stream:
            so_far.receive([chunk])
            print(so_far.result.text)

    Args:
        chunks: the first ones.
    """

    _CHUNK: ClassVar[ArgumentType]
    "The type of its chunks."

    def __init__(self, chunks: Iterable[C] = ()) -> None:
        self._chunks: Final = [*list_of(self._CHUNK).convert(chunks, "chunks")]

    def receive(self, chunks: Iterable[C]) -> None:
        """Add chunks, in the order in which they came."""
        self._chunks.extend(list_of(self._CHUNK).convert(chunks, "chunks"))

    def __len__(self) -> int:
        """Return how many chunks there are."""
        return len(self._chunks)

    @property
    def is_finished(self) -> bool:
        """Return whether every answer that began has a finish reason."""
        open_answers: dict[int, bool] = {}
        for chunk in self._chunks:
            for choice in chunk.choices:
                open_answers[choice.index] = choice.finish_reason is None and open_answers.get(choice.index, True)
        return bool(open_answers) and not any(open_answers.values())

    @property
    @abstractmethod
    def result(self) -> R:
        """Return the response so far: texts, token ids and logprobs joined, answers by index, the last usage."""

    def _envelope(self, kind: str) -> dict[str, Any]:
        """Return the fields around the choices."""
        chunks = self._chunks
        return {
            "id": _first(chunk.id for chunk in chunks) or "",
            "object": kind,
            "created": next((chunk.created for chunk in chunks if chunk.created is not None), None),
            "model": _first(chunk.model for chunk in chunks) or "",
            "usage": _last(chunk.usage for chunk in chunks),
            "extra": _join_extra(chunk.extra for chunk in chunks),
        }


class CompletionAccumulator(Accumulator[CompletionChunk, OpenAICompletion]):
    """Joins `CompletionChunk`s to an `OpenAICompletion`."""

    _CHUNK = ArgumentType("a CompletionChunk", CompletionChunk)

    @property
    def result(self) -> OpenAICompletion:
        answers: dict[int, list[CompletionChoice]] = {}
        for chunk in self._chunks:
            for choice in chunk.choices:
                answers.setdefault(choice.index, []).append(choice)
        choices = [
            CompletionChoice(text="".join([piece.text for piece in pieces]), **_common_fields(pieces))
            for _, pieces in sorted(answers.items())
        ]
        return OpenAICompletion(choices=tuple(choices), **self._envelope("text_completion"))


class ChatAccumulator(Accumulator[ChatChunk, ChatCompletion]):
    """Joins `ChatChunk`s to a `ChatCompletion`."""

    _CHUNK = ArgumentType("a ChatChunk", ChatChunk)

    @property
    def result(self) -> ChatCompletion:
        answers: dict[int, list[ChatChunkChoice]] = {}
        for chunk in self._chunks:
            for choice in chunk.choices:
                answers.setdefault(choice.index, []).append(choice)
        choices = [
            ChatChoice(message=_join_message(pieces), **_common_fields(pieces)) for _, pieces in sorted(answers.items())
        ]
        return ChatCompletion(choices=tuple(choices), **self._envelope("chat.completion"))


def _join_message(pieces: Sequence[ChatChunkChoice]) -> Message:
    deltas = [piece.delta for piece in pieces]
    return Message(
        role=_first(delta.role for delta in deltas) or "assistant",
        content="".join([delta.content for delta in deltas if delta.content]),
        reasoning_content="".join([delta.reasoning_content for delta in deltas if delta.reasoning_content]) or None,
        extra=_join_extra(delta.extra for delta in deltas),
    )


def _common_fields(pieces: Sequence[ChatChunkChoice] | Sequence[CompletionChoice]) -> dict[str, Any]:
    """Return the fields of all kinds of choices."""
    parts = [piece.logprobs for piece in pieces if piece.logprobs is not None]
    return {
        "index": pieces[0].index,
        "finish_reason": _last(piece.finish_reason for piece in pieces),
        "logprobs": _join_logprobs(parts) if parts else None,
        "token_ids": tuple([one for piece in pieces for one in piece.token_ids]),
        "stop_reason": _last(piece.stop_reason for piece in pieces),
        "matched_stop": _last(piece.matched_stop for piece in pieces),
        "extra": _join_extra(piece.extra for piece in pieces),
    }


def _join_logprobs(parts: Sequence[OpenAILogprobs]) -> OpenAILogprobs:
    contents = [one.content for one in parts if one.content is not None]
    return OpenAILogprobs(
        tokens=tuple([item for one in parts for item in one.tokens]),
        token_logprobs=tuple([item for one in parts for item in one.token_logprobs]),
        top_logprobs=tuple([item for one in parts for item in one.top_logprobs]),
        text_offset=tuple([item for one in parts for item in one.text_offset]),
        token_ids=tuple([item for one in parts for item in one.token_ids]),
        content=tuple([item for content in contents for item in content]) if contents else None,
    )


def _first(values: Iterable[T | None]) -> T | None:
    """Return the first value that is not empty."""
    return next((value for value in values if value), None)


def _last(values: Iterable[T | None]) -> T | None:
    return next((value for value in reversed([*values]) if value is not None), None)


def _join_extra(all_of_them: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Join unknown keys of chunks: lists are concatenated, of anything else the last value that is not null counts."""
    joined: dict[str, Any] = {}
    for extra in all_of_them:
        for key, value in extra.items():
            before = joined.get(key)
            if isinstance(before, list) and isinstance(value, list):
                joined[key] = [*cast("list[object]", before), *cast("list[object]", value)]
            elif value is not None or before is None:
                joined[key] = value
    return joined
