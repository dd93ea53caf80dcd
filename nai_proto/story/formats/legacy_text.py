"""The legacy format of a text: fragments, and a history of blocks.

A block replaces one piece of text by another and stores what it removed. If the stored text does not fit, the history is
replayed once from the root. The fragments are the trusted text: a replay that gives another text is not used.

See docs/protocol/content.md#5-old-story-format-story.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from ...errors import Damaged, InvalidRequestError, LimitExceeded
from ..history import History, HistoryChange, Node, find_tree_problems, trace_ancestors
from ..sections import Origin, OriginSpan, Section
from ..utf16 import count_units, join_surrogates
from .fragments import Fragment, FragmentList
from .section_differences import make_history_error
from .story_text import ReplayWork

__all__ = ["LegacyText", "build_legacy_story"]

_ROOT_PARENT: Final = -1
_NOWHERE: Final = -2
_Block = dict[str, Any]


def build_legacy_story() -> dict[str, Any]:
    """Return a story with an empty text."""
    return {
        "version": 2,
        "step": 0,
        "datablocks": [_build_block(_ROOT_PARENT, Origin.ROOT, 0, 0, "")],
        "currentBlock": 0,
        "fragments": [],
    }


def _build_block(parent: int, origin: Origin, start: int, end: int, text: str) -> _Block:
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


class LegacyText:
    """A ``story`` as a `StoryText`. The values of the file are never changed in place.

    Raises:
        Damaged: there are no fragments.
    """

    def __init__(self, story: object) -> None:
        fields = cast("dict[str, Any]", story) if isinstance(story, dict) else {}
        fragments = fields.get("fragments")
        if not isinstance(fragments, list):
            raise Damaged("story: `fragments` is missing or no list", category="not a story")
        self._fields, self._packed = fields, cast("dict[str, Any] | None", fields)
        found = cast("list[object]", fragments)
        self._invalid_fragments = [number for number, each in enumerate(found) if not _is_fragment(each)]
        self._fragments = FragmentList(
            Fragment.from_raw(cast("dict[str, Any]", each)) for each in found if _is_fragment(each)
        )
        blocks = fields.get("datablocks")
        self._blocks = list(cast("list[object]", blocks)) if isinstance(blocks, list) else []
        self.current: int | None = _int_or_nowhere(fields.get("currentBlock"))
        self._removed: dict[int, list[Fragment]] = {}
        "What the blocks up to the current one removed, as far as it is known."
        self._text: str | None = None
        self._history_matches = True
        "False once a replay of the history was found to give another text."
        self.step = max(0, _int_or_nowhere(fields.get("step")))

    @property
    def is_changed(self) -> bool:
        """As `StoryText.is_changed`."""
        return self._packed is not self._fields

    # ---- reading

    def find_problems(self) -> list[str]:
        """As `StoryText.find_problems`."""
        found = [f"fragment {number} has no text" for number in self._invalid_fragments]
        if not self._blocks:
            return [*found, "the history has no blocks"]
        parents = {number: self._read_parent(number) for number in range(len(self._blocks))}
        children = {number: self._read_children(number) for number in parents}
        return [*found, *find_tree_problems(parents, children, 0, self.current)]

    def get_text(self) -> str:
        """As `StoryText.get_text`."""
        if self._text is None:
            self._text = join_surrogates(self._fragments.get_text())
        return self._text

    def get_sections(self) -> list[Section]:
        """As `StoryText.get_sections`: one section per line."""
        if not self.get_text():
            return []
        spans: list[list[OriginSpan]] = [[]]
        for data, code in self._iter_whole_pieces():
            for number, piece in enumerate(data.split("\n")):
                if number:
                    spans.append([])
                line, at = spans[-1], spans[-1][-1].end if spans[-1] else 0
                if piece:
                    start = line.pop().start if line and line[-1].code == code else at
                    line.append(OriginSpan(start, at + len(piece), Origin.from_code(code), code))
        return [Section(text, tuple(line)) for text, line in zip(self.get_text().split("\n"), spans, strict=True)]

    def _iter_whole_pieces(self) -> Iterator[tuple[str, str]]:
        """Yield the text of each fragment with its origin; a character that two fragments share is in the second."""
        left = code = ""
        for data, _, raw in self._fragments:
            text = join_surrogates(left + data)
            left = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
            code = raw["origin"] if isinstance(raw.get("origin"), str) else ""
            yield text[: len(text) - len(left)], code
        yield left, code

    def build_pending_text(self) -> str | None:
        """As `StoryText.build_pending_text`: always None in this format."""
        return None

    def commit_pending(self, now: int) -> None:
        """As `StoryText.commit_pending`: does nothing in this format."""

    # ---- edits

    def replace(self, start: int | None, end: int | None, text: str, origin: Origin, now: int) -> None:  # noqa: ARG002
        """As `StoryText.replace`; blocks have no date, so ``now`` is not used."""
        parent = self._require_editable()
        if start is None and end is None:
            first = last = self._fragments.size
        else:
            whole_text = self.get_text()
            size = len(whole_text)
            edges = size if start is None else start, size if end is None else end
            if not 0 <= edges[0] <= edges[1] <= size:
                raise InvalidRequestError(
                    f"a text of {size} characters has no piece from {edges[0]} to {edges[1]}", parameter="start"
                )
            first, last = (count_units(whole_text[:edge]) for edge in edges)
        if first == last and not text:
            return
        block = _build_block(parent, origin, first, last, text)
        piece = Fragment.from_raw(block["dataFragment"])
        removed = self._fragments.replace(first, last, [piece], ReplayWork())
        block["removedFragments"] = [{**raw, "data": data} for data, _, raw in removed]
        if first + piece.units == self._fragments.size:
            block["fragmentIndex"] = len(self._fragments) - 1
        number = len(self._blocks)
        self._blocks.append(block)
        self._blocks[parent] = {**self._get_block(parent), "nextBlock": [*self._read_children(parent), number]}
        self._removed[number] = removed
        self.step += origin is Origin.AI
        self._set_current(number)

    def insert(self, index: int, text: str, origin: Origin, kind: int, now: int) -> None:
        """As `StoryText.insert`."""
        if kind:
            raise InvalidRequestError("the legacy format has ordinary sections only", parameter="kind")
        lines = self.get_text().split("\n") if self.get_text() else []
        if not 0 <= index <= len(lines):
            raise InvalidRequestError(f"there is no place {index} among {len(lines)} sections", parameter="index")
        place = sum(map(len, lines[:index])) + min(index, max(len(lines) - 1, 0))
        text = text + "\n" if index < len(lines) else "\n" + text if lines else text
        self.replace(place, place, text, origin, now)

    def remove(self, index: int, now: int) -> None:
        """As `StoryText.remove`."""
        lines = self.get_text().split("\n") if self.get_text() else []
        if not 0 <= index < len(lines):
            raise InvalidRequestError(f"there is no section {index}, but {len(lines)}", parameter="index")
        start = sum(map(len, lines[:index])) + index
        end = start + len(lines[index])
        last = index == len(lines) - 1
        self.replace(max(start - last, 0), end if last else end + 1, "", Origin.EDIT, now)

    def _require_editable(self) -> int:
        """Return the current block. Raises Damaged if the story cannot be edited."""
        if self.current is None or not self.has_node(self.current):
            raise make_history_error("the current node does not exist", "missing node")
        if self._invalid_fragments:
            raise Damaged("story: fragments without a text would be lost", category="bad fragment")
        return self.current

    def _set_current(self, at: int | None) -> None:
        self.current = at
        self._packed = self._text = None

    # ---- history

    def build_history(self) -> History:
        """As `StoryText.build_history`."""
        return History({number: self._to_node(number) for number in range(len(self._blocks))}, 0, self.current)

    def has_node(self, node: int) -> bool:
        """As `StoryText.has_node`."""
        return 0 <= node < len(self._blocks)

    def get_parent(self, node: int) -> int | None:
        """As `StoryText.get_parent`."""
        return self._read_parent(node)

    def get_next(self, node: int) -> int | None:
        """As `StoryText.get_next`: the last child."""
        children = self._read_children(node)
        return children[-1] if children else None

    def is_chained(self, node: int) -> bool:
        """As `StoryText.is_chained`."""
        return self._get_block(node).get("chain") is True

    def set_next(self, parent: int, child: int) -> None:
        """As `StoryText.set_next`: the child becomes the last one."""
        if self.get_next(parent) != child:
            following = [other for other in self._read_children(parent) if other != child]
            self._blocks[parent] = {**self._get_block(parent), "nextBlock": [*following, child]}

    def undo_node(self, work: ReplayWork) -> None:
        """As `StoryText.undo_node`."""
        number = self._require_editable()
        start, _, piece = self._parse_block(number)
        after = start + piece.units
        removed = (
            self._removed[number]
            if number in self._removed
            else self._parse_removed(number, after == self._fragments.size)
        )
        if removed is None and self._history_matches:
            replayed = self._replay(ReplayWork())
            self._history_matches = replayed is not None
            self._removed = replayed or self._removed
            removed = self._removed.get(number)
        if removed is None:
            raise make_history_error(
                "it is not known what a block removed, and a replay of the history does not give the text", "bad block"
            )
        replaced = self._fragments.replace(start, after, removed, work)
        if not _has_same_text(replaced, [piece]):
            self._fragments.replace(start, start + sum(each.units for each in removed), replaced, ReplayWork())
            raise make_history_error("the text is not the one that a block left", "bad block")
        self._removed.pop(number, None)
        self._set_current(self.get_parent(number))

    def redo_node(self, child: int, work: ReplayWork) -> None:
        """As `StoryText.redo_node`."""
        self._require_editable()
        self._removed[child] = self._apply_block(child, self._fragments, work)
        self._set_current(child)

    def _apply_block(self, number: int, text: FragmentList, work: ReplayWork) -> list[Fragment]:
        """Apply a block to a text, and return what it removed. Raises Damaged."""
        start, end, piece = self._parse_block(number)
        return text.replace(start, start if self._is_append(number) and start == text.size else end, [piece], work)

    def _replay(self, work: ReplayWork) -> dict[int, list[Fragment]] | None:
        """Return what each block from the root to the current one removed; None if their replay gives another text."""
        text, removed = FragmentList(), dict[int, list[Fragment]]()
        try:
            for number in reversed(trace_ancestors(self._require_editable(), self.get_parent)):
                removed[number] = self._apply_block(number, text, work)
        except (Damaged, LimitExceeded):
            return None
        return removed if _has_same_text(text, self._fragments) else None

    def _parse_removed(self, number: int, at_the_end: bool) -> list[Fragment] | None:
        """Return what a block stores as removed; None if that has the wrong length."""
        start, end, _ = self._parse_block(number)
        fragments = self._get_block(number).get("removedFragments")
        fragments = [Fragment.from_raw(each) for each in _list_dicts(fragments) if _is_fragment(each)]
        size = sum(piece.units for piece in fragments)
        return fragments if size == end - start or (at_the_end and self._is_append(number)) else None

    # ---- a block's fields

    def _get_block(self, number: int) -> _Block:
        if not self.has_node(number):
            raise make_history_error("a block does not exist", "missing node")
        block = self._blocks[number]
        return cast("_Block", block) if isinstance(block, dict) else {}

    def _read_parent(self, number: int) -> int | None:
        """Return the parent of a block; None for the root, whose ``prevBlock`` is -1."""
        parent = _int_or_nowhere(self._get_block(number).get("prevBlock"))
        return None if parent == _ROOT_PARENT else parent

    def _read_children(self, number: int) -> tuple[int, ...]:
        following = self._get_block(number).get("nextBlock")
        return tuple(map(_int_or_nowhere, cast("list[object]", following))) if isinstance(following, list) else ()

    def _parse_block(self, number: int) -> tuple[int, int, Fragment]:
        """Return start, end and replacement of a block. Raises Damaged."""
        block = self._get_block(number)
        start, end, fragment = (
            _int_or_nowhere(block.get("startIndex")),
            _int_or_nowhere(block.get("endIndex")),
            block.get("dataFragment"),
        )
        if not 0 <= start <= end or not _is_fragment(fragment):
            raise make_history_error("a block has no valid range or text", "bad block")
        return start, end, Fragment.from_raw(cast("dict[str, Any]", fragment))

    def _is_append(self, number: int) -> bool:
        """Return whether a block at the end of the text is a pure append."""
        block = self._get_block(number)
        return not block.get("removedFragments") and block.get("origin") != Origin.EDIT

    def _to_node(self, number: int) -> Node:
        block = self._get_block(number)
        fragment = block.get("dataFragment")
        inserted = cast("dict[str, str]", fragment)["data"] if _is_fragment(fragment) else ""
        deleted = "".join(each["data"] for each in _list_dicts(block.get("removedFragments")) if _is_fragment(each))
        changes = (HistoryChange(inserted, deleted),) if inserted or deleted else ()
        children = tuple(child for child in self._read_children(number) if 0 <= child < len(self._blocks))
        return Node(number, self._read_parent(number), children, Origin.from_code(block.get("origin")), changes)

    # ---- the file

    def to_data(self) -> dict[str, Any]:
        """As `StoryText.to_data`. The result is replayed, unless the original could not be replayed either."""
        if self._packed is None:
            fields = {**self._fields, "step": self.step, "fragments": self._fragments.to_data()}
            fields |= {"datablocks": list(self._blocks), "currentBlock": self.current}
            read = LegacyText(fields)
            if read.get_text() != self.get_text() or (read._replay(ReplayWork()) is None and self._was_replayable()):
                raise InvalidRequestError("a replay of the edited story does not give its text, so it is not returned")
            self._packed = fields
        return self._packed

    def _was_replayable(self) -> bool:
        """Return whether a replay of the original history gives the original text."""
        return LegacyText(self._fields)._replay(ReplayWork()) is not None


def _is_fragment(value: object) -> bool:
    return isinstance(value, dict) and isinstance(cast("dict[str, object]", value).get("data"), str)


def _list_dicts(value: object) -> list[dict[str, Any]]:
    return (
        [cast("dict[str, Any]", each) for each in cast("list[object]", value) if isinstance(each, dict)]
        if isinstance(value, list)
        else []
    )


def _has_same_text(some: Iterable[Fragment], others: Iterable[Fragment]) -> bool:
    """Return whether two sequences of fragments have the same text."""
    return join_surrogates("".join([piece.data for piece in some])) == join_surrogates(
        "".join([piece.data for piece in others])
    )


def _int_or_nowhere(value: object) -> int:
    """Return a whole number (to JavaScript 1.0 is one); `_NOWHERE` for any other value."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else _NOWHERE
