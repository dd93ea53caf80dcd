"""Where a part goes, in a context that is a tree.

Its blocks stand side by side, with nothing between. A block holds the pieces of its text, and what was put between them; a
block of a sub-context holds blocks. So a place in the text is found by going down, and each block on the way says whether it
may be entered.

See docs/protocol/content.md#86-trimming-and-insertion.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from .measuring import REACH, Meter, ends_of_units

if TYPE_CHECKING:
    from ..config import ContextConfig, ContextUnit

__all__ = ["Block", "Tree", "insert", "leaves", "place", "place_by_key", "size_of", "sliced", "text_of"]

_NEAR: Final = 1024  # characters that are always in reach
_LEVELS: Final = 64  # of blocks inside of blocks; what is deeper is not entered


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the context with what is inside of it."""

    owner: int
    "Which part it is."
    prefix: str
    suffix: str
    inside: Tree
    open: bool
    "May another be put inside?"
    size: int = field(init=False)
    "Characters, with all that is inside."

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", len(self.prefix) + size_of(self.inside) + len(self.suffix))


Tree: TypeAlias = "tuple[Block | str, ...]"
"""Pieces of text, and blocks, side by side."""


def size_of(tree: Tree) -> int:
    """How many characters it has."""
    return sum(len(each) if isinstance(each, str) else each.size for each in tree)


def leaves(tree: Tree) -> list[tuple[int, str]]:
    """Its pieces of text in order, each with the part that it belongs to."""
    found: list[tuple[int, str]] = []
    _gather(tree, -1, found)
    return found


def _gather(tree: Tree, owner: int, found: list[tuple[int, str]]) -> None:
    for each in tree:
        if isinstance(each, str):
            found.append((owner, each))
        else:
            found.append((each.owner, each.prefix))
            _gather(each.inside, each.owner, found)
            found.append((each.owner, each.suffix))


def text_of(tree: Tree) -> str:
    """All its text."""
    return "".join([text for _, text in leaves(tree)])


def place(text: str, position: int, unit: ContextUnit, meter: Meter) -> int:
    """The place behind the first ``position`` units, or, if it is negative, as many from the bottom: -1 is the end.

    Positions beyond the end mean that end. Tokens are counted in what is in reach, not in all of the text.
    """
    reach = _NEAR + REACH * abs(position) if unit == "token" else len(text)
    passed = max(0, len(text) - reach) if position < 0 else 0
    ends = [0, *ends_of_units(text[passed : passed + reach], unit, meter)]
    return passed + ends[min(position, len(ends) - 1) if position >= 0 else max(position, -len(ends))]


def place_by_key(text: str, found: tuple[int, int], position: int, unit: ContextUnit, meter: Meter) -> int:
    """The place counted from the key: 0 is behind the unit in which it ends, -1 in front of the one in which it starts."""
    ends = [0, *ends_of_units(text, unit, meter)]
    start, end = found
    if position >= 0:
        behind = bisect_left(ends, max(end, start + 1))  # of what matches nothing: its place
        return ends[min(behind + position, len(ends) - 1)]
    in_front = bisect_left(ends, start + 1) - 1
    return ends[max(in_front + position + 1, 0)]


def insert(tree: Tree, at: int, block: Block, config: ContextConfig, levels: int = _LEVELS) -> Tree:
    """The tree with a block at a place, or at the edge of what it may not enter: in front when counted from the bottom."""
    passed = 0
    for number, each in enumerate(tree):
        size = len(each) if isinstance(each, str) else each.size
        if at <= passed:
            break
        if at < passed + size:
            return (*tree[:number], *_inside(each, at - passed, block, config, levels), *tree[number + 1 :])
        passed += size
    else:
        number = len(tree)
    return (*tree[:number], block, *tree[number:])


def _inside(host: Block | str, at: int, block: Block, config: ContextConfig, levels: int) -> Tree:
    """A host that has the place inside of it, with the block there or beside it."""
    if isinstance(host, str):
        return (host[:at], block, host[at:])
    if host.open and config.allow_inner_insertion and levels:
        front, back = len(host.prefix), host.size - len(host.suffix)
        if (at > front or not host.prefix) and (at < back or not host.suffix):
            return (replace(host, inside=insert(host.inside, at - front, block, config, levels - 1)),)
        in_front = at <= front
    elif config.insertion_position == 0:
        in_front = 2 * at <= host.size
    else:
        in_front = config.insertion_position < 0
    return (block, host) if in_front else (host, block)


def sliced(tree: Tree, start: int, end: int) -> Tree:
    """What stands between two places of a tree, cut through what reaches beyond them."""
    return tuple(_slices(tree, start, end))


def _slices(tree: Tree, start: int, end: int) -> Iterator[Block | str]:
    for each in tree:
        size = len(each) if isinstance(each, str) else each.size
        first, last = max(start, 0), min(end, size)
        if first < last:
            yield each[first:last] if isinstance(each, str) else _part(each, first, last)
        start, end = start - size, end - size


def _part(block: Block, start: int, end: int) -> Block:
    front, back = len(block.prefix), block.size - len(block.suffix)
    return replace(
        block,
        prefix=block.prefix[start:end],
        inside=sliced(block.inside, start - front, end - front),
        suffix=block.suffix[max(start - back, 0) : max(end - back, 0)],
    )
