"""Penalties for what has been said: of tokens, and of phrases.

Logits are the logarithms of the model's probabilities here, and so never above 0. A multiplicative penalty therefore
only ever multiplies, and a token that is certain stays so. What a step costs depends on the candidates, not on the range.

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
"""``phrase_rep_pen``: what each repeated token beyond the second costs, in logits. Only the names are NovelAI's."""
_FREE: Final = 2
_LONGEST: Final = 32


def create_penalties(settings: GenerationSettings, context: Sequence[int]) -> list[TokenPenalty | PhrasePenalty]:
    """Those that the settings ask for, after reading the prompt; it is not read for nothing."""
    asked: list[TokenPenalty | PhrasePenalty] = []
    if settings.repetition_penalty != 1 or (
        settings.repetition_penalty_frequency or settings.repetition_penalty_presence
    ):
        asked.append(TokenPenalty(settings))
    if PHRASE_LEVELS.get(settings.phrase_rep_pen):
        asked.append(PhrasePenalty(settings))
    for penalty in asked:
        for token in context:
            penalty.add(token)
    return asked


class TokenPenalty:
    """``repetition_penalty`` and its kin, on their way through one generation.

    A token that is in the range, whose last occurrence there has the penalty p and which is there n times, gets

        logit · p - n · frequency - presence

    p is the whole penalty with slope 0. Else it falls from the end of the text to the end of the range, in the S-shaped
    curve that KoboldAI has under this name: with x from 1 down to -1,

        p = 1 + (penalty - 1) · (1 + slope · x / (1 - |x| + slope · |x|)) / 2
    """

    __slots__ = ("_counts", "_last", "_settings", "_text")

    def __init__(self, settings: GenerationSettings) -> None:
        self._settings = settings
        self._text: list[int] = []
        self._last: dict[int, int] = {}
        self._counts: Counter[int] = Counter()

    def adjust(self, logits: dict[int, float]) -> None:
        """Penalises the candidates."""
        settings = self._settings
        frequency, presence = settings.repetition_penalty_frequency, settings.repetition_penalty_presence
        for token in logits.keys() - settings.repetition_penalty_whitelist:
            if times := self._counts[token]:
                penalty = self._penalty(len(self._text) - 1 - self._last[token])
                logits[token] = logits[token] * penalty - times * frequency - presence

    def add(self, token: int) -> None:
        """Goes on with a token of the text."""
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
    """``phrase_rep_pen`` on its way through one generation. The formula is the emulator's own; no source states one.

    A candidate that would make the text's last n tokens a repetition of n tokens that it has had anywhere before, the
    prompt included, loses (n - 2) times what its level costs. The longest such phrase counts, up to 32 tokens.
    """

    __slots__ = ("_cost", "_places", "_text", "_whitelist")

    def __init__(self, settings: GenerationSettings) -> None:
        self._cost = PHRASE_LEVELS[settings.phrase_rep_pen]
        self._whitelist = settings.repetition_penalty_whitelist
        self._text: list[int] = []
        self._places: defaultdict[int, list[int]] = defaultdict(list)

    def adjust(self, logits: dict[int, float]) -> None:
        """Penalises the candidates."""
        for token, length in self._repeated().items():
            if token in logits and token not in self._whitelist:
                logits[token] -= self._cost * (length - _FREE)

    def add(self, token: int) -> None:
        """Goes on with a token of the text."""
        self._places[token].append(len(self._text))
        self._text.append(token)

    def _repeated(self) -> dict[int, int]:
        """By the tokens that have followed the last one: the length of the longest phrase that they would repeat."""
        text, found = self._text, dict[int, int]()
        for place in self._places[text[-1]][:-1] if text else ():
            alike = 1
            while alike <= min(place, _LONGEST - 2) and text[place - alike] == text[-1 - alike]:
                alike += 1
            follower = text[place + 1]
            found[follower] = max(found.get(follower, 0), alike + 1)
        return found
