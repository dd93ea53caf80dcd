"""Text on a terminal: lines end between words, and what a person copies is never broken."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nai_transports.cli.common.text_wrapping import wrap_text
from tests.terminal_runner import read_terminal

WORDS = st.text("abc漢é.:'\"-`(", min_size=1, max_size=12)
COPIED = (
    "nai tokens encode --model kayra-v1",
    'nai generate "The keeper lit the lamp" --file -',
    "nai login",
    "nai director emotion --emotion happy",
    "nai emulate --port 8901",
    "https://example.com/a/long/path?with=query",
    "/var/lib/some/where/file.png",
    "--timeout SECONDS",
    "--set NAME=VALUE",
    "pip install 'nai-proto[cli]'",
    "`a command of several words`",
)


@given(st.lists(WORDS, min_size=1).map(" ".join), st.integers(1, 90))
@example("漢漢漢 漢漢漢", 8)
def test_wrapping_changes_nothing_but_the_blanks_where_a_line_ends(text: str, width: int) -> None:
    assert re.sub(r"\n *", " ", wrap_text(text, width)) == text


@given(st.lists(st.text("abcdefg", min_size=1, max_size=9), min_size=1).map(" ".join), st.integers(12, 90))
def test_no_line_is_wider_than_the_terminal_and_none_is_ended_early(text: str, width: int) -> None:
    lines = wrap_text(text, width).split("\n")
    assert all(len(line) <= width for line in lines)
    for line, following in pairwise(lines):
        assert len(line) + 1 + len(following.split()[0]) > width
        assert following.startswith("  ")


@pytest.mark.parametrize("copied", COPIED)
@pytest.mark.parametrize("width", [10, 20, 40, 80])
def test_what_is_copied_stays_whole_wherever_it_stands(copied: str, width: int) -> None:
    for before in range(width):
        text = f"{'x' * before} {copied}: then it goes on, and on (see nai help)"
        assert copied in wrap_text(text, width)


def test_further_lines_of_a_second_column_begin_below_it() -> None:
    assert wrap_text("/undo  Take back the last message", 20) == "/undo  Take back the\n       last message"
    assert wrap_text("value of a column", 20, column=10, hanging=10) == "value of a\n          column"


def test_a_wide_character_takes_two_columns() -> None:
    assert wrap_text("漢漢漢 漢漢漢", 13) == "漢漢漢 漢漢漢"
    assert wrap_text("漢漢漢 漢漢漢", 12) == "漢漢漢\n  漢漢漢"


NAI = [sys.executable, "-c", "from nai_transports.cli import main; main()"]
on_terminals = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
LINE = (*NAI, "health", "--timeout", "none at all that could be a number of seconds, be it in words")


@on_terminals
@pytest.mark.parametrize("width", [24, 80])
def test_an_error_is_wrapped_on_a_terminal(width: int) -> None:
    written = read_terminal(LINE, ("stderr",), COLUMNS=str(width)).replace("\r\n", "\n")
    first, *others = written.removesuffix("\n").split("\n")
    assert first.startswith("nai health: ")
    assert others
    assert all(line.startswith("  ") for line in others)


@on_terminals
def test_an_argument_with_blanks_is_not_broken() -> None:
    path = f"some where/{'a b ' * 25}/c.json"
    written = read_terminal([*NAI, "image-info", path], ("stderr",))
    assert path in written


@on_terminals
def test_an_error_is_one_line_where_stderr_is_no_terminal() -> None:
    done = subprocess.run(LINE, capture_output=True, text=True, timeout=50)
    assert done.stderr.count("\n") == 1


@on_terminals
def test_an_error_as_json_is_never_wrapped() -> None:
    written = read_terminal([*LINE, "--json"], ("stderr",))
    assert json.loads(written)["error"]["exit_status"] == 2


@on_terminals
def test_faults_are_listed_without_a_line_that_is_wider_than_the_terminal() -> None:
    written = read_terminal([*NAI, "emulate", "--list-faults"], ("stdout",))
    assert max(map(len, written.split("\r\n"))) <= 80
