"""The tables of docs/migration.md, as the tests read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = [
    "AFTER",
    "BEFORE",
    "DIFFERENCES",
    "PAGE",
    "ROWS",
    "SETUP",
    "SHORT",
    "Difference",
    "Row",
    "codes",
    "names_of_novelai_api",
]

PAGE: Final = Path(__file__).parent.parent / "nai_proto" / "docs" / "migration.md"
_TEXT: Final = PAGE.read_text("utf-8")
_BAR: Final = re.compile(r"(?<!\\)\|")
_CODE: Final = re.compile(r"`([^`]+)`")

_PROGRAMS: Final = re.compile(r"^```python3?\n(.*?)^```", re.MULTILINE | re.DOTALL)
SETUP, BEFORE, AFTER = _PROGRAMS.findall(_TEXT)
"""The program whose names the tables use; and one of novelai-api, with what it becomes here."""


@dataclass(frozen=True)
class Row:
    """A name of another library, what does the same here, and how that differs."""

    section: str
    there: str
    here: str
    gives: str
    differs: str

    def __str__(self) -> str:
        return self.there


@dataclass(frozen=True)
class Difference:
    """An expression of novelai-api, with its value, and ours."""

    there: str
    value_there: str
    here: str
    value_here: str
    right: str


def codes(cell: str) -> list[str]:
    """Return what a cell has in backticks."""
    return _CODE.findall(cell)


def _rows(columns: int) -> Iterator[tuple[str, list[str]]]:
    """Yield the rows of the tables with so many columns, each with the heading that it is below."""
    section, rule = "", False
    for line in _TEXT.splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in _BAR.split(line)[1:-1]] if line.startswith("|") else []
        if line.startswith("#"):
            section = line.lstrip("# ")
        if not cells:
            rule = False
        elif set("".join(cells)) <= {"-"}:
            rule = True
        elif rule and len(cells) == columns:
            yield section, cells


SHORT: Final = [cells for _, cells in _rows(3)]
"""The names that most programs use: there, here, and a link to the section that has them."""
ROWS: Final = [Row(section, *cells) for section, cells in _rows(4)]
DIFFERENCES: Final = [Difference(*cells) for _, cells in _rows(5)]


def names_of_novelai_api(row: Row) -> list[str]:
    """Return the dotted names of novelai-api in a row, with the classes of its two interfaces: ``HighLevel.login``."""
    found: list[str] = []
    for code in codes(row.there):
        name = code.partition("(")[0].partition("[")[0]
        for interface, own in _INTERFACES.items():
            if name.startswith(interface):
                name = own + name.removeprefix(interface)
                break
        if not name.startswith("python "):
            found.append(name)
    return found


_INTERFACES: Final = {
    "api.high_level.": "HighLevel.",
    "api.low_level.": "LowLevel.",
    "api.": "NovelAIAPI.",
    "generate": "HighLevel.generate",
}
