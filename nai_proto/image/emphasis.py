"""Emphasis in prompts: parse text into a tree of weighted pieces, and write it back exactly.

``{text}`` weighs 1.05 times as much, ``[text]`` as much less; since V4 ``1.5::text::`` gives a weight outright. Nothing is
an error: signs that open and close nothing are text, and ``str(parse(text)) == text`` for every text. Reading takes
time in proportion to the text.

The service's documents say no more than that. Where signs cross, this parser reads them so:

* Weights multiply, from the outside in; what the service does is not known.
* An emphasis that is not closed ends with the one around it, or with the text.
* A sign closes the innermost emphasis of its own kind, and with it whatever is still open inside.
* Directly inside a number's weight another number takes over: ``1.5::a 2::b::`` is two pieces side by side.
* A number begins wherever its digits do, as in the clients' expression ``(-?\\d+\\.?\\d*)?::``; so
  ``2::in 2077::`` ends in a new weight, and a blank before the sign prevents it: ``2::in 2077 ::``.
* There is no sign to escape another, except in what is mixed: ``||`` there is a pipe.

Prompts are the user's words: no repr shows one.

See docs/protocol/image.md#61-emphasis-syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, TypeAlias

from ..arguments import FLAG, TEXT, ArgumentType, convert_fields, list_of, takes
from ..errors import InvalidRequestError

__all__ = ["MAX_DEPTH", "Emphasis", "Piece", "Prompt", "normalize_prompt", "parse_prompt", "split_segments"]

MAX_DEPTH: Final = 64
"""How deep emphasis is parsed; signs deeper than that are text. So many braces weigh 22 times as much already."""

_BRACKETS: Final = re.compile(r"[{}\[\]]")
_SIGNS: Final = re.compile(r"(?:-?(?<![0-9])[0-9]+(?:\.[0-9]*)?)?::|[{}\[\]]")  # no search begins among digits
_PIPES: Final = re.compile(r"\|\|?")
_RUNS_INTO: Final = re.compile(r"(?:[0-9]\.?|:)\Z")
"""The end of a text that would be read as one with ``::`` behind it."""

_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]*)?::")
_CLOSING: Final = {"{": "}", "[": "]"}
_CLOSERS: Final = frozenset(("}", "]", "::"))

Piece: TypeAlias = "str | Emphasis"


@dataclass(frozen=True, slots=True)
class Emphasis:
    """Pieces with a common weight."""

    opening: str
    "``{``, ``[``, or a number and two colons."
    pieces: tuple[Piece, ...] = field(repr=False)
    closed: bool = True
    "Whether a sign ends it."

    def __post_init__(self) -> None:
        convert_fields(self, opening=TEXT, pieces=_PIECES, closed=FLAG)
        if self.opening not in _CLOSING and not _NUMBER.fullmatch(self.opening):
            raise InvalidRequestError("opening takes {, [, or a number and two colons", parameter="opening")

    @property
    def weight(self) -> float:
        """Return 1.05, 1/1.05, or the number; from V4.5 on it may be negative."""
        match self.opening:
            case "{":
                return 1.05
            case "[":
                return 1 / 1.05
            case number:
                return float(number[:-2])

    @property
    def is_numeric(self) -> bool:
        """Return whether its weight is written as a number."""
        return self.opening.endswith("::")

    @property
    def closing(self) -> str:
        """Return the sign that ends it."""
        return _CLOSING.get(self.opening, "::")

    def __str__(self) -> str:
        return self.opening + "".join(map(str, self.pieces)) + (self.closing if self.closed else "")


_PIECES: Final = list_of(TEXT | ArgumentType("an Emphasis", Emphasis))


@dataclass(frozen=True, slots=True)
class Prompt:
    """A parsed prompt."""

    pieces: tuple[Piece, ...] = field(repr=False)

    def __post_init__(self) -> None:
        convert_fields(self, pieces=_PIECES)

    def weighted(self) -> Iterator[tuple[str, float]]:
        """Iterate over its texts in order, each with its weight."""
        return _weighted(self.pieces, 1.0)

    def __str__(self) -> str:
        return "".join(map(str, self.pieces))


@takes(text=TEXT, numeric=FLAG)
def parse_prompt(text: str, *, numeric: bool = True) -> Prompt:
    """Parse a prompt; every text is one.

    Args:
        text: the prompt.
        numeric: whether weights may be numbers: from V4 on.
    """
    open_ones: list[tuple[str, list[Piece]]] = [("", [])]  # of each its sign and its pieces; the first is the prompt
    read = 0
    for found in (_SIGNS if numeric else _BRACKETS).finditer(text):
        sign = found[0]
        opens = sign not in _CLOSERS
        ended = _find_ended(open_ones, sign)
        if ended is None and (not opens or len(open_ones) > MAX_DEPTH):
            continue  # it is text
        if read < found.start():
            open_ones[-1][1].append(text[read : found.start()])
        read = found.end()
        if ended is not None:
            _close(open_ones, ended, closed=not opens)
        if opens:
            open_ones.append((sign, []))
    if read < len(text):
        open_ones[-1][1].append(text[read:])
    _close(open_ones, 1, closed=False)
    return Prompt(tuple(open_ones[0][1]))


@takes(text=TEXT, numeric=FLAG)
def normalize_prompt(text: str, *, numeric: bool = True) -> str:
    """Return the same prompt with every emphasis closed where it ends.

    A blank stands before ``::`` where the sign would else be read as one with the text. Signs that close nothing stay.

    Args:
        text: the prompt.
        numeric: whether weights may be numbers: from V4 on.
    """
    return "".join(map(_close_piece, parse_prompt(text, numeric=numeric).pieces))


def split_segments(prompt: str) -> list[str]:
    """Split a prompt at single pipes into the segments that are mixed; ``||`` does not split.

    Pipes are read from the left: of three the first two are a pair, and the third splits.
    """
    cuts = [found.start() for found in _PIPES.finditer(prompt) if found[0] == "|"]
    return [prompt[start + 1 : end] for start, end in pairwise((-1, *cuts, len(prompt)))]


def _find_ended(open_ones: list[tuple[str, list[Piece]]], sign: str) -> int | None:
    """Return the index of the emphasis that a sign ends, a number by replacing it; None if there is none."""
    innermost = len(open_ones) - 1
    if sign in _CLOSERS:
        places = range(innermost, 0, -1)
        return next((place for place in places if _CLOSING.get(open_ones[place][0], "::") == sign), None)
    return innermost if sign.endswith("::") and open_ones[-1][0].endswith("::") else None


def _close(open_ones: list[tuple[str, list[Piece]]], place: int, *, closed: bool) -> None:
    """Close the emphasis at an index, and all inside it."""
    while len(open_ones) > place:
        opening, pieces = open_ones.pop()
        open_ones[-1][1].append(Emphasis(opening, tuple(pieces), closed and len(open_ones) == place))


def _weighted(pieces: Iterable[Piece], weight: float) -> Iterator[tuple[str, float]]:
    for piece in pieces:
        if isinstance(piece, str):
            yield piece, weight
        else:
            yield from _weighted(piece.pieces, weight * piece.weight)


def _close_piece(piece: Piece) -> str:
    if isinstance(piece, str):
        return piece
    inside = "".join(map(_close_piece, piece.pieces))
    blank = " " if piece.is_numeric and _RUNS_INTO.search(inside) else ""
    return f"{piece.opening}{inside}{blank}{piece.closing}"
