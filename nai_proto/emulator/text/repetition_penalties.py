"""Repetition penalties: of tokens, and of phrases.

Logits here are the logarithms of the model's probabilities, so they are never above 0. A multiplicative penalty is
therefore always a multiplication, and a certain token stays certain. The cost of a step depends on the number of
candidates, not on the range.

See docs/protocol/native.md#91-parameters--complete-list.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from .generation_settings import GenerationSettings

__all__ = ["PHRASE_LEVELS", "PhrasePenalty", "TokenPenalty", "create_penalties"]

PHRASE_LEVELS: Final[Mapping[str, float]] = {
    "off": 0.0,
    "very_light": 0.125,
    "light": 0.25,
    "medium": 0.5,
    "aggressive": 1.0,
    "very_aggressive": 2.0,
}
"""``phrase_rep_pen``: the penalty of each repeated token beyond the second, in logits. Only the names are NovelAI's."""
_FREE_TOKENS: Final = 2
_LONGEST_PHRASE: Final = 32


def create_penalties(settings: GenerationSettings, context: Sequence[int]) -> list[TokenPenalty | PhrasePenalty]:
    """Return the penalties that the settings have, after they have read the prompt."""
    penalties: list[TokenPenalty | PhrasePenalty] = []
    if settings.repetition_penalty != 1 or (
        settings.repetition_penalty_frequency or settings.repetition_penalty_presence
    ):
        penalties.append(TokenPenalty(settings))
    if PHRASE_LEVELS.get(settings.phrase_rep_pen):
        penalties.append(PhrasePenalty(settings))
    for penalty in penalties:
        for token in context:
            penalty.add(token)
    return penalties


class TokenPenalty:
    """``repetition_penalty`` with its frequency, presence, range and slope, for one generation.

    A token that occurs n times in the range, and whose last occurrence has the penalty p, gets the logit

        logit · p - n · frequency - presence

    With slope 0, p is the whole penalty. Otherwise it falls from the end of the text to the beginning of the range, in
    the S-shaped curve that KoboldAI has under this name: with x from 1 down to -1,

        p = 1 + (penalty - 1) · (1 + slope · x / (1 - |x| + slope · |x|)) / 2
    """

    __slots__ = ("_counts", "_last", "_settings", "_text")

    def __init__(self, settings: GenerationSettings) -> None:
        self._settings = settings
        self._text: list[int] = []
        self._last: dict[int, int] = {}
        self._counts: Counter[int] = Counter()

    def adjust(self, logits: dict[int, float]) -> None:
        """Penalise the repeated candidates."""
        settings = self._settings
        frequency, presence = settings.repetition_penalty_frequency, settings.repetition_penalty_presence
        for token in logits.keys() - settings.repetition_penalty_whitelist:
            if times := self._counts[token]:
                penalty = self._penalty(len(self._text) - 1 - self._last[token])
                logits[token] = logits[token] * penalty - times * frequency - presence

    def add(self, token: int) -> None:
        """Read the next token of the text."""
        self._last[token] = len(self._text)
        self._text.append(token)
        self._counts[token] += 1
        if 0 < self._settings.repetition_penalty_range < len(self._text):
            self._counts[self._text[-1 - self._settings.repetition_penalty_range]] -= 1

    def _penalty(self, age: int) -> float:
        penalty, slope = self._settings.repetition_penalty, self._settings.repetition_penalty_slope
        if slope <= 0:
            return penalty
        oldest = (self._settings.repetition_penalty_range or len(self._text)) - 1
        x = 1 - 2 * age / oldest if oldest else 1.0
        return 1 + (penalty - 1) * (1 + slope * x / (1 - abs(x) + slope * abs(x))) / 2


class PhrasePenalty:
    """``phrase_rep_pen`` for one generation. The formula is the emulator's own; no source states one.

    If a candidate would make the text end with n tokens that occur anywhere before, the prompt included, its logit loses
    (n - 2) times the level's penalty. The longest such phrase counts, up to 32 tokens.
    """

    __slots__ = ("_cost", "_places", "_text", "_whitelist")

    def __init__(self, settings: GenerationSettings) -> None:
        self._cost = PHRASE_LEVELS[settings.phrase_rep_pen]
        self._whitelist = settings.repetition_penalty_whitelist
        self._text: list[int] = []
        self._places: defaultdict[int, list[int]] = defaultdict(list)

    def adjust(self, logits: dict[int, float]) -> None:
        """Penalise the repeated candidates."""
        for token, length in self._find_repeated().items():
            if token in logits and token not in self._whitelist:
                logits[token] -= self._cost * (length - _FREE_TOKENS)

    def add(self, token: int) -> None:
        """Read the next token of the text."""
        self._places[token].append(len(self._text))
        self._text.append(token)

    def _find_repeated(self) -> dict[int, int]:
        """Return the tokens that have followed the last one, each with the length of the phrase that it would repeat."""
        text, lengths = self._text, dict[int, int]()
        for place in self._places[text[-1]][:-1] if text else ():
            equal = 1
            while equal <= min(place, _LONGEST_PHRASE - 2) and text[place - equal] == text[-1 - equal]:
                equal += 1
            follower = text[place + 1]
            lengths[follower] = max(lengths.get(follower, 0), equal + 1)
        return lengths
