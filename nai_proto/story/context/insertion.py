"""Find the place of a part in the context, and insert it there.

A context is a tree. Its nodes are side by side, with nothing between them. The node of a part holds the pieces of the
part's text, and the nodes that were inserted between them; the node of a sub-context holds nodes. So a place in the text is
found by going down the tree, and each node on the way decides whether it may be entered.

See docs/protocol/content.md#86-trimming-and-insertion.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from .token_counters import TokenCounter
from .trimming import find_unit_ends

if TYPE_CHECKING:
    from ..context_config import ContextConfig, ContextUnit

__all__ = [
    "ContextTree",
    "TreeNode",
    "count_characters",
    "find_place",
    "find_place_by_key",
    "insert",
    "join_text",
    "list_pieces",
    "slice_tree",
]

_ALWAYS_IN_REACH: Final = 1024  # characters
_MAX_DEPTH: Final = 64  # of nodes inside of nodes; deeper ones are not entered


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A part of the context with all that is inside of it."""

    number: int
    "Of the candidate that it belongs to."
    prefix: str = field(repr=False)
    suffix: str = field(repr=False)
    inside: ContextTree = field(repr=False)
    is_open: bool
    "True lets other parts be inserted inside."
    size: int = field(init=False)
    "Characters, with all that is inside."

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", len(self.prefix) + count_characters(self.inside) + len(self.suffix))


ContextTree: TypeAlias = "tuple[TreeNode | str, ...]"
"""Pieces of text and nodes, side by side."""


def count_characters(tree: ContextTree) -> int:
    """Return how many characters a tree has."""
    return sum(len(each) if isinstance(each, str) else each.size for each in tree)


def list_pieces(tree: ContextTree) -> list[tuple[int, str]]:
    """Return the pieces of text in order, each with the number of the candidate that it belongs to."""
    pieces: list[tuple[int, str]] = []
    _collect(tree, -1, pieces)
    return pieces


def _collect(tree: ContextTree, number: int, pieces: list[tuple[int, str]]) -> None:
    for each in tree:
        if isinstance(each, str):
            pieces.append((number, each))
        else:
            pieces.append((each.number, each.prefix))
            _collect(each.inside, each.number, pieces)
            pieces.append((each.number, each.suffix))


def join_text(tree: ContextTree) -> str:
    """Return all the text of a tree."""
    return "".join([text for _, text in list_pieces(tree)])


def find_place(text: str, position: int, unit: ContextUnit, counter: TokenCounter) -> int:
    """Return the place behind the first ``position`` units; a negative position counts from the bottom, and -1 is the end.

    Positions beyond an end are that end. Tokens are counted in what is in reach, not in all of the text.
    """
    reach = _ALWAYS_IN_REACH + counter.characters_per_token * abs(position) if unit == "token" else len(text)
    passed = max(0, len(text) - reach) if position < 0 else 0
    ends = [0, *find_unit_ends(text[passed : passed + reach], unit, counter)]
    return passed + ends[min(position, len(ends) - 1) if position >= 0 else max(position, -len(ends))]


def find_place_by_key(
    text: str, match: tuple[int, int], position: int, unit: ContextUnit, counter: TokenCounter
) -> int:
    """Return the place counted from a match of a key.

    0 is behind the unit in which the match ends, -1 in front of the one in which it starts.
    """
    ends = [0, *find_unit_ends(text, unit, counter)]
    start, end = match
    if position >= 0:
        behind = bisect_left(ends, max(end, start + 1))  # an empty match counts as one character
        return ends[min(behind + position, len(ends) - 1)]
    in_front = bisect_left(ends, start + 1) - 1
    return ends[max(in_front + position + 1, 0)]


def insert(
    tree: ContextTree, at: int, node: TreeNode, config: ContextConfig, depth_left: int = _MAX_DEPTH
) -> ContextTree:
    """Return the tree with a node inserted.

    Args:
        tree: the context so far.
        at: the place, in characters. If it is inside of a node that may not be entered, the new node goes beside that
            node: in front when the position was counted from the bottom.
        node: the new node.
        config: the settings of the part that the node belongs to.
        depth_left: how many levels of nodes may still be entered.
    """
    passed = 0
    for index, each in enumerate(tree):
        size = len(each) if isinstance(each, str) else each.size
        if at <= passed:
            break
        if at < passed + size:
            return (*tree[:index], *_insert_into(each, at - passed, node, config, depth_left), *tree[index + 1 :])
        passed += size
    else:
        index = len(tree)
    return (*tree[:index], node, *tree[index:])


def _insert_into(host: TreeNode | str, at: int, node: TreeNode, config: ContextConfig, depth_left: int) -> ContextTree:
    """Return a host that has the place inside of it, with the node there or beside it."""
    if isinstance(host, str):
        return (host[:at], node, host[at:])
    if host.is_open and config.allow_inner_insertion and depth_left:
        front, back = len(host.prefix), host.size - len(host.suffix)
        if (at > front or not host.prefix) and (at < back or not host.suffix):
            return (replace(host, inside=insert(host.inside, at - front, node, config, depth_left - 1)),)
        in_front = at <= front
    elif config.insertion_position == 0:
        in_front = 2 * at <= host.size
    else:
        in_front = config.insertion_position < 0
    return (node, host) if in_front else (host, node)


def slice_tree(tree: ContextTree, start: int, end: int) -> ContextTree:
    """Return what is between two places of a tree; what reaches beyond them is cut."""
    return tuple(_slices(tree, start, end))


def _slices(tree: ContextTree, start: int, end: int) -> Iterator[TreeNode | str]:
    for each in tree:
        size = len(each) if isinstance(each, str) else each.size
        first, last = max(start, 0), min(end, size)
        if first < last:
            yield each[first:last] if isinstance(each, str) else _slice_node(each, first, last)
        start, end = start - size, end - size


def _slice_node(node: TreeNode, start: int, end: int) -> TreeNode:
    front, back = len(node.prefix), node.size - len(node.suffix)
    return replace(
        node,
        prefix=node.prefix[start:end],
        inside=slice_tree(node.inside, start - front, end - front),
        suffix=node.suffix[max(start - back, 0) : max(end - back, 0)],
    )
