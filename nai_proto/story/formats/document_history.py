"""The history inside a document: its nodes as the file has them.

See docs/protocol/content.md#75-history-tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from ...codecs.msgpackr import UNDEFINED, JsMap, JsSet, Timestamp, Value, Wrapped
from ...errors import Damaged
from ..history import History, HistoryChange, Node, find_tree_problems
from ..sections import Origin
from .section_differences import get_parts, get_section_line, get_section_text, make_history_error
from .section_list import CREATE, UPDATE, RawStep, parse_steps
from .styled_lines import ORIGIN_RUNS

__all__ = ["DocumentHistory", "build_history"]

_HISTORY: Final = 30
_NODE: Final = 31

_Fields = dict[str, Value]


def build_history(root: int, now: int) -> Value:
    """Return a history with a root only."""
    nodes = JsMap(((root, Wrapped(_NODE, _build_node(root, UNDEFINED, JsMap(), now, UNDEFINED))),))
    return Wrapped(_HISTORY, {"root": root, "current": root, "nodes": nodes})


def _build_node(id_: int, parent: Value, changes: JsMap, now: int, position: Value) -> _Fields:
    date = Timestamp.from_milliseconds(now)
    fields: _Fields = {"id": id_, "parent": parent, "children": JsSet(), "route": UNDEFINED}
    return {**fields, "changes": changes, "date": date, "genPosition": position}


class DocumentHistory:
    """The nodes of a document and the current one. The values of the file are never changed in place."""

    def __init__(self, value: Value) -> None:
        self._fields: _Fields = value.value if isinstance(value, Wrapped) and isinstance(value.value, dict) else {}
        nodes = self._fields.get("nodes")
        pairs = nodes.pairs if isinstance(nodes, JsMap) else ()
        self._nodes = {cast("int", id_): _get_fields(node) for id_, node in pairs if _is_node(id_, node)}
        self._invalid = [(id_, node) for id_, node in pairs if not _is_node(id_, node)]
        self.root = _int_or_none(self._fields.get("root"))
        self.current = _int_or_none(self._fields.get("current"))

    def __contains__(self, id: object) -> bool:  # noqa: A002
        return id in self._nodes

    def _get_node(self, id_: int) -> _Fields:
        if id_ not in self._nodes:
            raise make_history_error("a node does not exist", "missing node")
        return self._nodes[id_]

    def get_parent(self, id: int) -> int | None:  # noqa: A002
        """Return the parent of a node; None for the root.

        Raises:
            Damaged: there is no such node; the other methods raise it as well.
        """
        return _int_or_none(self._get_node(id).get("parent"))

    def get_children(self, id: int) -> tuple[int, ...]:  # noqa: A002
        """Return the children of a node, including ids of nodes that do not exist."""
        children = self._get_node(id).get("children")
        return tuple(child for child in children.items if type(child) is int) if isinstance(children, JsSet) else ()

    def get_changes(self, id: int) -> Value:  # noqa: A002
        """Return the changes of a node."""
        return self._get_node(id).get("changes")

    def get_next(self, id: int) -> int | None:  # noqa: A002
        """Return the child that redo goes to: the chosen one, else the last one."""
        children, route = self.get_children(id), self._get_node(id).get("route")
        if type(route) is int and route in children:
            return route
        return children[-1] if children else None

    # ---- changing

    def set_next(self, parent: int, child: int) -> None:
        """Make redo go to this child."""
        if self.get_next(parent) != child:
            self._nodes[parent] = {**self._nodes[parent], "route": child}

    def add(self, id: int, changes: JsMap, now: int, position: Value) -> None:  # noqa: A002
        """Add a child of the current node and make it the current one."""
        parent = cast("int", self.current)
        fields = self._get_node(parent)
        children = fields.get("children")
        items = children.items if isinstance(children, JsSet) else ()
        self._nodes[parent] = {**fields, "children": JsSet((*items, id))}
        self._nodes[id] = _build_node(id, parent, changes, now, position)
        self.set_next(parent, id)
        self.current = id

    def to_data(self) -> Value:
        """Return the history for the file."""
        nodes = JsMap((*((id_, Wrapped(_NODE, fields)) for id_, fields in self._nodes.items()), *self._invalid))
        current: Value = UNDEFINED if self.current is None else self.current
        return Wrapped(_HISTORY, {**self._fields, "current": current, "nodes": nodes})

    # ---- reading

    def to_history(self) -> History:
        """Return all nodes."""
        return History({id_: self._to_node(id_) for id_ in self._nodes}, self.root, self.current)

    def find_problems(self) -> Iterator[str]:
        """Yield what is wrong with the tree."""
        parents = {id_: _int_or_none(fields.get("parent")) for id_, fields in self._nodes.items()}
        if not parents:
            yield "the history has no nodes"
            return
        if self._invalid:
            yield "the history has an entry that is no node"
        yield from (
            f"node {id_} has a different id in its fields"
            for id_, fields in self._nodes.items()
            if fields.get("id") != id_
        )
        yield from find_tree_problems(
            parents, {id_: self.get_children(id_) for id_ in parents}, self.root, self.current
        )

    def _to_node(self, id_: int) -> Node:
        fields = self._nodes[id_]
        try:
            steps = parse_steps(fields.get("changes"))
            changes = tuple(change for section, step in steps for change in _iter_changes(section, step))
            codes = [code for _, step in steps for code in _iter_origin_codes(step)]
        except Damaged:
            changes, codes = (), []
        date, position = fields.get("date"), fields.get("genPosition")
        where = (
            (_int_or_none(position.get("sectionId")), _int_or_none(position.get("offset")))
            if isinstance(position, dict)
            else ()
        )
        parent = _int_or_none(fields.get("parent"))
        return Node(
            id=id_,
            parent=parent,
            children=self.get_children(id_),
            origin=_infer_origin(parent, isinstance(position, dict), changes, codes),
            changes=changes,
            date=date.milliseconds / 1000 if isinstance(date, Timestamp) else None,
            position=cast("tuple[int, int]", where) if where and None not in where else None,
        )


def _get_fields(node: Value) -> _Fields:
    return cast("_Fields", cast("Wrapped", node).value)


def _is_node(id_: Value, node: Value) -> bool:
    return type(id_) is int and isinstance(node, Wrapped) and node.type == _NODE and isinstance(node.value, dict)


def _int_or_none(value: Value) -> int | None:
    return value if type(value) is int else None


def _iter_changes(section: int, step: RawStep) -> Iterator[HistoryChange]:
    if step.get("type") == UPDATE:
        for _, inserted, deleted in get_parts(step.get("diff")):
            yield HistoryChange(inserted, deleted, section)
        return
    section_data = step.get("section" if step.get("type") == CREATE else "previous")
    text = get_section_text(section_data) if isinstance(section_data, dict) else ""
    yield (
        HistoryChange(text, "", section, True) if step.get("type") == CREATE else HistoryChange("", text, section, True)
    )


def _iter_origin_codes(step: RawStep) -> Iterator[int]:
    """Yield the origin codes of the text that a step inserts; of a changed run only the difference is known."""
    section, diff = step.get("section"), step.get("diff")
    if step.get("type") == CREATE and isinstance(section, dict):
        yield from (run.data for run in get_section_line(section).runs.get(ORIGIN_RUNS, ()))
    elif step.get("type") == UPDATE and isinstance(diff, Wrapped) and isinstance(diff.value, Wrapped):
        fields = diff.value.value
        metas = fields.get("metas") if isinstance(fields, dict) else None
        deltas = metas.lookup().get(ORIGIN_RUNS) if isinstance(metas, JsMap) else None
        for delta in deltas if isinstance(deltas, list) else ():
            data = delta.get("data") if isinstance(delta, dict) else None
            if type(data) is int and data > 0:
                yield data


def _infer_origin(parent: int | None, generated: bool, changes: tuple[HistoryChange, ...], codes: list[int]) -> Origin:
    if generated:
        return Origin.AI
    if not changes:
        return Origin.ROOT if parent is None else Origin.UNKNOWN
    origins = [Origin.from_code(code) for code in codes]
    if Origin.EDIT in origins or any(change.deleted for change in changes):
        return Origin.EDIT
    return origins[0] if origins else Origin.UNKNOWN
