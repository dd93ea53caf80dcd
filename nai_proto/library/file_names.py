"""Choose file names for titles: valid on every common system, and unique on each, even where case is ignored.

A title is any text. The names depend only on the titles and ids, not on their order if the ids differ. So an export chooses
the same names each time.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Final

__all__ = ["choose_file_names", "make_safe_name"]

_MAX_BYTES: Final = 90
"""Bytes of a name in UTF-8. With an id, an extension and the suffix of a temporary file it has fewer than 143 bytes, the
limit of some encrypted file systems; most others allow 255."""
_MAX_ID_BYTES: Final = 24
"""Ids have 21.

See docs/protocol/content.md#1-endpoints.
"""
_UNTITLED: Final = "untitled"
_SEPARATORS: Final = frozenset('<>:"/\\|?*')
"""What no name has on Windows; slashes have none anywhere."""
_DEVICES: Final = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$) *(\.|\Z)", re.IGNORECASE
)
"""Names of Windows' devices, with or without an extension."""
_EDGES: Final = " ."
"""Characters that Windows drops from the end of a name; a dot at its beginning hides the file elsewhere."""


def make_safe_name(title: str, most: int = _MAX_BYTES) -> str:
    """Return a file name, without extension, that resembles the title.

    Its characters are assigned, visible and in composed form (NFC); blanks are single and only between other characters.

    Args:
        title: any text.
        most: maximum bytes of the name in UTF-8, not counting the ``_`` before the name of a device.
    """
    text = unicodedata.normalize("NFC", "".join(map(_safe, title)))
    text = _cut(" ".join(text.split()).lstrip(_EDGES + "-"), most)
    return f"_{text}" if _DEVICES.match(text) else text or _UNTITLED


def choose_file_names(titles_and_ids: Iterable[tuple[str, str]]) -> list[str]:
    """Return a file name for each pair of title and id. Names that would be the same get the ids added."""
    pairs = [(make_safe_name(title), id_) for title, id_ in titles_and_ids]
    counts = Counter(_comparison_key(name) for name, _ in pairs)
    taken = {key for key, times in counts.items() if times == 1}
    used: Counter[str] = Counter()
    return [name if counts[_comparison_key(name)] == 1 else _with_id(name, id_, taken, used) for name, id_ in pairs]


def _with_id(name: str, id_: str, taken: set[str], used: Counter[str]) -> str:
    """Return a name that is not taken, and add it to ``taken``. If ids are not unique, a number is added too."""
    short = make_safe_name(id_, _MAX_ID_BYTES)
    key = _comparison_key(f"{name} ({short})")
    while True:
        used[key] += 1
        candidate = f"{name} ({short})" if used[key] == 1 else f"{name} ({short} {used[key]})"
        if (folded := _comparison_key(candidate)) not in taken:
            taken.add(folded)
            return candidate


def _safe(character: str) -> str:
    """Return the character, or its replacement."""
    category = unicodedata.category(character)
    if category[0] == "Z" or character in "\t\n\r\v\f":
        return " "
    if category == "Cf":  # invisible: writing direction, joiners, byte order marks; some systems ignore them
        return ""
    return "_" if category[0] == "C" or character in _SEPARATORS else character


def _cut(text: str, most: int) -> str:
    """Cut the text to so many bytes, and remove characters that a name must not end with."""
    return text.encode()[:most].decode("utf-8", "ignore").rstrip(_EDGES)


def _comparison_key(name: str) -> str:
    """Return a key that is equal for names that some file system treats as equal."""
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).upper().casefold())
