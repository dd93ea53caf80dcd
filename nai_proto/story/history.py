"""A story's history: a tree of nodes, each of which changes the text of the node before it.

Both formats have such a tree. The legacy format calls its nodes blocks; here both are nodes, whose id is the id in the
document format or the index of the block in the legacy format.

See:
    docs/protocol/content.md#5-old-story-format-story
    docs/protocol/content.md#75-history-tree
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ..arguments import INTEGER
from ..errors import Damaged
from .sections import Origin

__all__ = ["History", "HistoryChange", "Node", "find_cycles", "find_path", "find_tree_problems", "trace_ancestors"]


@dataclass(frozen=True, slots=True)
class HistoryChange:
    """What a node does at one place."""

    inserted: str = field(repr=False)
    deleted: str = field(repr=False)
    section: int | None = None
    "The id of the section, in the newer format."
    whole: bool = False
    "Is it a section that comes or goes, and not a piece of one?"


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a history."""

    id: int
    parent: int | None
    "None at the root."
    children: tuple[int, ...]
    "What was written next, as often as it was tried; the oldest first."
    origin: Origin
    "Who made the change, as far as it can be told."
    changes: tuple[HistoryChange, ...]
    date: int | None = None
    "Milliseconds since 1970; the legacy format has none."
    position: tuple[int, int] | None = None
    "Where the generation began, as the file has it: a section's id and an offset in UTF-16 units."

    @property
    def inserted(self) -> str:
        """All that was inserted, joined by line feeds."""
        return "\n".join(change.inserted for change in self.changes if change.inserted)


class History(Mapping[int, Node]):
    """The nodes by id, in the order of the file, as they are at one moment."""

    def __init__(self, nodes: Mapping[int, Node], root: int | None, current: int | None) -> None:
        self._nodes = nodes
        self.root = root
        self.current = current
        "The node whose text the story has."

    def __getitem__(self, id: int) -> Node:  # noqa: A002
        return self._nodes[id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def path(self, to: int | None = None) -> tuple[Node, ...]:
        """From the root to a node, the current one if none is given; a damaged history's begins where it is torn."""
        if to is not None:
            INTEGER.check(to, "to", "an int or None")
        to = self.current if to is None else to
        if to is None or to not in self._nodes:
            return ()
        ids = trace_ancestors(to, lambda id_: self._nodes[id_].parent if id_ in self._nodes else None, strict=False)
        return tuple(self._nodes[id_] for id_ in reversed(ids) if id_ in self._nodes)

    @property
    def leaves(self) -> tuple[Node, ...]:
        """The ends of all branches."""
        return tuple(node for node in self._nodes.values() if not node.children)


def trace_ancestors(start: int, parent: Callable[[int], int | None], *, strict: bool = True) -> list[int]:
    """A node and all before it, up to one without a parent.

    Raises:
        Damaged: a node comes before itself; unless not ``strict``, where the line ends there.
    """
    line: dict[int, None] = {}
    at: int | None = start
    while at is not None and at not in line:
        line[at] = None
        at = parent(at)
    if at is not None and strict:
        raise Damaged("story history: a node comes before itself", category="history cycle")
    return list(line)


def find_path(start: int, goal: int, parent: Callable[[int], int | None]) -> tuple[list[int], list[int]]:
    """From a node to another: the nodes to be undone, and those to be done then, each in order.

    Raises:
        Damaged: the two have no common beginning.
    """
    up, down = trace_ancestors(start, parent), trace_ancestors(goal, parent)
    common = len(up)
    while up and down and up[-1] == down[-1]:
        up.pop()
        down.pop()
    if len(up) == common:
        raise Damaged("story history: it is in pieces that have no common beginning", category="history in pieces")
    return up, down[::-1]


def find_tree_problems(
    parents: Mapping[int, int | None], children: Mapping[int, tuple[int, ...]], root: int | None, current: int | None
) -> Iterator[str]:
    """What keeps a history from being one tree, in short sentences with ids and without a quote. Linear.

    Args:
        parents: of each node; None for the root, and a number that is no node for what is no number.
        children: of each node.
        root, current: None for what is no number.
    """
    if current not in parents:
        yield "the current node is not there"
    if root not in parents:
        yield "the root is not there"
    for node, parent in parents.items():
        if (parent is None) != (node == root):
            yield f"node {node} has {'no parent' if parent is None else 'a parent, and is the root'}"
        elif parent is not None and parent not in parents:
            yield f"node {node} has a parent that is not there"
        for child in children[node]:
            if child not in parents:
                yield f"node {node} has a child that is not there"
            elif parents[child] != node:
                yield f"node {node} has a child that is another's"
    for node in find_cycles(parents):
        yield f"node {node} comes before itself"


def find_cycles(parents: Mapping[int, int | None]) -> Iterator[int]:
    """A node of each circle; each node is walked over once."""
    walked_from: dict[int, int] = {}
    for start in parents:
        at: int | None = start
        while at is not None and at in parents and at not in walked_from:
            walked_from[at] = start
            at = parents[at]
        if at is not None and walked_from.get(at) == start:
            yield at
