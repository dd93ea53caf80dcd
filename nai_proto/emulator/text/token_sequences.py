"""Sequences of tokens that are banned, that may not come twice, that end a generation, or that are biased.

All of them follow the text one token at a time. The cost of a token depends on the number and the lengths of the
sequences, not on the length of the text.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#93-logit_bias_exp
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import fsum
from typing import TypeAlias

from .distribution import clip
from .generation_settings import GenerationSettings, SequenceBias

__all__ = ["Bans", "Biases", "Repeats", "Stops"]

_Tokens: TypeAlias = tuple[int, ...]


class Bans:
    """The bans of ``bad_words_ids``: the last token of a sequence is banned after the tokens before it."""

    __slots__ = ("_after", "_always", "_lengths")

    def __init__(self, sequences: Iterable[_Tokens]) -> None:
        after: defaultdict[_Tokens, set[int]] = defaultdict(set)
        for *before, last in filter(None, sequences):
            after[tuple(before)].add(last)
        self._after = {before: frozenset(lasts) for before, lasts in after.items()}
        self._always = self._after.get((), frozenset())
        self._lengths = sorted({len(before) for before in after} - {0})

    def after(self, text: Sequence[int]) -> frozenset[int]:
        """Return the banned next tokens; always the same object if only single tokens are banned."""
        banned = self._always
        for length in self._lengths:
            banned = banned.union(more) if (more := self._after.get(tuple(text[-length:]))) else banned
        return banned


class Repeats:
    """``no_repeat_ngram_size`` and ``encoder_no_repeat_ngram_size``, for one generation.

    The first looks at prompt and output, the second at the prompt alone.
    """

    __slots__ = ("_encoder_followers", "_encoder_size", "_followers", "_size")

    def __init__(self, settings: GenerationSettings, context: Sequence[int]) -> None:
        self._size, self._encoder_size = settings.no_repeat_ngram_size, settings.encoder_no_repeat_ngram_size
        self._followers = _list_followers(context, self._size)
        self._encoder_followers = _list_followers(context, self._encoder_size)

    def __bool__(self) -> bool:
        return bool(self._size or self._encoder_size)

    def after(self, text: Sequence[int]) -> frozenset[int]:
        """Return the tokens that would complete a sequence that was there before."""
        banned = self._followers.get(_last(text, self._size - 1), frozenset[int]())
        return frozenset(banned | self._encoder_followers.get(_last(text, self._encoder_size - 1), frozenset[int]()))

    def add(self, text: Sequence[int]) -> None:
        """Read the last token of the text."""
        if 0 < self._size <= len(text):
            *before, last = text[-self._size :]
            self._followers[tuple(before)].add(last)


def _list_followers(text: Sequence[int], size: int) -> defaultdict[_Tokens, set[int]]:
    """Return what follows each beginning of a sequence of this size."""
    followers: defaultdict[_Tokens, set[int]] = defaultdict(set)
    for end in range(size, len(text) + 1) if size > 0 else ():
        *before, last = text[end - size : end]
        followers[tuple(before)].add(last)
    return followers


def _last(text: Sequence[int], count: int) -> _Tokens:
    return tuple(text[len(text) - count :]) if 0 <= count <= len(text) else ()


class Stops:
    """The sequences that end a generation: ``stop_sequences``, and end tokens as sequences of one."""

    __slots__ = ("_by_last", "_longest", "_prefixes")

    def __init__(self, sequences: Iterable[_Tokens]) -> None:
        self._by_last: defaultdict[int, list[_Tokens]] = defaultdict(list)
        known = sorted({*sequences} - {()}, key=lambda sequence: (-len(sequence), sequence))
        for sequence in known:
            self._by_last[sequence[-1]].append(sequence)
        self._prefixes = {sequence[:length] for sequence in known for length in range(1, len(sequence))}
        self._longest = max(map(len, self._prefixes), default=0)

    def find_stop(self, output: Sequence[int]) -> _Tokens:
        """Return the longest stop sequence that the output ends with; empty if there is none."""
        for sequence in self._by_last.get(output[-1], ()):
            if tuple(output[-len(sequence) :]) == sequence:
                return sequence
        return ()

    def count_begun(self, output: Sequence[int]) -> int:
        """Return how many tokens at the output's end can be the beginning of a stop sequence."""
        lengths = range(min(self._longest, len(output)), 0, -1)
        return next((length for length in lengths if tuple(output[-length:]) in self._prefixes), 0)


class Biases:
    """``logit_bias`` and ``logit_bias_exp`` for one generation.

    A bias is on the first token of its sequence. Where prompt and output end with a beginning of the sequence, it is on
    the token that continues the longest such beginning. A token that completes a sequence does not begin the next one,
    since otherwise a sequence of equal tokens would never be finished. Biases on one token are summed before they act, so
    their order does not matter.
    """

    __slots__ = ("_length", "_matchers")

    def __init__(self, settings: GenerationSettings, context: Sequence[int]) -> None:
        plain = (SequenceBias((token,), bias) for token, bias in settings.logit_bias)
        self._matchers = [
            _SequenceMatcher(bias, context) for bias in (*plain, *settings.logit_bias_exp) if bias.sequence
        ]
        self._length = 0

    def __bool__(self) -> bool:
        return bool(self._matchers)

    def sums(self) -> dict[int, float]:
        """Return the sum of the biases on each token that has any."""
        biases: defaultdict[int, list[float]] = defaultdict(list)
        for matcher in self._matchers:
            biases[matcher.awaited].append(clip(matcher.entry.bias))
        return {token: fsum(values) for token, values in biases.items()}

    def required_tokens(self) -> frozenset[int]:
        """Return the tokens of which one must come next; empty if any may."""
        return frozenset(
            matcher.awaited
            for matcher in self._matchers
            if matcher.entry.ensure_sequence_finish and 0 < matcher.reached <= self._length
        )

    def add(self, token: int) -> None:
        """Read the next token of the output."""
        self._length += 1
        self._matchers = [
            matcher for matcher in self._matchers if not (matcher.read(token) and matcher.entry.generate_once)
        ]


class _SequenceMatcher:
    """Follows how much of one sequence the text ends with: the automaton of Knuth, Morris and Pratt."""

    __slots__ = ("_fallbacks", "entry", "reached")

    def __init__(self, entry: SequenceBias, context: Sequence[int]) -> None:
        self.entry = entry
        self.reached = 0
        "How many of the sequence's tokens the text ends with; never all."
        sequence = entry.sequence
        self._fallbacks = [0, 0]
        "For each of those numbers, the next smaller one that matches too."
        for end in range(2, len(sequence)):
            length = self._fallbacks[-1]
            while length and sequence[length] != sequence[end - 1]:
                length = self._fallbacks[length]
            self._fallbacks.append(length + (sequence[length] == sequence[end - 1]))
        for token in context[max(len(context) - len(sequence) + 1, 0) :]:
            self.read(token)

    @property
    def awaited(self) -> int:
        return self.entry.sequence[self.reached]

    def read(self, token: int) -> bool:
        """Read the next token; return whether it completes the sequence."""
        while self.reached and self.awaited != token:
            self.reached = self._fallbacks[self.reached]
        self.reached += self.awaited == token
        complete = self.reached == len(self.entry.sequence)
        if complete:
            self.reached = 0
        return complete
