"""The history inside of a document: its nodes as the file has them.

See docs/protocol/content.md#75-history-tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from ...codecs.msgpackr import UNDEFINED, Map, Set, Timestamp, Value, Wrapped
from ...errors import Damaged
from ..history import History, HistoryChange, Node, find_tree_problems
from ..sections import Origin
from .differences import damaged, line_of, parts_of, text_of
from .lines import ORIGINS
from .paragraphs import CREATE, UPDATE, RawStep, steps_of

__all__ = ["DocumentHistory", "new_history"]

_HISTORY: Final = 30
_NODE: Final = 31

_Fields = dict[str, Value]


def new_history(root: int, now: int) -> Value:
    """A history that begins now."""
    nodes = Map(((root, Wrapped(_NODE, _node(root, UNDEFINED, Map(), now, UNDEFINED))),))
    return Wrapped(_HISTORY, {"root": root, "current": root, "nodes": nodes})


def _node(id_: int, parent: Value, changes: Map, now: int, position: Value) -> _Fields:
    date = Timestamp.of_milliseconds(now)
    told: _Fields = {"id": id_, "parent": parent, "children": Set(), "route": UNDEFINED}
    return {**told, "changes": changes, "date": date, "genPosition": position}


class DocumentHistory:
    """The nodes of a document, and where in them it is. What it is made of is never changed in place."""

    def __init__(self, value: Value) -> None:
        self._fields: _Fields = value.value if isinstance(value, Wrapped) and isinstance(value.value, dict) else {}
        nodes = self._fields.get("nodes")
        pairs = nodes.pairs if isinstance(nodes, Map) else ()
        self._nodes = {cast("int", id_): _fields(node) for id_, node in pairs if _is_node(id_, node)}
        self._odd = [(id_, node) for id_, node in pairs if not _is_node(id_, node)]
        self.root = _id(self._fields.get("root"))
        self.current = _id(self._fields.get("current"))

    def __contains__(self, id: object) -> bool:  # noqa: A002
        return id in self._nodes

    def _at(self, id_: int) -> _Fields:
        if id_ not in self._nodes:
            raise damaged("a node is not there", "missing node")
        return self._nodes[id_]

    def parent(self, id: int) -> int | None:  # noqa: A002
        """Of a node; None for the root. Like all of these raises Damaged where there is no such node."""
        return _id(self._at(id).get("parent"))

    def children(self, id: int) -> tuple[int, ...]:  # noqa: A002
        """Of a node, also those that are not there."""
        found = self._at(id).get("children")
        return tuple(child for child in found.items if type(child) is int) if isinstance(found, Set) else ()

    def changes(self, id: int) -> Value:  # noqa: A002
        """Of a node."""
        return self._at(id).get("changes")

    def onward(self, id: int) -> int | None:  # noqa: A002
        """Where redo leads to: the child that was chosen, else the last one."""
        children, route = self.children(id), self._at(id).get("route")
        if type(route) is int and route in children:
            return route
        return children[-1] if children else None

    # ---- changed

    def lead(self, parent: int, child: int) -> None:
        """Lets redo lead to this child."""
        if self.onward(parent) != child:
            self._nodes[parent] = {**self._nodes[parent], "route": child}

    def add(self, id: int, changes: Map, now: int, position: Value) -> None:  # noqa: A002
        """Another child of the current node, which then is the current one."""
        parent = cast("int", self.current)
        fields = self._at(parent)
        children = fields.get("children")
        items = children.items if isinstance(children, Set) else ()
        self._nodes[parent] = {**fields, "children": Set((*items, id))}
        self._nodes[id] = _node(id, parent, changes, now, position)
        self.lead(parent, id)
        self.current = id

    def packed(self) -> Value:
        """As the file has it."""
        nodes = Map((*((id_, Wrapped(_NODE, fields)) for id_, fields in self._nodes.items()), *self._odd))
        current: Value = UNDEFINED if self.current is None else self.current
        return Wrapped(_HISTORY, {**self._fields, "current": current, "nodes": nodes})

    # ---- shown

    def shown(self) -> History:
        """All nodes."""
        return History({id_: self._shown(id_) for id_ in self._nodes}, self.root, self.current)

    def problems(self) -> Iterator[str]:
        """What is wrong with the tree."""
        parents = {id_: _id(fields.get("parent")) for id_, fields in self._nodes.items()}
        if not parents:
            yield "the history has no nodes"
            return
        if self._odd:
            yield "the history has something that is no node"
        yield from (
            f"node {id_} has another id inside" for id_, fields in self._nodes.items() if fields.get("id") != id_
        )
        yield from find_tree_problems(parents, {id_: self.children(id_) for id_ in parents}, self.root, self.current)

    def _shown(self, id_: int) -> Node:
        fields = self._nodes[id_]
        try:
            steps = steps_of(fields.get("changes"))
            changes = tuple(change for section, step in steps for change in _changes(section, step))
            codes = [code for _, step in steps for code in _codes(step)]
        except Damaged:
            changes, codes = (), []
        date, position = fields.get("date"), fields.get("genPosition")
        where = (_id(position.get("sectionId")), _id(position.get("offset"))) if isinstance(position, dict) else ()
        parent = _id(fields.get("parent"))
        return Node(
            id=id_,
            parent=parent,
            children=self.children(id_),
            origin=_origin(parent, isinstance(position, dict), changes, codes),
            changes=changes,
            date=date.milliseconds if isinstance(date, Timestamp) else None,
            position=cast("tuple[int, int]", where) if where and None not in where else None,
        )


def _fields(node: Value) -> _Fields:
    return cast("_Fields", cast("Wrapped", node).value)


def _is_node(id_: Value, node: Value) -> bool:
    return type(id_) is int and isinstance(node, Wrapped) and node.type == _NODE and isinstance(node.value, dict)


def _id(value: Value) -> int | None:
    return value if type(value) is int else None


def _changes(section: int, step: RawStep) -> Iterator[HistoryChange]:
    if step.get("type") == UPDATE:
        for _, inserted, deleted in parts_of(step.get("diff")):
            yield HistoryChange(inserted, deleted, section)
        return
    inside = step.get("section" if step.get("type") == CREATE else "previous")
    text = text_of(inside) if isinstance(inside, dict) else ""
    yield (
        HistoryChange(text, "", section, True) if step.get("type") == CREATE else HistoryChange("", text, section, True)
    )


def _codes(step: RawStep) -> Iterator[int]:
    """The origins of what a step brings; of a run that was there before, only the difference is told."""
    section, diff = step.get("section"), step.get("diff")
    if step.get("type") == CREATE and isinstance(section, dict):
        yield from (run.data for run in line_of(section).runs.get(ORIGINS, ()))
    elif step.get("type") == UPDATE and isinstance(diff, Wrapped) and isinstance(diff.value, Wrapped):
        fields = diff.value.value
        metas = fields.get("metas") if isinstance(fields, dict) else None
        deltas = metas.lookup().get(ORIGINS) if isinstance(metas, Map) else None
        for delta in deltas if isinstance(deltas, list) else ():
            data = delta.get("data") if isinstance(delta, dict) else None
            if type(data) is int and data > 0:
                yield data


def _origin(parent: int | None, generated: bool, changes: tuple[HistoryChange, ...], codes: list[int]) -> Origin:
    if generated:
        return Origin.AI
    if not changes:
        return Origin.ROOT if parent is None else Origin.UNKNOWN
    origins = [Origin.of(code) for code in codes]
    if Origin.EDIT in origins or any(change.deleted for change in changes):
        return Origin.EDIT
    return origins[0] if origins else Origin.UNKNOWN
