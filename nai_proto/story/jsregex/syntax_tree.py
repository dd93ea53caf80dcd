"""The syntax tree of a pattern, and what it says about matches before any text is searched."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from .character_sets import Ranges, merge_ranges

__all__ = [
    "EMPTY",
    "Alternation",
    "Assertion",
    "Backreference",
    "CapturingGroup",
    "CharacterSet",
    "Literal",
    "Lookaround",
    "PatternNode",
    "Repetition",
    "Required",
    "Sequence",
    "can_be_empty",
    "find_first_characters",
    "find_leading_run",
    "find_prefix",
    "find_required",
]


@dataclass(frozen=True, slots=True)
class Literal:
    """A text that has to match as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """One character of a set; if negated, one whose canonical form differs from those of all members."""

    ranges: Ranges
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """Items that match one after the other."""

    items: tuple[PatternNode, ...]


@dataclass(frozen=True, slots=True)
class Alternation:
    """Options of which the first that leads to a match is taken."""

    options: tuple[PatternNode, ...]


@dataclass(frozen=True, slots=True)
class CapturingGroup:
    """A group that captures what its body matches."""

    number: int
    body: PatternNode


@dataclass(frozen=True, slots=True)
class Lookaround:
    """A lookahead or a lookbehind."""

    body: PatternNode
    ahead: bool
    negated: bool


@dataclass(frozen=True, slots=True)
class Repetition:
    """A body with a quantifier."""

    body: PatternNode
    minimum: int
    maximum: int | None
    greedy: bool
    groups: range
    "The numbers of the groups in the body; each iteration clears them."


class Assertion(Enum):
    """A condition on a position; it consumes no characters."""

    START = "^"
    END = "$"
    WORD_BOUNDARY = r"\b"
    NOT_WORD_BOUNDARY = r"\B"


@dataclass(frozen=True, slots=True)
class Backreference:
    """The text that a group captured."""

    groups: tuple[int, ...]
    "One number, or the numbers of all groups with one name; at most one of these can have taken part."


PatternNode: TypeAlias = (
    Literal
    | CharacterSet
    | Sequence
    | Alternation
    | CapturingGroup
    | Lookaround
    | Repetition
    | Assertion
    | Backreference
)

EMPTY: Final = Sequence(())
_MOST_REQUIRED: Final = 8
_MOST_OPTIONS: Final = 32
"""How many texts are looked for before a search: looking for more takes as long as the search itself."""


def can_be_empty(node: PatternNode) -> bool:
    """Return whether a node can match without consuming a character."""
    match node:
        case Literal() | CharacterSet():
            return False
        case Sequence(items):
            return all(map(can_be_empty, items))
        case Alternation(options):
            return any(map(can_be_empty, options))
        case CapturingGroup(_, body):
            return can_be_empty(body)
        case Repetition(body, minimum):
            return minimum == 0 or can_be_empty(body)
        case _:
            return True


def find_prefix(node: PatternNode) -> str:
    """Return a text that every match begins with; may be empty."""
    match node:
        case Literal(text):
            return text
        case CapturingGroup(_, body):
            return find_prefix(body)
        case Sequence(items):
            return next((find_prefix(item) for item in items if not isinstance(item, Assertion)), "")
        case _:
            return ""


@dataclass(frozen=True, slots=True)
class Required:
    """Texts of which every match contains at least one."""

    texts: tuple[str, ...]
    earliest: int
    "How far behind the beginning of the match such a text begins at least, in characters of the folded text."
    latest: int | None
    "How far at most, not counting the leading run; None if there is no limit."
    leading_run: Ranges | None = None
    "The set of which the match begins with a run of any length, if what is in front of the text begins with one."


def find_required(node: PatternNode) -> tuple[Required, ...]:
    """Return what every match contains, all of it; the first one tells best where there is no match.

    Args:
        node: of a folded tree. Then the texts are folded too.
    """
    match node:
        case Literal(text):
            return (Required((text,), 0, 0),)
        case CapturingGroup(_, body) | Lookaround(body, True, False):
            return find_required(body)
        case Repetition(body, minimum) if minimum > 0:
            return find_required(body)
        case Sequence(items):
            return _find_required_of_items(items)
        case Alternation(options):
            return _find_required_of_options(options)
        case _:
            return ()


def _find_required_of_items(items: tuple[PatternNode, ...]) -> tuple[Required, ...]:
    required: list[Required] = []
    least, run = 0, None
    most: int | None = 0
    for place, item in enumerate(items):
        for found in find_required(item):
            latest = _add_widths(most, found.latest)
            if found.leading_run is not None and (run is not None or most != 0):
                latest = None  # there is something in front of this run
            required.append(Required(found.texts, least + found.earliest, latest, run or found.leading_run))
        shortest, longest = _find_widths(item)
        least += shortest
        if place == 0 and (run := find_leading_run(item)):
            continue
        most = _add_widths(most, longest)
    return tuple(sorted(required, key=_rate_required, reverse=True)[:_MOST_REQUIRED])


def _find_required_of_options(options: tuple[PatternNode, ...]) -> tuple[Required, ...]:
    found = [required[0] for option in options if (required := find_required(option))]
    texts = tuple(dict.fromkeys(text for each in found for text in each.texts))
    if len(found) < len(options) or len(texts) > _MOST_OPTIONS:
        return ()
    latest = [each.latest for each in found if each.latest is not None and each.leading_run is None]
    return (Required(texts, min(each.earliest for each in found), max(latest) if len(latest) == len(found) else None),)


def _rate_required(required: Required) -> tuple[int, int]:
    """Return how well texts tell where there is no match: by long texts, and by few."""
    return min(map(len, required.texts)), -len(required.texts)


def _find_widths(node: PatternNode) -> tuple[int, int | None]:
    """Return how many characters a match of a node has at least and at most; None if there is no limit."""
    match node:
        case Literal(text):
            return len(text), len(text)
        case CharacterSet():
            return 1, 1
        case CapturingGroup(_, body):
            return _find_widths(body)
        case Sequence(items):
            widths = [*map(_find_widths, items)]
            longest = [most for _, most in widths if most is not None]
            return sum(least for least, _ in widths), sum(longest) if len(longest) == len(widths) else None
        case Alternation(options):
            widths = [*map(_find_widths, options)]
            longest = [most for _, most in widths if most is not None]
            return min(least for least, _ in widths), max(longest) if len(longest) == len(widths) else None
        case Repetition(body, minimum, maximum):
            least, most = _find_widths(body)
            return least * minimum, None if most is None or maximum is None else most * maximum
        case Backreference():
            return 0, None
        case _:
            return 0, 0


def _add_widths(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def find_first_characters(node: PatternNode) -> Ranges | None:
    """Return the characters that a match that is not empty can begin with; None if it can be any.

    Args:
        node: of a folded tree, without negated sets.
    """
    match node:
        case Literal(text):
            return ((ord(text[0]), ord(text[0])),)
        case CharacterSet(ranges, False):
            return ranges
        case CapturingGroup(_, body) | Repetition(body):
            return find_first_characters(body)
        case Assertion() | Lookaround():
            return ()
        case Alternation(options):
            return _merge_known(tuple(find_first_characters(option) for option in options))
        case Sequence(items):
            firsts: list[Ranges | None] = []
            for item in items:
                firsts.append(find_first_characters(item))
                if not can_be_empty(item):
                    break
            return _merge_known(tuple(firsts))
        case _:
            return None


def find_leading_run(node: PatternNode) -> Ranges | None:
    """Return the set of which every match begins with a run of any length, outside any group.

    Return None if matches begin in another way.
    """
    match node:
        case Sequence((first, *_)):
            return find_leading_run(first)
        case Repetition(CharacterSet(ranges, False), _, None):
            return ranges
        case Repetition(Literal(text), _, None) if len(text) == 1:
            return ((ord(text), ord(text)),)
        case _:
            return None


def _merge_known(sets: tuple[Ranges | None, ...]) -> Ranges | None:
    """Return the union of sets; None if one of them is not known."""
    known = [ranges for ranges in sets if ranges is not None]
    return merge_ranges(piece for ranges in known for piece in ranges) if len(known) == len(sets) else None
