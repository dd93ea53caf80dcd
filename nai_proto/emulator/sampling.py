"""From a model's distributions to a generation (native §9.1, §9.2, §9.10).

All of it is in terms of ids: whatever vocabulary they come from, the loop is the same, and text is made of them
elsewhere.

Candidates are listed best first from the model to the draw. That makes most samplers a cut after the first n, what is
reported a prefix, and the draw one bisection; no temperature changes the order. What the samplers leave of a
distribution is remembered under its *identity*, so a model that hands out the same object for the same outlook costs a
look-up for each token and no arithmetic.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, islice, pairwise
from math import fsum, inf, log
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol, TypeAlias

from .chance import Chance

__all__ = ["SAMPLERS", "Distribution", "Logprob", "Logprobs", "Model", "Sampler", "Settings", "Step", "generate"]


class Distribution:
    """What may come next, and how probably. Compared by identity."""

    __slots__ = ("cumulative", "probabilities", "tokens")

    tokens: Final[tuple[int, ...]]
    "The candidates, best first; of equals, the one that was named first."
    probabilities: Final[Mapping[int, float]]
    "The same tokens in the same order; all values are positive, and their sum is 1."
    cumulative: Final[tuple[float, ...]]
    "For each candidate, the probability of it or a better one; the last is 1, whatever the rounding."

    def __init__(self, weights: Iterable[tuple[int, float]]) -> None:
        """From tokens with weights of any scale; those without weight are no candidates.

        Raises:
            ValueError: No token has weight.
        """
        ranked = sorted(weights, key=lambda candidate: -candidate[1])
        total = fsum(weight for _, weight in ranked)
        if not total > 0:
            raise ValueError("nothing can come next")
        shares = {token: share for token, weight in ranked if (share := weight / total) > 0}
        self.tokens = tuple(shares)
        self.probabilities = MappingProxyType(shares)
        self.cumulative = (*islice(accumulate(shares.values()), len(shares) - 1), 1.0)

    def __len__(self) -> int:
        return len(self.tokens)

    def best(self, count: int) -> Distribution:
        """The ``count`` best candidates, at least one."""
        if count >= len(self):
            return self
        return Distribution(islice(self.probabilities.items(), max(count, 1)))

    def without(self, banned: Container[int]) -> Distribution:
        """The candidates that are not banned; all of them when nothing else would be left."""
        allowed = [candidate for candidate in self.probabilities.items() if candidate[0] not in banned]
        return Distribution(allowed) if 0 < len(allowed) < len(self) else self

    def draw(self, uniform: float) -> int:
        """The token at this point of [0, 1)."""
        return self.tokens[bisect_right(self.cumulative, uniform)]


class Model(Protocol):
    """Anything that has an expectation of the next token."""

    def distribution(self, context: Sequence[int], /) -> Distribution:
        """What may follow the context, which may be empty and is valid during this call only.

        Equal outlooks should be the same object: what samplers make of a distribution is remembered with it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The parameters of native §9.1 that decide how tokens are drawn, under their names on the wire.

    The defaults change nothing. Where sources use 0 as well as 1 for *off*, both are.
    """

    max_length: int = 40
    "Tokens at most."
    min_length: int = 1
    "No end token is drawn before this many tokens are there; ``max_length`` is stronger."
    temperature: float = 1.0
    "At 0 only the best candidates are left."
    top_k: int = 0
    top_p: float = 1.0
    tail_free_sampling: float = 1.0
    top_a: float = 0.0
    typical_p: float = 1.0
    min_p: float = 0.0
    order: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 10)
    "Sampler ids, first applied first (native §9.2); those not in `SAMPLERS` do nothing."
    eos_ids: frozenset[int] = frozenset()
    "Tokens that end the generation, and are part of it."
    num_logprobs: int | None = None
    "How many candidates to report before and after sampling; None reports nothing, not even the chosen one."


class Logprob(NamedTuple):
    """Natural logarithms of one token's probability (native §9.10)."""

    token: int
    before: float
    "As the model had it."
    after: float | None
    "As it was drawn; None when a sampler removed the token."


@dataclass(frozen=True, slots=True)
class Logprobs:
    """How one token was drawn, in the three parts of native §9.10."""

    chosen: tuple[Logprob]
    before: tuple[Logprob, ...]
    "The model's best ``num_logprobs`` candidates, best first."
    after: tuple[Logprob, ...]
    "The survivors, best first, at most ``num_logprobs``."


@dataclass(frozen=True, slots=True)
class Step:
    """One generated token (native §10)."""

    token: int
    ptr: int
    "Its index, from 0."
    final: bool
    "True on the last step."
    logprobs: Logprobs | None


def generate(model: Model, context: Iterable[int], settings: Settings, chance: Chance) -> Iterator[Step]:
    """Continues the context, one number of ``chance`` for each token."""
    history = list(context)
    for length in range(1, settings.max_length + 1):
        expected = model.distribution(history)
        may_end = length >= settings.min_length
        candidates = _sampled(expected, settings, may_end)
        token = candidates.draw(chance.uniform())
        ended = may_end and token in settings.eos_ids
        wanted = settings.num_logprobs
        yield Step(
            token=token,
            ptr=length - 1,
            final=ended or length == settings.max_length,
            logprobs=None if wanted is None else _logprobs(token, expected, candidates, wanted),
        )
        if ended:
            return
        history.append(token)


def _logprobs(token: int, expected: Distribution, candidates: Distribution, wanted: int) -> Logprobs:
    def logprob(token: int) -> Logprob:
        after = candidates.probabilities.get(token)
        return Logprob(token, log(expected.probabilities[token]), None if after is None else log(after))

    return Logprobs(
        chosen=(logprob(token),),
        before=tuple(map(logprob, expected.tokens[:wanted])),
        after=tuple(map(logprob, candidates.tokens[:wanted])),
    )


@lru_cache(maxsize=4096)  # twice the outlooks of the tales, at some 4 kB each
def _sampled(distribution: Distribution, settings: Settings, may_end: bool) -> Distribution:
    """What is left to draw from."""
    if not may_end:
        distribution = distribution.without(settings.eos_ids)
    for sampler in settings.order:
        if sampler in SAMPLERS:
            distribution = SAMPLERS[sampler](distribution, settings)
    return distribution


def _temperature(distribution: Distribution, settings: Settings) -> Distribution:
    """Probabilities to the power of 1/T. Taken relative to the best, which is 1 and cannot vanish."""
    if settings.temperature == 1:
        return distribution
    power = 1 / settings.temperature if settings.temperature else inf
    highest = distribution.cumulative[0]
    return Distribution((token, (p / highest) ** power) for token, p in distribution.probabilities.items())


def _top_k(distribution: Distribution, settings: Settings) -> Distribution:
    """The k best."""
    return distribution.best(settings.top_k) if settings.top_k > 0 else distribution


def _top_p(distribution: Distribution, settings: Settings) -> Distribution:
    """The fewest of the best that have p together."""
    if not 0 < settings.top_p < 1:
        return distribution
    return distribution.best(bisect_left(distribution.cumulative, settings.top_p) + 1)


def _tail_free(distribution: Distribution, settings: Settings) -> Distribution:
    """Up to where the curve of probabilities has done its share of bending; what follows is the tail."""
    slopes = [p - q for p, q in pairwise(distribution.probabilities.values())]
    bends = [abs(p - q) for p, q in pairwise(slopes)]
    if settings.tail_free_sampling >= 1 or not any(bends):
        return distribution
    return distribution.best(bisect_right(list(accumulate(bends)), settings.tail_free_sampling * fsum(bends)) + 1)


def _top_a(distribution: Distribution, settings: Settings) -> Distribution:
    """Those with at least a times the square of the best one's probability."""
    return _at_least(settings.top_a * distribution.cumulative[0] ** 2, distribution)


def _typical(distribution: Distribution, settings: Settings) -> Distribution:
    """The fewest that have p together, taken by how little their surprise differs from the expected one."""
    if not 0 < settings.typical_p < 1:
        return distribution
    entropy = -fsum(p * log(p) for p in distribution.probabilities.values())
    ranked = sorted(distribution.probabilities.items(), key=lambda candidate: abs(-log(candidate[1]) - entropy))
    count = bisect_left(list(accumulate(p for _, p in ranked)), settings.typical_p) + 1
    return Distribution(ranked[:count])


def _min_p(distribution: Distribution, settings: Settings) -> Distribution:
    """Those with at least p times the best one's probability."""
    return _at_least(settings.min_p * distribution.cumulative[0], distribution)


def _at_least(threshold: float, distribution: Distribution) -> Distribution:
    return distribution.best(bisect_right(list(distribution.probabilities.values()), -threshold, key=lambda p: -p))


Sampler: TypeAlias = Callable[[Distribution, Settings], Distribution]

SAMPLERS: Final[Mapping[int, Sampler]] = {
    0: _temperature,
    1: _top_k,
    2: _top_p,
    3: _tail_free,
    4: _top_a,
    5: _typical,
    10: _min_p,
}
"""By the ids of native §9.2. 6 needs a second prompt, 8 a memory; no source states the formulas of 7 and 9."""
