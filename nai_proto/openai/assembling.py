"""Chunks in, the response that they make together out, at any moment.

See docs/protocol/openai.md#6-streaming.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar, cast

from ..arguments import ArgumentType, list_of
from .answers import (
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    ChatCompletion,
    Completion,
    CompletionChoice,
    CompletionChunk,
    Logprobs,
    Message,
)

__all__ = ["Accumulator", "ChatAccumulator", "CompletionAccumulator"]

C = TypeVar("C", bound="ChatChunk | CompletionChunk")
R = TypeVar("R", bound="ChatCompletion | Completion")
T = TypeVar("T")


class Accumulator(ABC, Generic[C, R]):
    """Keeps chunks; joins them when it is asked, so that a stream costs nothing for it::

    so_far = ChatAccumulator()
    for chunk in stream:
        so_far.receive([chunk])
        print(so_far.result.text)
    """

    _CHUNK: ClassVar[ArgumentType]
    "Of what it takes."

    def __init__(self, chunks: Iterable[C] = ()) -> None:
        self._chunks: Final = [*list_of(self._CHUNK).convert(chunks, "chunks")]

    def receive(self, chunks: Iterable[C]) -> None:
        """More chunks, in the order in which they came."""
        self._chunks.extend(list_of(self._CHUNK).convert(chunks, "chunks"))

    def __len__(self) -> int:
        """How many chunks have come."""
        return len(self._chunks)

    @property
    def finished(self) -> bool:
        """Has every answer that began a finish reason?"""
        open_answers: dict[int, bool] = {}
        for chunk in self._chunks:
            for choice in chunk.choices:
                open_answers[choice.index] = choice.finish_reason is None and open_answers.get(choice.index, True)
        return bool(open_answers) and not any(open_answers.values())

    @property
    @abstractmethod
    def result(self) -> R:
        """The response so far: texts, token ids and logprobs joined, answers by index, the last usage that was told."""

    def _envelope(self, kind: str) -> dict[str, Any]:
        """The fields around the choices."""
        chunks = self._chunks
        return {
            "id": _first(chunk.id for chunk in chunks) or "",
            "object": kind,
            "created": next((chunk.created for chunk in chunks if chunk.created is not None), None),
            "model": _first(chunk.model for chunk in chunks) or "",
            "usage": _last(chunk.usage for chunk in chunks),
            "extra": _extra(chunk.extra for chunk in chunks),
        }


class CompletionAccumulator(Accumulator[CompletionChunk, Completion]):
    """Makes a `Completion` of `CompletionChunk`s."""

    _CHUNK = ArgumentType("a CompletionChunk", CompletionChunk)

    @property
    def result(self) -> Completion:
        answers: dict[int, list[CompletionChoice]] = {}
        for chunk in self._chunks:
            for choice in chunk.choices:
                answers.setdefault(choice.index, []).append(choice)
        choices = [
            CompletionChoice(text="".join([piece.text for piece in pieces]), **_common(pieces))
            for _, pieces in sorted(answers.items())
        ]
        return Completion(choices=tuple(choices), **self._envelope("text_completion"))


class ChatAccumulator(Accumulator[ChatChunk, ChatCompletion]):
    """Makes a `ChatCompletion` of `ChatChunk`s."""

    _CHUNK = ArgumentType("a ChatChunk", ChatChunk)

    @property
    def result(self) -> ChatCompletion:
        answers: dict[int, list[ChatChunkChoice]] = {}
        for chunk in self._chunks:
            for choice in chunk.choices:
                answers.setdefault(choice.index, []).append(choice)
        choices = [ChatChoice(message=_message(pieces), **_common(pieces)) for _, pieces in sorted(answers.items())]
        return ChatCompletion(choices=tuple(choices), **self._envelope("chat.completion"))


def _message(pieces: Sequence[ChatChunkChoice]) -> Message:
    deltas = [piece.delta for piece in pieces]
    return Message(
        role=_first(delta.role for delta in deltas) or "assistant",
        content="".join([delta.content for delta in deltas if delta.content]),
        reasoning_content="".join([delta.reasoning_content for delta in deltas if delta.reasoning_content]) or None,
        extra=_extra(delta.extra for delta in deltas),
    )


def _common(pieces: Sequence[ChatChunkChoice] | Sequence[CompletionChoice]) -> dict[str, Any]:
    """What all answers have, whatever their text is in."""
    told = [piece.logprobs for piece in pieces if piece.logprobs is not None]
    return {
        "index": pieces[0].index,
        "finish_reason": _last(piece.finish_reason for piece in pieces),
        "logprobs": _logprobs(told) if told else None,
        "token_ids": tuple([one for piece in pieces for one in piece.token_ids]),
        "stop_reason": _last(piece.stop_reason for piece in pieces),
        "matched_stop": _last(piece.matched_stop for piece in pieces),
        "extra": _extra(piece.extra for piece in pieces),
    }


def _logprobs(told: Sequence[Logprobs]) -> Logprobs:
    contents = [one.content for one in told if one.content is not None]
    return Logprobs(
        tokens=tuple([item for one in told for item in one.tokens]),
        token_logprobs=tuple([item for one in told for item in one.token_logprobs]),
        top_logprobs=tuple([item for one in told for item in one.top_logprobs]),
        text_offset=tuple([item for one in told for item in one.text_offset]),
        token_ids=tuple([item for one in told for item in one.token_ids]),
        content=tuple([item for content in contents for item in content]) if contents else None,
    )


def _first(values: Iterable[T | None]) -> T | None:
    """The first that says something."""
    return next((value for value in values if value), None)


def _last(values: Iterable[T | None]) -> T | None:
    return next((value for value in reversed([*values]) if value is not None), None)


def _extra(all_of_them: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Unknown keys of chunks, joined: lists go on, of anything else the last value counts that is not null."""
    joined: dict[str, Any] = {}
    for extra in all_of_them:
        for key, value in extra.items():
            before = joined.get(key)
            if isinstance(before, list) and isinstance(value, list):
                joined[key] = [*cast("list[object]", before), *cast("list[object]", value)]
            elif value is not None or before is None:
                joined[key] = value
    return joined
