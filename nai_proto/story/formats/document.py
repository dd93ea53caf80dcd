"""The newer format of a text: a document in msgpackr, with sections and a history.

Nothing is replayed to show a text. What a step did since the text was opened is in a journal, so that it is undone at its
own cost; the first step back into what was there before replays the history once, and has the journals of what can be
reached.

See docs/protocol/content.md#7-the-document-field.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from operator import eq
from typing import cast

from ...codecs.box import Entropy, draw, from_base64, to_base64
from ...codecs.document import DOCUMENT, document_problems
from ...codecs.msgpackr import UNDEFINED, Map, Value, Wrapped, packb, unpackb
from ...errors import Damaged, InvalidRequestError, LimitExceeded, LocalProtocolError
from ...limits import Limits
from ..history import History, trace_ancestors
from ..sections import ORIGIN_CODES, Origin, OriginSpan, Section, SectionKind
from ..utf16 import count_units, make_unit_converter
from .differences import (
    RawSection,
    damaged,
    difference,
    has_text,
    line_of,
    new_section,
    source_of,
    text_of,
)
from .document_history import DocumentHistory, new_history
from .journals import Journals
from .lines import ORIGINS, Line
from .paragraphs import CREATE, REMOVE, UPDATE, Paragraphs, steps_of
from .work import Work

__all__ = ["DocumentText", "new_document"]


class DocumentText:
    """A document as a `Text`.

    Raises:
        Damaged: this is no document, or not even msgpackr; ``category`` says what is wrong.
        LimitExceeded: it is larger than ``limits`` allow.
    """

    def __init__(self, packed: object, limits: Limits, entropy: Entropy) -> None:
        value = unpackb(from_base64(packed, "story document"), limits=limits)
        fields = value.value if isinstance(value, Wrapped) and value.type == DOCUMENT else None
        if not isinstance(fields, dict):
            raise Damaged("story document: it is no document", category="not a document")
        sections, order = fields.get("sections"), fields.get("order")
        if not isinstance(sections, Map) or not isinstance(order, list):
            raise Damaged("story document: it has no sections in an order", category="not a document")
        self._original, self._value = cast("str", packed), value
        self._limits, self._entropy = limits, entropy
        self._fields = fields
        self._odd = [(id_, section) for id_, section in sections.pairs if not _is_section(id_, section)]
        self._ring = Paragraphs(
            {cast("int", id_): cast("RawSection", each) for id_, each in sections.pairs if _is_section(id_, each)},
            dict.fromkeys(id_ for id_ in order if type(id_) is int and id_ != 0),
        )
        self._history = DocumentHistory(fields.get("history"))
        self._dirty = fields.get("dirtySections", Map())
        self._journals = Journals()
        self._leads_here = True
        "As far as it is known, a replay of the history gives what is here."
        self._ids: set[int] = set()
        self._packed: str | None = self._original
        self._text: str | None = None
        step = fields.get("step")
        self.step = step if type(step) is int else 0

    @property
    def changed(self) -> bool:
        """As `Text.changed`."""
        return self._packed is not self._original

    # ---- shown

    def problems(self) -> list[str]:
        """As `Text.problems`."""
        found = document_problems(self._value)
        order = cast("list[Value]", self._fields["order"])
        ids = [id_ for id_ in order if type(id_) is int]
        found += ["`order` names a section more than once"] if len({*ids}) < len(ids) else []
        missing = [id_ for id_ in self._ring if id_ in self._ring.sections and not has_text(self._ring.sections[id_])]
        found += [f"section {id_} has no text" for id_ in missing]
        found += ["`sections` has something that is no section"] if self._odd else []
        found += self._history.problems()
        return found + _notes(self._ring, self._dirty)

    def text(self) -> str:
        """As `Text.text`."""
        if self._text is None:
            self._text = self._ring.text()
        return self._text

    def sections(self) -> list[Section]:
        """As `Text.sections`."""
        return [_shown(id_, section) for id_, section in self._ring.shown()]

    # ---- what is in no node yet (docs/protocol/content.md#75-history-tree)

    def pending(self) -> str | None:
        """As `Text.pending`."""
        if not _waiting(self._dirty):
            return None
        ring, work = self._ring.copy(), Work()
        ring.apply(_not_done(ring, self._dirty, work), work)
        return ring.text()

    def settle(self, now: int) -> None:
        """As `Text.settle`."""
        if not _waiting(self._dirty):
            return
        self._check_history()
        work = Work()
        missing = _not_done(self._ring, self._dirty, work)
        changes = missing if self._sound() else cast("Map", self._dirty)  # what is shown may be in a node, or may not
        self._ring.apply(missing, work)
        self._dirty = Map()
        if changes.pairs:
            self._add(changes, UNDEFINED, now)
        self._touch()

    # ---- edits

    def replace(self, start: int | None, end: int | None, text: str, origin: Origin, now: int) -> None:
        """As `Text.replace`."""
        self._check_editable()
        first, from_ = self._place(start)
        last, to = self._place(end)
        old = self._ring.between(first, last)
        if first == last and from_ > to:
            raise InvalidRequestError("a piece of text ends before it begins", parameter="end")
        lines = [Line.written_by(ORIGIN_CODES[origin], line) for line in text.split("\n")] if old or text else []
        if old:
            lines[0] = line_of(old[0][1]).cut(0, from_) + lines[0]
            lines[-1] += line_of(old[-1][1]).cut(to, len(text_of(old[-1][1])))
        anchor = self._ring.before(first) if old else self._ring.last
        generated = origin is Origin.AI
        position: Value = {"sectionId": first, "offset": self._offset(first, from_)} if generated else UNDEFINED
        self._commit(self._steps(old, lines, anchor), position, now)

    def insert(self, index: int, text: str, origin: Origin, kind: int, now: int) -> None:
        """As `Text.insert`."""
        self._check_editable()
        ids = [0, *(id_ for id_, _ in self._ring.shown())]
        if not 0 <= index < len(ids):
            raise InvalidRequestError(f"there is no place {index} among {len(ids) - 1} sections", parameter="index")
        lines = [Line.written_by(ORIGIN_CODES[origin], line) for line in text.split("\n")]
        self._commit(self._steps([], lines, ids[index], kind), UNDEFINED, now)

    def remove(self, index: int, now: int) -> None:
        """As `Text.remove`."""
        self._check_editable()
        shown = [*self._ring.shown()]
        if not 0 <= index < len(shown):
            raise InvalidRequestError(f"there is no section {index}, but {len(shown)}", parameter="index")
        self._commit(self._steps([shown[index]], [], self._ring.before(shown[index][0])), UNDEFINED, now)

    def _check_history(self) -> None:
        if self._history.current not in self._history:
            raise damaged("the current node is not there", "missing node")

    def _check_editable(self) -> None:
        self._check_history()
        if _waiting(self._dirty):
            raise LocalProtocolError("this story has changes that are in no node of its history: settle them first")

    def _place(self, position: int | None) -> tuple[int, int]:
        """A section's id and an offset; 0 and 0 if there is no section."""
        if position is None:
            for id_, section in self._ring.shown(backwards=True):
                return id_, len(text_of(section))
            return 0, 0
        left = position
        for id_, section in self._ring.shown() if position >= 0 else ():
            size = len(text_of(section))
            if left <= size:
                return id_, left
            left -= size + 1
        if left == position == 0:
            return 0, 0
        raise InvalidRequestError(f"the text has no position {position}", parameter="start")

    def _offset(self, id_: int, characters: int) -> int:
        """As the website counts where a generation begins: 1 in front of a section's text, 0 without a section."""
        return 1 + count_units(text_of(self._ring.sections[id_])[:characters]) if id_ else 0

    def _steps(
        self, old: list[tuple[int, RawSection]], lines: list[Line], anchor: int, kind: int = 0
    ) -> list[tuple[Value, Value]]:
        """What makes these lines of sections in a row, and leaves alone what stays as it is."""
        was = [line_of(section) for _, section in old]
        head = _alike(was, lines)
        tail = _alike(was[head:][::-1], lines[head:][::-1])
        anchor = old[head - 1][0] if head else anchor
        rest, new = old[head : len(old) - tail], lines[head : len(lines) - tail]
        steps: list[tuple[Value, Value]] = []
        for (id_, section), line in zip(rest, new, strict=False):
            if line_of(section) != line:
                steps.append((id_, {"type": UPDATE, "diff": difference(section, line)}))
            anchor = id_
        for id_, section in rest[len(new) :]:
            steps.append((id_, {"type": REMOVE, "previous": section, "after": anchor}))
        for line in new[len(rest) :]:
            id_ = self._new_id()
            steps.append((id_, {"type": CREATE, "section": new_section(line, kind), "after": anchor}))
            anchor = id_
        return steps

    def _new_id(self) -> int:
        id_ = _drawn(self._entropy)
        while id_ in self._ring.sections or id_ in self._history or id_ in self._ids:
            id_ += 1
        self._ids.add(id_)
        return id_

    def _commit(self, steps: list[tuple[Value, Value]], position: Value, now: int) -> None:
        """Does the steps, and adds the node that says so."""
        if steps:
            changes = Map(tuple(steps))
            journal = self._ring.apply(changes, Work())
            self._journals.keep(self._add(changes, position, now), journal)

    def _add(self, changes: Map, position: Value, now: int) -> int:
        node = self._new_id()
        self._history.add(node, changes, now, position)
        self.step += 1
        self._touch()
        return node

    def _touch(self) -> None:
        self._packed = self._text = None

    # ---- history

    @property
    def current(self) -> int | None:
        """As `Text.current`."""
        return self._history.current

    def history(self) -> History:
        """As `Text.history`."""
        return self._history.shown()

    def has(self, node: int) -> bool:
        """As `Text.has`."""
        return node in self._history

    def parent(self, node: int) -> int | None:
        """As `Text.parent`."""
        return self._history.parent(node)

    def onward(self, node: int) -> int | None:
        """As `Text.onward`."""
        return self._history.onward(node)

    def chained(self, node: int) -> bool:  # noqa: ARG002 -- of a `Text`
        """As `Text.chained`: nodes never are."""
        return False

    def back(self, work: Work) -> None:
        """As `Text.back`."""
        self._check_editable()
        node = cast("int", self.current)
        if node not in self._journals and self._leads_here:
            rehearsed = self._rehearsed(Work())
            self._leads_here = rehearsed is not None
            self._journals = rehearsed or self._journals
        journal = self._journals.take(node)
        if journal is None:
            self._ring.undo(self._history.changes(node), work)
        else:
            self._ring.revert(journal)
        self._history.current = self.parent(node)
        self._touch()

    def on(self, child: int, work: Work) -> None:
        """As `Text.on`."""
        self._check_editable()
        self._journals.keep(child, self._ring.apply(self._history.changes(child), work))
        self._history.current = child
        self._touch()

    def lead(self, parent: int, child: int) -> None:
        """As `Text.lead`."""
        self._history.lead(parent, child)

    def _rehearsed(self, work: Work) -> Journals | None:
        """The journals of the way here from the root; None if that way does not lead here."""
        ring, journals = Paragraphs(), Journals()
        try:
            for node in reversed(trace_ancestors(cast("int", self.current), self._history.parent)):
                journals.keep(node, ring.apply(self._history.changes(node), work))
        except (Damaged, LimitExceeded):
            return None
        return journals if ring.same(self._ring) else None

    # ---- the file

    def packed(self) -> str:
        """As `Text.packed`. It is read again, and replayed from the root, unless the original could not be either."""
        if self._packed is None:
            sections = Map((*self._ring.sections.items(), *self._odd))
            fields: dict[str, Value] = {**self._fields, "sections": sections, "order": [*self._ring]}
            fields |= {"history": self._history.packed(), "dirtySections": self._dirty, "step": self.step}
            text = to_base64(packb(Wrapped(DOCUMENT, fields), limits=self._limits))
            read = DocumentText(text, self._limits, self._entropy)
            if not (read._ring.same(self._ring) and read.current == self.current and (read._sound() or self._torn())):
                raise InvalidRequestError("what was edited does not replay to what it is; it is not handed out")
            self._packed = text
        return self._packed

    def _sound(self) -> bool:
        return self._rehearsed(Work()) is not None

    def _torn(self) -> bool:
        """Did the history not lead to the text in the first place?"""
        return not DocumentText(self._original, self._limits, self._entropy)._sound()


# ---- what is in no node yet


def _waiting(dirty: Value) -> bool:
    return isinstance(dirty, Map) and bool(dirty.pairs)


def _not_done(ring: Paragraphs, dirty: Value, work: Work) -> Map:
    """Those changes that the sections do not show. Raises Damaged, LimitExceeded.

    See docs/protocol/content.md#75-history-tree.
    """
    return Map(tuple((id_, step) for id_, step in steps_of(dirty) if not ring.shows(id_, step, work)))


def _notes(ring: Paragraphs, dirty: Value) -> list[str]:
    if not _waiting(dirty):
        return []
    work = Work()
    try:
        steps = [(id_, "already" if ring.shows(id_, step, work) else "not yet") for id_, step in steps_of(dirty)]
    except (Damaged, LimitExceeded):
        return ["changes that are in no node of the history fit nothing that is there"]
    return [f"a change of section {id_} is in no node of the history, and {when} shown" for id_, when in steps]


def _is_section(id_: Value, section: Value) -> bool:
    return type(id_) is int and id_ != 0 and isinstance(section, dict)


def _shown(id_: int, section: RawSection) -> Section:
    line, code = line_of(section), source_of(section)
    at = make_unit_converter(line.text)
    runs = line.runs.get(ORIGINS, ())
    spans = [OriginSpan(at(run.position), at(run.position + run.length), Origin.of(run.data), run.data) for run in runs]
    return Section(line.text, tuple(spans), SectionKind.of(code), code, id_)


def _alike(some: Iterable[Line], others: Iterable[Line]) -> int:
    """How many are the same, from the first on."""
    return sum(1 for _ in takewhile(bool, map(eq, some, others)))


def new_document(entropy: Entropy, now: int) -> str:
    """A document without a text."""
    root = _drawn(entropy)
    history = new_history(root, now)
    fields: dict[str, Value] = {"sections": Map(), "order": [], "history": history, "dirtySections": Map(), "step": 0}
    return to_base64(packb(Wrapped(DOCUMENT, fields)))


def _drawn(entropy: Entropy) -> int:
    """An id: more than 32 bits, so that it is packed as the website packs its own.

    See docs/protocol/content.md#72-ids.
    """
    return 2**50 + int.from_bytes(draw(entropy, 6))
