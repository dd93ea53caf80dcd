"""An answer of the OpenAI-compatible endpoints, token by token: reasoning, what it must begin with, the tale, its end.

Tokens are drawn as the native endpoints draw them. What is different is how it ends: with a stop *text*, wherever in the
tokens it lies, which stays in the answer; with the model's turn, if the prompt is a conversation; or with
``max_tokens``, to which everything counts.

See docs/protocol/openai.md#34-stop-handling.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias

from ...text.completion import FinishReason
from ..seeded_random import SeededRandom
from ..text.generation import SampledLogprobs, generate
from ..text.generation_settings import GenerationSettings
from ..text.language_model import LanguageModel
from .template import END_OF_TURN, THINK, THOUGHT, TURN

__all__ = ["Part", "Piece", "Plan", "tell"]


class Part(enum.Enum):
    """What a token of an answer is."""

    TAG = "tag"
    "of the marks around the reasoning"
    REASONING = "reasoning"
    CONTENT = "content"
    END = "end"
    "the model's end of its turn"


class Piece(NamedTuple):
    """One token of an answer."""

    part: Part
    token: int
    text: str
    "What is certain with it: a character may be spread over tokens."
    offset: int
    "Where its text begins in the answer's, in characters."
    logprobs: SampledLogprobs | None = None
    "How it was drawn; None if it was not, or nobody asked."
    finish_reason: FinishReason | None = None
    "On the last one."
    stop_reason: str | int | None = None
    "On the last one, the text or the token that ended it. See docs/protocol/openai.md#32-response-not-streamed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an answer is to be, but for the drawing of its tokens."""

    most: int
    "Tokens, 1 or more."
    stops: tuple[str, ...] = ()
    "Texts that end it, none of them empty."
    prefix: str = ""
    "What its content begins with."
    thinking: bool = False
    "Does it begin with reasoning?"
    turn: bool = False
    "Does it end by itself, after a paragraph?"


_Token: TypeAlias = tuple[Part, int, SampledLogprobs | None]

_SENTENCE_ENDS: Final = (".", "!", "?")
_SHORTEST_THOUGHT: Final = 8
_LONGEST_THOUGHT: Final = 40
"""Tokens of reasoning; in between, it ends with a sentence."""


def tell(
    teller: LanguageModel, prompt: list[int], settings: GenerationSettings, chance: SeededRandom, plan: Plan
) -> Iterator[Piece]:
    """The answer, each token as soon as it is drawn; at least one.

    Args:
        teller: who tells it.
        prompt: its ids.
        settings: how tokens are drawn.
        chance: decides.
        plan: everything else.
    """
    decoder = teller.vocabulary.decoder()
    stops = _Stops(plan.stops)
    paragraph = _Paragraph()
    offset = 0
    for count, (part, token, logprobs) in enumerate(_tokens(teller, prompt, settings, chance, plan), 1):
        text = decoder.receive((token,))
        if plan.turn and part is Part.CONTENT and paragraph.over_before(text):
            yield Piece(Part.END, END_OF_TURN, TURN, offset, None, "stop", END_OF_TURN)
            return
        stopped_by = stops.ended_by(text)
        finish_reason: FinishReason | None = "stop" if stopped_by else "length" if count >= plan.most else None
        if finish_reason:
            text += decoder.receive_eof()
        yield Piece(part, token, text, offset, logprobs, finish_reason, stopped_by)
        if finish_reason:
            return
        offset += len(text)


def _tokens(
    teller: LanguageModel, prompt: list[int], settings: GenerationSettings, chance: SeededRandom, plan: Plan
) -> Iterator[_Token]:
    """As many tokens as are wanted, and more."""
    vocabulary = teller.vocabulary
    said = [*prompt]
    # A token is given out when the next one is known (`generate`), and what is drawn too much here goes nowhere.
    settings = replace(settings, max_length=plan.most + 1)

    def given(part: Part, text: str) -> Iterator[_Token]:
        for token in vocabulary.encode(text):
            said.append(token)
            yield part, token, None

    def drawn(part: Part, chance: SeededRandom) -> Iterator[_Token]:
        for step in generate(teller, tuple(said), settings, chance):
            said.append(step.token)
            yield part, step.token, step.logprobs

    if plan.thinking:
        yield from given(Part.TAG, THINK)
        for count, thought in enumerate(drawn(Part.REASONING, chance.fork("reasoning")), 1):
            yield thought
            ended = vocabulary.decode((thought[1],)).rstrip().endswith(_SENTENCE_ENDS)
            if count >= (_SHORTEST_THOUGHT if ended else _LONGEST_THOUGHT):
                break
        yield from given(Part.TAG, THOUGHT)
    yield from given(Part.CONTENT, plan.prefix)
    yield from drawn(Part.CONTENT, chance)


class _Stops:
    """Looks for stop texts in a text that grows."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._longest = max(map(len, stops), default=0)
        self._tail = ""

    def ended_by(self, text: str) -> str | None:
        """The first stop text that is complete with this piece, the longer one of two at the same place."""
        seen = self._tail + text
        found = [(seen.find(stop), -len(stop), stop) for stop in self._stops if stop in seen]
        self._tail = seen[-self._longest + 1 :] if self._longest > 1 else ""
        return min(found)[2] if found else None


class _Paragraph:
    """Looks for the end of a paragraph that has something in it."""

    def __init__(self) -> None:
        self._begun = self._over = False
        self._last = ""

    def over_before(self, text: str) -> bool:
        """Is it over when this piece would come? One that ends a sentence as well still belongs to it."""
        sentence, blank_line, _ = (self._last + text).partition("\n\n")
        if self._over or (self._begun and blank_line and not sentence.strip()):
            return True
        self._over = self._begun and bool(blank_line)
        self._begun = self._begun or bool(text.strip())
        self._last = "\n" if text.endswith("\n") else self._last if not text else ""
        return False
