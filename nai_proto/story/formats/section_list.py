"""The sections of a document in their order, and the steps of its history that change them.

The order is a doubly linked ring of ids that begins and ends at 0. A step costs the same wherever its section is, so a
replay is linear. Each step records in a journal how to undo it exactly.

See:
    docs/protocol/content.md#73-sections
    docs/protocol/content.md#74-steps
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from ...codecs.msgpackr import UNDEFINED, JsMap, Value
from ...errors import Damaged, InvalidRequestError
from .section_differences import (
    RawSection,
    apply_difference,
    get_raw_runs,
    get_section_text,
    has_text,
    is_same_section,
    make_history_error,
    undo_difference,
)
from .story_text import RUN_COST, ReplayWork, estimate_copy_cost

__all__ = [
    "CREATE",
    "REMOVE",
    "UPDATE",
    "Journal",
    "JournalCache",
    "RawStep",
    "SectionList",
    "SectionMove",
    "parse_steps",
]

RawStep: TypeAlias = "dict[str, Value]"
CREATE, UPDATE, REMOVE = 0, 1, 2
"""The types of steps."""
_EDGE = 0
"""The id of the place where the text begins and ends; no section has it."""
_MAX_CHARACTERS_KEPT: Final = 2**26
"""The characters of old sections that journals keep."""


class SectionMove(NamedTuple):
    """One change of the list: it removes, inserts or replaces a section."""

    id: int
    section: RawSection | None
    "The new section; None to remove it."
    after: int | None = None
    "The id behind which to insert it; None to replace a section."


Journal: TypeAlias = list[SectionMove]
"""Moves that undo changes when they are made from the last to the first."""


class SectionList:
    """Sections in their order.

    Args:
        sections: by id; sections that are not in ``order`` are not part of the text.
        order: ids, each once. An id without a section keeps its place.
    """

    def __init__(self, sections: Mapping[int, RawSection] | None = None, order: Iterable[int] = ()) -> None:
        self.sections = dict(sections or {})
        self._next = {_EDGE: _EDGE}
        self._before = {_EDGE: _EDGE}
        for id_ in order:
            self._link(id_, self.last)

    @property
    def last(self) -> int:
        """The last id; 0 if there is none."""
        return self._before[_EDGE]

    def __iter__(self) -> Iterator[int]:
        """Yield the ids in order."""
        at = self._next[_EDGE]
        while at != _EDGE:
            yield at
            at = self._next[at]

    def __contains__(self, id: object) -> bool:  # noqa: A002
        return id in self._next and id != _EDGE

    def iter_sections(self, *, backwards: bool = False) -> Iterator[tuple[int, RawSection]]:
        """Yield the sections that have a text, in order."""
        sections, ids = self.sections, self._iter_backwards() if backwards else iter(self)
        return ((id_, sections[id_]) for id_ in ids if has_text(sections.get(id_)))

    def get_range(self, first: int, last: int) -> list[tuple[int, RawSection]]:
        """Return the sections from one to another; empty if the list is empty.

        Raises:
            InvalidRequestError: the last comes before the first.
        """
        sections: list[tuple[int, RawSection]] = []
        at = first
        while at != _EDGE:
            if has_text(self.sections.get(at)):
                sections.append((at, self.sections[at]))
            if at == last:
                return sections
            at = self._next[at]
        if first == last:
            return []
        raise InvalidRequestError("a range of text ends before it begins", parameter="end")

    def _iter_backwards(self) -> Iterator[int]:
        at = self.last
        while at != _EDGE:
            yield at
            at = self._before[at]

    def get_text(self) -> str:
        """Return the whole text."""
        return "\n".join([get_section_text(section) for _, section in self.iter_sections()])

    def get_previous(self, id: int) -> int:  # noqa: A002
        """Return the id in front of another; 0 for the first."""
        return self._before[id]

    def copy(self) -> SectionList:
        """Return another list with these sections."""
        return SectionList(self.sections, self)

    def is_equivalent(self, other: SectionList) -> bool:
        """Return whether both lists have the same visible sections."""
        mine, theirs = list(self.iter_sections()), list(other.iter_sections())
        return [id_ for id_, _ in mine] == [id_ for id_, _ in theirs] and all(
            is_same_section(one, another) for (_, one), (_, another) in zip(mine, theirs, strict=True)
        )

    # ---- steps

    def apply(self, changes: Value, work: ReplayWork) -> Journal:
        """Apply the changes of a node; all of them or, if one fails, none.

        Returns:
            The journal that undoes them.

        Raises:
            Damaged: a change does not fit the sections.
            LimitExceeded: the changes take too much work.
        """
        steps = _order_steps(parse_steps(changes), insertion=CREATE)
        return self._make_moves(self._plan_step(id_, step, work) for id_, step in steps)

    def undo(self, changes: Value, work: ReplayWork) -> Journal:
        """Undo the changes of a node without a journal; runs that the changes removed are lost. Raises as `apply`."""
        steps = _order_steps(parse_steps(changes)[::-1], insertion=REMOVE)
        return self._make_moves(self._plan_undo(id_, step, work) for id_, step in steps)

    def revert(self, journal: Journal) -> None:
        """Undo exactly what the last `apply` or `undo` did."""
        for move in reversed(journal):
            self._make_move(move)

    def is_applied(self, id_: int, step: RawStep, work: ReplayWork) -> bool:
        """Return whether the sections look as if a step was applied; it counts as applied if it can be undone.

        Raises:
            Damaged: the step can neither be undone nor applied.
            LimitExceeded: the step takes too much work.
        """
        if step.get("type") != UPDATE:
            return (id_ in self) == (step.get("type") == CREATE)
        section = self._get_section_to_copy(id_, work)
        try:
            undo_difference(section, step.get("diff"))
        except Damaged:
            apply_difference(section, step.get("diff"))
            return False
        return True

    def _make_moves(self, moves: Iterable[SectionMove]) -> Journal:
        journal: Journal = []
        try:
            for move in moves:
                journal.append(self._make_move(move))
        except Exception:
            self.revert(journal)
            raise
        return journal

    def _make_move(self, move: SectionMove) -> SectionMove:
        """Make a move, and return the move that undoes it."""
        id_, section, after = move
        if section is None:
            gone, before = self.sections.pop(id_), self._before.pop(id_)
            following = self._next.pop(id_)
            self._next[before], self._before[following] = following, before
            return SectionMove(id_, gone, before)
        if after is not None:
            self.sections[id_] = section
            self._link(id_, after)
            return SectionMove(id_, None)
        was, self.sections[id_] = self.sections[id_], section
        return SectionMove(id_, was)

    def _plan_step(self, id_: int, step: RawStep, work: ReplayWork) -> SectionMove:
        match step:
            case {"type": 0, "section": dict(section)} if id_ not in self:
                return SectionMove(id_, section, self._get_anchor(step))
            case {"type": 1}:
                return SectionMove(id_, apply_difference(self._get_section_to_copy(id_, work), step.get("diff")))
            case {"type": 2}:
                self._get_section(id_)
                return SectionMove(id_, None)
            case _:
                raise make_history_error("a step cannot be applied")

    def _plan_undo(self, id_: int, step: RawStep, work: ReplayWork) -> SectionMove:
        match step:
            case {"type": 0}:
                self._get_section(id_)
                return SectionMove(id_, None)
            case {"type": 1}:
                return SectionMove(id_, undo_difference(self._get_section_to_copy(id_, work), step.get("diff")))
            case {"type": 2, "previous": dict(section)} if id_ not in self:
                return SectionMove(id_, section, self._get_anchor(step))
            case _:
                raise make_history_error("a step cannot be undone")

    def _get_section_to_copy(self, id_: int, work: ReplayWork) -> RawSection:
        """Return a section of which a changed copy will be made, and count the copy."""
        section = self._get_section(id_)
        work.spend(
            estimate_copy_cost(get_section_text(section)) + RUN_COST * sum(map(len, get_raw_runs(section).values()))
        )
        return section

    def _get_section(self, id_: int) -> RawSection:
        section = self.sections.get(id_)
        if section is None or id_ not in self:
            raise make_history_error("a step changes a section that does not exist")
        return section

    def _get_anchor(self, step: RawStep) -> int:
        after = step.get("after")
        if after is UNDEFINED or after is None:
            return self.last
        if type(after) is not int or after not in self._next:
            raise make_history_error("a step inserts a section behind one that does not exist")
        return after

    # ---- the ring

    def _link(self, id_: int, after: int) -> None:
        following = self._next[after]
        self._next[after] = self._before[following] = id_
        self._before[id_], self._next[id_] = after, following


def _order_steps(steps: list[tuple[int, RawStep]], *, insertion: int) -> Iterator[tuple[int, RawStep]]:
    """Yield the steps of one Map in the order in which each finds the section behind which it inserts.

    An insertion waits for its anchor where that is inserted later in the Map, and an anchor is removed last. Otherwise the
    order of the Map stays: of several insertions behind one anchor, the later one ends up nearest to it.

    Args:
        steps: with the ids of their sections.
        insertion: the type of the steps that insert: `CREATE`, or `REMOVE` where steps are undone.
    """
    inserting = [(id_, step) for id_, step in steps if step.get("type") == insertion]
    missing = {id_ for id_, _ in inserting}
    waiting: dict[Value, list[tuple[int, RawStep]]] = {}
    for first in inserting:
        todo = [first]
        while todo:
            id_, step = todo.pop()
            anchor = step.get("after")
            if type(anchor) is int and anchor in missing:
                waiting.setdefault(anchor, []).append((id_, step))
            else:
                yield id_, step
                missing.discard(id_)
                todo += reversed(waiting.pop(id_, ()))
    yield from (each for stuck in waiting.values() for each in stuck)  # they wait in a circle, and cannot be applied
    others = [(id_, step) for id_, step in steps if step.get("type") != insertion]
    yield from sorted(others, key=lambda each: each[1].get("type") in (CREATE, REMOVE))


class JournalCache:
    """Journals by node, up to a bound on their size; the oldest ones are dropped first."""

    def __init__(self) -> None:
        self._journals: dict[int, tuple[Journal, int]] = {}
        self._size = 0

    def __contains__(self, node: int) -> bool:
        return node in self._journals

    def keep(self, node: int, journal: Journal) -> None:
        """Keep the journal of a node."""
        size = sum(len(get_section_text(section)) for _, section, _ in journal if section is not None)
        self._journals[node] = journal, size
        self._size += size
        while self._size > _MAX_CHARACTERS_KEPT:
            self.take(next(iter(self._journals)))

    def take(self, node: int) -> Journal | None:
        """Remove the journal of a node and return it; None if it is not kept."""
        journal, size = self._journals.pop(node, (None, 0))
        self._size -= size
        return journal


def parse_steps(changes: Value) -> list[tuple[int, RawStep]]:
    """Return the steps of a node with the ids of their sections.

    Raises:
        Damaged: the changes are malformed.
    """
    if not isinstance(changes, JsMap):
        raise make_history_error("a node has no Map of changes")
    steps: list[tuple[int, RawStep]] = []
    for id_, step in changes.pairs:
        if type(id_) is not int or id_ == _EDGE or not isinstance(step, dict):
            raise make_history_error("a step is malformed")
        steps.append((id_, step))
    return steps
