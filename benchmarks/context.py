"""What does building a context cost, by the lengths of story and lorebook?

The reference is encoding the whole story once, by the same tokenizer. A context needs only its end.
"""

from __future__ import annotations

import random
import re
from functools import partial
from typing import Final

from nai_proto.story.context.build import build_context
from nai_proto.story.context.parts import ContextParts
from nai_proto.tokenizers.base import ByteVocabulary

from .data import WORDS
from .report import Effort, Report, timed

__all__ = ["measure"]

_REFERENCE: Final = "encode the story once"
_OURS: Final = "build_context"
_SIZE: Final = 8000
"""Tokens of a context; the largest tiers have as many."""
_TOKEN: Final = re.compile("|".join(map(re.escape, WORDS)) + r"|[\s\S]")


class _Words(ByteVocabulary):
    """Has a token for each of the words that stories here are made of, and for each other character."""

    def __init__(self) -> None:
        pieces = {number: word.encode() for number, word in enumerate(WORDS)}
        self._ids: Final = {word: number for number, word in enumerate(WORDS)}
        super().__init__("words", pieces, {})

    def encode(self, text: str) -> list[int]:
        ids = self._ids
        return [ids.get(piece, 99) for piece in _TOKEN.findall(text)]


def _text(chance: random.Random, characters: int) -> str:
    return "".join(chance.choices(WORDS, k=max(1, characters // 5)))


def _parts(megabytes: float, entries: int, cascading: bool, effort: Effort) -> ContextParts:
    """Return a story, and a lorebook with three keys to each entry; every tenth is always active."""
    chance = random.Random(20260101)
    lore = [
        {
            "id": str(number),
            "text": _text(chance, 300),
            "keys": [f"name{number}", f"other name{number}", f"third{number}"],
            "forceActivation": number % 10 == 0,
            "nonStoryActivatable": cascading,
        }
        for number in range(effort.of(entries) if entries else 0)
    ]
    story = _text(chance, effort.of(round(megabytes * 1e6)))
    return ContextParts.from_content({"lorebook": {"entries": lore}}, text=story)


def measure(effort: Effort) -> Report:
    """Measure the CPU time in ms."""
    report = Report("ms to build a context of 8,000 tokens", _REFERENCE)
    tokenizer = _Words()
    for case, megabytes, entries, cascading, most in (
        ("story of 0.1 MB", 0.1, 0, False, 4.0),
        ("story of 1 MB", 1.0, 0, False, 1.0),
        ("1 MB, 1,000 entries", 1.0, 1000, False, 3.0),
        ("1 MB, 1,000 that cascade", 1.0, 1000, True, 5.0),
    ):
        parts = _parts(megabytes, entries, cascading, effort)
        build = partial(build_context, parts, tokenizer=tokenizer, size=_SIZE)
        assert 0 < len(build().tokens) <= _SIZE
        values = timed({_REFERENCE: partial(tokenizer.encode, parts.story.text), _OURS: build}, effort, per=1000)
        report.add(case, values, "ms", reference=_REFERENCE, at_most={_OURS: most})
    return report
