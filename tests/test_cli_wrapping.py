"""Text on a terminal: lines end between words, and what a person copies is never broken."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nai_transports.cli.common.text_stream import TextStream
from nai_transports.cli.common.text_wrapping import ProseWrapper, measure_text, wrap_prose, wrap_text
from tests.cases import for_each
from tests.forked_python import forked_nai
from tests.hypothesis_profiles import scale_examples
from tests.terminal_runner import read_terminal
from tests.test_cli import NAI

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


@for_each("copied", COPIED)
@for_each("width", [10, 20, 40, 80])
def test_what_is_copied_stays_whole_wherever_it_stands(copied: str, width: int) -> None:
    for before in range(width):
        text = f"{'x' * before} {copied}: then it goes on, and on (see nai help)"
        assert copied in wrap_text(text, width)


def test_a_quoted_text_is_broken_only_where_a_whole_line_has_no_room_for_it() -> None:
    assert wrap_text("it is called 'The Quiet Harbour'", 20) == "it is called\n  'The Quiet Harbour'"
    assert wrap_text("it is called 'The Quiet Harbour'", 15) == "it is called\n  'The Quiet\n  Harbour'"


def test_further_lines_of_a_second_column_begin_below_it() -> None:
    assert wrap_text("/undo  Take back the last message", 20) == "/undo  Take back the\n       last message"
    assert wrap_text("value of a column", 20, column=10, hanging=10) == "value of a\n          column"


def test_a_wide_character_takes_two_columns() -> None:
    assert wrap_text("漢漢漢 漢漢漢", 13) == "漢漢漢 漢漢漢"
    assert wrap_text("漢漢漢 漢漢漢", 12) == "漢漢漢\n  漢漢漢"


# ---- prose that arrives in pieces

LETTERS = 'abcé漢字カー。、「」é\u0301\u200d👍🏽❤\ufe0f가각\u00a0-."('
PROSE = st.lists(
    st.text(LETTERS, min_size=1, max_size=9) | st.text(" \t\n\u3000", min_size=1, max_size=3), max_size=40
).map("".join)


def feed_in_pieces(text: str, cuts: list[int], width: int) -> str:
    wrapper = ProseWrapper(width)
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    return "".join(wrapper.feed(text[begin:end]) for begin, end in pairwise(edges)) + wrapper.flush()


def is_wrapped_from(shown: str, text: str) -> bool:
    """Is it the text, apart from new line ends, and from blanks where a line ends or has no room for them?"""
    place = 0
    for character in shown:
        while place < len(text) and text[place] != character and text[place] in " \t\u3000":
            place += 1
        if place < len(text) and text[place] == character:
            place += 1
        elif character != "\n":
            return False
    return not text[place:].strip(" \t\u3000")


@settings(max_examples=scale_examples(300))
@given(PROSE, st.integers(2, 40))
def test_wrapped_prose_is_the_same_without_the_line_ends_that_were_added(text: str, width: int) -> None:
    shown = wrap_prose(text, width)
    assert is_wrapped_from(shown, text)
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", text)


@settings(max_examples=scale_examples(300))
@given(PROSE, st.integers(2, 40))
def test_no_line_of_prose_is_wider_than_the_terminal(text: str, width: int) -> None:
    for line in wrap_prose(text, width).split("\n"):
        cells = 0
        for character in line:
            cells += 8 - cells % 8 if character == "\t" else measure_text(character)
        assert cells <= width


@settings(max_examples=scale_examples(300))
@given(PROSE, st.lists(st.integers(0, 200)), st.integers(1, 40))
def test_wrapped_prose_does_not_depend_on_its_pieces(text: str, cuts: list[int], width: int) -> None:
    assert feed_in_pieces(text, cuts, width) == wrap_prose(text, width) == feed_in_pieces(text, [*range(400)], width)


@given(st.lists(st.text("abcdefg", min_size=1, max_size=9), min_size=1), st.integers(9, 40))
def test_prose_is_broken_between_words_and_only_where_the_next_has_no_room(words: list[str], width: int) -> None:
    lines = wrap_prose(" ".join(words), width).split("\n")
    assert " ".join(lines) == " ".join(words)
    for line, following in pairwise(lines):
        assert len(line) + 1 + len(following.split()[0]) > width


@for_each(
    "text, width, lines",
    [
        ("漢字漢字漢字。", 6, ["漢字漢", "字漢", "字。"]),  # no line begins with a full stop
        ("漢字「漢字」", 6, ["漢字", "「漢", "字」"]),
        ("가나다 라마바", 8, ["가나다", "라마바"]),  # Korean has blanks
        ("a👍🏽👍🏽", 5, ["a👍🏽", "👍🏽"]),  # a skin tone stays with its emoji
        ("see https://example.com/a", 12, ["see", "https://exam", "ple.com/a"]),
        ("a\tb c", 10, ["a\tb", "c"]),
        ("    code\n    code", 8, ["    code", "    code"]),
        ("one \ntwo", 80, ["one", "two"]),
        ("10\u00a0km away", 6, ["10\u00a0km", "away"]),
    ],
)
def test_prose_is_broken_as_readers_of_its_script_expect(text: str, width: int, lines: list[str]) -> None:
    assert wrap_prose(text, width).split("\n") == lines


def test_what_is_certain_is_shown_at_once() -> None:
    wrapper = ProseWrapper(12)
    pieces = ["Th", "e", " lam", "p", " sh", "ines", " brigh", "tly"]
    assert [wrapper.feed(piece) for piece in pieces] == ["Th", "e", "", "", " lamp", "\nshines", "", "\nbrightly"]
    assert wrapper.flush() == ""


def test_a_held_word_is_shown_early_and_goes_on() -> None:
    wrapper = ProseWrapper(80)
    assert wrapper.feed("The la") + wrapper.flush() == "The la"
    assert wrapper.feed("mp") == "mp"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def stream(monkeypatch: pytest.MonkeyPatch, *pieces: str, prompt: str = "", terminal: bool = True) -> str:
    """What a text stream writes to a terminal of 20 columns, or to a pipe."""
    out = _Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "20")
    with TextStream() as text:
        text.write_prompt(prompt)
        for piece in pieces:
            text.write(piece)
        text.finish()
    return out.getvalue()


@pytest.mark.parametrize("cuts", [(" The lamp",), (" ", "The lamp"), ("", " T", "he lamp")])
def test_a_terminal_shows_no_blank_at_the_beginning_of_a_continuation(
    monkeypatch: pytest.MonkeyPatch, cuts: tuple[str, ...]
) -> None:
    assert stream(monkeypatch, *cuts) == "The lamp\n"
    assert stream(monkeypatch, *cuts, prompt="Look:\n") == "Look:\nThe lamp\n"
    assert stream(monkeypatch, *cuts, prompt="Look.") == "Look. The lamp\n"
    assert stream(monkeypatch, *cuts, prompt="Look.", terminal=False) == "Look. The lamp\n"
    assert stream(monkeypatch, *cuts, terminal=False) == " The lamp\n"


def test_a_terminal_shows_the_indentation_of_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stream(monkeypatch, "  ", "  pass") == "    pass\n"


def test_a_pipe_gets_a_streamed_text_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "  The lamp  \tshone brightly over the whole harbour \n\n"
    assert stream(monkeypatch, text[:9], text[9:], terminal=False) == f"{text}\n"


def test_the_reasoning_before_an_answer_is_wrapped_too_and_ends_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := _Terminal())
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("NO_COLOR", "1")
    with TextStream() as text:
        text.write_aside("The person asks abo")
        text.write_aside("ut a lamp")
        text.write(" It is lit.")
        text.end_line()
    assert out.getvalue() == "The person asks\nabout a lamp\nIt is lit.\n"


def test_a_streamed_text_that_breaks_off_is_shown_to_its_last_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := _Terminal())
    monkeypatch.setenv("COLUMNS", "20")
    with pytest.raises(KeyboardInterrupt), TextStream() as text:
        text.write("The lamp shone ov")
        raise KeyboardInterrupt
    assert out.getvalue() == "The lamp shone ov\n"


on_terminals = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
ARGUMENTS = ("health", "--timeout", "none at all that could be a number of seconds, be it in words")


@on_terminals
@pytest.mark.parametrize("width", [24, 80])
def test_an_error_is_wrapped_on_a_terminal(width: int) -> None:
    written = read_terminal([*forked_nai(), *ARGUMENTS], ("stderr",), COLUMNS=str(width)).replace("\r\n", "\n")
    first, *others = written.removesuffix("\n").split("\n")
    assert first.startswith("nai health: ")
    assert others
    assert all(line.startswith("  ") for line in others)


@on_terminals
def test_an_argument_with_blanks_is_not_broken() -> None:
    path = f"some where/{'a b ' * 25}/c.json"
    written = read_terminal([*NAI, "image-info", path], ("stderr",))  # the arguments are looked at once in a process
    assert path in written


@on_terminals
def test_an_error_is_one_line_where_stderr_is_no_terminal() -> None:
    done = subprocess.run([*forked_nai(), *ARGUMENTS], capture_output=True, text=True, timeout=50)
    assert done.stderr.count("\n") == 1


@on_terminals
def test_an_error_as_json_is_never_wrapped() -> None:
    written = read_terminal([*forked_nai(), *ARGUMENTS, "--json"], ("stderr",))
    assert json.loads(written)["error"]["exit_status"] == 2


@on_terminals
def test_faults_are_listed_without_a_line_that_is_wider_than_the_terminal() -> None:
    written = read_terminal([*forked_nai(), "emulate", "--list-faults"], ("stdout",))
    assert max(map(len, written.split("\r\n"))) <= 80
