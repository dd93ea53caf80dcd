"""A story in either of the two text formats.

A `Story` is read from the two JSON documents that an account stores for it, its card and its content, and is written back to
them. What was not changed stays as it was, to the byte where the format allows it; each change of the text is a node of its
history.

The text is opened on first use. If it cannot be opened, each use raises; the rest of the story still works, and is stored
beside the original bytes of the text.

Positions are characters, as Python counts them. Times are seconds since 1970; stories store milliseconds. This package reads
no clock, so the methods that write take the time as ``now``.

See:
    docs/protocol/content.md#4-decrypted-json
    docs/protocol/content.md#5-old-story-format-story
    docs/protocol/content.md#6-msgpackr-encoding
    docs/protocol/content.md#7-the-document-field
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from ..arguments import FUNCTION, INTEGER, LIMITS, MAPPING, TEXT, TIME, member, to_milliseconds
from ..codecs.file_problems import describe_value
from ..codecs.secret_box import Entropy, system_entropy, write_json
from ..errors import Damaged, InvalidRequestError, LocalProtocolError, NaiError
from ..limits import Limits
from ..text.models import Model
from .content_fields import CardFields, ContentFields
from .formats.document_text import DocumentText, build_document
from .formats.legacy_text import LegacyText, build_legacy_story
from .formats.story_text import ReplayWork, StoryText
from .history import History, Node, find_path, trace_ancestors
from .initial_content import build_card, build_content
from .sections import ORIGIN_CODES, Origin, Section, SectionKind
from .story_settings import StorySettings, copy_json, read_context_text, write_context_text
from .utf16 import join_surrogates

__all__ = ["Story"]

_PREVIEW_CHARACTERS: Final = 250
"""The characters of the text that the card shows."""
_DERIVED_FIELDS: Final = ("textPreview", "lastUpdatedAt")
"""What `Story.to_data` writes on the card."""
_DOCUMENT: Final = "document"
_LEGACY: Final = "story"
_KINDS: Final = {SectionKind.STORY: 0, SectionKind.INSTRUCTION: 10}
_MEMORY, _NOTE = 0, 1
_KIND: Final = member(SectionKind)
_ORIGIN: Final = member(Origin)


class Story:
    """A story to read and edit; `from_data` and `new` make one."""

    def __init__(self, card: Mapping[str, Any], content: Mapping[str, Any], limits: Limits, entropy: Entropy) -> None:
        MAPPING.check(card, "card")
        MAPPING.check(content, "content")
        LIMITS.check(limits, "limits")
        FUNCTION.check(entropy, "entropy")
        self.original: tuple[Mapping[str, Any], Mapping[str, Any]] = card, content
        "The card and the content as they were given; once they were stored, as they are stored."
        self.limits: Final = limits
        "For opening and packing its document, and for the keys of its lorebook."
        self._entropy = entropy
        self._loaded_text: StoryText | None = None
        self._history: History | None = None
        self._text_field = _DOCUMENT if isinstance(content.get(_DOCUMENT), str) or _LEGACY not in content else _LEGACY
        self.card: Final[dict[str, Any]] = copy_json(card)
        "The card, which may be changed. `to_data` adds what follows from the text."
        self.fields: Final[dict[str, Any]] = {
            name: copy_json(value) for name, value in content.items() if name not in (_DOCUMENT, _LEGACY)
        }
        "The content without its text, which may be changed. See docs/protocol/content.md#42-storycontent."

    def __repr__(self) -> str:
        state = "not opened" if self._loaded_text is None else f"step {self._loaded_text.step}"
        return f"<Story {'document' if self.has_document else 'legacy'}, {state}>"

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
            (_LEGACY, build_legacy_story()) if legacy else (_DOCUMENT, build_document(entropy, date))
        )
        return Story(
            build_card(title, date, not legacy), build_content(text, model, 4 if legacy else 6), limits, entropy
        )

    @property
    def has_document(self) -> bool:
        """Whether the text is in the document format, and not in the legacy format."""
        return self._text_field == _DOCUMENT

    @property
    def title(self) -> str:
        """The title on the card; empty if there is none."""
        title = self.card.get("title")
        return title if isinstance(title, str) else ""

    @title.setter
    def title(self, title: str) -> None:
        TEXT.check(title, "title")
        self.card["title"] = title

    # ---- the text

    @property
    def _text(self) -> StoryText:
        if self._loaded_text is None:
            if self._text_field not in self.original[1]:
                raise Damaged(
                    f"story: its content has neither {_DOCUMENT} nor {_LEGACY}, so it has no text", category="no text"
                )
            packed: object = self.original[1][self._text_field]
            legacy = self._text_field == _LEGACY
            if not (isinstance(packed, dict) if legacy else isinstance(packed, str)):
                raise Damaged(
                    f"story: its {self._text_field} is {describe_value(packed)}, and {'an object' if legacy else 'a text'} "
                    "was expected",
                    category="not a story" if legacy else "not a document",
                )
            self._loaded_text = LegacyText(packed) if legacy else DocumentText(packed, self.limits, self._entropy)
        return self._loaded_text

    @property
    def text(self) -> str:
        """The whole text.

        Raises:
            Damaged: the text cannot be read; ``category`` says why. `original` has the stored bytes.
            LimitExceeded: the text is larger than ``limits`` allow.
        """
        return self._text.get_text()

    @property
    def sections(self) -> tuple[Section, ...]:
        """The paragraphs, which joined by line feeds are `text`. Raises as `text`."""
        return tuple(self._text.get_sections())

    @property
    def step(self) -> int:
        """The counter that the file stores: of generations in the legacy format, of all edits in the document format.

        See:
            docs/protocol/content.md#5-old-story-format-story
            docs/protocol/content.md#76-writing
        """
        return self._text.step

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the text, readable or not, and with the other fields: short sentences that quote nothing."""
        try:
            text = tuple(self._text.find_problems())
        except NaiError as error:
            text = (str(error),)
        return text + self.field_problems

    @property
    def field_problems(self) -> tuple[str, ...]:
        """Which fields are not read, because they are of another type than expected: as `problems`, without the text."""
        return CardFields(self.card).problems + ContentFields(self.fields).problems + self.settings.problems

    @property
    def pending_text(self) -> str | None:
        """The text with the pending changes, which the file stores beside the history; None if there are none.

        `text` is without them. Call `commit_pending` before you edit or undo.

        See docs/protocol/content.md#75-history-tree.

        Raises:
            Damaged: the changes fit no section.
        """
        return self._text.build_pending_text()

    def commit_pending(self, *, now: float) -> None:
        """Apply the pending changes to the text, and add a node for them; without pending changes do nothing.

        Raises:
            Damaged: the changes fit no section, or the history is torn.
        """
        date = to_milliseconds(now, "now")
        self._history = None
        self._text.commit_pending(date)

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

    # ---- beside the text

    @property
    def memory(self) -> str:
        """The memory, which is part of every context; empty if there is none."""
        return read_context_text(self.fields, _MEMORY)

    @memory.setter
    def memory(self, text: str) -> None:
        write_context_text(self.fields, _MEMORY, text)

    @property
    def authors_note(self) -> str:
        """The Author's Note, which is put near the end of every context."""
        return read_context_text(self.fields, _NOTE)

    @authors_note.setter
    def authors_note(self, text: str) -> None:
        write_context_text(self.fields, _NOTE, text)

    @property
    def settings(self) -> StorySettings:
        """The settings of generation: model, preset, bans, biases."""
        return StorySettings(self.fields)

    # ---- the file

    def to_data(self, *, now: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the card and the content to store.

        The history of a changed text is replayed first, to check that it gives this text.

        Args:
            now: seconds since 1970; the date of the card if anything was changed.

        Raises:
            InvalidRequestError: the replay gives another text, or the story is larger than the limits or no JSON.
        """
        date = to_milliseconds(now, "now")
        card, content = self.original
        fields = self.fields
        if self._loaded_text is not None and self._loaded_text.is_changed:
            changed = {**content, **fields, self._text_field: self._loaded_text.to_data()}
        else:
            changed = {**content, **fields}
        removed = content.keys() - fields.keys() - {_DOCUMENT, _LEGACY}
        changed = {name: value for name, value in changed.items() if name not in removed}
        new_card = copy_json(self.card)
        if self._loaded_text is not None and self._loaded_text.is_changed:
            new_card["textPreview"] = self.text[:_PREVIEW_CHARACTERS]
        if write_json((changed, new_card)) != write_json((content, card)):
            new_card["lastUpdatedAt"] = date
        return new_card, copy_json(changed)

    def set_original(self, card: Mapping[str, Any], content: Mapping[str, Any]) -> None:
        """Take what `to_data` returned as the original card and content, because they are stored now."""
        self.original = card, content
        self.card.update({name: card[name] for name in _DERIVED_FIELDS if name in card})
