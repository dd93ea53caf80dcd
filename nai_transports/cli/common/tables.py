"""Tables: in columns on a terminal, and lines of values with tabs between them for other programs.

On a terminal that is too narrow for all columns, the first has a line of its own, and the others follow in indented lines.
So a title is never squeezed to a few characters beside the rest, and what a person copies, such as an id, is not broken.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Final, TypeAlias

import typer

from ...terminals import measure_width
from .output import escape_line
from .text_wrapping import measure_text, wrap_prose

__all__ = ["Cell", "Column", "TableRow", "print_table"]

Cell: TypeAlias = str | float | None
"""A value of a table. A terminal shows thousands of a number apart; None is shown as nothing."""

_GAP: Final = "  "
_INDENT: Final = "  "
"Of the further lines of a row."
_READABLE: Final = 24
"Columns of a terminal in which a text can be read, wrapped between words."


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    is_number: bool = False
    "Are its values aligned at the right?"
    is_whole: bool = False
    "Is each value shown in one line?"
    is_id: bool = False
    "Does a person copy its values? Then they are shown in one line, behind all others on a terminal."
    is_mark: bool = False
    "Does it stay beside the next column where a terminal is narrow?"


@dataclass(frozen=True, slots=True)
class TableRow:
    """The values of a row, and whether a terminal shows them dimmed."""

    values: Sequence[Cell]
    is_dim: bool = False


def print_table(columns: Sequence[str | Column], rows: Iterable[Sequence[Cell] | TableRow]) -> None:
    """Print a table, in which all values are foreign text that is escaped.

    On a terminal it has a head. Elsewhere each row is a line, with tabs between its values and without the head.

    Args:
        columns: titles, or columns.
        rows: a value for each column.
    """
    listed = [row if isinstance(row, TableRow) else TableRow(row) for row in rows]
    width = measure_width(sys.stdout)
    if width is None:
        for row in listed:
            typer.echo("\t".join("" if value is None else escape_line(str(value)) for value in row.values))
        return
    shown = [Column(each) if isinstance(each, str) else each for each in columns]
    titles = [column.title for column in shown]
    cells = [[_format_cell(value) for value in row.values] for row in listed]
    fields = [
        _Field(
            at,
            column.is_number,
            max(map(measure_text, values)),
            is_whole=column.is_whole or column.is_id,
            is_mark=column.is_mark,
        )
        for at, (column, *values) in enumerate(zip(shown, titles, *cells, strict=True))
    ]
    lines = _arrange(sorted(fields, key=lambda field: shown[field.at].is_id), width)
    head = [*_format_row(titles, lines)]
    typer.secho("\n".join([*head, "-" * max(map(_measure_line, lines))]), dim=True)
    for row, values in zip(listed, cells, strict=True):
        typer.secho("\n".join(_format_row(values, lines)), dim=row.is_dim)


def _format_cell(value: Cell) -> str:
    if isinstance(value, int | float):
        return f"{value:,}"
    return "" if value is None else escape_line(value)


# ---- the layout on a terminal


@dataclass(frozen=True, slots=True)
class _Field:
    """A column in the layout of a row."""

    at: int
    "Its place among the columns of the table."
    is_number: bool
    width: int
    "In columns of the terminal; at first that of its widest value."
    is_whole: bool
    is_mark: bool

    @property
    def least(self) -> int:
        """Return the width that it needs at least."""
        return self.width if self.is_whole or self.is_number else min(self.width, _READABLE)


def _arrange(fields: Sequence[_Field], width: int) -> list[list[_Field]]:
    """Return the fields of each line of a row, with the widths that they get: of one line if it has room for all."""
    if _measure_least(fields) <= width:
        return [_share(fields, width)]
    names = 1 + next(number for number, field in enumerate(fields) if not field.is_mark)
    lines = [[*fields[:names]]]
    for field in fields[names:]:
        if len(lines) == 1 or _measure_least([*lines[-1], field]) > width - len(_INDENT):
            lines.append([])
        lines[-1].append(field)
    return [_share(lines[0], width), *(_share(line, width - len(_INDENT)) for line in lines[1:])]


def _measure_least(line: Sequence[_Field]) -> int:
    return sum(field.least for field in line) + len(_GAP) * (len(line) - 1)


def _share(line: Sequence[_Field], width: int) -> list[_Field]:
    """Return the fields of a line with what each needs at least, and their shares of what is left."""
    left = max(width - _measure_least(line), 0)
    widths: dict[int, int] = {}
    for number, field in enumerate(sorted(line, key=lambda field: field.width - field.least)):
        share = min(field.width - field.least, left // (len(line) - number))
        widths[field.at] = max(min(field.least + share, width), 1)
        left -= share
    return [replace(field, width=widths[field.at]) for field in line]


def _measure_line(line: Sequence[_Field]) -> int:
    return sum(field.width for field in line) + len(_GAP) * (len(line) - 1)


def _format_row(values: Sequence[str], lines: Sequence[Sequence[_Field]]) -> Iterator[str]:
    """Yield the lines of a row."""
    for number, line in enumerate(lines):
        wrapped = [wrap_prose(values[field.at], field.width).split("\n") for field in line]
        for parts in zip_longest(*wrapped, fillvalue=""):
            aligned = (_align(part, field) for part, field in zip(parts, line, strict=True))
            yield ((_INDENT if number else "") + _GAP.join(aligned)).rstrip()


def _align(text: str, field: _Field) -> str:
    padding = " " * (field.width - measure_text(text))
    return padding + text if field.is_number else text + padding
