"""The eleven samplers of docs/protocol/native.md#92-sampler-ids-order.

Each is a pure function of a distribution and a context. A sampler whose settings change nothing returns its argument
itself, so that results cached by a distribution's identity stay valid.
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
    """What the samplers need beside the distribution."""

    settings: GenerationSettings
    opposing: Distribution | None = None
    "The distribution after the opposing prompt; None without guidance."
    surprise: float = inf
    "The surprise that Mirostat allows, in bits."


def apply_samplers(distribution: Distribution, context: SamplerContext) -> Distribution:
    """Return the distribution after all samplers, in the order of the settings."""
    for sampler in context.settings.order:
        if sampler in SAMPLERS:
            distribution = SAMPLERS[sampler](distribution, context)
    return distribution


def has_guidance(settings: GenerationSettings) -> bool:
    """Return whether an opposing prompt has an effect."""
    return 6 in settings.order and settings.cfg_scale != 1


def has_mirostat(settings: GenerationSettings) -> bool:
    """Return whether Mirostat has an effect; a rate of 1 turns it off too.

    See docs/protocol/native.md#91-parameters--complete-list.
    """
    return 8 in settings.order and settings.mirostat_tau > 0 and settings.mirostat_lr != 1


def _temperature(distribution: Distribution, context: SamplerContext) -> Distribution:
    """Raise probabilities to the power of 1/T, relative to the best, which cannot underflow."""
    temperature = context.settings.temperature
    if temperature == 1:
        return distribution
    highest = log(distribution.cumulative[0])
    temperature = temperature or ulp(0.0)
    return Distribution.from_logits(
        (token, (logit - highest) / temperature) for token, logit in distribution.logits().items()
    )


def _top_k(distribution: Distribution, context: SamplerContext) -> Distribution:
    """Keep the k best."""
    k = context.settings.top_k
    return distribution.best(k) if k > 0 else distribution


def _top_p(distribution: Distribution, context: SamplerContext) -> Distribution:
    """Keep the fewest of the best that have the probability p together."""
    share = context.settings.top_p
    if not 0 < share < 1:
        return distribution
    return distribution.best(bisect_left(distribution.cumulative, share) + 1)


def _tail_free(distribution: Distribution, context: SamplerContext) -> Distribution:
    """Cut the tail: keep candidates until the curve of probabilities has done its share of all bending."""
    share = context.settings.tail_free_sampling
    if share >= 1:
        return distribution
    slopes = [p - q for p, q in pairwise(distribution.probabilities.values())]
    bends = [abs(p - q) for p, q in pairwise(slopes)]
    if not any(bends):
        return distribution
    return distribution.best(bisect_right(list(accumulate(bends)), share * fsum(bends)) + 1)


def _top_a(distribution: Distribution, context: SamplerContext) -> Distribution:
    """Keep those with at least a times the square of the best one's probability."""
    return _at_least(context.settings.top_a * distribution.cumulative[0] ** 2, distribution)


def _typical(distribution: Distribution, context: SamplerContext) -> Distribution:
    """Keep the fewest that have the probability p together, those first whose surprise is closest to the expected one."""
    share = context.settings.typical_p
    if not 0 < share < 1:
        return distribution
    entropy = _entropy(distribution)
    ranked = sorted(distribution.probabilities.items(), key=lambda candidate: abs(-log(candidate[1]) - entropy))
    count = bisect_left(list(accumulate(p for _, p in ranked)), share) + 1
    return Distribution(ranked[:count])


def _guidance(distribution: Distribution, context: SamplerContext) -> Distribution:
    """Move away from the opposing prompt: log q + scale · (log p - log q), as in "Stay on topic with Classifier-Free
    Guidance". Candidates of only the opposing prompt are dropped; candidates of only the prompt have q = `FLOOR`. No
    source says what ``cfg_alpha`` is; here, the share of the way that is gone."""
    opposing = context.opposing
    scale = 1 + context.settings.cfg_alpha * (context.settings.cfg_scale - 1)
    if opposing is None:
        return distribution
    opposed = {token: log(opposing.probabilities.get(token, FLOOR)) for token in distribution.tokens}
    return Distribution.from_logits(
        (token, opposed[token] + scale * (logit - opposed[token])) for token, logit in distribution.logits().items()
    )


def _top_g(distribution: Distribution, context: SamplerContext) -> Distribution:
    """Keep the g best groups. No source says what a group is; here, candidates with the same probability."""
    groups = context.settings.top_g
    if groups <= 0:
        return distribution
    steps = accumulate(p != q for p, q in pairwise(distribution.probabilities.values()))
    return distribution.best(bisect_left(list(steps), groups) + 1)


def _mirostat(distribution: Distribution, context: SamplerContext) -> Distribution:
    """Keep those whose surprise is within the bound (Mirostat 2). The generation moves the bound with each token."""
    return _at_least(2.0 ** min(-context.surprise, 0.0), distribution)


def _unified(distribution: Distribution, context: SamplerContext) -> Distribution:
    """Replace logits by a polynomial of the surprise s = -log p: - (linear + conf · entropy) · s - quad · s² - cubic · s³.

    NovelAI's documents state no formula. The first three terms are those that Zyphra's Zonos publishes as NovelAI's
    Unified sampler, in nats, and fit the names in docs/protocol/openai.md#5-unified-sampling; the cubic term
    continues the series.
    """
    settings = context.settings
    linear, conf = settings.math1_temp, settings.math1_quad_entropy_scale
    quad, cubic = settings.math1_quad, settings.math2_cubic
    if linear == 1 and conf == quad == cubic == 0:
        return distribution
    slope = linear + conf * _entropy(distribution)
    return Distribution.from_logits(
        (token, ((cubic * logit - quad) * logit + slope) * logit) for token, logit in distribution.logits().items()
    )


def _min_p(distribution: Distribution, context: SamplerContext) -> Distribution:
    """Keep those with at least p times the best one's probability."""
    return _at_least(context.settings.min_p * distribution.cumulative[0], distribution)


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
