"""What may be drawn of what is expected: the eleven samplers of docs/protocol/native.md#92-sampler-ids-order.

Each is a pure function of the candidates and the moment. One that is set to change nothing returns its very argument,
so that what is remembered under a distribution's identity stays so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from itertools import accumulate, pairwise
from math import fsum, inf, log, ulp
from typing import Final, NamedTuple, TypeAlias

from .distribution import FLOOR, Distribution
from .generation_settings import GenerationSettings

__all__ = ["SAMPLERS", "Sampler", "SamplerContext", "apply_samplers", "has_guidance", "has_mirostat"]


class SamplerContext(NamedTuple):
    """What samplers go by when a token is drawn."""

    settings: GenerationSettings
    opposing: Distribution | None = None
    "What is expected after the opposing prompt; None without guidance."
    surprise: float = inf
    "In bits, what Mirostat bears."


def apply_samplers(distribution: Distribution, moment: SamplerContext) -> Distribution:
    """What all samplers leave, in their order."""
    for sampler in moment.settings.order:
        if sampler in SAMPLERS:
            distribution = SAMPLERS[sampler](distribution, moment)
    return distribution


def has_guidance(settings: GenerationSettings) -> bool:
    """Whether an opposing prompt changes anything."""
    return 6 in settings.order and settings.cfg_scale != 1


def has_mirostat(settings: GenerationSettings) -> bool:
    """Whether surprise is bounded (docs/protocol/native.md#91-parameters--complete-list: off with a rate of 1 too)."""
    return 8 in settings.order and settings.mirostat_tau > 0 and settings.mirostat_lr != 1


def _temperature(distribution: Distribution, moment: SamplerContext) -> Distribution:
    """Probabilities to the power of 1/T. Taken relative to the best, which is 1 and cannot vanish."""
    heat = moment.settings.temperature
    if heat == 1:
        return distribution
    highest = log(distribution.cumulative[0])
    heat = heat or ulp(0.0)
    return Distribution.of_logits((token, (logit - highest) / heat) for token, logit in distribution.logits().items())


def _top_k(distribution: Distribution, moment: SamplerContext) -> Distribution:
    """The k best."""
    k = moment.settings.top_k
    return distribution.best(k) if k > 0 else distribution


def _top_p(distribution: Distribution, moment: SamplerContext) -> Distribution:
    """The fewest of the best that have p together."""
    share = moment.settings.top_p
    if not 0 < share < 1:
        return distribution
    return distribution.best(bisect_left(distribution.cumulative, share) + 1)


def _tail_free(distribution: Distribution, moment: SamplerContext) -> Distribution:
    """Up to where the curve of probabilities has done its share of bending; what follows is the tail."""
    share = moment.settings.tail_free_sampling
    if share >= 1:
        return distribution
    slopes = [p - q for p, q in pairwise(distribution.probabilities.values())]
    bends = [abs(p - q) for p, q in pairwise(slopes)]
    if not any(bends):
        return distribution
    return distribution.best(bisect_right(list(accumulate(bends)), share * fsum(bends)) + 1)


def _top_a(distribution: Distribution, moment: SamplerContext) -> Distribution:
    """Those with at least a times the square of the best one's probability."""
    return _at_least(moment.settings.top_a * distribution.cumulative[0] ** 2, distribution)


def _typical(distribution: Distribution, moment: SamplerContext) -> Distribution:
    """The fewest that have p together, taken by how little their surprise differs from the expected one."""
    share = moment.settings.typical_p
    if not 0 < share < 1:
        return distribution
    entropy = _entropy(distribution)
    ranked = sorted(distribution.probabilities.items(), key=lambda candidate: abs(-log(candidate[1]) - entropy))
    count = bisect_left(list(accumulate(p for _, p in ranked)), share) + 1
    return Distribution(ranked[:count])


def _guidance(distribution: Distribution, moment: SamplerContext) -> Distribution:
    """Away from the opposing prompt: log q + scale · (log p - log q), as in "Stay on topic with Classifier-Free
    Guidance". What only the opposing prompt leads to is no candidate; what only the prompt leads to has q = `FLOOR`."""
    scale, opposing = moment.settings.cfg_scale, moment.opposing
    if opposing is None:
        return distribution
    against = {token: log(opposing.probabilities.get(token, FLOOR)) for token in distribution.tokens}
    return Distribution.of_logits(
        (token, against[token] + scale * (logit - against[token])) for token, logit in distribution.logits().items()
    )


def _top_g(distribution: Distribution, moment: SamplerContext) -> Distribution:
    """The g best groups. Nobody says what a group is; here, candidates with the same probability."""
    groups = moment.settings.top_g
    if groups <= 0:
        return distribution
    steps = accumulate(p != q for p, q in pairwise(distribution.probabilities.values()))
    return distribution.best(bisect_left(list(steps), groups) + 1)


def _mirostat(distribution: Distribution, moment: SamplerContext) -> Distribution:
    """Those that surprise no more than is borne now, in bits (Mirostat 2). The loop moves that bound with each token."""
    return _at_least(2.0 ** min(-moment.surprise, 0.0), distribution)


def _unified(distribution: Distribution, moment: SamplerContext) -> Distribution:
    """A polynomial of the surprise s = -log p: - (linear + conf · entropy) · s - quad · s² - cubic · s³ is the new logit.

    NovelAI's documents state no formula. The first three terms are those that Zyphra's Zonos publishes as NovelAI's
    Unified sampler, in nats, and fit the names in docs/protocol/openai.md#5-unified-sampling; the cubic term goes on in
    their way.
    """
    settings = moment.settings
    linear, conf = settings.math1_temp, settings.math1_quad_entropy_scale
    quad, cubic = settings.math1_quad, settings.math2_cubic
    if linear == 1 and conf == quad == cubic == 0:
        return distribution
    slope = linear + conf * _entropy(distribution)
    return Distribution.of_logits(
        (token, ((cubic * logit - quad) * logit + slope) * logit) for token, logit in distribution.logits().items()
    )


def _min_p(distribution: Distribution, moment: SamplerContext) -> Distribution:
    """Those with at least p times the best one's probability."""
    return _at_least(moment.settings.min_p * distribution.cumulative[0], distribution)


def _entropy(distribution: Distribution) -> float:
    return -fsum(p * log(p) for p in distribution.probabilities.values())


def _at_least(threshold: float, distribution: Distribution) -> Distribution:
    return distribution.best(bisect_right(list(distribution.probabilities.values()), -threshold, key=lambda p: -p))


Sampler: TypeAlias = Callable[[Distribution, SamplerContext], Distribution]

SAMPLERS: Final[Mapping[int, Sampler]] = {
    0: _temperature,
    1: _top_k,
    2: _top_p,
    3: _tail_free,
    4: _top_a,
    5: _typical,
    6: _guidance,
    7: _top_g,
    8: _mirostat,
    9: _unified,
    10: _min_p,
}
"""By the ids of docs/protocol/native.md#92-sampler-ids-order."""
