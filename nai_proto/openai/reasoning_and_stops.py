"""Separate inline reasoning from content, and cut off stop texts; both are opt-in.

Both wrap any flow with such events, and work while its text comes. What may be the beginning of a mark is held back until
that is known, so the events' texts joined are the result's text, wherever the chunks were cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias, TypeVar, cast

from msgspec.structs import replace as with_fields

from ..arguments import FLOW, TEXT, list_of, takes
from ..exchange.actions import Emit, Runnable, Steps
from ..exchange.flow import Flow, flow, map_batches
from .response_objects import (
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    ChatCompletion,
    CompletionChoice,
    CompletionChunk,
    OpenAICompletion,
)

__all__ = ["separate_reasoning", "split_reasoning", "trim_stop_text"]

C = TypeVar("C", bound=ChatChunk | CompletionChunk)
R = TypeVar("R", bound=ChatCompletion | OpenAICompletion)

_Choice: TypeAlias = ChatChoice | ChatChunkChoice | CompletionChoice

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"
_END_OF_TURN: Final = "<|user|>"


@takes(flow=FLOW)
def separate_reasoning(flow: Runnable[ChatChunk, ChatCompletion]) -> Flow[ChatChunk, ChatCompletion]:
    """Move inline reasoning of a flow's answers, ``<think>…</think>`` at their start, to ``reasoning_content``.

    See docs/protocol/openai.md#44-thinking--reasoning.

    Args:
        flow: `chat_completion`, `chat_completion_stream`, or any flow with such events and such a result.
    """
    return _cut(flow, _ReasoningCutter)


@takes(flow=FLOW, stop=TEXT | list_of(TEXT, "a list of texts"))
def trim_stop_text(flow: Runnable[C, R], stop: str | Sequence[str] = ()) -> Flow[C, R]:
    """Cut off the stop text at the end of a flow's answers, which the service sends along.

    See docs/protocol/openai.md#34-stop-handling.

    Args:
        flow: a completion or a chat, streamed or not.
        stop: as the operation has it. The end of a turn, ``<|user|>``, is trimmed in any case.
    """
    stops = tuple(filter(None, [stop] if isinstance(stop, str) else stop))
    return _cut(flow, lambda: _StopCutter((*stops, _END_OF_TURN)))


@takes(text=TEXT)
def split_reasoning(text: str) -> tuple[str, str]:
    """Split a text with inline reasoning into reasoning and content.

    Args:
        text: the text; if reasoning in it does not end, all of it is reasoning.
    """
    content, reasoning = _ReasoningCutter().receive(text, final=True)
    return reasoning, content


# ---- of one answer


class _Cutter(Protocol):
    """Takes an answer's text as it comes, and returns what is certain."""

    def receive(self, text: str, /, *, final: bool) -> tuple[str, str]:
        """Return content and reasoning; nothing is held back if this is all."""
        ...


class _ReasoningCutter:
    """Separates reasoning; only the two tags are lost, and blanks may come before the first one."""

    def __init__(self) -> None:
        self._held = ""
        self._inside: bool | None = None  # None: before it is known

    def receive(self, text: str, *, final: bool) -> tuple[str, str]:
        text, self._held = self._held + text, ""
        blanks = ""
        if self._inside is None:
            begun = text.lstrip()
            blanks = text[: len(text) - len(begun)]
            if _OPEN.startswith(begun) and begun != _OPEN and not final:
                self._held = begun
                return blanks, ""
            self._inside = begun.startswith(_OPEN)
            text = begun.removeprefix(_OPEN)
        if not self._inside:
            return blanks + text, ""
        reasoning, closed, content = text.partition(_CLOSE)
        if closed:
            self._inside = False
        elif not final:
            reasoning, self._held = _split_certain(reasoning, (_CLOSE,))
        return blanks + content, reasoning


class _StopCutter:
    """Cuts off stop texts: of several the one that is complete first counts, as it did for the service."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self._over = False

    def receive(self, text: str, *, final: bool) -> tuple[str, str]:
        if self._over:
            return "", ""
        text, self._held = self._held + text, ""
        matches = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if matches:
            self._over = True
            return text[: min(matches)[1]], ""
        if not final:
            text, self._held = _split_certain(text, self._stops)
        return text, ""


def _split_certain(text: str, marks: Sequence[str]) -> tuple[str, str]:
    """Return the text before what may be the beginning of a mark, and the rest."""
    longest = max(map(len, marks))
    for at in range(max(0, len(text) - longest + 1), len(text)):
        if any(mark.startswith(text[at:]) for mark in marks):
            return text[:at], text[at:]
    return text, ""


# ---- of a flow

_MakeCutter: TypeAlias = Callable[[], _Cutter]


@flow
def _cut(flow: Runnable[C, R], make: _MakeCutter) -> Steps[C, R]:
    cutters: dict[int, _Cutter] = {}
    last: C | None = None

    def piece(chunk: C) -> C:
        nonlocal last
        last = chunk
        choices: list[_Choice] = []
        for choice in chunk.choices:
            cutter = cutters.setdefault(choice.index, make())
            text, reasoning = cutter.receive(choice.text, final=choice.finish_reason is not None)
            choices.append(_with_text(choice, text, reasoning))
        return _with_choices(chunk, choices)

    result = yield from map_batches(
        flow, lambda chunks: [piece(chunk) for chunk in chunks], lambda partial: _cut_response(partial, make)
    )
    if last is not None and (rest := _flush(last, cutters)):
        yield Emit([_with_choices(with_fields(last, usage=None, extra={}), rest)])
    return cast("R", _cut_response(result, make))


def _flush(last: ChatChunk | CompletionChunk, cutters: dict[int, _Cutter]) -> list[_Choice]:
    """Return what was held back of answers that ended without a finish reason."""
    choices: list[_Choice] = []
    for index, cutter in cutters.items():
        text, reasoning = cutter.receive("", final=True)
        if text or reasoning:
            empty = ChatChunkChoice(index=index) if isinstance(last, ChatChunk) else CompletionChoice(index=index)
            choices.append(_with_text(empty, text, reasoning))
    return choices


def _with_choices(chunk: C, choices: Sequence[_Choice]) -> C:
    return with_fields(chunk, choices=tuple(choices))


def _cut_response(response: object, make: _MakeCutter) -> object:
    """Return a response, perhaps a partial one, with its texts cut."""
    if not isinstance(response, ChatCompletion | OpenAICompletion):
        return response
    return with_fields(response, choices=tuple([_cut_choice(choice, make) for choice in response.choices]))


def _cut_choice(choice: _Choice, make: _MakeCutter) -> _Choice:
    return _with_text(choice, *make().receive(choice.text, final=True))


def _with_text(choice: _Choice, text: str, reasoning: str) -> _Choice:
    """Return a choice with another text, and more reasoning."""
    if isinstance(choice, CompletionChoice):
        return with_fields(choice, text=text)
    if isinstance(choice, ChatChoice):
        message = choice.message
        thought = (message.reasoning_content or "") + reasoning or None
        return with_fields(choice, message=with_fields(message, content=text, reasoning_content=thought))
    delta = choice.delta
    thought = (delta.reasoning_content or "") + reasoning or None
    content = None if delta.content is None and not text else text
    return with_fields(choice, delta=with_fields(delta, content=content, reasoning_content=thought))
