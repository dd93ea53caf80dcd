"""Generated answers of the OpenAI-compatible endpoints, token by token: reasoning, prefix, text and end.

Tokens are drawn as by the native endpoints, but an answer ends in other ways: with a stop text, which stays in the answer
and need not begin or end with a token; with the end of the model's turn, if the prompt is a conversation; or with
``max_tokens``, for which every token counts.

See docs/protocol/openai.md#34-stop-handling.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, TypeAlias

from ...text.completion import FinishReason
from ..replies.scripted_reply import ScriptedReply
from ..seeded_random import SeededRandom
from ..text.generation import SampledLogprobs, describe_given, generate
from ..text.generation_settings import GenerationSettings
from ..text.language_model import LanguageModel
from .chat_template import THINK, THOUGHT, TURN, find_end_of_turn

__all__ = ["GenerationPlan", "StreamPart", "TextPiece", "generate_pieces", "list_prompt_pieces", "script_pieces"]


class StreamPart(enum.Enum):
    """The part of an answer that a token belongs to."""

    PROMPT = "prompt"
    "The prompt, repeated."
    TAG = "tag"
    "The marks around the reasoning."
    REASONING = "reasoning"
    CONTENT = "content"
    END = "end"
    "The end of the model's turn, or the beginning of the text after the answer; it has no text in the answer."


class TextPiece(NamedTuple):
    """One token of an answer."""

    part: StreamPart
    token: int
    text: str
    "The text that is complete with this token. A character may need several tokens."
    offset: int
    "Where `text` begins in the answer, in characters."
    logprobs: SampledLogprobs | None = None
    "Log probabilities; None if the token was not drawn or they were not requested."
    finish_reason: FinishReason | None = None
    "Only on the last token."
    stop_reason: str | int | None = None
    "The text or the token that ended the answer, on the last token. See docs/protocol/openai.md#32-response-not-streamed."

    def __repr__(self) -> str:
        return f"TextPiece(part={self.part.name}, offset={self.offset}, finish_reason={self.finish_reason!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationPlan:
    """How an answer begins and ends."""

    max_tokens: int
    "Maximum number of tokens, 1 or more."
    stops: tuple[str, ...] = field(default=(), repr=False)
    "Texts that end the answer; none is empty."
    prefix: str = field(default="", repr=False)
    "The text that the content begins with."
    thinking: bool = False
    "Whether the answer begins with reasoning."
    turn: bool = False
    "Whether the answer ends by itself, after a paragraph."
    suffix_start: int | None = None
    "The token that begins the text after the answer; the answer ends before it."
    offset: int = 0
    "Where the answer begins in its choice's text, in characters."


def list_prompt_pieces(model: LanguageModel, prompt: list[int], num_logprobs: int | None) -> list[TextPiece]:
    """Return a prompt as the beginning of an answer, for ``echo``.

    Args:
        model: Expects each token of the prompt to some degree. It expects nothing before the first one.
        prompt: Token ids.
        num_logprobs: How many candidates to report for each token; None reports nothing.
    """
    decoder = model.vocabulary.decoder()
    pieces: list[TextPiece] = []
    offset = 0
    for place, token in enumerate(prompt):
        text = decoder.receive((token,)) + (decoder.receive_eof() if place == len(prompt) - 1 else "")
        logprobs = None
        if num_logprobs is not None and place:
            logprobs = describe_given(token, model.distribution(prompt[:place]), num_logprobs)
        pieces.append(TextPiece(StreamPart.PROMPT, token, text, offset, logprobs))
        offset += len(text)
    return pieces


def script_pieces(
    model: LanguageModel, prompt: list[int], reply: ScriptedReply, num_logprobs: int | None, offset: int = 0
) -> Iterator[TextPiece]:
    """Yield a scripted answer of at least one token: its reasoning if it has one, and its text.

    Args:
        model: Gives the tokens and their log probabilities.
        prompt: Token ids of the prompt.
        reply: With a text or chunks.
        num_logprobs: How many candidates to report for each token; None reports nothing.
        offset: Where the answer begins in its choice's text, in characters.
    """
    context = [*prompt]
    parts = [(StreamPart.CONTENT, reply.whole_text)]
    if reply.reasoning is not None:
        tags = [(StreamPart.TAG, THINK), (StreamPart.REASONING, reply.reasoning), (StreamPart.TAG, THOUGHT)]
        parts = [*tags, *parts]
    encode = model.vocabulary.encode
    tokens = [(part, token) for part, text in parts for token in encode(text)]
    decoder = model.vocabulary.decoder()
    for place, (part, token) in enumerate(tokens, 1):
        is_last = place == len(tokens)
        text = decoder.receive((token,)) + (decoder.receive_eof() if is_last else "")
        logprobs = None if num_logprobs is None else describe_given(token, model.distribution(context), num_logprobs)
        yield TextPiece(part, token, text, offset, logprobs, reply.finish_reason if is_last else None)
        context.append(token)
        offset += len(text)
    if not tokens:
        yield TextPiece(StreamPart.END, find_end_of_turn(model.vocabulary), "", offset, None, reply.finish_reason)


_DrawnToken: TypeAlias = tuple[StreamPart, int, SampledLogprobs | None]

_SENTENCE_ENDS: Final = (".", "!", "?")
_MIN_REASONING_TOKENS: Final = 8
_MAX_REASONING_TOKENS: Final = 40
"""The reasoning ends with its first sentence that ends between these bounds, or at the upper one."""


def generate_pieces(
    model: LanguageModel, prompt: list[int], settings: GenerationSettings, rng: SeededRandom, plan: GenerationPlan
) -> Iterator[TextPiece]:
    """Generate an answer of at least one token. Each token is yielded as soon as it is drawn.

    Args:
        model: Generates the text.
        prompt: Token ids of the prompt.
        settings: How tokens are drawn.
        rng: Decides which tokens are drawn.
        plan: How the answer begins and ends.
    """
    end_of_turn = find_end_of_turn(model.vocabulary)
    decoder = model.vocabulary.decoder()
    stop_matcher = _StopMatcher(plan.stops)
    paragraph = _ParagraphTracker()
    offset = plan.offset
    for count, (part, token, logprobs) in enumerate(_draw_tokens(model, prompt, settings, rng, plan), 1):
        if token == plan.suffix_start and part is StreamPart.CONTENT:
            yield TextPiece(StreamPart.END, token, decoder.receive_eof(), offset, logprobs, "stop")
            return
        text = decoder.receive((token,))
        if plan.turn and part is StreamPart.CONTENT and paragraph.is_over_before(text):
            yield TextPiece(StreamPart.END, end_of_turn, TURN, offset, None, "stop", end_of_turn)
            return
        stop = stop_matcher.match(text)
        finish_reason: FinishReason | None = "stop" if stop else "length" if count >= plan.max_tokens else None
        if finish_reason:
            text += decoder.receive_eof()
        yield TextPiece(part, token, text, offset, logprobs, finish_reason, stop)
        if finish_reason:
            return
        offset += len(text)


def _draw_tokens(
    model: LanguageModel, prompt: list[int], settings: GenerationSettings, rng: SeededRandom, plan: GenerationPlan
) -> Iterator[_DrawnToken]:
    """Draw at least as many tokens as the plan allows."""
    vocabulary = model.vocabulary
    context = [*prompt]
    # `generate` yields a token when it knows the next one, so it draws one more here, which is dropped.
    settings = replace(settings, max_length=plan.max_tokens + 1)

    def add_text(part: StreamPart, text: str) -> Iterator[_DrawnToken]:
        for token in vocabulary.encode(text):
            context.append(token)
            yield part, token, None

    def draw(part: StreamPart, rng: SeededRandom) -> Iterator[_DrawnToken]:
        for step in generate(model, tuple(context), settings, rng):
            context.append(step.token)
            yield part, step.token, step.logprobs

    if plan.thinking:
        yield from add_text(StreamPart.TAG, THINK)
        for count, drawn in enumerate(draw(StreamPart.REASONING, rng.fork("reasoning")), 1):
            yield drawn
            ends_sentence = vocabulary.decode((drawn[1],)).rstrip().endswith(_SENTENCE_ENDS)
            if count >= (_MIN_REASONING_TOKENS if ends_sentence else _MAX_REASONING_TOKENS):
                break
        yield from add_text(StreamPart.TAG, THOUGHT)
    yield from add_text(StreamPart.CONTENT, plan.prefix)
    yield from draw(StreamPart.CONTENT, rng)


class _StopMatcher:
    """Matches stop texts in a text that arrives in pieces."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._longest = max(map(len, stops), default=0)
        self._tail = ""

    def match(self, text: str) -> str | None:
        """Return the first stop text that this piece completes; of two at one place, the longer one."""
        seen = self._tail + text
        matches = [(seen.find(stop), -len(stop), stop) for stop in self._stops if stop in seen]
        self._tail = seen[-self._longest + 1 :] if self._longest > 1 else ""
        return min(matches)[2] if matches else None


class _ParagraphTracker:
    """Detects the end of the first paragraph that is not empty."""

    def __init__(self) -> None:
        self._begun = self._over = False
        self._last = ""

    def is_over_before(self, text: str) -> bool:
        """Return whether the paragraph ends before this piece. A piece that also ends a sentence still belongs to it."""
        sentence, blank_line, _ = (self._last + text).partition("\n\n")
        if self._over or (self._begun and blank_line and not sentence.strip()):
            return True
        self._over = self._begun and bool(blank_line)
        self._begun = self._begun or bool(text.strip())
        self._last = "\n" if text.endswith("\n") else self._last if not text else ""
        return False
