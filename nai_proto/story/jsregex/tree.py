"""What a pattern says, as a tree, and what can be told from it before any text is seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from .sets import Ranges, merged

__all__ = ["BackReference", "Choice", "Edge", "Group", "Literal", "Look", "Node", "Repeat", "Sequence", "Set"]
__all__ += ["EMPTY", "beginnings", "leading_run", "may_be_empty", "prefix"]


@dataclass(frozen=True, slots=True)
class Literal:
    text: str


@dataclass(frozen=True, slots=True)
class Set:
    """One character of a set; or, negated, one whose canonical form no member of it has."""

    ranges: Ranges
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A group that captures."""

    number: int
    inside: Node


@dataclass(frozen=True, slots=True)
class Look:
    inside: Node
    ahead: bool
    negated: bool


@dataclass(frozen=True, slots=True)
class Repeat:
    inside: Node
    least: int
    most: int | None
    greedy: bool
    groups: range
    "The groups in it, which each turn forgets."


class Edge(Enum):
    """What asks for a place and takes nothing."""

    START = "^"
    END = "$"
    WORD = r"\b"
    NO_WORD = r"\B"


@dataclass(frozen=True, slots=True)
class BackReference:
    groups: tuple[int, ...]
    "One, or all of one name: only one of those can have taken part."


Node: TypeAlias = Literal | Set | Sequence | Choice | Group | Look | Repeat | Edge | BackReference

EMPTY: Final = Sequence(())


def may_be_empty(node: Node) -> bool:
    """Can it match without taking a character?"""
    match node:
        case Literal() | Set():
            return False
        case Sequence(items):
            return all(map(may_be_empty, items))
        case Choice(options):
            return any(map(may_be_empty, options))
        case Group(_, inside):
            return may_be_empty(inside)
        case Repeat(inside, least):
            return least == 0 or may_be_empty(inside)
        case _:
            return True


def prefix(node: Node) -> str:
    """A text that every match begins with; may be empty."""
    match node:
        case Literal(text):
            return text
        case Group(_, inside):
            return prefix(inside)
        case Sequence((first, *_)):
            return prefix(first)
        case _:
            return ""


def beginnings(node: Node) -> Ranges | None:
    """The characters that a match, taking one at all, can begin with; None where any may be.

    Of a folded tree, without negated sets.
    """
    match node:
        case Literal(text):
            return ((ord(text[0]), ord(text[0])),)
        case Set(ranges, False):
            return ranges
        case Group(_, inside) | Repeat(inside):
            return beginnings(inside)
        case Edge() | Look():
            return ()
        case Choice(options):
            return _together(tuple(beginnings(option) for option in options))
        case Sequence(items):
            found: list[Ranges | None] = []
            for item in items:
                found.append(beginnings(item))
                if not may_be_empty(item):
                    break
            return _together(tuple(found))
        case _:
            return None


def leading_run(node: Node) -> Ranges | None:
    """The set of which every match begins with any number of characters, in no group; None if it begins otherwise."""
    match node:
        case Sequence((first, *_)):
            return leading_run(first)
        case Repeat(Set(ranges, False), _, None):
            return ranges
        case Repeat(Literal(text), _, None) if len(text) == 1:
            return ((ord(text), ord(text)),)
        case _:
            return None


def _together(sets: tuple[Ranges | None, ...]) -> Ranges | None:
    known = [ranges for ranges in sets if ranges is not None]
    return merged(piece for ranges in known for piece in ranges) if len(known) == len(sets) else None
