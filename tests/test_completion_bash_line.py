"""How bash reads a line, compared with bash itself: `nai_transports.cli.completion.bash_line`."""

from __future__ import annotations

import subprocess
from shutil import which

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_transports.cli.completion.bash_line import complete_word, split_line
from tests.cases import for_each

BREAKS = " \t\n\"'@><=;|&(:"
"""What COMP_WORDBREAKS is if nobody changes it."""

needs_bash = pytest.mark.skipif(which("bash") is None, reason="bash is not installed")

characters = st.one_of(
    st.sampled_from(" \\'\"$`!&;|*?[]{}()<>#~=:,@ab/"), st.characters(categories=["L", "N", "P", "S"])
)
texts = st.text(characters, min_size=1, max_size=12)


def _read_by_bash(words: str) -> list[str]:
    """Return what bash makes of words."""
    done = subprocess.run(
        ["bash", "--norc", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True, timeout=20
    )
    return done.stdout.decode().split("\0")[:-1]


def _quote(text: str, style: str) -> str:
    match style:
        case "'":
            return "'" + text.replace("'", "'\\''") + "'"
        case '"':
            return '"' + "".join(f"\\{each}" if each in '$`"\\' else each for each in text) + '"'
        case _:
            return "".join(f"\\{each}" for each in text)


pieces = st.tuples(texts, st.sampled_from(["", "'", '"']))
words = st.lists(pieces, min_size=1, max_size=3)


@needs_bash
@given(st.lists(words, min_size=1, max_size=5))
def test_words_in_any_quotes_are_what_bash_makes_of_them(lines: list[list[tuple[str, str]]]) -> None:
    line = " ".join("".join(_quote(text, style) for text, style in word) for word in lines)
    assert [*split_line(f"nai {line} ", BREAKS).words] == _read_by_bash(line)


@needs_bash
@given(typed=texts, rest=texts, style=st.sampled_from(["", "'", '"']), before=st.lists(pieces, max_size=2))
def test_a_completed_word_is_the_value_for_bash(
    typed: str, rest: str, style: str, before: list[tuple[str, str]]
) -> None:
    """What bash adds itself is the quote that is still open, unless the text ends with that character."""
    start = "".join(_quote(text, each) for text, each in before) + _quote(typed, style)
    open_word = start.removesuffix(style) if style else start
    word = split_line(f"nai {open_word}", BREAKS).last
    value = "".join(text for text, _ in before) + typed + rest
    assert value.startswith(word.value)
    replacement = complete_word(word, value)
    completed = open_word[: len(open_word) - len(word.raw) + word.start] + replacement
    closing = style if style and not completed.endswith(style) else ""
    assert _read_by_bash(completed + closing) == [value]


@for_each(
    "line, replaced",
    [
        ("nai story show It", "It"),
        ("nai generate --model=ka", "ka"),
        ("nai generate --model=", ""),
        ('nai generate --model="ka', "ka"),
        ('nai generate "--model=ka', "--model=ka"),
        (r"nai story show a\:b", r"a\:b"),
        ('nai story show "a:b"c', '"a:b"c'),
        ("nai story show ", ""),
    ],
)
def test_bash_replaces_the_word_from_its_last_break_that_is_not_quoted(line: str, replaced: str) -> None:
    word = split_line(line, BREAKS).last
    assert word.raw[word.start :] == replaced


def test_assignments_before_the_command_are_no_words() -> None:
    assert split_line("NAI_URL=http://x A= nai story sh", BREAKS).words == ("story",)


@given(st.text(max_size=30))
def test_any_line_can_be_split(line: str) -> None:
    typed = split_line(line, BREAKS)
    assert line.endswith(typed.last.raw)
    assert 0 <= typed.last.start <= len(typed.last.raw)
