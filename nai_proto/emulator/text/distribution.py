"""What may come next: candidates with their probabilities, listed best first from the model to the draw.

That makes most samplers a cut after the first n, what is reported a prefix, and the draw one bisection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import accumulate, islice
from math import exp, fsum, log
from types import MappingProxyType
from typing import Final, Protocol

__all__ = ["FLOOR", "Distribution", "NextTokenModel"]

FLOOR: Final = 1e-6
"""The probability of a token that the model does not expect, where something other than the model brings it up."""
_HUGE: Final = 1e300


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

    @classmethod
    def of_logits(cls, logits: Iterable[tuple[int, float]]) -> Distribution:
        """From at least one token with the logarithm of its weight, of any size: infinity is only very much."""
        bounded = [(token, max(-_HUGE, min(_HUGE, logit))) for token, logit in logits]
        highest = max(logit for _, logit in bounded)
        return cls((token, exp(logit - highest)) for token, logit in bounded)

    def logits(self) -> dict[int, float]:
        """The natural logarithms of the probabilities, best first."""
        return {token: log(p) for token, p in self.probabilities.items()}

    def __len__(self) -> int:
        return len(self.tokens)

    def best(self, count: int) -> Distribution:
        """The ``count`` best candidates, at least one."""
        if count >= len(self):
            return self
        return Distribution(islice(self.probabilities.items(), max(count, 1)))

    def without(self, banned: Collection[int]) -> Distribution | None:
        """The candidates that are not banned; None when nothing else would be left."""
        if not banned:
            return self
        allowed = [candidate for candidate in self.probabilities.items() if candidate[0] not in banned]
        if len(allowed) == len(self):
            return self
        return Distribution(allowed) if allowed else None

    def only(self, allowed: Collection[int]) -> Distribution:
        """The candidates that are allowed; when none is, all that is allowed, of which there must be some, alike."""
        known = [candidate for candidate in self.probabilities.items() if candidate[0] in allowed]
        return Distribution(known or [(token, 1.0) for token in sorted(allowed)])

    def draw(self, uniform: float) -> int:
        """The token at this point of [0, 1)."""
        return self.tokens[bisect_right(self.cumulative, uniform)]


class NextTokenModel(Protocol):
    """Anything that has an expectation of the next token."""

    def distribution(self, context: Sequence[int], /) -> Distribution:
        """What may follow the context, which may be empty and is valid during this call only.

        Equal outlooks should be the same object: what samplers make of a distribution is remembered with it.
        """
        ...
