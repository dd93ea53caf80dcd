"""Distributions of the next token: candidates with their probabilities, sorted from the most to the least probable.

The order is kept from the model to the draw. So most samplers keep the first n candidates, reported logprobs are a
prefix, and a draw is one bisection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import accumulate, islice
from math import exp, fsum, log
from types import MappingProxyType
from typing import Final, Protocol

__all__ = ["FLOOR", "UNEXPECTED", "Distribution", "NextTokenModel", "clip"]

FLOOR: Final = 1e-6
"""The probability of a token that the model does not expect, where a bias or a formula needs one."""
UNEXPECTED: Final = log(FLOOR)
"""The logit of such a token."""
_HUGE: Final = 1e300


class Distribution:
    """The candidates for the next token, with their probabilities. Compared by identity.

    Args:
        weights: tokens with weights of any scale; tokens without weight are no candidates.

    Raises:
        ValueError: no token has weight.
    """

    __slots__ = ("cumulative", "probabilities", "tokens")

    tokens: Final[tuple[int, ...]]
    "The candidates, best first; equally probable ones in the order of the weights."
    probabilities: Final[Mapping[int, float]]
    "The same tokens in the same order; all values are positive, and their sum is 1."
    cumulative: Final[tuple[float, ...]]
    "For each candidate, the probability of it or a better one; the last is exactly 1."

    def __init__(self, weights: Iterable[tuple[int, float]]) -> None:
        ranked = sorted(weights, key=lambda candidate: -candidate[1])
        total = fsum(weight for _, weight in ranked)
        if not total > 0:
            raise ValueError("nothing can come next")
        shares = {token: share for token, weight in ranked if (share := weight / total) > 0}
        self.tokens = tuple(shares)
        self.probabilities = MappingProxyType(shares)
        self.cumulative = (*islice(accumulate(shares.values()), len(shares) - 1), 1.0)

    @classmethod
    def from_logits(cls, logits: Iterable[tuple[int, float]]) -> Distribution:
        """Return the distribution of tokens with the logarithms of their weights; at least one. Infinity is clipped."""
        bounded = [(token, clip(logit)) for token, logit in logits]
        highest = max(logit for _, logit in bounded)
        return cls((token, exp(logit - highest)) for token, logit in bounded)

    def logits(self) -> dict[int, float]:
        """Return the natural logarithms of the probabilities, best first."""
        return {token: log(p) for token, p in self.probabilities.items()}

    def __len__(self) -> int:
        return len(self.tokens)

    def best(self, count: int) -> Distribution:
        """Return the distribution of the ``count`` best candidates; at least one is kept."""
        if count >= len(self):
            return self
        return Distribution(islice(self.probabilities.items(), max(count, 1)))

    def without(self, banned: Collection[int]) -> Distribution | None:
        """Return the distribution without the banned tokens; None if no candidate is left."""
        if not banned:
            return self
        allowed = [candidate for candidate in self.probabilities.items() if candidate[0] not in banned]
        if len(allowed) == len(self):
            return self
        return Distribution(allowed) if allowed else None

    def only(self, allowed: Collection[int]) -> Distribution:
        """Return the distribution of the allowed candidates; if there are none, all allowed tokens are equally probable."""
        known = [candidate for candidate in self.probabilities.items() if candidate[0] in allowed]
        return Distribution(known or [(token, 1.0) for token in sorted(allowed)])

    def draw(self, uniform: float) -> int:
        """Return the token at a point of [0, 1)."""
        return self.tokens[bisect_right(self.cumulative, uniform)]


def clip(logit: float) -> float:
    """Return a logit, or the nearest one that is so far from infinity that millions of them can be added."""
    return max(-_HUGE, min(_HUGE, logit))


class NextTokenModel(Protocol):
    """A language model: anything that gives a distribution of the next token."""

    def distribution(self, context: Sequence[int], /) -> Distribution:
        """Return the distribution of the token after the context.

        Equal distributions should be the same object, since the samplers' results are cached by its identity.

        Args:
            context: may be empty; valid only during this call.
        """
        ...
