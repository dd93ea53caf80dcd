"""Guess the language of a text by its script. Stories do not say in which language they are, and books have to."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import Final

from ..jsregex.unicode_scripts import SCRIPTS

__all__ = ["guess_language"]

_DEFAULT: Final = "en"
_LANGUAGES: Final = {
    "Arab": "ar",
    "Armn": "hy",
    "Cyrl": "ru",
    "Deva": "hi",
    "Geor": "ka",
    "Grek": "el",
    "Hang": "ko",
    "Hani": "zh",
    "Hebr": "he",
    "Hira": "ja",
    "Kana": "ja",
    "Latn": _DEFAULT,
    "Thai": "th",
}
"""By script: the language that most texts in it are in. The tags are those of BCP 47."""
_LEAST_KANA: Final = 0.05
"""Of the characters of a Japanese text in Chinese characters and kana."""
_UKRAINIAN: Final = frozenset("ґєіїҐЄІЇ")
"""Letters that Russian does not have."""
_RANGES: Final = sorted((first, last, script) for script in _LANGUAGES for first, last in SCRIPTS[script])


def guess_language(text: str) -> str:
    """Return the BCP 47 tag of the language that most letters of a text suggest; ``en`` for a text without letters.

    Chinese characters are Japanese where kana stand among them. All Latin letters suggest English.
    """
    characters = Counter(text)
    scripts = Counter[str]()
    for character, count in characters.items():
        if character.isalpha() and (script := _find_script(ord(character))):
            scripts[script] += count
    kana, han = scripts["Hira"] + scripts["Kana"], scripts["Hani"]
    languages = Counter[str]()
    for script, count in scripts.items():
        languages[_LANGUAGES[script]] += count
    if kana > _LEAST_KANA * (kana + han):
        languages["ja"] += languages.pop("zh", 0)
    elif kana:
        languages["zh"] += languages.pop("ja")
    language = max(languages, key=lambda tag: languages[tag], default=_DEFAULT)
    return "uk" if language == "ru" and not _UKRAINIAN.isdisjoint(characters) else language


def _find_script(code: int) -> str | None:
    first, last, script = _RANGES[max(bisect_right(_RANGES, (code, 0x110000, "")) - 1, 0)]
    return script if first <= code <= last else None
