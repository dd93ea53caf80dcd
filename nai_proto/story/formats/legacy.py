"""The older format of a text: fragments, and a history of blocks.

A block replaces one piece of text by another. What it took away is in the block itself; where that does not fit, the history
is replayed once from the root, if it leads to the text at all: the fragments are what is trusted.

See docs/protocol/content.md#5-old-story-format-story.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from ...errors import Damaged, InvalidRequestError, LimitExceeded
from ..history import History, HistoryChange, Node, find_tree_problems, trace_ancestors
from ..sections import Origin, OriginSpan, Section
from ..utf16 import count_units, join_surrogates
from .differences import damaged
from .fragments import Fragments, Piece
from .work import Work

__all__ = ["BlockText", "new_blocks"]

_ROOT: Final = -1
_NOWHERE: Final = -2
_Block = dict[str, Any]


def new_blocks() -> dict[str, Any]:
    """A text without a word."""
    return {
        "version": 2,
        "step": 0,
        "datablocks": [_block(_ROOT, Origin.ROOT, 0, 0, "")],
        "currentBlock": 0,
        "fragments": [],
    }


def _block(parent: int, origin: Origin, start: int, end: int, text: str) -> _Block:
    return {
        "nextBlock": [],
        "prevBlock": parent,
        "origin": origin.value,
        "startIndex": start,
        "endIndex": end,
        "dataFragment": {"data": text, "origin": origin.value},
        "fragmentIndex": -1,
        "removedFragments": [],
        "chain": False,
    }


class BlockText:
    """A ``story`` as a `Text`. What it is made of is never changed in place.

    Raises:
        Damaged: it has no fragments.
    """

    def __init__(self, story: object) -> None:
        fields = cast("dict[str, Any]", story) if isinstance(story, dict) else {}
        fragments = fields.get("fragments")
        if not isinstance(fragments, list):
            raise Damaged("story: it has no list of fragments", category="not a story")
        self._fields, self._packed = fields, cast("dict[str, Any] | None", fields)
        found = cast("list[object]", fragments)
        self._bad = [number for number, each in enumerate(found) if not _is_fragment(each)]
        self._now = Fragments(Piece.of(cast("dict[str, Any]", each)) for each in found if _is_fragment(each))
        blocks = fields.get("datablocks")
        self._blocks = list(cast("list[object]", blocks)) if isinstance(blocks, list) else []
        self.current: int | None = _number(fields.get("currentBlock"))
        self._removed: dict[int, list[Piece]] = {}
        "What the blocks on the way here took away, as far as it is known."
        self._text: str | None = None
        self._leads_here = True
        "As far as it is known, a replay of the history gives what is here."
        self.step = max(0, _number(fields.get("step")))

    @property
    def changed(self) -> bool:
        """As `Text.changed`."""
        return self._packed is not self._fields

    # ---- shown

    def problems(self) -> list[str]:
        """As `Text.problems`."""
        found = [f"fragment {number} has no text" for number in self._bad]
        if not self._blocks:
            return [*found, "the history has no blocks"]
        parents = {number: self._parent(number) for number in range(len(self._blocks))}
        children = {number: self._children(number) for number in parents}
        return [*found, *find_tree_problems(parents, children, 0, self.current)]

    def text(self) -> str:
        """As `Text.text`."""
        if self._text is None:
            self._text = join_surrogates(self._now.text())
        return self._text

    def sections(self) -> list[Section]:
        """As `Text.sections`: the lines."""
        if not self.text():
            return []
        spans: list[list[OriginSpan]] = [[]]
        for data, code in self._halves_joined():
            for number, piece in enumerate(data.split("\n")):
                if number:
                    spans.append([])
                line, at = spans[-1], spans[-1][-1].end if spans[-1] else 0
                if piece:
                    start = line.pop().start if line and line[-1].code == code else at
                    line.append(OriginSpan(start, at + len(piece), Origin.of(code), code))
        return [Section(text, tuple(line)) for text, line in zip(self.text().split("\n"), spans, strict=True)]

    def _halves_joined(self) -> Iterator[tuple[str, str]]:
        """The pieces and who wrote them; a character whose halves are in two of them is in the second."""
        left = code = ""
        for data, _, raw in self._now:
            text = join_surrogates(left + data)
            left = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
            code = raw["origin"] if isinstance(raw.get("origin"), str) else ""
            yield text[: len(text) - len(left)], code
        yield left, code

    def pending(self) -> str | None:
        """As `Text.pending`: there never are any."""
        return None

    def settle(self, now: int) -> None:
        """As `Text.settle`."""

    # ---- edits

    def replace(self, start: int | None, end: int | None, text: str, origin: Origin, now: int) -> None:  # noqa: ARG002
        """As `Text.replace`; blocks have no date."""
        parent = self._editable()
        if start is None and end is None:
            first = last = self._now.size
        else:
            whole_text = self.text()
            size = len(whole_text)
            edges = size if start is None else start, size if end is None else end
            if not 0 <= edges[0] <= edges[1] <= size:
                raise InvalidRequestError(
                    f"a text of {size} characters has no piece from {edges[0]} to {edges[1]}", parameter="start"
                )
            first, last = (count_units(whole_text[:edge]) for edge in edges)
        if first == last and not text:
            return
        block = _block(parent, origin, first, last, text)
        piece = Piece.of(block["dataFragment"])
        removed = self._now.replace(first, last, [piece], Work())
        block["removedFragments"] = [{**raw, "data": data} for data, _, raw in removed]
        if first + piece.units == self._now.size:
            block["fragmentIndex"] = len(self._now) - 1
        number = len(self._blocks)
        self._blocks.append(block)
        self._blocks[parent] = {**self._block(parent), "nextBlock": [*self._children(parent), number]}
        self._removed[number] = removed
        self.step += origin is Origin.AI
        self._stand(number)

    def insert(self, index: int, text: str, origin: Origin, kind: int, now: int) -> None:
        """As `Text.insert`."""
        if kind:
            raise InvalidRequestError("a story in the older format has ordinary sections only", parameter="kind")
        lines = self.text().split("\n") if self.text() else []
        if not 0 <= index <= len(lines):
            raise InvalidRequestError(f"there is no place {index} among {len(lines)} sections", parameter="index")
        place = sum(map(len, lines[:index])) + min(index, max(len(lines) - 1, 0))
        text = text + "\n" if index < len(lines) else "\n" + text if lines else text
        self.replace(place, place, text, origin, now)

    def remove(self, index: int, now: int) -> None:
        """As `Text.remove`."""
        lines = self.text().split("\n") if self.text() else []
        if not 0 <= index < len(lines):
            raise InvalidRequestError(f"there is no section {index}, but {len(lines)}", parameter="index")
        start = sum(map(len, lines[:index])) + index
        end = start + len(lines[index])
        last = index == len(lines) - 1
        self.replace(max(start - last, 0), end if last else end + 1, "", Origin.EDIT, now)

    def _editable(self) -> int:
        """The current block. Raises Damaged."""
        if self.current is None or not self.has(self.current):
            raise damaged("the current node is not there", "missing node")
        if self._bad:
            raise Damaged("story: it has fragments without a text, which would be lost", category="bad fragment")
        return self.current

    def _stand(self, at: int | None) -> None:
        self.current = at
        self._packed = self._text = None

    # ---- history

    def history(self) -> History:
        """As `Text.history`."""
        return History({number: self._node(number) for number in range(len(self._blocks))}, 0, self.current)

    def has(self, node: int) -> bool:
        """As `Text.has`."""
        return 0 <= node < len(self._blocks)

    def parent(self, node: int) -> int | None:
        """As `Text.parent`."""
        return self._parent(node)

    def onward(self, node: int) -> int | None:
        """As `Text.onward`: the last one."""
        children = self._children(node)
        return children[-1] if children else None

    def chained(self, node: int) -> bool:
        """As `Text.chained`."""
        return self._block(node).get("chain") is True

    def lead(self, parent: int, child: int) -> None:
        """As `Text.lead`: it becomes the last one."""
        if self.onward(parent) != child:
            following = [other for other in self._children(parent) if other != child]
            self._blocks[parent] = {**self._block(parent), "nextBlock": [*following, child]}

    def back(self, work: Work) -> None:
        """As `Text.back`."""
        number = self._editable()
        start, _, piece = self._said(number)
        after = start + piece.units
        removed = self._removed[number] if number in self._removed else self._told(number, after == self._now.size)
        if removed is None and self._leads_here:
            rehearsed = self._rehearsed(Work())
            self._leads_here = rehearsed is not None
            self._removed = rehearsed or self._removed
            removed = self._removed.get(number)
        if removed is None:
            raise damaged("what a block took away is not known, and the history does not lead to the text", "bad block")
        taken = self._now.replace(start, after, removed, work)
        if not _alike(taken, [piece]):
            self._now.replace(start, start + sum(each.units for each in removed), taken, Work())
            raise damaged("the text is another than a block has left", "bad block")
        self._removed.pop(number, None)
        self._stand(self.parent(number))

    def on(self, child: int, work: Work) -> None:
        """As `Text.on`."""
        self._editable()
        self._removed[child] = self._done(child, self._now, work)
        self._stand(child)

    def _done(self, number: int, text: Fragments, work: Work) -> list[Piece]:
        """Does what a block says, and gives what it took away. Raises Damaged."""
        start, end, piece = self._said(number)
        return text.replace(start, start if self._appends(number) and start == text.size else end, [piece], work)

    def _rehearsed(self, work: Work) -> dict[int, list[Piece]] | None:
        """What each block on the way here took away; None if that way does not lead here."""
        text, removed = Fragments(), dict[int, list[Piece]]()
        try:
            for number in reversed(trace_ancestors(self._editable(), self.parent)):
                removed[number] = self._done(number, text, work)
        except (Damaged, LimitExceeded):
            return None
        return removed if _alike(text, self._now) else None

    def _told(self, number: int, at_the_end: bool) -> list[Piece] | None:
        """What a block says that it took away, if that is as long as it should be."""
        start, end, _ = self._said(number)
        fragments = self._block(number).get("removedFragments")
        pieces = [Piece.of(each) for each in _dicts(fragments) if _is_fragment(each)]
        size = sum(piece.units for piece in pieces)
        return pieces if size == end - start or (at_the_end and self._appends(number)) else None

    # ---- a block's fields

    def _block(self, number: int) -> _Block:
        if not self.has(number):
            raise damaged("a block is not there", "missing node")
        block = self._blocks[number]
        return cast("_Block", block) if isinstance(block, dict) else {}

    def _parent(self, number: int) -> int | None:
        """None for the root, which says that its parent is -1."""
        parent = _number(self._block(number).get("prevBlock"))
        return None if parent == _ROOT else parent

    def _children(self, number: int) -> tuple[int, ...]:
        following = self._block(number).get("nextBlock")
        return tuple(map(_number, cast("list[object]", following))) if isinstance(following, list) else ()

    def _said(self, number: int) -> tuple[int, int, Piece]:
        """From where to where a block says to replace what, and by what. Raises Damaged."""
        block = self._block(number)
        start, end, fragment = (
            _number(block.get("startIndex")),
            _number(block.get("endIndex")),
            block.get("dataFragment"),
        )
        if not 0 <= start <= end or not _is_fragment(fragment):
            raise damaged("a block does not say what it changes", "bad block")
        return start, end, Piece.of(cast("dict[str, Any]", fragment))

    def _appends(self, number: int) -> bool:
        """Is it a pure append, if it stands at the end?

        See docs/protocol/content.md#5-old-story-format-story.
        """
        block = self._block(number)
        return not block.get("removedFragments") and block.get("origin") != Origin.EDIT

    def _node(self, number: int) -> Node:
        block = self._block(number)
        fragment = block.get("dataFragment")
        inserted = cast("dict[str, str]", fragment)["data"] if _is_fragment(fragment) else ""
        deleted = "".join(each["data"] for each in _dicts(block.get("removedFragments")) if _is_fragment(each))
        changes = (HistoryChange(inserted, deleted),) if inserted or deleted else ()
        children = tuple(child for child in self._children(number) if 0 <= child < len(self._blocks))
        return Node(number, self._parent(number), children, Origin.of(block.get("origin")), changes)

    # ---- the file

    def packed(self) -> dict[str, Any]:
        """As `Text.packed`. It is replayed from the root, unless the original could not be either."""
        if self._packed is None:
            fields = {**self._fields, "step": self.step, "fragments": self._now.packed()}
            fields |= {"datablocks": list(self._blocks), "currentBlock": self.current}
            read = BlockText(fields)
            if read.text() != self.text() or (read._rehearsed(Work()) is None and self._sound()):
                raise InvalidRequestError("what was edited does not replay to what it is; it is not handed out")
            self._packed = fields
        return self._packed

    def _sound(self) -> bool:
        """Did the history lead to the text in the first place?"""
        return BlockText(self._fields)._rehearsed(Work()) is not None


def _is_fragment(value: object) -> bool:
    return isinstance(value, dict) and isinstance(cast("dict[str, object]", value).get("data"), str)


def _dicts(value: object) -> list[dict[str, Any]]:
    return (
        [cast("dict[str, Any]", each) for each in cast("list[object]", value) if isinstance(each, dict)]
        if isinstance(value, list)
        else []
    )


def _alike(some: Iterable[Piece], others: Iterable[Piece]) -> bool:
    """Is it the same text?"""
    return join_surrogates("".join([piece.data for piece in some])) == join_surrogates(
        "".join([piece.data for piece in others])
    )


def _number(value: object) -> int:
    """A whole number; to JavaScript 1 and 1.0 are one. `_NOWHERE` for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else _NOWHERE
