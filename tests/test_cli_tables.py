"""Tables of the command line: in columns on a terminal, tab-separated for other programs."""

from __future__ import annotations

import io
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_transports.cli.common.tables import Cell, Column, TableRow, print_table
from nai_transports.cli.common.text_wrapping import measure_text

ID = "0123456789abcdef-0123456789abcdef"
COLUMNS = ("title", Column("size", is_number=True), Column("id", is_id=True))


def test_other_programs_get_a_line_for_each_row_with_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, [("The Harbour", 1024, ID), TableRow(("物語", None, ""), is_dim=True)])
    assert capsys.readouterr().out == f"The Harbour\t1024\t{ID}\n物語\t\t\n"


def test_foreign_text_cannot_break_lines_or_cells_or_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("title", "id"), [("a\tb\nc\x1b[31m", "[bold]x[/]")])
    assert capsys.readouterr().out == "a\\tb\\nc\\x1b[31m\t[bold]x[/]\n"


# ---- on a terminal


def show(columns: Sequence[str | Column], rows: Sequence[Sequence[Cell]], width: int) -> list[str]:
    """The lines that a terminal of a width gets."""
    with (
        mock.patch.object(sys, "stdout", _Terminal()) as out,
        mock.patch.dict(os.environ, {"COLUMNS": str(width), "NO_COLOR": "1"}),
    ):
        print_table(columns, rows)
    return re.sub(r"\x1b\[\d*m", "", out.getvalue()).splitlines()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


LONG = "A title that is longer than what is left"


def test_a_terminal_gets_a_head_and_a_text_is_wrapped_between_words() -> None:
    assert show(COLUMNS, [(LONG, 1024, ID), ("物語", None, "x")], 72) == [
        "title                            size  id",
        "------------------------------------------------------------------------",
        f"A title that is longer than     1,024  {ID}",
        "what is left",
        "物語                                   x",
    ]


def test_where_the_columns_have_no_room_the_first_one_has_a_line_of_its_own() -> None:
    assert show(COLUMNS, [(LONG, 1024, ID), ("物語", None, "x")], 60) == [
        "title",
        "   size  id",
        "----------------------------------------",
        LONG,
        f"  1,024  {ID}",
        "物語",
        "         x",
    ]


def test_a_mark_stands_beside_the_first_column() -> None:
    assert show((Column("", is_mark=True), "part", "why"), [("✓", LONG, "w" * 24)], 44) == [
        "   part",
        "  why",
        "-------------------------------------------",
        f"✓  {LONG}",
        f"  {'w' * 24}",
    ]


def test_ids_come_last_on_a_terminal_and_where_they_stand_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    columns = (Column("id", is_id=True), "name")
    assert show(columns, [("x1", "Sea")], 80) == ["name  id", "--------", "Sea   x1"]
    print_table(columns, [("x1", "Sea")])
    assert capsys.readouterr().out == "x1\tSea\n"


TITLES = st.lists(st.text("abc漢 -é", min_size=1, max_size=12), max_size=9).map(" ".join)
IDS = st.text("0123456789abcdef", min_size=8, max_size=36)


@given(st.lists(st.tuples(TITLES, st.integers(0, 10**6), TITLES, IDS), min_size=1, max_size=4), st.integers(38, 130))
def test_no_line_is_wider_than_the_terminal_no_id_is_broken_and_no_title_lost(
    rows: list[tuple[str, int, str, str]], width: int
) -> None:
    lines = show(("title", Column("size", is_number=True), "note", Column("id", is_id=True)), rows, width)
    assert max(map(measure_text, lines)) <= width
    shown = sorted("".join("".join(lines).split()))
    for title, _, note, id_ in rows:
        assert sum(id_ in line for line in lines) >= 1
        assert not Counter(f"{title}{note}".replace(" ", "")) - Counter(shown)
