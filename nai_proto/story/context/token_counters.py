"""Count the tokens of texts for a context: with the model's tokenizer, or with counts that the service has given.

Whatever builds a context knows tokens by a `TokenCounter` alone. `TokenizerCounter` has the tokenizer. `ServiceCounter`
has the counts of texts that the service was asked for, and raises `UncountedTexts` for others: they are asked for, and the
context is built again, from the start, until nothing is missing (`nai_proto.story.service_counts`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

if TYPE_CHECKING:
    from ...openai.response_objects import TokenCount
    from ...tokenizers.base import Tokenizer
    from ..context_config import ContextUnit

__all__ = ["ServiceCounter", "TokenCounter", "TokenizerCounter", "UncountedTexts"]

_WORDS: Final = re.compile(r"\s*\S+")


class TokenCounter(Protocol):
    """Counts tokens; made for one context."""

    characters_per_token: ClassVar[int]
    "More characters than a token of any long text has on average."

    def need(self, texts: Iterable[str]) -> None:
        """Be told that the counts of these texts are needed, so that they can be had together."""
        ...

    def count(self, text: str) -> int:
        """Return how many tokens a text has by itself."""
        ...

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text."""
        ...

    def find_token_ends(self, text: str) -> list[int]:
        """Return where tokens end, in order, but for the last: places where the text may be cut."""
        ...

    def estimate_sizes(self, text: str, unit: ContextUnit, units: Iterable[tuple[int, int]]) -> Iterator[float]:
        """Return how many tokens the units of a text have, about; each has a start and an end, in any order."""
        ...


class TokenizerCounter:
    """Counts with a tokenizer, and remembers the count of each text."""

    characters_per_token: ClassVar[int] = 32

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer: Final = tokenizer
        self._counts: Final[dict[str, int]] = {"": 0}

    def need(self, texts: Iterable[str]) -> None:
        """Do nothing: counts are had one by one."""

    def count(self, text: str) -> int:
        known = self._counts.get(text)
        if known is None:
            known = self._counts[text] = self.tokenizer.count(text)
        return known

    def encode(self, text: str) -> list[int]:
        tokens = self.tokenizer.encode(text)
        self._counts[text] = len(tokens)
        return tokens

    def find_token_ends(self, text: str) -> list[int]:
        """Return where tokens end. A character of several tokens ends with the last of them."""
        receive = self.tokenizer.decoder().receive
        reached = accumulate(len(receive((token,))) for token in self.tokenizer.encode(text))
        return [*dict.fromkeys(end for end in reached if 0 < end < len(text))]

    def estimate_sizes(self, text: str, unit: ContextUnit, units: Iterable[tuple[int, int]]) -> Iterator[float]:
        """Return the exact counts, each when it is asked for."""
        return (1 if unit == "token" else self.count(text[min(ends) : max(ends)]) for ends in units)


class UncountedTexts(Exception):
    """Texts whose counts are not known yet."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(f"{len(texts)} texts are not counted yet")
        self.texts: Final = texts


class ServiceCounter:
    """Counts with what the service has said.

    Without a vocabulary it is not known where tokens end. Words end where a token ends, too, so words are cut instead.

    Args:
        counts: of texts, as far as the service was asked.
    """

    characters_per_token: ClassVar[int] = 8

    def __init__(self, counts: Mapping[str, TokenCount]) -> None:
        self._counts: Final = counts

    def need(self, texts: Iterable[str]) -> None:
        """Raise UncountedTexts with those of the texts that are not counted yet, if there are any."""
        if missing := [text for text in dict.fromkeys(texts) if text and text not in self._counts]:
            raise UncountedTexts(missing)

    def count(self, text: str) -> int:
        """Return how many tokens a text has by itself.

        Raises:
            UncountedTexts: the service was not asked yet.
        """
        self.need((text,))
        return self._counts[text].length if text else 0

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, if the service has sent them with its count.

        Raises:
            UncountedTexts: the service was not asked yet.
        """
        self.need((text,))
        return [*self._counts[text].encoded] if text else []

    def find_token_ends(self, text: str) -> list[int]:
        ends = (match.end() for match in _WORDS.finditer(text))
        return [end for end in ends if end < len(text)]

    def estimate_sizes(self, text: str, unit: ContextUnit, units: Iterable[tuple[int, int]]) -> Iterator[float]:  # noqa: ARG002
        """Return the shares of the text's count that are due to the lengths of the parts.

        Raises:
            UncountedTexts: the service was not asked for the count of the text yet.
        """
        tokens_per_character = self.count(text) / len(text) if text else 0
        return (tokens_per_character * abs(end - start) for start, end in units)
