"""Generates tokens from a model's distributions.

The loop works on token ids, with any vocabulary; they become text elsewhere. A token is drawn in four steps: penalties
and biases change the model's distribution, required tokens narrow it, bans remove candidates, and the samplers follow.

The result of the last two steps is cached by the *identity* of the distribution. So a model that returns the same object
for the same distribution costs one look-up for each token, as long as the first two steps have nothing to do.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#92-sampler-ids-order
    docs/protocol/native.md#910-response
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import count
from math import inf, log, log2
from operator import eq
from typing import Final, NamedTuple

from ...text.completion import FinishReason
from ..seeded_random import SeededRandom
from .distribution import FLOOR, UNEXPECTED, Distribution, NextTokenModel
from .generation_settings import GenerationSettings
from .repetition_penalties import create_penalties
from .samplers import SamplerContext, apply_samplers, has_guidance, has_mirostat
from .token_sequences import Bans, Biases, Repeats, Stops

__all__ = ["Logprob", "SampledLogprobs", "SamplingStep", "describe_given", "generate"]

_SENTENCE_TOKENS: Final = 20
"""The most tokens that ``generate_until_sentence`` adds."""


class Logprob(NamedTuple):
    """The natural logarithms of one token's probability."""

    token: int
    before: float
    "In the model's distribution; of `FLOOR` if the model did not expect the token."
    after: float | None
    "In the distribution from which the token was drawn; None if it was no candidate."


class SampledLogprobs(NamedTuple):
    """The logprobs of one step, in the three parts of docs/protocol/native.md#910-response."""

    chosen: tuple[Logprob]
    before: tuple[Logprob, ...]
    "The model's best ``num_logprobs`` candidates, best first."
    after: tuple[Logprob, ...]
    "The best ``num_logprobs`` candidates after penalties, biases, bans and samplers, best first."


class SamplingStep(NamedTuple):
    """One generated token.

    See docs/protocol/native.md#10-streaming-aigenerate-stream.
    """

    token: int
    ptr: int
    "Its index, from 0."
    logprobs: SampledLogprobs | None
    finish_reason: FinishReason | None = None
    """On the last step, what ended the generation: ``"length"`` for ``max_length``, else ``"stop"``."""
    stopped_by: tuple[int, ...] = ()
    """On the last step, the stop sequence or end token that ended the generation, in the output or not; otherwise empty."""

    @property
    def final(self) -> bool:
        """True on the last step."""
        return self.finish_reason is not None


def generate(
    model: NextTokenModel,
    context: Iterable[int],
    settings: GenerationSettings,
    rng: SeededRandom,
    *,
    ends_sentence: Callable[[int], bool] = lambda _: True,
    begins_with: Callable[[int, int], bool] = eq,
    is_banned: Callable[[int], bool] | None = None,
) -> Iterator[SamplingStep]:
    """Generate tokens after a context, with one random number for each.

    A step is yielded when the next one is known, so that the last one can carry the finish reason. Without
    ``include_stop``, tokens that could begin a stop sequence are held back, together with the token before them.

    Bans are never broken: where all candidates are banned, or not among the ``valid_first_tokens``, the generation stops.
    A generation without any step has stopped in this way too.

    Args:
        model: gives the distribution of the next token.
        context: the prompt.
        settings: how to draw, and when to end.
        rng: decides which tokens are drawn.
        ends_sentence: returns whether a token's text ends a sentence, for ``generate_until_sentence``.
        begins_with: returns whether the text of a token begins with the text of another, for ``cropped_token``.
        is_banned: returns whether a token is banned for its text, for ``bracket_ban``; None bans none.

    Yields:
        The tokens in order; the last step has a finish reason.
    """
    prepared = _prepare(settings)
    held: list[SamplingStep] = []
    finish_reason: FinishReason = "stop"
    stopped_by: tuple[int, ...] = ()
    state = _GenerationState(model, context, prepared, begins_with, is_banned)
    for step in _steps(state, prepared, rng, ends_sentence):
        held.append(step)
        if step.finish_reason is not None:
            finish_reason, stopped_by = step.finish_reason, step.stopped_by
            break
        begun = 0 if settings.include_stop else prepared.stops.count_begun([step.token for step in held])
        while len(held) > 1 + begun:
            yield held.pop(0)
    if stopped_by and not settings.include_stop:
        del held[-len(stopped_by) :]
    if held:
        yield from held[:-1]
        yield held[-1]._replace(finish_reason=finish_reason, stopped_by=stopped_by)


class _PreparedSettings:
    """Settings prepared for generations. Compared by identity, so that it is a quick key for caches."""

    __slots__ = ("bans", "guided", "mirostat", "settings", "stops")

    def __init__(self, settings: GenerationSettings) -> None:
        self.settings = settings
        self.bans = Bans(settings.bad_words_ids)
        self.stops = Stops([*settings.stop_sequences, *((token,) for token in settings.eos_ids)])
        self.guided = has_guidance(settings)
        self.mirostat = has_mirostat(settings)

    def end(
        self, output: Sequence[int], ends_sentence: Callable[[int], bool]
    ) -> tuple[FinishReason | None, tuple[int, ...]]:
        """Return the finish reason if the output ends with its last token, and the stop sequence that ended it, if any."""
        settings, length = self.settings, len(output)
        if length >= settings.min_length and (stopped_by := self.stops.find_stop(output)):
            return "stop", stopped_by
        more = _SENTENCE_TOKENS if settings.generate_until_sentence else 0
        if length >= settings.max_length and (length >= settings.max_length + more or ends_sentence(output[-1])):
            return "length", ()
        return None, ()


_prepare = lru_cache(maxsize=64)(_PreparedSettings)


def _steps(
    generation: _GenerationState, prepared: _PreparedSettings, rng: SeededRandom, ends_sentence: Callable[[int], bool]
) -> Iterator[SamplingStep]:
    """Yield each token as soon as it is drawn. If the last one has no finish reason, no candidate was left after it."""
    wanted = prepared.settings.num_logprobs
    for ptr in count():
        expected = generation.model_distribution()
        candidates = generation.candidates(expected)
        if candidates is None:
            return
        token = candidates.draw(rng.uniform()) if prepared.settings.do_sample else candidates.tokens[0]
        generation.add(token, candidates.probabilities[token])
        logprobs = None if wanted is None else _create_logprobs(token, expected, candidates, wanted)
        yield SamplingStep(token, ptr, logprobs, *prepared.end(generation.output, ends_sentence))


class _GenerationState:
    """A running generation: its text so far, and the penalties, biases and bounds that depend on it."""

    __slots__ = (
        "_begins_with",
        "_biases",
        "_is_banned",
        "_model",
        "_opposing",
        "_penalties",
        "_prepared",
        "_repeats",
        "_surprise",
        "_text",
        "output",
    )

    def __init__(
        self,
        model: NextTokenModel,
        context: Iterable[int],
        prepared: _PreparedSettings,
        begins_with: Callable[[int, int], bool],
        is_banned: Callable[[int], bool] | None,
    ) -> None:
        settings = prepared.settings
        self.output: list[int] = []
        self._text = [*context]
        self._model, self._prepared = model, prepared
        self._begins_with, self._is_banned = begins_with, is_banned
        self._biases = Biases(settings, self._text)
        self._repeats = Repeats(settings, self._text)
        self._penalties = create_penalties(settings, self._text)
        self._opposing = [*settings.cfg_uc] if prepared.guided else None
        self._surprise = 2 * settings.mirostat_tau if prepared.mirostat else inf

    def add(self, token: int, probability: float) -> None:
        """Append a token that was drawn with this probability."""
        self.output.append(token)
        self._text.append(token)
        self._repeats.add(self._text)
        self._biases.add(token)
        for penalty in self._penalties:
            penalty.add(token)
        if self._opposing is not None:
            self._opposing.append(token)
        if self._prepared.mirostat:
            settings = self._prepared.settings
            self._surprise -= settings.mirostat_lr * (-log2(probability) - settings.mirostat_tau)

    def model_distribution(self) -> Distribution:
        """Return the model's distribution of the next token."""
        return self._model.distribution(self._text)

    def candidates(self, expected: Distribution) -> Distribution | None:
        """Return the distribution to draw from; None if no candidate is allowed."""
        banned = self._banned_tokens(expected)
        left = self._apply_weights(expected, banned)
        if required := self._required_tokens(expected, banned):
            left = left.only(required)
        may_end = len(self.output) + 1 >= self._prepared.settings.min_length
        opposing = None if self._opposing is None else self._model.distribution(self._opposing)
        apply_filter = _filter if left is expected and not self._prepared.mirostat else _filter.__wrapped__
        return apply_filter(left, self._prepared, banned, may_end, opposing, self._surprise)

    def _banned_tokens(self, expected: Distribution) -> frozenset[int]:
        banned = self._prepared.bans.after(self._text)
        if self._repeats:
            banned |= self._repeats.after(self._text)
        if self._is_banned is not None:
            settings = self._prepared.settings
            possible = {*expected.tokens, *self._biases.sums(), *settings.valid_first_tokens}
            if settings.cropped_token is not None:
                possible.add(settings.cropped_token)
            banned |= frozenset(filter(self._is_banned, possible))
        return banned

    def _apply_weights(self, expected: Distribution, banned: frozenset[int]) -> Distribution:
        """Apply penalties and biases. Banned tokens are removed first, since a large bias on one would leave no others.

        A token that the model does not expect becomes a candidate if its biases make it likelier. Penalties count for it
        too, so they come between.
        """
        if not (self._penalties or self._biases):
            return expected
        logits, biases = expected.logits(), self._biases.sums()
        for token in sorted(token for token, bias in biases.items() if bias > 0):
            logits.setdefault(token, UNEXPECTED)
        for penalty in self._penalties:
            penalty.adjust(logits)
        for token in biases.keys() & logits.keys():
            logits[token] += biases[token]
        allowed = [(token, logit) for token, logit in logits.items() if token not in banned]
        return Distribution.from_logits(allowed or logits.items())

    def _required_tokens(self, expected: Distribution, banned: frozenset[int]) -> frozenset[int]:
        """Return the tokens of which one must come next, without banned ones if possible; empty if any may.

        If no possible first token begins with the cropped token, the cropped token itself is required. The rest of a
        biased sequence is not required if it is banned.
        """
        if self.output:
            return self._biases.required_tokens() - banned if self._biases else _ANYTHING
        valid, cropped = self._prepared.settings.valid_first_tokens, self._prepared.settings.cropped_token
        if cropped is None:
            return valid - banned or valid
        matching = {token for token in valid or expected.tokens if self._begins_with(token, cropped)}
        return frozenset(matching - banned or {cropped})


_ANYTHING: Final = frozenset[int]()


@lru_cache(maxsize=4096)  # twice the distributions of the tales, at some 4 kB each
def _filter(
    distribution: Distribution,
    prepared: _PreparedSettings,
    banned: frozenset[int],
    may_end: bool,
    opposing: Distribution | None,
    surprise: float,
) -> Distribution | None:
    """Remove banned tokens and apply the samplers; None if all candidates are banned."""
    left = distribution.without(banned)
    if left is None:
        return None
    if not may_end:
        left = left.without(prepared.settings.eos_ids) or left
    if not prepared.settings.do_sample:
        return left
    return apply_samplers(left, SamplerContext(prepared.settings, opposing, surprise))


def describe_given(token: int, expected: Distribution, wanted: int) -> SampledLogprobs:
    """Return the logprobs of a token that was given, and not drawn."""
    return _create_logprobs(token, expected, expected, wanted)


def _create_logprobs(token: int, expected: Distribution, candidates: Distribution, wanted: int) -> SampledLogprobs:
    def logprob(token: int) -> Logprob:
        after = candidates.probabilities.get(token)
        return Logprob(token, log(expected.probabilities.get(token, FLOOR)), None if after is None else log(after))

    return SampledLogprobs(
        chosen=(logprob(token),),
        before=tuple(map(logprob, expected.tokens[:wanted])),
        after=tuple(map(logprob, candidates.tokens[:wanted])),
    )
