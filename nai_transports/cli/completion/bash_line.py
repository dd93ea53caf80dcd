"""Split a line as bash does, and build what completes its last word.

Bash gives a completion function words that are cut at ``=`` and ``:`` and still have their quotes, so the line itself is
read. What was typed stays as it is; only the rest of a value is added, quoted in the way that the word is at the cursor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

__all__ = ["TypedLine", "TypedWord", "complete_word", "split_line"]

_SEPARATORS: Final = " \t\n;|&<>()"
_QUOTES: Final = "\"'"
_ASSIGNMENT: Final = re.compile(r"\w+\+?=")
_ESCAPED_IN_DOUBLE_QUOTES: Final = '$`"\\\n'
_UNSAFE: Final[Mapping[str, re.Pattern[str]]] = {
    "": re.compile(r"[^\w@%+=:,./-]"),
    '"': re.compile(r'[$`"\\!]'),
    "'": re.compile("'"),
}
"""The characters that cannot stand for themselves, by the quote that is open."""


class TypedWord(NamedTuple):
    """A word in front of the cursor."""

    raw: str
    "As it was typed."
    value: str
    "What the shell makes of it, but for variables and tildes."
    quote: str
    "The quote that is open at its end, or nothing."
    start: int
    "Where the part of `raw` begins that bash replaces."
    kept: int
    "How many characters of the value are before that part."


class TypedLine(NamedTuple):
    """A command with its words."""

    words: tuple[str, ...]
    "The words before the last one, without the name of the command."
    last: TypedWord
    "The word at the cursor; it may be empty."


def split_line(line: str, breaks: str) -> TypedLine:
    """Return the words of a line that ends at the cursor.

    Args:
        line: begins with the command, or with assignments before it.
        breaks: the value of COMP_WORDBREAKS: at these characters, bash begins what it replaces, if they are not quoted.
    """
    words = [*_split(line, breaks)]
    command = next((place for place, word in enumerate(words[:-1]) if not _ASSIGNMENT.match(word.raw)), 0)
    return TypedLine(tuple(word.value for word in words[command + 1 : -1]), words[-1])


def _split(line: str, breaks: str) -> Iterator[TypedWord]:
    """Yield all words; the last one ends with the line, and is empty if a separator does."""
    start = replaced = opened = kept = kept_before_quote = 0
    value: list[str] = []
    quote = ""
    characters = iter(enumerate(line))
    for place, character in characters:
        if character == "\\" and quote != "'":
            _, escaped = next(characters, (place, ""))
            is_literal = quote and escaped not in _ESCAPED_IN_DOUBLE_QUOTES
            value.append(character + escaped if is_literal else escaped.removesuffix("\n"))
        elif character == quote:
            quote = ""
        elif quote:
            value.append(character)
        elif character in _QUOTES:
            quote, opened, kept_before_quote = character, place + 1, len("".join(value))
        elif character in _SEPARATORS:
            if place > start:
                yield TypedWord(line[start:place], "".join(value), "", 0, 0)
            start = replaced = place + 1
            kept = 0
            value.clear()
        else:
            value.append(character)
            if character in breaks:
                replaced, kept = place + 1, len("".join(value))
    where = (opened - start, kept_before_quote) if quote else (replaced - start, kept)
    yield TypedWord(line[start:], "".join(value), quote, *where)


def complete_word(word: TypedWord, value: str) -> str:
    """Return what bash puts in the place of the word's part from ``word.start``.

    Args:
        word: as it was typed.
        value: what it is to become; it begins with the word's value, in capital or in small letters. What is typed stays
            as it is if it is the same, and in any case where bash replaces nothing.
    """
    is_same = value.startswith(word.value)
    typed, added = (word.raw[word.start :], value[len(word.value) :]) if is_same else ("", value[word.kept :])
    added = _UNSAFE[word.quote].sub(lambda found: _escape(found[0], word.quote), added)
    # Bash closes an open quote itself, but not where the text ends with that character.
    closing = word.quote if word.quote and added.endswith(word.quote) else ""
    return typed + added + closing


def _escape(character: str, quote: str) -> str:
    """Return a character that stands for itself; an exclamation mark and a single quote need the quotes closed."""
    is_outside = quote == "'" or (quote and character == "!")
    return f"{quote}\\{character}{quote}" if is_outside else f"\\{character}"
