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
    "Sequence",
    "can_be_empty",
    "find_first_characters",
    "find_leading_run",
    "find_prefix",
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
        case Sequence((first, *_)):
            return find_prefix(first)
        case _:
            return ""


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
