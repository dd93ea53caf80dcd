"""Find where the sentences of a text end.

See docs/protocol/content.md#86-trimming-and-insertion.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["find_sentence_ends"]

_CLOSERS: Final = r""""'”’»›)\]}＂＇」』】〉》〕〗〙〛）］｝｠｣"""  # noqa: RUF001 - they are what they look like
_GERMAN_CLOSERS: Final = "“‘«‹"  # noqa: RUF001
"""They close only where white space follows; elsewhere they open."""
_BLANKS: Final = r"[^\S\n]*+\n?"
_SPACED: Final = ".!?…~؟‽։۔।॥።፧፨．"  # noqa: RUF001
"""Signs of scripts that write blanks between sentences. A blank has to follow, so that 3.14 and ایم۔اے stay whole."""  # noqa: RUF001
_UNSPACED: Final = "。？！｡‼⁇⁈⁉။។៕"  # noqa: RUF001
# A sentence ends in a sign and whatever closes behind it, and the blanks up to the next one belong to it. The end of a line
# ends a sentence as well. Each sign is looked at once.
_ENDS: Final = re.compile(
    rf"[{_SPACED}][{_CLOSERS}{_GERMAN_CLOSERS}]*+(?=\s|\Z){_BLANKS}"
    rf"|[{_UNSPACED}][{_SPACED}{_UNSPACED}]*+[{_CLOSERS}]*+{_BLANKS}"
    r"|\n"
)
_ABBREVIATIONS: Final = frozenset(
    (
        *("m", "mr", "mrs", "ms", "mx", "mme", "mlle", "messrs", "dr", "prof", "esq", "jr", "sr", "snr", "st"),
        *("capt", "lt", "sgt"),
    )
)
"""Of honorifics, in any case."""
_CAPITALIZED: Final = frozenset(("Col", "Fr", "Gen", "Gov", "Hon", "Maj", "Pres", "Rep", "Rev", "Sen"))
"""Those that are other words in lower case."""
_LONGEST: Final = 6
_LAST_WORD: Final = re.compile(r"(?<!\w)[A-Za-z]+\Z")


def find_sentence_ends(text: str) -> list[int]:
    """Return where the sentences of a text end, in characters; the end of the text may not be among them.

    The full stop of an honorific, such as "Dr.", ends none.
    """
    return [match.end() for match in _ENDS.finditer(text) if not _is_title(text, match)]


def _is_title(text: str, full_stop: re.Match[str]) -> bool:
    """Return whether a full stop, alone and within a line, belongs to the abbreviation of an honorific."""
    if full_stop[0].strip() != "." or full_stop[0].endswith("\n"):
        return False
    end = full_stop.start()
    word = _LAST_WORD.search(text, max(end - _LONGEST - 1, 0), end)
    return word is not None and (word[0].lower() in _ABBREVIATIONS or word[0] in _CAPITALIZED)
