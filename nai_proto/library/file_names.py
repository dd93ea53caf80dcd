"""File names from titles: safe on every common system, and no two that any of them takes for one.

A title is any text. Names depend on nothing but the titles and ids given, nor on the order of those whose ids differ: so
an export names its files alike from run to run.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Final

__all__ = ["file_names", "safe_name"]

_MOST: Final = 90
"""Bytes of a name in UTF-8. With an id, an extension and what a temporary file adds, this stays under 143, which is what
some encrypted file systems allow; most others allow 255."""
_MOST_OF_ID: Final = 24
"""Ids have 21.

See docs/protocol/content.md#1-endpoints.
"""
_UNTITLED: Final = "untitled"
_SEPARATORS: Final = frozenset('<>:"/\\|?*')
"""What no name has on Windows; slashes have none anywhere."""
_DEVICES: Final = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$) *(\.|\Z)", re.IGNORECASE
)
"""Windows' devices, which an extension does not change into files."""
_EDGES: Final = " ."
"""What Windows drops from a name's end; at its beginning, a dot hides it."""


def safe_name(title: str, most: int = _MOST) -> str:
    """A name for a file, without extension, that resembles the title.

    Its characters are assigned, visible, and in composed form; blanks stand singly and between others.

    Args:
        title: any text.
        most: bytes of the name in UTF-8, but for the sign that is put before the name of a device.
    """
    text = unicodedata.normalize("NFC", "".join(map(_safe, title)))
    text = _cut(" ".join(text.split()).lstrip(_EDGES + "-"), most)
    return f"_{text}" if _DEVICES.match(text) else text or _UNTITLED


def file_names(wanted: Iterable[tuple[str, str]]) -> list[str]:
    """A name for each pair of title and id. Those whose titles would give the same name have their ids in it."""
    pairs = [(safe_name(title), id_) for title, id_ in wanted]
    often = Counter(_folded(name) for name, _ in pairs)
    taken = {key for key, times in often.items() if times == 1}
    drawn: Counter[str] = Counter()
    return [name if often[_folded(name)] == 1 else _with_id(name, id_, taken, drawn) for name, id_ in pairs]


def _with_id(name: str, id_: str, taken: set[str], drawn: Counter[str]) -> str:
    """A name that is not taken yet, and is then. Ids should differ; where they do not, numbers do."""
    short = safe_name(id_, _MOST_OF_ID)
    like = _folded(f"{name} ({short})")
    while True:
        drawn[like] += 1
        marked = f"{name} ({short})" if drawn[like] == 1 else f"{name} ({short} {drawn[like]})"
        if (folded := _folded(marked)) not in taken:
            taken.add(folded)
            return marked


def _safe(character: str) -> str:
    """The character, or what stands for it."""
    category = unicodedata.category(character)
    if category[0] == "Z" or character in "\t\n\r\v\f":
        return " "
    if category == "Cf":  # turns the writing direction, joins, or marks bytes: invisible, and some systems ignore it
        return ""
    return "_" if category[0] == "C" or character in _SEPARATORS else character


def _cut(text: str, most: int) -> str:
    """The beginning that has so many bytes, without what must not stand at an end."""
    return text.encode()[:most].decode("utf-8", "ignore").rstrip(_EDGES)


def _folded(name: str) -> str:
    """What all names have in common that some system takes for the same."""
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).upper().casefold())
