"""Lines that end between words on a terminal.

Sentences of ours never end a line within what a person copies: commands, options, paths and URLs (`wrap_text`). Prose of
others, such as a story, has none of these, and may arrive in pieces (`ProseWrapper`).
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, TextIO

from ...terminals import measure_width

__all__ = ["ProseWrapper", "measure_text", "wrap_for_terminal", "wrap_prose", "wrap_text"]

_HANGING: Final = 2
"How far the further lines of a note are indented."
_GAP: Final = re.compile(r"(?<=\S)  +(?=\S)")
"What separates the columns of a line."
_QUOTED: Final = r"""(?:"[^"]*"|'[^']*')"""
_PLACEHOLDER: Final = r"[A-Z]{2,}\b(?:=[A-Z]+\b)?"
_VALUE: Final = rf"(?:{_QUOTED}|{_PLACEHOLDER}|\S*[^\s.,:;)])"
_ARGUMENT: Final = rf"(?:\ (?:--?\w[\w-]*(?:[=\ ]{_VALUE})?|{_QUOTED}|{_PLACEHOLDER}|-(?!\S)|\S*[./]\w+))"
"What may follow a command: an option with a value, a quoted text, a placeholder such as FILE, or a path."
_NAME: Final = "[a-z][a-z-]*"
_WHOLE: Final = rf"""
    `[^`]+`
    | (?<=\btype:\ )(?:{_QUOTED}|[^;"'])+
    | \bnai\ (?:(?:account|help|lorebook|library|module|presets|story|tokens)\ )?
      {_NAME}(?:\ {_NAME}(?={_ARGUMENT}))?{_ARGUMENT}*
    | (?:\S+\ -m\ )?\bpip\ install{_ARGUMENT}*\ \S+
    | \bcurl{_ARGUMENT}*
    | (?<![^\s(=])--[a-z][\w-]*[=\ ](?:{_QUOTED}|{_PLACEHOLDER})
    | (?<![^\s(=]){_QUOTED}(?![^\s).,:;])
"""
"""What is copied as a whole and may have blanks: what is to be typed, commands with their arguments, options with a
placeholder, quoted texts.

Words, and so paths and URLs without blanks, are never broken anyway.
"""
_LONGEST_SETTING: Final = 1000
"Arguments that are longer are no paths."


def wrap_for_terminal(text: str, stream: TextIO | None) -> str:
    """Return a text as it is printed to a stream: wrapped to its width if it is a terminal, else as it is."""
    width = measure_width(stream)
    return text if width is None else "\n".join(wrap_text(line, width) for line in text.split("\n"))


def wrap_text(text: str, width: int, *, column: int = 0, hanging: int | None = None) -> str:
    """Return a line with line ends between its words, such that no line is wider than the terminal.

    A line is wider only where a single word, or a part that a person copies, is.

    Args:
        text: one line. Its own blanks are kept where it is not broken.
        width: of the terminal, in columns.
        column: where the text begins.
        hanging: the column where further lines begin; None: where the line's last column of text begins, or indented a bit.
    """
    if hanging is None:
        hanging = _find_hanging(text, width)
    lines = [""]
    free = width - column
    for gap, part in _split(text, width):
        size = measure_text(gap) + measure_text(part)
        if size > free and (lines[-1].strip() or (len(lines) == 1 and column > hanging)):
            lines.append(" " * hanging + part)
            free = width - hanging - measure_text(part)
        else:
            lines[-1] += gap + part
            free -= size
    return "\n".join(lines)


def _find_hanging(text: str, width: int) -> int:
    """Return where the further lines of a line begin: below its second column, if it has two and there is room."""
    gap = _GAP.search(text)
    if gap is not None and measure_text(text[: gap.end()]) <= width // 2:
        return measure_text(text[: gap.end()])
    return _HANGING + len(text) - len(text.lstrip(" "))


def _split(text: str, width: int) -> Iterator[tuple[str, str]]:
    """Yield each part that stays whole, after the blanks before it. A quoted text that has no room in a line is broken."""
    at = 0
    matches = [*_find_whole_parts().finditer(text)]
    whole = [each.span() for each in matches if each[0][0] not in "'\"" or measure_text(each[0]) <= width]
    for match in re.finditer(" *[^ ]*", text):
        end = match.end()
        if any(first < end < last for first, last in whole):
            continue  # the blank that follows belongs to a part
        if at < end:
            piece = text[at:end]
            word = piece.lstrip(" ")
            yield piece[: len(piece) - len(word)], word
        at = end


@cache
def _find_whole_parts() -> re.Pattern[str]:
    """Return the pattern of what stays whole, also this run's arguments and directories with blanks."""
    settings = (value for name, value in os.environ.items() if name.startswith("NAI_"))
    given = {*sys.argv[1:], *settings, str(Path.home()), str(Path.cwd())}
    own = [
        rf"{re.escape(each)}\S*"
        for each in given
        if " " in each and each.isprintable() and len(each) < _LONGEST_SETTING
    ]
    return re.compile("|".join((*sorted(own, key=len, reverse=True), _WHOLE)), re.VERBOSE)


# ---- prose

_TAB: Final = 8
_BLANKS: Final = " \t\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u205f\u3000"
"Where a line may end; others, such as U+00A0, keep words together."
_PROSE: Final = re.compile(rf"[!-~]+|[{_BLANKS}]+|.", re.DOTALL)
"Parts of prose between which it matters where a line ends: a character each, if they are not ASCII."
_JOINER: Final = "\u200d"
_FOLLOWING: Final = ("Pe", "Pf", "Po", "Lm", "Mn", "Mc", "Me", "Cf")
"Categories of characters that begin no line: closing punctuation, and what belongs to the character before."
_SMALL_KANA: Final = "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ"


def wrap_prose(text: str, width: int) -> str:
    """Return prose with line ends between its words, such that no line is wider than the terminal."""
    wrapper = ProseWrapper(width)
    return wrapper.feed(text) + wrapper.flush()


class ProseWrapper:
    """Wraps prose that arrives in pieces: each word is returned as soon as it is certain in which line it stands.

    A word that begins a line is returned letter by letter. Another one is held until it ends, or until the line has no room
    for it, and then it begins the next line. Blanks are returned together with the word behind them, so that a line never
    ends with one; a new line takes their place. A word that is wider than a line is broken. Chinese and Japanese, which have
    no blanks, are broken between characters, but not before closing and not behind opening punctuation.

    What is returned does not depend on how the text is cut into pieces. The time is linear in its length.

    Args:
        width: of the terminal, in columns. It may be changed on the way.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._column = 0
        "Behind what was returned."
        self._gap = ""
        "The blanks that follow."
        self._word = ""
        "The part of the word behind them that is held."
        self._end = 0
        "The column behind the blanks and the word."
        self._is_word_open = False
        "Are the letters of the word returned as they come?"
        self._last = "\n"

    @property
    def is_at_line_start(self) -> bool:
        """Return whether the text so far ends with a line end, or is empty."""
        return self._last == "\n"

    def feed(self, text: str) -> str:
        """Return what is certain after a piece of the text, which has no control characters but tabs and line feeds."""
        return "".join(map(self._take, _PROSE.findall(text)))

    def flush(self) -> str:
        """Return what is held of a word, which may go on."""
        was_open = self._is_word_open
        shown = self._end_word()
        self._is_word_open = was_open or bool(shown)
        return shown

    def start_line(self) -> None:
        """Go on at the beginning of a line: somebody else has ended the one that the text was in."""
        self._column, self._gap, self._end, self._last = 0, "", 0, "\n"

    def _take(self, part: str) -> str:
        before, self._last = self._last, part[-1]
        if part == "\n":
            shown = self._end_word()
            self._column, self._gap, self._end = 0, "", 0
            return f"{shown}\n"
        if part[0] in _BLANKS:
            shown = self._end_word()
            self._gap += part
            for blank in part:
                self._end += _TAB - self._end % _TAB if blank == "\t" else measure_text(blank)
            return shown
        shown = self._end_word() if _can_break_between(before, part[0]) else ""
        return shown + self._extend_word(part)

    def _extend_word(self, part: str) -> str:
        if self._is_word_open:
            return self._place(part)
        self._word += part
        self._end += measure_text(part)
        if (self._column or self._gap) and self._end <= self.width:
            return ""
        word, self._word, self._gap, self._is_word_open = self._word, "", "", True
        if not self._column:
            return self._place(word)
        self._column = 0
        return "\n" + self._place(word)

    def _end_word(self) -> str:
        """Return what is held of the word, which has room in the line."""
        shown = ""
        if self._word:
            shown, self._gap, self._word = self._gap + self._word, "", ""
            self._column = self._end
        self._is_word_open = False
        return shown

    def _place(self, part: str) -> str:
        """Return a part of a word with line ends where the lines are full."""
        placed: list[str] = []
        for character in part:
            size = measure_text(character)
            if size and self._column and self._column + size > self.width:
                placed.append("\n")
                self._column = 0
            placed.append(character)
            self._column += size
        self._end = self._column
        return "".join(placed)


def _can_break_between(before: str, after: str) -> bool:
    """Return whether a line may end between two characters that no blank separates."""
    if before in _BLANKS or before == "\n" or not (_is_ideographic(before) or _is_ideographic(after)):
        return False
    return (
        before != _JOINER
        and unicodedata.category(before) not in ("Ps", "Pi")
        and unicodedata.category(after) not in _FOLLOWING
        and after not in _SMALL_KANA
        and not "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
    )


def _is_ideographic(character: str) -> bool:
    """Return whether a character is of a script without blanks, or an emoji. Korean has blanks."""
    wide = not character.isascii() and unicodedata.east_asian_width(character) in "WF"
    return wide and not unicodedata.name(character, "").startswith("HANGUL")


# ---- widths


def measure_text(text: str) -> int:
    """Return how many columns a text takes on a terminal, or a bit more where terminals differ."""
    return len(text) if text.isascii() else sum(map(_measure_character, text))


def _measure_character(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return character == _EMOJI_STYLE
    if character in _INVISIBLE:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


_EMOJI_STYLE: Final = "\ufe0f"
"Makes the character before it as wide as an emoji."
_INVISIBLE: Final = frozenset(
    map(chr, (*range(0x200B, 0x2010), *range(0x2060, 0x2070), 0xFEFF, *range(0xE0000, 0xE0080)))
)
