"""What does it cost to search a story for the keys of a lorebook, by the kind and the number of the keys?

The reference is Python's `re` for regular expressions, whose dialect is another one and which has no bound of steps, and
`str.find` of each part for plain keys.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import partial
from typing import Final

from nai_proto.limits import Limits
from nai_proto.story.lore.key_matching import Key
from nai_proto.story.lore.search_text import SearchTexts

from .data import WORDS
from .report import Effort, Report, timed

__all__ = ["measure"]

_FORMS: Final = (
    r"\b(?:the |old )?{0}(?:s|'s)?\b",
    r"{0}[a-z]* (?:of|from) {1}",
    r"(?:{0}|{1}) (?:wakes|sleeps)",
    r"{0}\s+\w+\s+{1}",
)
_LETTERS: Final = "abcdefghijklmnoprstuvw"


def _names(count: int) -> list[str]:
    chance = random.Random(20260101)
    return ["".join(chance.choices(_LETTERS, k=chance.randint(5, 9))) for _ in range(count)]


def _text(characters: int, names: list[str]) -> str:
    """Return prose with a name here and there."""
    chance = random.Random(20260202)
    words = (
        chance.choice(names) if chance.random() < 0.02 else chance.choice(WORDS).strip() for _ in range(characters)
    )
    return " ".join(words)[:characters]


def _search(keys: list[Key], text: str) -> int:
    searched = SearchTexts(Limits()).prepare(text)
    return sum([key.search_in(searched).match is not None for key in keys])


def _search_with_re(patterns: list[re.Pattern[str]], text: str) -> int:
    return sum([pattern.search(text) is not None for pattern in patterns])


def _find_parts(keys: list[list[str]], text: str) -> int:
    lowered = text.lower()
    return sum([all(part in lowered for part in parts) for parts in keys])


def _expressions(effort: Effort) -> tuple[list[str], str]:
    count = effort.of(1_000)
    names = _names(2 * count)
    pairs = zip(names[::2], names[1::2], strict=True)
    return [_FORMS[at % len(_FORMS)].format(*pair) for at, pair in enumerate(pairs)], _text(effort.of(10_000), names)


def _parted(effort: Effort) -> tuple[list[list[str]], str]:
    """Return plain keys of hundreds of parts, 66 kB in all, and a text that has each part."""
    names = _names(effort.of(250))
    chance = random.Random(20260303)
    keys = [chance.sample(names, k=len(names)) for _ in range(effort.of(30))]
    return keys, " ".join(names) + " " + _text(effort.of(100_000), names)


def _one_word_keys(effort: Effort) -> tuple[list[list[str]], str]:
    names = _names(effort.of(3_000))
    return [[name] for name in names], _text(effort.of(10_000), names)


def measure(effort: Effort) -> Report:
    """Measure the CPU time in ms, the parsing of the keys not included."""
    report = Report("ms to search a text for all keys of a lorebook", "Python's own search")
    patterns, text = _expressions(effort)
    keys = [Key.parse(f"/{pattern}/i") for pattern in patterns]
    subjects: dict[str, Callable[[], int]] = {
        "re": partial(_search_with_re, [re.compile(pattern, re.IGNORECASE) for pattern in patterns], text),
        "search_in": partial(_search, keys, text),
    }
    _add(report, effort, "1,000 expressions, 10 kB", subjects, 500)
    for case, (parts, searched), most in (
        ("30 keys of 250 parts, 100 kB", _parted(effort), 300),
        ("3,000 words, 10 kB", _one_word_keys(effort), 500),
    ):
        keys = [Key.parse(" & ".join(each)) for each in parts]
        _add(
            report,
            effort,
            case,
            {"str.find": partial(_find_parts, parts, searched), "search_in": partial(_search, keys, searched)},
            most,
        )
    return report


def _add(report: Report, effort: Effort, case: str, subjects: dict[str, Callable[[], int]], most: float) -> None:
    values = timed(subjects, effort, per=1000)
    report.add(case, values, "ms", reference=next(iter(subjects)))
    report.bound(f"{case}: in all", "search_in", values["search_in"], "ms", most)
