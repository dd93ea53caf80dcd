"""Sequences of tokens that are banned, end the generation, or are biased.

All of them are read as the text goes on, a token at a time: what a token costs depends on how long and how many the
sequences are, not on how long the text is.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#93-logit_bias_exp
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import log
from typing import Final, TypeAlias

from .distribution import FLOOR
from .generation_settings import GenerationSettings, SequenceBias

__all__ = ["Bans", "Biases", "Stops"]

_Tokens: TypeAlias = tuple[int, ...]


class Bans:
    """``bad_words_ids``: the last token of a sequence is banned where the others stand before it."""

    __slots__ = ("_after", "_always", "_lengths")

    def __init__(self, sequences: Iterable[_Tokens]) -> None:
        after: defaultdict[_Tokens, set[int]] = defaultdict(set)
        for *before, last in filter(None, sequences):
            after[tuple(before)].add(last)
        self._after = {before: frozenset(lasts) for before, lasts in after.items()}
        self._always = self._after.get((), frozenset())
        self._lengths = sorted({len(before) for before in after} - {0})

    def after(self, text: Sequence[int]) -> frozenset[int]:
        """What must not come next; the same object wherever only single tokens are banned."""
        banned = self._always
        for length in self._lengths:
            banned = banned.union(more) if (more := self._after.get(tuple(text[-length:]))) else banned
        return banned


class Stops:
    """What ends a generation: ``stop_sequences``, and end tokens as sequences of one."""

    __slots__ = ("_begun", "_by_last", "_longest")

    def __init__(self, sequences: Iterable[_Tokens]) -> None:
        self._by_last: defaultdict[int, list[_Tokens]] = defaultdict(list)
        known = sorted({*sequences} - {()}, key=lambda sequence: (-len(sequence), sequence))
        for sequence in known:
            self._by_last[sequence[-1]].append(sequence)
        self._begun = {sequence[:length] for sequence in known for length in range(1, len(sequence))}
        self._longest = max(map(len, self._begun), default=0)

    def ended(self, output: Sequence[int]) -> _Tokens:
        """The longest that the output ends with; empty when there is none."""
        for sequence in self._by_last.get(output[-1], ()):
            if tuple(output[-len(sequence) :]) == sequence:
                return sequence
        return ()

    def begun(self, output: Sequence[int]) -> int:
        """How many tokens at the output's end may yet turn out to be the beginning of one."""
        lengths = range(min(self._longest, len(output)), 0, -1)
        return next((length for length in lengths if tuple(output[-length:]) in self._begun), 0)


class Biases:
    """``logit_bias`` and ``logit_bias_exp`` on their way through one generation.

    A bias is on the first token of its sequence, or on the one that goes on with it where the end of prompt and output
    is a beginning of it, the longest there is. What completes a sequence in the output does not begin its next one, or
    a sequence of equal tokens would be finished for ever.
    """

    __slots__ = ("_length", "_phrases")

    def __init__(self, settings: GenerationSettings, context: Sequence[int]) -> None:
        plain = (SequenceBias((token,), bias) for token, bias in settings.logit_bias)
        self._phrases = [_Phrase(bias, context) for bias in (*plain, *settings.logit_bias_exp) if bias.sequence]
        self._length = 0

    def __bool__(self) -> bool:
        return bool(self._phrases)

    def adjust(self, logits: dict[int, float]) -> None:
        """Adds what is due. What makes a token likelier that the model does not expect, makes it a candidate."""
        for phrase in self._phrases:
            bias, token = phrase.entry.bias, phrase.awaited
            if token in logits or bias > 0:
                logits[token] = logits.get(token, _UNEXPECTED) + bias

    def forced(self) -> frozenset[int]:
        """The tokens of which one has to come; any may when there are none."""
        return frozenset(
            phrase.awaited
            for phrase in self._phrases
            if phrase.entry.ensure_sequence_finish and 0 < phrase.reached <= self._length
        )

    def add(self, token: int) -> None:
        """Goes on with a token of the output."""
        self._length += 1
        self._phrases = [phrase for phrase in self._phrases if not (phrase.read(token) and phrase.entry.generate_once)]


_UNEXPECTED: Final = log(FLOOR)


class _Phrase:
    """How far the text has come with one sequence: the automaton of Knuth, Morris and Pratt."""

    __slots__ = ("_shorter", "entry", "reached")

    def __init__(self, entry: SequenceBias, context: Sequence[int]) -> None:
        self.entry = entry
        self.reached = 0
        "How many of its tokens the text ends with; never all."
        sequence = entry.sequence
        self._shorter = [0, 0]
        "For each of those numbers, the next smaller that fits too."
        for end in range(2, len(sequence)):
            length = self._shorter[-1]
            while length and sequence[length] != sequence[end - 1]:
                length = self._shorter[length]
            self._shorter.append(length + (sequence[length] == sequence[end - 1]))
        for token in context[max(len(context) - len(sequence) + 1, 0) :]:
            self.read(token)

    @property
    def awaited(self) -> int:
        return self.entry.sequence[self.reached]

    def read(self, token: int) -> bool:
        """Goes on with a token; True when that completes the sequence."""
        while self.reached and self.awaited != token:
            self.reached = self._shorter[self.reached]
        self.reached += self.awaited == token
        complete = self.reached == len(self.entry.sequence)
        if complete:
            self.reached = 0
        return complete
