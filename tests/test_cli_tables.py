"""Tables of the command line: drawn on a terminal, tab-separated for other programs."""

from __future__ import annotations

import sys

import pytest

from nai_transports.cli.common.tables import Column, TableRow, print_table

ID = "0123456789abcdef-0123456789abcdef"
COLUMNS = ("title", Column("size", is_number=True), Column("id", is_whole=True))


def test_other_programs_get_a_line_for_each_row_with_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, [("The Harbour", 1024, ID), TableRow(("物語", None, ""), is_dim=True)])
    assert capsys.readouterr().out == f"The Harbour\t1024\t{ID}\n物語\t\t\n"


def test_foreign_text_cannot_break_lines_or_cells_or_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("title", "id"), [("a\tb\nc\x1b[31m", "[bold]x[/]")])
    assert capsys.readouterr().out == "a\\tb\\nc\\x1b[31m\t[bold]x[/]\n"


def test_a_terminal_gets_a_head_and_no_id_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    print_table(COLUMNS, [("A title that is much longer than what is left " * 3 + "word" * 20, 1024, ID)])
    shown = capsys.readouterr().out
    assert ID in shown
    assert "title" in shown
    assert "size" in shown
    assert "1,024" in shown
    assert "…" not in shown
