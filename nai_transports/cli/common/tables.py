"""Tables: drawn on a terminal, and lines of values with tabs between them for other programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import typer

from ...terminals import is_terminal
from .output import escape_line, open_console

__all__ = ["Cell", "Column", "TableRow", "print_table"]

Cell: TypeAlias = str | float | None
"""A value of a table. A terminal shows thousands of a number apart; None is shown as nothing."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    is_number: bool = False
    "Are its values aligned at the right?"
    is_whole: bool = False
    "Is each value shown in one line and in full, such as an id that a person copies?"


@dataclass(frozen=True, slots=True)
class TableRow:
    """The values of a row, and whether a terminal shows them dimmed."""

    values: Sequence[Cell]
    is_dim: bool = False


def print_table(columns: Sequence[str | Column], rows: Iterable[Sequence[Cell] | TableRow]) -> None:
    """Print a table, in which all values are foreign text that is escaped.

    On a terminal it has a head and lines. Elsewhere each row is a line, with tabs between its values and without the head.

    Args:
        columns: titles, or columns.
        rows: a value for each column.
    """
    listed = [row if isinstance(row, TableRow) else TableRow(row) for row in rows]
    if not is_terminal(sys.stdout):
        for row in listed:
            typer.echo("\t".join("" if value is None else escape_line(str(value)) for value in row.values))
        return
    cells = [[_format_cell(value) for value in row.values] for row in listed]
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for at, column in enumerate(columns):
        shown = Column(column) if isinstance(column, str) else column
        widest = max([len(values[at]) for values in cells], default=0) if shown.is_whole else None
        table.add_column(
            shown.title,
            justify="right" if shown.is_number else "left",
            no_wrap=shown.is_whole,
            min_width=widest,
            overflow="fold",  # a long word, such as a path, goes on in the next line
        )
    for row, values in zip(listed, cells, strict=True):
        table.add_row(*map(Text, values), style="dim" if row.is_dim else "")
    open_console().print(table)


def _format_cell(value: Cell) -> str:
    if isinstance(value, int | float):
        return f"{value:,}"
    return "" if value is None else escape_line(value)
