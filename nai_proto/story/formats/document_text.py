"""The document format of a text: sections and a history, packed with msgpackr.

Reading a text replays nothing. Each step that is made here leaves a journal, so undoing it costs no more than the step. The
first undo of a step from before the text was opened replays the history once, which gives the journals of all steps on the
way.

See docs/protocol/content.md#7-the-document-field.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from operator import eq
from typing import cast

from ...codecs.document_check import DOCUMENT, find_document_problems
from ...codecs.msgpackr import UNDEFINED, JsMap, Value, Wrapped, packb, unpackb
from ...codecs.secret_box import Entropy, draw_bytes, from_base64, to_base64
from ...errors import Damaged, InvalidRequestError, LimitExceeded, LocalProtocolError
from ...limits import Limits
from ..history import History, trace_ancestors
from ..sections import ORIGIN_CODES, Origin, OriginSpan, Section, SectionKind
from ..utf16 import count_units, make_unit_converter
from .document_history import DocumentHistory, build_history
from .section_differences import (
    RawSection,
    build_difference,
    build_section,
    get_section_line,
    get_section_source,
    get_section_text,
    has_text,
    make_history_error,
)
from .section_list import CREATE, REMOVE, UPDATE, JournalCache, SectionList, parse_steps
from .story_text import ReplayWork
from .styled_lines import ORIGIN_RUNS, StyledLine

__all__ = ["DocumentText", "build_document"]


class DocumentText:
    """A document as a `StoryText`.

    Raises:
        Damaged: the value is no document, or no msgpackr; ``category`` says what is wrong.
        LimitExceeded: the document is larger than ``limits`` allow.
    """

    def __init__(self, packed: object, limits: Limits, entropy: Entropy) -> None:
        value = unpackb(from_base64(packed, "story document"), limits=limits)
        fields = value.value if isinstance(value, Wrapped) and value.type == DOCUMENT else None
        if not isinstance(fields, dict):
            raise Damaged("story document: this is no document", category="not a document")
        sections, order = fields.get("sections"), fields.get("order")
        if not isinstance(sections, JsMap) or not isinstance(order, list):
            raise Damaged("story document: `sections` or `order` is missing", category="not a document")
        self._original, self._value = cast("str", packed), value
        self._limits, self._entropy = limits, entropy
        self._fields = fields
        self._invalid = [(id_, section) for id_, section in sections.pairs if not _is_section(id_, section)]
        self._section_list = SectionList(
            {cast("int", id_): cast("RawSection", each) for id_, each in sections.pairs if _is_section(id_, each)},
            dict.fromkeys(id_ for id_ in order if type(id_) is int and id_ != 0),
        )
        self._history = DocumentHistory(fields.get("history"))
        self._dirty = fields.get("dirtySections", JsMap())
        self._journals = JournalCache()
        self._history_matches = True
        "False once a replay of the history was problems to give other sections."
        self._ids: set[int] = set()
        self._packed: str | None = self._original
        self._text: str | None = None
        step = fields.get("step")
        self.step = step if type(step) is int else 0

    @property
    def is_changed(self) -> bool:
        """As `StoryText.is_changed`."""
        return self._packed is not self._original

    # ---- reading

    def find_problems(self) -> list[str]:
        """As `StoryText.find_problems`."""
        problems = find_document_problems(self._value)
        order = cast("list[Value]", self._fields["order"])
        ids = [id_ for id_ in order if type(id_) is int]
        problems += ["`order` names a section more than once"] if len({*ids}) < len(ids) else []
        missing = [
            id_
            for id_ in self._section_list
            if id_ in self._section_list.sections and not has_text(self._section_list.sections[id_])
        ]
        problems += [f"section {id_} has no text" for id_ in missing]
        problems += ["`sections` has an entry that is no section"] if self._invalid else []
        problems += self._history.find_problems()
        return problems + _describe_pending(self._section_list, self._dirty)

    def get_text(self) -> str:
        """As `StoryText.get_text`."""
        if self._text is None:
            self._text = self._section_list.get_text()
        return self._text

    def get_sections(self) -> list[Section]:
        """As `StoryText.get_sections`."""
        return [_to_section(id_, section) for id_, section in self._section_list.iter_sections()]

    # ---- pending changes (docs/protocol/content.md#75-history-tree)

    def build_pending_text(self) -> str | None:
        """As `StoryText.build_pending_text`."""
        if not _has_pending(self._dirty):
            return None
        sections, work = self._section_list.copy(), ReplayWork()
        sections.apply(_select_unapplied(sections, self._dirty, work), work)
        return sections.get_text()

    def commit_pending(self, now: int) -> None:
        """As `StoryText.commit_pending`."""
        if not _has_pending(self._dirty):
            return
        self._check_history()
        work = ReplayWork()
        missing = _select_unapplied(self._section_list, self._dirty, work)
        # If the history cannot be replayed, it is not known whether the applied changes are in a node: keep them all.
        changes = missing if self._is_replayable() else cast("JsMap", self._dirty)
        self._section_list.apply(missing, work)
        self._dirty = JsMap()
        if changes.pairs:
            self._add_node(changes, UNDEFINED, now)
        self._mark_changed()

    # ---- edits

    def replace(self, start: int | None, end: int | None, text: str, origin: Origin, now: int) -> None:
        """As `StoryText.replace`."""
        self._check_editable()
        first, from_ = self._locate(start)
        last, to = self._locate(end)
        old = self._section_list.get_range(first, last)
        if first == last and from_ > to:
            raise InvalidRequestError("a range of text ends before it begins", parameter="end")
        lines = [StyledLine.from_text(ORIGIN_CODES[origin], line) for line in text.split("\n")] if old or text else []
        if old:
            lines[0] = get_section_line(old[0][1]).slice(0, from_) + lines[0]
            lines[-1] += get_section_line(old[-1][1]).slice(to, len(get_section_text(old[-1][1])))
        anchor = self._section_list.get_previous(first) if old else self._section_list.last
        generated = origin is Origin.AI
        position: Value = (
            {"sectionId": first, "offset": self._get_website_offset(first, from_)} if generated else UNDEFINED
        )
        self._apply_steps(self._build_steps(old, lines, anchor), position, now)

    def insert(self, index: int, text: str, origin: Origin, kind: int, now: int) -> None:
        """As `StoryText.insert`."""
        self._check_editable()
        ids = [0, *(id_ for id_, _ in self._section_list.iter_sections())]
        if not 0 <= index < len(ids):
            raise InvalidRequestError(f"there is no place {index} among {len(ids) - 1} sections", parameter="index")
        lines = [StyledLine.from_text(ORIGIN_CODES[origin], line) for line in text.split("\n")]
        self._apply_steps(self._build_steps([], lines, ids[index], kind), UNDEFINED, now)

    def remove(self, index: int, now: int) -> None:
        """As `StoryText.remove`."""
        self._check_editable()
        shown = [*self._section_list.iter_sections()]
        if not 0 <= index < len(shown):
            raise InvalidRequestError(f"there is no section {index}, but {len(shown)}", parameter="index")
        self._apply_steps(
            self._build_steps([shown[index]], [], self._section_list.get_previous(shown[index][0])), UNDEFINED, now
        )

    def _check_history(self) -> None:
        if self._history.current not in self._history:
            raise make_history_error("the current node does not exist", "missing node")

    def _check_editable(self) -> None:
        self._check_history()
        if _has_pending(self._dirty):
            raise LocalProtocolError("this story has pending changes: call commit_pending first")

    def _locate(self, position: int | None) -> tuple[int, int]:
        """Return the id of a section and an offset in it; 0 and 0 if there is no section."""
        if position is None:
            for id_, section in self._section_list.iter_sections(backwards=True):
                return id_, len(get_section_text(section))
            return 0, 0
        left = position
        for id_, section in self._section_list.iter_sections() if position >= 0 else ():
            size = len(get_section_text(section))
            if left <= size:
                return id_, left
            left -= size + 1
        if left == position == 0:
            return 0, 0
        raise InvalidRequestError(f"the text has no position {position}", parameter="start")

    def _get_website_offset(self, id_: int, characters: int) -> int:
        """Return where a generation begins as the website counts it: 1 is the start of a section, 0 is no section."""
        return 1 + count_units(get_section_text(self._section_list.sections[id_])[:characters]) if id_ else 0

    def _build_steps(
        self, old: list[tuple[int, RawSection]], lines: list[StyledLine], anchor: int, kind: int = 0
    ) -> list[tuple[Value, Value]]:
        """Return the steps that change adjacent sections into these lines; equal lines need no step."""
        was = [get_section_line(section) for _, section in old]
        head = _count_equal(was, lines)
        tail = _count_equal(was[head:][::-1], lines[head:][::-1])
        anchor = old[head - 1][0] if head else anchor
        rest, new = old[head : len(old) - tail], lines[head : len(lines) - tail]
        steps: list[tuple[Value, Value]] = []
        for (id_, section), line in zip(rest, new, strict=False):
            if get_section_line(section) != line:
                steps.append((id_, {"type": UPDATE, "diff": build_difference(section, line)}))
            anchor = id_
        for id_, section in rest[len(new) :]:
            steps.append((id_, {"type": REMOVE, "previous": section, "after": anchor}))
        for line in new[len(rest) :]:
            id_ = self._new_id()
            steps.append((id_, {"type": CREATE, "section": build_section(line, kind), "after": anchor}))
            anchor = id_
        return steps

    def _new_id(self) -> int:
        id_ = _draw_id(self._entropy)
        while id_ in self._section_list.sections or id_ in self._history or id_ in self._ids:
            id_ += 1
        self._ids.add(id_)
        return id_

    def _apply_steps(self, steps: list[tuple[Value, Value]], position: Value, now: int) -> None:
        """Apply steps, and add their node to the history."""
        if steps:
            changes = JsMap(tuple(steps))
            journal = self._section_list.apply(changes, ReplayWork())
            self._journals.keep(self._add_node(changes, position, now), journal)

    def _add_node(self, changes: JsMap, position: Value, now: int) -> int:
        node = self._new_id()
        self._history.add(node, changes, now, position)
        self.step += 1
        self._mark_changed()
        return node

    def _mark_changed(self) -> None:
        self._packed = self._text = None

    # ---- history

    @property
    def current(self) -> int | None:
        """As `StoryText.current`."""
        return self._history.current

    def build_history(self) -> History:
        """As `StoryText.build_history`."""
        return self._history.to_history()

    def has_node(self, node: int) -> bool:
        """As `StoryText.has_node`."""
        return node in self._history

    def get_parent(self, node: int) -> int | None:
        """As `StoryText.get_parent`."""
        return self._history.get_parent(node)

    def get_next(self, node: int) -> int | None:
        """As `StoryText.get_next`."""
        return self._history.get_next(node)

    def is_chained(self, node: int) -> bool:  # noqa: ARG002 -- part of `StoryText`
        """As `StoryText.is_chained`: never in this format."""
        return False

    def undo_node(self, work: ReplayWork) -> None:
        """As `StoryText.undo_node`."""
        self._check_editable()
        node = cast("int", self.current)
        if node not in self._journals and self._history_matches:
            journals = self._replay(ReplayWork())
            self._history_matches = journals is not None
            self._journals = journals or self._journals
        journal = self._journals.take(node)
        if journal is None:
            self._section_list.undo(self._history.get_changes(node), work)
        else:
            self._section_list.revert(journal)
        self._history.current = self.get_parent(node)
        self._mark_changed()

    def redo_node(self, child: int, work: ReplayWork) -> None:
        """As `StoryText.redo_node`."""
        self._check_editable()
        self._journals.keep(child, self._section_list.apply(self._history.get_changes(child), work))
        self._history.current = child
        self._mark_changed()

    def set_next(self, parent: int, child: int) -> None:
        """As `StoryText.set_next`."""
        self._history.set_next(parent, child)

    def _replay(self, work: ReplayWork) -> JournalCache | None:
        """Return the journals of the nodes from the root to the current one; None if their replay gives other sections."""
        sections, journals = SectionList(), JournalCache()
        try:
            for node in reversed(trace_ancestors(cast("int", self.current), self._history.get_parent)):
                journals.keep(node, sections.apply(self._history.get_changes(node), work))
        except (Damaged, LimitExceeded):
            return None
        return journals if sections.is_equivalent(self._section_list) else None

    # ---- the file

    def to_data(self) -> str:
        """As `StoryText.to_data`. The result is read and replayed, unless the original could not be replayed either."""
        if self._packed is None:
            sections = JsMap((*self._section_list.sections.items(), *self._invalid))
            fields: dict[str, Value] = {**self._fields, "sections": sections, "order": [*self._section_list]}
            fields |= {"history": self._history.to_data(), "dirtySections": self._dirty, "step": self.step}
            text = to_base64(packb(Wrapped(DOCUMENT, fields), limits=self._limits))
            read = DocumentText(text, self._limits, self._entropy)
            if not (
                read._section_list.is_equivalent(self._section_list)
                and read.current == self.current
                and (read._is_replayable() or self._was_torn())
            ):
                raise InvalidRequestError("a replay of the edited story does not give its text, so it is not returned")
            self._packed = text
        return self._packed

    def _is_replayable(self) -> bool:
        return self._replay(ReplayWork()) is not None

    def _was_torn(self) -> bool:
        """Return whether a replay of the original history fails or gives another text."""
        return not DocumentText(self._original, self._limits, self._entropy)._is_replayable()


# ---- pending changes


def _has_pending(dirty: Value) -> bool:
    return isinstance(dirty, JsMap) and bool(dirty.pairs)


def _select_unapplied(sections: SectionList, dirty: Value, work: ReplayWork) -> JsMap:
    """Return the changes that are not applied to the sections. Raises Damaged, LimitExceeded.

    See docs/protocol/content.md#75-history-tree.
    """
    return JsMap(tuple((id_, step) for id_, step in parse_steps(dirty) if not sections.is_applied(id_, step, work)))


def _describe_pending(sections: SectionList, dirty: Value) -> list[str]:
    if not _has_pending(dirty):
        return []
    work = ReplayWork()
    try:
        steps = [
            (id_, "already" if sections.is_applied(id_, step, work) else "not yet") for id_, step in parse_steps(dirty)
        ]
    except (Damaged, LimitExceeded):
        return ["pending changes fit no section"]
    return [f"a change of section {id_} is in no node of the history, and {when} applied" for id_, when in steps]


def _is_section(id_: Value, section: Value) -> bool:
    return type(id_) is int and id_ != 0 and isinstance(section, dict)


def _to_section(id_: int, section: RawSection) -> Section:
    line, code = get_section_line(section), get_section_source(section)
    at = make_unit_converter(line.text)
    runs = line.runs.get(ORIGIN_RUNS, ())
    spans = [
        OriginSpan(at(run.position), at(run.position + run.length), Origin.from_code(run.data), run.data)
        for run in runs
    ]
    return Section(line.text, tuple(spans), SectionKind.from_code(code), code, id_)


def _count_equal(some: Iterable[StyledLine], others: Iterable[StyledLine]) -> int:
    """Return how many items are equal, from the first on."""
    return sum(1 for _ in takewhile(bool, map(eq, some, others)))


def build_document(entropy: Entropy, now: int) -> str:
    """Return a document with an empty text."""
    root = _draw_id(entropy)
    history = build_history(root, now)
    fields: dict[str, Value] = {
        "sections": JsMap(),
        "order": [],
        "history": history,
        "dirtySections": JsMap(),
        "step": 0,
    }
    return to_base64(packb(Wrapped(DOCUMENT, fields)))


def _draw_id(entropy: Entropy) -> int:
    """Draw an id. It has more than 32 bits, so it is packed as the website packs its ids.

    See docs/protocol/content.md#72-ids.
    """
    return 2**50 + int.from_bytes(draw_bytes(entropy, 6))
