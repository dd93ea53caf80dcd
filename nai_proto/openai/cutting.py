"""Text told apart: inline reasoning from content, the answer from its stop text. Only who asks for it gets it.

Both run around any flow with such events, as its text comes: what may be the beginning of a mark stays back until it is
known, so the events' texts joined are the result's text, wherever the chunks were cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias, TypeVar, cast

from msgspec.structs import replace as with_fields

from ..arguments import FLOW, TEXT, list_of, takes
from ..exchange.actions import Emit, Runnable, Steps
from ..exchange.flow import Flow, flow, map_batches
from .answers import (
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    ChatCompletion,
    Completion,
    CompletionChoice,
    CompletionChunk,
)

__all__ = ["reasoned", "split_reasoning", "trimmed"]

C = TypeVar("C", bound=ChatChunk | CompletionChunk)
R = TypeVar("R", bound=ChatCompletion | Completion)

_Choice: TypeAlias = ChatChoice | ChatChunkChoice | CompletionChoice

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"
_END_OF_TURN: Final = "<|user|>"


@takes(flow=FLOW)
def reasoned(flow: Runnable[ChatChunk, ChatCompletion]) -> Flow[ChatChunk, ChatCompletion]:
    """``flow`` with inline reasoning in ``reasoning_content``: ``<think>…</think>`` at the start of an answer.

    See docs/protocol/openai.md#44-thinking--reasoning.

    Args:
        flow: `chat_completion`, `chat_completion_stream`, or any flow with such events and such a result.
    """
    return _cut(flow, _Thinking)


@takes(flow=FLOW, stop=TEXT | list_of(TEXT, "a list of texts"))
def trimmed(flow: Runnable[C, R], stop: str | Sequence[str] = ()) -> Flow[C, R]:
    """``flow`` with answers that end before the text that stopped them, which the service sends along.

    See docs/protocol/openai.md#34-stop-handling.

    Args:
        flow: a completion or a chat, streamed or not.
        stop: as the operation has it. The end of a turn, ``<|user|>``, is trimmed in any case.
    """
    stops = tuple(filter(None, [stop] if isinstance(stop, str) else stop))
    return _cut(flow, lambda: _Stopping((*stops, _END_OF_TURN)))


@takes(text=TEXT)
def split_reasoning(text: str) -> tuple[str, str]:
    """Reasoning and content of a text that has both inline; reasoning that does not end is all reasoning."""
    content, reasoning = _Thinking().receive(text, final=True)
    return reasoning, content


# ---- of one answer


class _Cutter(Protocol):
    """Takes an answer's text as it comes, and tells what is certain."""

    def receive(self, text: str, /, *, final: bool) -> tuple[str, str]:
        """Content and reasoning; nothing stays back if this is all."""
        ...


class _Thinking:
    """Only the two tags are lost. Blanks may come before the first one."""

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
            reasoning, self._held = _certain(reasoning, (_CLOSE,))
        return blanks + content, reasoning


class _Stopping:
    """Of several stop texts the one that is complete first counts, as it did while the text was written."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self._over = False

    def receive(self, text: str, *, final: bool) -> tuple[str, str]:
        if self._over:
            return "", ""
        text, self._held = self._held + text, ""
        found = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self._over = True
            return text[: min(found)[1]], ""
        if not final:
            text, self._held = _certain(text, self._stops)
        return text, ""


def _certain(text: str, marks: Sequence[str]) -> tuple[str, str]:
    """The text before what may be the beginning of a mark, and that."""
    longest = max(map(len, marks))
    for at in range(max(0, len(text) - longest + 1), len(text)):
        if any(mark.startswith(text[at:]) for mark in marks):
            return text[:at], text[at:]
    return text, ""


# ---- of a flow

_Make: TypeAlias = Callable[[], _Cutter]


@flow
def _cut(flow: Runnable[C, R], make: _Make) -> Steps[C, R]:
    cutters: dict[int, _Cutter] = {}
    last: C | None = None

    def piece(chunk: C) -> C:
        nonlocal last
        last = chunk
        choices: list[_Choice] = []
        for choice in chunk.choices:
            cutter = cutters.setdefault(choice.index, make())
            text, reasoning = cutter.receive(choice.text, final=choice.finish_reason is not None)
            choices.append(_saying(choice, text, reasoning))
        return _of(chunk, choices)

    result = yield from map_batches(
        flow, lambda chunks: [piece(chunk) for chunk in chunks], lambda partial: _whole(partial, make)
    )
    if last is not None and (rest := _rest(last, cutters)):
        yield Emit([_of(with_fields(last, usage=None, extra={}), rest)])
    return cast("R", _whole(result, make))


def _rest(last: ChatChunk | CompletionChunk, cutters: dict[int, _Cutter]) -> list[_Choice]:
    """What stayed back of answers that ended without a finish reason."""
    choices: list[_Choice] = []
    for index, cutter in cutters.items():
        text, reasoning = cutter.receive("", final=True)
        if text or reasoning:
            empty = ChatChunkChoice(index=index) if isinstance(last, ChatChunk) else CompletionChoice(index=index)
            choices.append(_saying(empty, text, reasoning))
    return choices


def _of(chunk: C, choices: Sequence[_Choice]) -> C:
    return with_fields(chunk, choices=tuple(choices))


def _whole(response: object, make: _Make) -> object:
    """A response, perhaps a partial one, with its texts cut."""
    if not isinstance(response, ChatCompletion | Completion):
        return response
    return with_fields(response, choices=tuple([_cut_whole(choice, make) for choice in response.choices]))


def _cut_whole(choice: _Choice, make: _Make) -> _Choice:
    return _saying(choice, *make().receive(choice.text, final=True))


def _saying(choice: _Choice, text: str, reasoning: str) -> _Choice:
    """A choice with another text, and more reasoning."""
    if isinstance(choice, CompletionChoice):
        return with_fields(choice, text=text)
    if isinstance(choice, ChatChoice):
        message = choice.message
        thought = (message.reasoning_content or "") + reasoning or None
        return with_fields(choice, message=with_fields(message, content=text, reasoning_content=thought))
    delta = choice.delta
    thought = (delta.reasoning_content or "") + reasoning or None
    said = None if delta.content is None and not text else text
    return with_fields(choice, delta=with_fields(delta, content=said, reasoning_content=thought))
