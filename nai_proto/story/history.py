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
    """One change of a node at one position."""

    inserted: str = field(repr=False)
    deleted: str = field(repr=False)
    section: int | None = None
    "The id of the section, in the document format."
    whole: bool = False
    "Whether a whole section was inserted or removed."


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a history."""

    id: int
    parent: int | None
    "None at the root."
    children: tuple[int, ...]
    "The nodes that were written next, one for each try; the oldest first."
    origin: Origin
    "Who made the change, as far as it is known."
    changes: tuple[HistoryChange, ...]
    date: float | None = None
    "Seconds since 1970; the legacy format has none."
    position: tuple[int, int] | None = None
    "Where the generation began: a section's id and an offset in UTF-16 units, as the file has them."

    @property
    def inserted(self) -> str:
        """All inserted texts, joined by line feeds."""
        return "\n".join(change.inserted for change in self.changes if change.inserted)


class History(Mapping[int, Node]):
    """The nodes of a history by id, in the order of the file; a snapshot."""

    def __init__(self, nodes: Mapping[int, Node], root: int | None, current: int | None) -> None:
        self._nodes = nodes
        self.root = root
        self.current = current
        "The node whose text the story has."

    def __repr__(self) -> str:
        return f"<History {len(self)} nodes, current {self.current}>"

    def __getitem__(self, id: int) -> Node:  # noqa: A002
        return self._nodes[id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def get_path(self, to: int | None = None) -> tuple[Node, ...]:
        """Return the nodes from the root to a node; in a torn history, from the place where it is torn.

        Args:
            to: the id of the last node; the current one if None.
        """
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
    """Return a node and its ancestors, up to the one without a parent.

    Raises:
        Damaged: a node is its own ancestor. If not ``strict``, the list ends there instead.
    """
    line: dict[int, None] = {}
    at: int | None = start
    while at is not None and at not in line:
        line[at] = None
        at = parent(at)
    if at is not None and strict:
        raise Damaged("story history: a node is its own ancestor", category="history cycle")
    return list(line)


def find_path(start: int, goal: int, parent: Callable[[int], int | None]) -> tuple[list[int], list[int]]:
    """Return the way from a node to another: the nodes to undo, and then the nodes to redo, each in order.

    Raises:
        Damaged: the two nodes have no common ancestor.
    """
    up, down = trace_ancestors(start, parent), trace_ancestors(goal, parent)
    common = len(up)
    while up and down and up[-1] == down[-1]:
        up.pop()
        down.pop()
    if len(up) == common:
        raise Damaged("story history: two nodes have no common ancestor", category="history in pieces")
    return up, down[::-1]


def find_tree_problems(
    parents: Mapping[int, int | None], children: Mapping[int, tuple[int, ...]], root: int | None, current: int | None
) -> Iterator[str]:
    """Yield what keeps a history from being one tree, in short sentences with ids and without quotes. Linear.

    Args:
        parents: the parent of each node; None for the root, and an unused number for a stored value that is no number.
        children: the children of each node.
        root, current: ids; None for a stored value that is no number.
    """
    if current not in parents:
        yield "the current node does not exist"
    if root not in parents:
        yield "the root does not exist"
    for node, parent in parents.items():
        if (parent is None) != (node == root):
            yield f"node {node} has {'no parent' if parent is None else 'a parent, and is the root'}"
        elif parent is not None and parent not in parents:
            yield f"node {node} has a parent that does not exist"
        for child in children[node]:
            if child not in parents:
                yield f"node {node} has a child that does not exist"
            elif parents[child] != node:
                yield f"node {node} has a child with another parent"
    for node in find_cycles(parents):
        yield f"node {node} is its own ancestor"


def find_cycles(parents: Mapping[int, int | None]) -> Iterator[int]:
    """Yield one node of each cycle. Linear."""
    walked_from: dict[int, int] = {}
    for start in parents:
        at: int | None = start
        while at is not None and at in parents and at not in walked_from:
            walked_from[at] = start
            at = parents[at]
        if at is not None and walked_from.get(at) == start:
            yield at
