"""From a model's distributions to a generation.

All of it is in terms of ids: whatever vocabulary they come from, the loop is the same, and text is made of them
elsewhere. A token is drawn in four steps: what the model expects is weighed by penalties and biases, narrowed where
something particular has to come, freed of what is banned, and passed through the samplers.

What the last two steps leave of a distribution is remembered under its *identity*, so a model that hands out the same
object for the same outlook costs a look-up for each token and no arithmetic, as long as the first two have nothing to do.

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
from .distribution import FLOOR, Distribution, NextTokenModel
from .generation_settings import GenerationSettings, SequenceBias
from .repetition_penalties import create_penalties
from .samplers import SAMPLERS, SamplerContext, apply_samplers, has_guidance, has_mirostat
from .token_sequences import Bans, Biases, Stops

__all__ = [
    "SAMPLERS",
    "Distribution",
    "GenerationSettings",
    "Logprob",
    "NextTokenModel",
    "SampledLogprobs",
    "SamplingStep",
    "SequenceBias",
    "generate",
]

_OVERTIME: Final = 20
"""How many tokens ``generate_until_sentence`` adds at most.

See docs/protocol/native.md#91-parameters--complete-list.
"""


class Logprob(NamedTuple):
    """Natural logarithms of one token's probability.

    See docs/protocol/native.md#910-response.
    """

    token: int
    before: float
    "As the model had it; of `FLOOR` when the model did not expect it."
    after: float | None
    "As it was drawn; None when it could not be."


class SampledLogprobs(NamedTuple):
    """How one token was drawn, in the three parts of docs/protocol/native.md#910-response."""

    chosen: tuple[Logprob]
    before: tuple[Logprob, ...]
    "The model's best ``num_logprobs`` candidates, best first."
    after: tuple[Logprob, ...]
    "The survivors of penalties, biases, bans and samplers, best first, at most ``num_logprobs``."


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
    """On the last step, the stop sequence or end token, if it was one, be it part of the output or not."""

    @property
    def final(self) -> bool:
        """True on the last step."""
        return self.finish_reason is not None


def generate(
    model: NextTokenModel,
    context: Iterable[int],
    settings: GenerationSettings,
    chance: SeededRandom,
    *,
    ends_sentence: Callable[[int], bool] = lambda _: True,
    begins_with: Callable[[int, int], bool] = eq,
) -> Iterator[SamplingStep]:
    """Continues the context, one number of ``chance`` for each token.

    A step is given out when what comes next is known, so that the last one can say that it is the last. Without
    ``include_stop``, tokens that may begin a stop sequence wait until they can no longer, and so does the one before.

    Bans are never broken: where all that could come is banned, or not among the ``valid_first_tokens``, the generation
    stops there. Drawing one of them all the same would break the promise of a ban, and there is no other token that
    the model could stand for. A generation without any step was stopped too.

    Args:
        model: what is expected.
        context: the prompt.
        settings: how to draw, and when to end.
        chance: decides.
        ends_sentence: whether the text of a token is the end of a sentence, for ``generate_until_sentence``.
        begins_with: whether the text of a token begins with that of another one, for ``cropped_token``.
    """
    plan = _plan(settings)
    waiting: list[SamplingStep] = []
    finish_reason: FinishReason = "stop"
    stopped_by: tuple[int, ...] = ()
    for step in _steps(_Generation(model, context, plan, begins_with), plan, chance, ends_sentence):
        waiting.append(step)
        if step.finish_reason is not None:
            finish_reason, stopped_by = step.finish_reason, step.stopped_by
            break
        begun = 0 if settings.include_stop else plan.stops.begun([step.token for step in waiting])
        while len(waiting) > 1 + begun:
            yield waiting.pop(0)
    if stopped_by and not settings.include_stop:
        del waiting[-len(stopped_by) :]
    if waiting:
        yield from waiting[:-1]
        yield waiting[-1]._replace(finish_reason=finish_reason, stopped_by=stopped_by)


class _Plan:
    """Settings made ready, for all generations that have them. Compared by identity, which makes it a quick key."""

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
        """Why the output ends with its last token, if it does, and the sequence that stops it, if it is one."""
        settings, length = self.settings, len(output)
        if length >= settings.min_length and (stopped_by := self.stops.ended(output)):
            return "stop", stopped_by
        overtime = _OVERTIME if settings.generate_until_sentence else 0
        if length >= settings.max_length and (length >= settings.max_length + overtime or ends_sentence(output[-1])):
            return "length", ()
        return None, ()


_plan = lru_cache(maxsize=64)(_Plan)


def _steps(
    generation: _Generation, plan: _Plan, chance: SeededRandom, ends_sentence: Callable[[int], bool]
) -> Iterator[SamplingStep]:
    """Every token as soon as it is drawn. If the last one has no finish reason, nothing could come after it."""
    wanted = plan.settings.num_logprobs
    for ptr in count():
        expected = generation.expected()
        candidates = generation.candidates(expected)
        if candidates is None:
            return
        token = candidates.draw(chance.uniform())
        generation.add(token, candidates.probabilities[token])
        logprobs = None if wanted is None else _logprobs(token, expected, candidates, wanted)
        yield SamplingStep(token, ptr, logprobs, *plan.end(generation.output, ends_sentence))


class _Generation:
    """One generation under way: what has been said, and what that does to what comes next."""

    __slots__ = ("_begins_with", "_biases", "_model", "_opposing", "_plan", "_surprise", "_text", "_weighers", "output")

    def __init__(
        self, model: NextTokenModel, context: Iterable[int], plan: _Plan, begins_with: Callable[[int, int], bool]
    ) -> None:
        settings = plan.settings
        self.output: list[int] = []
        self._text = [*context]
        self._model, self._plan, self._begins_with = model, plan, begins_with
        self._biases = Biases(settings, self._text)
        self._weighers = [*create_penalties(settings, self._text), *([self._biases] if self._biases else [])]
        self._opposing = [*settings.cfg_uc] if plan.guided else None
        self._surprise = 2 * settings.mirostat_tau if plan.mirostat else inf

    def add(self, token: int, probability: float) -> None:
        """Goes on with a token that was drawn with this probability."""
        self.output.append(token)
        self._text.append(token)
        for weigher in self._weighers:
            weigher.add(token)
        if self._opposing is not None:
            self._opposing.append(token)
        if self._plan.mirostat:
            settings = self._plan.settings
            self._surprise -= settings.mirostat_lr * (-log2(probability) - settings.mirostat_tau)

    def expected(self) -> Distribution:
        """The model's own view."""
        return self._model.distribution(self._text)

    def candidates(self, expected: Distribution) -> Distribution | None:
        """What to draw from; None when nothing may come."""
        banned = self._plan.bans.after(self._text)
        left = self._weighed(expected, banned)
        if due := self._due(expected, banned):
            left = left.only(due)
        may_end = len(self.output) + 1 >= self._plan.settings.min_length
        opposing = None if self._opposing is None else self._model.distribution(self._opposing)
        leave = _left if left is expected and not self._plan.mirostat else _left.__wrapped__
        return leave(left, self._plan, banned, may_end, opposing, self._surprise)

    def _weighed(self, expected: Distribution, banned: frozenset[int]) -> Distribution:
        """With penalties and biases. What is banned goes here already, or its bias could leave nothing of the others."""
        if not self._weighers:
            return expected
        logits = expected.logits()
        for weigher in self._weighers:
            weigher.adjust(logits)
        allowed = [(token, logit) for token, logit in logits.items() if token not in banned]
        return Distribution.of_logits(allowed or logits.items())

    def _due(self, expected: Distribution, banned: frozenset[int]) -> frozenset[int]:
        """What the next token must be one of, something not banned if possible; anything when empty.

        If nothing that could be first begins with the cropped token, that token comes again. The rest of a biased
        sequence does not come when it is banned.
        """
        if self.output:
            return self._biases.forced() - banned if self._biases else _ANYTHING
        valid, cropped = self._plan.settings.valid_first_tokens, self._plan.settings.cropped_token
        if cropped is None:
            return valid - banned or valid
        fitting = {token for token in valid or expected.tokens if self._begins_with(token, cropped)}
        return frozenset(fitting - banned or {cropped})


_ANYTHING: Final = frozenset[int]()


@lru_cache(maxsize=4096)  # twice the outlooks of the tales, at some 4 kB each
def _left(
    distribution: Distribution,
    plan: _Plan,
    banned: frozenset[int],
    may_end: bool,
    opposing: Distribution | None,
    surprise: float,
) -> Distribution | None:
    """What is left to draw from; None when all is banned."""
    left = distribution.without(banned)
    if left is None:
        return None
    if not may_end:
        left = left.without(plan.settings.eos_ids) or left
    return apply_samplers(left, SamplerContext(plan.settings, opposing, surprise))


def _logprobs(token: int, expected: Distribution, candidates: Distribution, wanted: int) -> SampledLogprobs:
    def logprob(token: int) -> Logprob:
        after = candidates.probabilities.get(token)
        return Logprob(token, log(expected.probabilities.get(token, FLOOR)), None if after is None else log(after))

    return SampledLogprobs(
        chosen=(logprob(token),),
        before=tuple(map(logprob, expected.tokens[:wanted])),
        after=tuple(map(logprob, candidates.tokens[:wanted])),
    )
