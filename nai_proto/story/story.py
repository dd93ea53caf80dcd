"""A story in either of the two text formats: created, written, and gone back in.

A `Story` is read from the two JSON documents that an account stores for it, and is written back to them. Each change of the
text is a node of its history.

Positions are characters, as Python counts them. Times are seconds since 1970; stories store milliseconds. This package reads
no clock, so the methods that write take the time as ``now``.

See:
    docs/protocol/content.md#75-history-tree
    docs/protocol/content.md#76-writing
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from ..arguments import FUNCTION, INTEGER, LIMITS, TEXT, TIME, member, to_milliseconds
from ..codecs.secret_box import Entropy, system_entropy
from ..errors import Damaged, InvalidRequestError, LocalProtocolError, NaiError
from ..limits import Limits
from ..text.models import Model
from .formats.document_text import build_document
from .formats.legacy_text import build_legacy_story
from .formats.story_text import ReplayWork
from .history import History, Node, find_path, trace_ancestors
from .initial_content import build_card, build_content
from .sections import ORIGIN_CODES, Origin, SectionKind
from .stored_story import DOCUMENT, LEGACY, StoredStory
from .utf16 import join_surrogates

__all__ = ["Story"]

_KINDS: Final = {SectionKind.STORY: 0, SectionKind.INSTRUCTION: 10}
_KIND: Final = member(SectionKind)
_ORIGIN: Final = member(Origin)


class Story(StoredStory):
    """A story to read and edit; `from_data` and `new` make one."""

    __slots__ = ("_history",)

    def __init__(self, card: Mapping[str, Any], content: Mapping[str, Any], limits: Limits, entropy: Entropy) -> None:
        super().__init__(card, content, limits, entropy)
        self._history: History | None = None

    @staticmethod
    def from_data(
        card: Mapping[str, Any],
        content: Mapping[str, Any],
        *,
        limits: Limits = Limits(),
        entropy: Entropy = system_entropy,
    ) -> Story:
        """Return the story of an account or of a ``.story`` file.

        Args:
            card, content: their JSON (`nai_proto.codecs.sealed_objects.Opened.json`). They are not changed.
            limits: for opening and for packing a document, and for the keys of the lorebook.
            entropy: for the ids of new sections and nodes.
        """
        return Story(card, content, limits, entropy)

    @staticmethod
    def new(
        title: str = "New Story",
        *,
        now: float,
        model: Model | str = Model.KAYRA,
        legacy: bool = False,
        limits: Limits = Limits(),
        entropy: Entropy = system_entropy,
    ) -> Story:
        """Return an empty story, as the website creates one; `nai_proto.library.Library.create` gives it its ids.

        Args:
            title: of the card.
            now: seconds since 1970.
            model: its default settings are the story's settings.
            legacy: whether to use the legacy text format.
            limits, entropy: as for `from_data`.
        """
        TEXT.check(title, "title")
        date = to_milliseconds(now, "now")
        model = Model.named(model)
        LIMITS.check(limits, "limits")
        FUNCTION.check(entropy, "entropy")
        text: tuple[str, object] = (
            (LEGACY, build_legacy_story()) if legacy else (DOCUMENT, build_document(entropy, date))
        )
        return Story(
            build_card(title, date, not legacy), build_content(text, model, 4 if legacy else 6), limits, entropy
        )

    # ---- writing

    def append(self, text: str, *, now: float, origin: Origin = Origin.USER) -> None:
        """Append a text directly behind the last character.

        Args:
            text: of any number of lines.
            now: seconds since 1970.
            origin: `Origin.AI` for generated text.

        Raises:
            Damaged: the history is torn, so there is no node to continue.
            LocalProtocolError: there are pending changes; call `commit_pending` first.
            InvalidRequestError: text cannot be written with this origin.
        """
        self._replace(None, None, text, origin, now)

    def retry(self, text: str, *, now: float) -> None:
        """Replace what the current node wrote by another generated text; both stay in the history.

        Raises:
            LocalProtocolError, Damaged: as for `append` and `undo`.
        """
        TEXT.check(text, "text")
        TIME.convert(now, "now")
        self.undo()
        try:
            self.append(text, now=now, origin=Origin.AI)
        except NaiError:
            self.redo()
            raise

    def replace(self, start: int, end: int, text: str, *, now: float, origin: Origin = Origin.EDIT) -> None:
        """Replace ``self.text[start:end]`` by a text; an empty text deletes.

        Args:
            start, end: characters, from 0 to the length of the text.
            text: of any number of lines.
            now: seconds since 1970.
            origin: of the new text.

        Raises:
            Damaged: as for `append`.
            InvalidRequestError: there are no such positions; also as for `append`.
        """
        INTEGER.check(start, "start")
        INTEGER.check(end, "end")
        self._replace(start, end, text, origin, now)

    def insert_sections(
        self, index: int, text: str, *, now: float, origin: Origin = Origin.USER, kind: SectionKind = SectionKind.STORY
    ) -> None:
        """Insert sections, one for each line of a text.

        Args:
            index: of the section to insert them in front of; the number of sections for the end.
            text: of any number of lines.
            now: seconds since 1970.
            origin: of the new text.
            kind: of the new sections; the legacy format has `SectionKind.STORY` only.

        Raises:
            Damaged: as for `append`.
            InvalidRequestError: there is no such index, or the format has no such kind; also as for `append`.
        """
        INTEGER.check(index, "index")
        TEXT.check(text, "text")
        date = to_milliseconds(now, "now")
        kind = _KIND.convert(kind, "kind")
        origin = _ORIGIN.convert(origin, "origin")
        if kind not in _KINDS:
            raise InvalidRequestError(f"a new section cannot be {kind}: its code is not known", parameter="kind")
        self._check_origin(origin)
        self._history = None
        self._text.insert(index, join_surrogates(text), origin, _KINDS[kind], date)

    def remove_section(self, index: int, *, now: float) -> None:
        """Remove a section with its line feed; raises as `insert_sections`."""
        INTEGER.check(index, "index")
        date = to_milliseconds(now, "now")
        self._history = None
        self._text.remove(index, date)

    def _replace(self, start: int | None, end: int | None, text: str, origin: Origin, now: float) -> None:
        TEXT.check(text, "text")
        date = to_milliseconds(now, "now")
        origin = _ORIGIN.convert(origin, "origin")
        self._check_origin(origin)
        self._history = None
        self._text.replace(start, end, join_surrogates(text), origin, date)

    def _check_origin(self, origin: Origin) -> None:
        if origin not in ORIGIN_CODES:
            raise InvalidRequestError(f"text cannot be written with the origin {origin}", parameter="origin")

    def commit_pending(self, *, now: float) -> None:
        """Apply the pending changes to the text, and add a node for them; without pending changes do nothing.

        Raises:
            Damaged: the changes fit no section, or the history is torn.
        """
        date = to_milliseconds(now, "now")
        self._history = None
        self._text.commit_pending(date)

    # ---- history

    @property
    def history(self) -> History:
        """All nodes as they are now. Raises as `text`."""
        if self._history is None:
            self._history = self._text.build_history()
        return self._history

    @property
    def current(self) -> int | None:
        """The id of the node whose text this is; None if the file does not name one."""
        return self._text.current

    @property
    def branches(self) -> tuple[Node, ...]:
        """The children of the current node: everything that was written next."""
        return self._get_children(self.current)

    @property
    def siblings(self) -> tuple[Node, ...]:
        """The children of the current node's parent, including the current node: all tries of a generation."""
        current = self.history.get(cast("int", self.current))
        return () if current is None else self._get_children(current.parent) or (current,)

    def _get_children(self, parent: int | None) -> tuple[Node, ...]:
        node = None if parent is None else self.history.get(parent)
        return () if node is None else tuple(self.history[id_] for id_ in node.children if id_ in self.history)

    def undo(self) -> None:
        """Go to the previous node.

        Raises:
            LocalProtocolError: the current node is the root, or there are pending changes.
            Damaged: the history is torn, or a change does not fit the text.
        """
        text = self._text
        chain = trace_ancestors(
            self._require_current(), lambda node: text.get_parent(node) if text.is_chained(node) else None
        )
        up = [node for node in chain if text.get_parent(node) is not None]
        if not up:
            raise LocalProtocolError("there is nothing to undo")
        self._move(up, [])

    def redo(self) -> None:
        """Go to the next node: the one that was undone or chosen last, else the newest child. Raises as `undo`."""
        text = self._text
        first = text.get_next(self._require_current())
        if first is None:
            raise LocalProtocolError("there is nothing to redo")

        def chained_after(node: int) -> int | None:
            following = text.get_next(node)
            return following if following is not None and text.is_chained(following) else None

        self._move([], trace_ancestors(first, chained_after))

    def go_to(self, node: int) -> None:
        """Go to any node. The cost is that of the changes on the way.

        Args:
            node: its id.

        Raises:
            InvalidRequestError: there is no such node.
            LocalProtocolError: there are pending changes.
            Damaged: as for `undo`; the story stays at its node.
        """
        INTEGER.check(node, "node", "an int, the id of a node")
        if not self._text.has_node(node):
            raise InvalidRequestError(f"the history has no node {node}", parameter="node")
        self._move(*find_path(self._require_current(), node, self._text.get_parent))

    def _move(self, up: list[int], down: list[int]) -> None:
        """Undo the nodes ``up``, redo the nodes ``down``, and make redo follow this way."""
        text, work, undone, redone = self._text, ReplayWork(), list[int](), list[int]()
        self._history = None
        try:
            for node in up:
                text.undo_node(work)
                undone.append(node)
            for node in down:
                text.redo_node(node, work)
                redone.append(node)
        except NaiError:
            for _ in redone:
                text.undo_node(ReplayWork())
            for node in reversed(undone):
                text.redo_node(node, ReplayWork())
            raise
        for node in (*up, *down):
            text.set_next(cast("int", text.get_parent(node)), node)

    def _require_current(self) -> int:
        current = self._text.current
        if current is None or not self._text.has_node(current):
            raise Damaged("story history: the current node does not exist", category="missing node")
        return current
