"""A story, whichever of the two formats it is in.

A `Story` is made of the two JSON documents that an account has for it, its card and its content, and gives them back. What
was not touched is as it was, to the byte where the format allows it; each change of the text is a node of its history.

The text is opened when it is first asked for. If it cannot be, that raises, again and again, while all else of the story is
there, and is stored again beside the text's untouched bytes.

Positions are characters, as Python counts them; dates are milliseconds since 1970, as stories count them. The library has no
clock, so whoever writes says when.

See:
    docs/protocol/content.md#4-decrypted-json
    docs/protocol/content.md#5-old-story-format-story
    docs/protocol/content.md#6-msgpackr-encoding
    docs/protocol/content.md#7-the-document-field
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from ..arguments import FUNCTION, INTEGER, LIMITS, MAPPING, TEXT, member
from ..codecs.box import CHANCE, Entropy, write_json
from ..errors import Damaged, InvalidRequestError, LocalProtocolError, NaiError
from ..limits import Limits
from ..text.models import Model
from .formats.backend import Text
from .formats.document import DocumentText, new_document
from .formats.legacy import BlockText, new_blocks
from .formats.work import Work
from .history import History, Node, find_path, trace_ancestors
from .initial_content import build_card, build_content
from .sections import ORIGIN_CODES, Origin, Section, SectionKind
from .story_settings import StorySettings, copy_json, read_context_text, write_context_text
from .utf16 import join_surrogates

__all__ = ["Story"]

_PREVIEW: Final = 250
"""Characters of the text that its card has."""
_DOCUMENT: Final = "document"
_OLDER: Final = "story"
_KINDS: Final = {SectionKind.STORY: 0, SectionKind.INSTRUCTION: 10}
_MEMORY, _NOTE = 0, 1
_KIND: Final = member(SectionKind)
_ORIGIN: Final = member(Origin)


class Story:
    """A story to be read and written on: made by `of` and `new`."""

    def __init__(self, card: Mapping[str, Any], content: Mapping[str, Any], limits: Limits, entropy: Entropy) -> None:
        MAPPING.check(card, "card")
        MAPPING.check(content, "content")
        LIMITS.check(limits, "limits")
        FUNCTION.check(entropy, "entropy")
        self.original: Final = card, content
        "Card and content as they were given."
        self._limits, self._entropy = limits, entropy
        self._opened: Text | None = None
        self._history: History | None = None
        self._name = _DOCUMENT if isinstance(content.get(_DOCUMENT), str) or _OLDER not in content else _OLDER
        self.card: Final[dict[str, Any]] = copy_json(card)
        "The card, to be changed at will. What follows from the text is written into what `packed` gives."
        self.fields: Final[dict[str, Any]] = {
            name: copy_json(value) for name, value in content.items() if name not in (_DOCUMENT, _OLDER)
        }
        "All of the content but its text, to be changed at will. See docs/protocol/content.md#42-storycontent."

    @classmethod
    def of(
        cls,
        card: Mapping[str, Any],
        content: Mapping[str, Any],
        *,
        limits: Limits = Limits(),
        entropy: Entropy = CHANCE,
    ) -> Story:
        """The story that an account, or a ``.story`` file, has.

        Args:
            card, content: their JSON (`nai_proto.codecs.sealed.Opened.json`). They are not changed.
            limits: for opening and for packing a document.
            entropy: draws the ids of what is written.
        """
        return cls(card, content, limits, entropy)

    @classmethod
    def new(
        cls,
        title: str = "New Story",
        *,
        now: int,
        model: Model | str = Model.KAYRA,
        older: bool = False,
        limits: Limits = Limits(),
        entropy: Entropy = CHANCE,
    ) -> Story:
        """A story without a word, as the website begins one; `nai_proto.library.create_story` gives it its ids.

        Args:
            title: of the card.
            now: milliseconds since 1970.
            model: whose settings it begins with.
            older: in the older format of texts.
            limits, entropy: as for `of`.
        """
        TEXT.check(title, "title")
        INTEGER.check(now, "now", "an int, milliseconds since 1970")
        model = Model.named(model)
        LIMITS.check(limits, "limits")
        FUNCTION.check(entropy, "entropy")
        text: tuple[str, object] = (_OLDER, new_blocks()) if older else (_DOCUMENT, new_document(entropy, now))
        return cls(build_card(title, now, not older), build_content(text, model, 4 if older else 6), limits, entropy)

    @property
    def has_document(self) -> bool:
        """Is its text in the newer format?"""
        return self._name == _DOCUMENT

    @property
    def title(self) -> str:
        """Of the card; empty if it has none."""
        title = self.card.get("title")
        return title if isinstance(title, str) else ""

    # ---- the text

    @property
    def _text(self) -> Text:
        if self._opened is None:
            packed = self.original[1].get(self._name)
            older = self._name == _OLDER
            self._opened = BlockText(packed) if older else DocumentText(packed, self._limits, self._entropy)
        return self._opened

    @property
    def text(self) -> str:
        """All of it.

        Raises:
            Damaged: it cannot be read; ``category`` says why. `original` has it as it was.
            LimitExceeded: it is larger than ``limits`` allow.
        """
        return self._text.text()

    @property
    def sections(self) -> tuple[Section, ...]:
        """Its paragraphs, which joined by line feeds are `text`. Raises as that."""
        return tuple(self._text.sections())

    @property
    def step(self) -> int:
        """The counter of the file: of generations in the older format, of all edits in the newer.

        See:
            docs/protocol/content.md#5-old-story-format-story
            docs/protocol/content.md#76-writing
        """
        return self._text.step

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with it, though it may be readable: short sentences for people, which quote nothing."""
        try:
            return tuple(self._text.problems())
        except NaiError as error:
            return (str(error),)

    @property
    def pending(self) -> str | None:
        """The text with changes that the file has beside the history and not in it; None if it has none.

        They are not in `text`. Before anything is written or undone, `settle` makes them a node.

        See docs/protocol/content.md#75-history-tree.

        Raises:
            Damaged: they fit nothing that is there.
        """
        return self._text.pending()

    def settle(self, *, now: int) -> None:
        """Puts `pending` changes into the text and its history. Without any it does nothing.

        Raises:
            Damaged: they fit nothing that is there, or the history is torn.
        """
        INTEGER.check(now, "now", "an int, milliseconds since 1970")
        self._history = None
        self._text.settle(now)

    # ---- writing

    def append(self, text: str, *, now: int, origin: Origin = Origin.USER) -> None:
        """Writes on, right behind the last character.

        Args:
            text: of any number of lines.
            now: milliseconds since 1970.
            origin: `Origin.AI` for what was generated.

        Raises:
            Damaged: the history is torn: there is nothing that a node could follow.
            LocalProtocolError: there are `pending` changes; `settle` them first.
            InvalidRequestError: nobody writes with this origin.
        """
        self._write(None, None, text, origin, now)

    def retry(self, text: str, *, now: int) -> None:
        """Puts another generated text in place of what the current node has written; both stay in the history.

        Raises:
            LocalProtocolError, Damaged: as for `append` and `undo`.
        """
        TEXT.check(text, "text")
        INTEGER.check(now, "now", "an int, milliseconds since 1970")
        self.undo()
        try:
            self.append(text, now=now, origin=Origin.AI)
        except NaiError:
            self.redo()
            raise

    def replace(self, start: int, end: int, text: str, *, now: int, origin: Origin = Origin.EDIT) -> None:
        """Puts a text in place of ``self.text[start:end]``; without one, deletes.

        Args:
            start, end: characters; not negative, and not behind the end.
            text: of any number of lines.
            now: milliseconds since 1970.
            origin: of the new text.

        Raises:
            Damaged: as for `append`.
            InvalidRequestError: there are no such positions; and as for `append`.
        """
        INTEGER.check(start, "start")
        INTEGER.check(end, "end")
        self._write(start, end, text, origin, now)

    def insert(
        self, index: int, text: str, *, now: int, origin: Origin = Origin.USER, kind: SectionKind = SectionKind.STORY
    ) -> None:
        """Puts sections, one for each line of the text, in front of a section or, after the last, at the end.

        Raises:
            Damaged: as for `append`.
            InvalidRequestError: there is no such place, or the format has no such kind; and as for `append`.
        """
        INTEGER.check(index, "index")
        TEXT.check(text, "text")
        INTEGER.check(now, "now", "an int, milliseconds since 1970")
        kind = _KIND.convert(kind, "kind")
        origin = _ORIGIN.convert(origin, "origin")
        if kind not in _KINDS:
            raise InvalidRequestError(f"a new section cannot be {kind}: its number is not known", parameter="kind")
        self._check(origin)
        self._history = None
        self._text.insert(index, join_surrogates(text), origin, _KINDS[kind], now)

    def remove(self, index: int, *, now: int) -> None:
        """Takes a section away, with its line feed; raises as `insert`."""
        INTEGER.check(index, "index")
        INTEGER.check(now, "now", "an int, milliseconds since 1970")
        self._history = None
        self._text.remove(index, now)

    def _write(self, start: int | None, end: int | None, text: str, origin: Origin, now: int) -> None:
        TEXT.check(text, "text")
        INTEGER.check(now, "now", "an int, milliseconds since 1970")
        origin = _ORIGIN.convert(origin, "origin")
        self._check(origin)
        self._history = None
        self._text.replace(start, end, join_surrogates(text), origin, now)

    def _check(self, origin: Origin) -> None:
        if origin not in ORIGIN_CODES:
            raise InvalidRequestError(f"nothing can be written as {origin}", parameter="origin")

    # ---- history

    @property
    def history(self) -> History:
        """All nodes as they are now. Raises as `text`."""
        if self._history is None:
            self._history = self._text.history()
        return self._history

    @property
    def current(self) -> int | None:
        """The id of the node whose text this is; None if the file does not say."""
        return self._text.current

    @property
    def branches(self) -> tuple[Node, ...]:
        """What was written next at some time: the current node's children."""
        return self._nodes(self.current)

    @property
    def siblings(self) -> tuple[Node, ...]:
        """What was written in this place, the current node included: all tries of a generation."""
        current = self.history.get(cast("int", self.current))
        return () if current is None else self._nodes(current.parent) or (current,)

    def _nodes(self, parent: int | None) -> tuple[Node, ...]:
        node = None if parent is None else self.history.get(parent)
        return () if node is None else tuple(self.history[id_] for id_ in node.children if id_ in self.history)

    def undo(self) -> None:
        """Goes to the node before.

        Raises:
            LocalProtocolError: the current node is the root, or there are `pending` changes.
            Damaged: the history is torn, or what a node did does not fit the text.
        """
        text = self._text
        chain = trace_ancestors(self._here(), lambda node: text.parent(node) if text.chained(node) else None)
        up = [node for node in chain if text.parent(node) is not None]
        if not up:
            raise LocalProtocolError("there is nothing to undo")
        self._go(up, [])

    def redo(self) -> None:
        """Goes to the node that was undone last, or chosen; else to the newest that follows. Raises as `undo`."""
        text = self._text
        first = text.onward(self._here())
        if first is None:
            raise LocalProtocolError("there is nothing to redo")

        def chained_after(node: int) -> int | None:
            following = text.onward(node)
            return following if following is not None and text.chained(following) else None

        self._go([], trace_ancestors(first, chained_after))

    def choose(self, node: int) -> None:
        """Goes to any node; each step on the way costs what it changes.

        Raises:
            InvalidRequestError: there is no such node.
            LocalProtocolError: there are `pending` changes.
            Damaged: as for `undo`. The story is where it was then.
        """
        INTEGER.check(node, "node", "an int, the id of a node")
        if not self._text.has(node):
            raise InvalidRequestError(f"the history has no node {node}", parameter="node")
        self._go(*find_path(self._here(), node, self._text.parent))

    def _go(self, up: list[int], down: list[int]) -> None:
        """Undoes some nodes and does others, so that undo and redo lead back."""
        text, work, gone, come = self._text, Work(), list[int](), list[int]()
        self._history = None
        try:
            for node in up:
                text.back(work)
                gone.append(node)
            for node in down:
                text.on(node, work)
                come.append(node)
        except NaiError:
            for _ in come:
                text.back(Work())
            for node in reversed(gone):
                text.on(node, Work())
            raise
        for node in (*up, *down):
            text.lead(cast("int", text.parent(node)), node)

    def _here(self) -> int:
        current = self._text.current
        if current is None or not self._text.has(current):
            raise Damaged("story history: the current node is not there", category="missing node")
        return current

    # ---- beside the text

    @property
    def memory(self) -> str:
        """What the AI is always told; empty if there is none."""
        return read_context_text(self.fields, _MEMORY)

    @memory.setter
    def memory(self, text: str) -> None:
        write_context_text(self.fields, _MEMORY, text)

    @property
    def authors_note(self) -> str:
        """What the AI is told near the end of the text."""
        return read_context_text(self.fields, _NOTE)

    @authors_note.setter
    def authors_note(self, text: str) -> None:
        write_context_text(self.fields, _NOTE, text)

    @property
    def settings(self) -> StorySettings:
        """How it is generated: model, preset, bans, biases."""
        return StorySettings(self.fields)

    # ---- the file

    def packed(self, *, now: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Card and content as they are to be stored.

        A text that was changed is replayed first: what is handed out leads from the root to what is here.

        Args:
            now: milliseconds since 1970, for the card, if anything was changed.

        Raises:
            InvalidRequestError: what was written does not read back as what is here, is larger than the limits, or is no
                JSON.
        """
        INTEGER.check(now, "now", "an int, milliseconds since 1970")
        card, content = self.original
        written = self.fields
        if self._opened is not None and self._opened.changed:
            changed = {**content, **written, self._name: self._opened.packed()}
        else:
            changed = {**content, **written}
        gone = content.keys() - written.keys() - {_DOCUMENT, _OLDER}
        changed = {name: value for name, value in changed.items() if name not in gone}
        told = copy_json(self.card)
        if self._opened is not None and self._opened.changed:
            told["textPreview"] = self.text[:_PREVIEW]
        if write_json((changed, told)) != write_json((content, card)):
            told["lastUpdatedAt"] = now
        return told, copy_json(changed)
