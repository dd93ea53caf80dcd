"""A document's sections in their order, and what the steps of its history do to them.

The order is a ring of ids, each knowing those beside it, which begins and ends at 0: a step costs as much wherever its
section stands, so that a replay is linear. What a step did is written into a journal, which undoes it exactly.

See:
    docs/protocol/content.md#73-sections
    docs/protocol/content.md#74-steps
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from ...codecs.msgpackr import UNDEFINED, Map, Value
from ...errors import Damaged, InvalidRequestError
from .differences import RawSection, applied, damaged, has_text, runs_in, same_section, text_of, undone
from .work import RUN, Work, cost

__all__ = ["CREATE", "REMOVE", "UPDATE", "Journal", "Move", "Paragraphs", "RawStep", "steps_of"]

RawStep: TypeAlias = "dict[str, Value]"
CREATE, UPDATE, REMOVE = 0, 1, 2
"""Types of steps."""
_EDGE = 0
"""Stands where the text begins and ends; no section has this id."""


class Move(NamedTuple):
    """Takes a section away, puts one behind another, or exchanges one."""

    id: int
    section: RawSection | None
    "What is there then; None to take it away."
    after: int | None = None
    "Behind which it is put; None where one is there already."


Journal: TypeAlias = list[Move]
"""What undoes, from its end on."""


class Paragraphs:
    """Sections in their order.

    Args:
        sections: by id; those that are not in ``order`` are not part of the story.
        order: ids, each once. One without a section keeps its place.
    """

    def __init__(self, sections: Mapping[int, RawSection] | None = None, order: Iterable[int] = ()) -> None:
        self.sections = dict(sections or {})
        self._next = {_EDGE: _EDGE}
        self._before = {_EDGE: _EDGE}
        for id_ in order:
            self._link(id_, self.last)

    @property
    def last(self) -> int:
        """The id at the end; 0 if there is none."""
        return self._before[_EDGE]

    def __iter__(self) -> Iterator[int]:
        """The ids in order."""
        at = self._next[_EDGE]
        while at != _EDGE:
            yield at
            at = self._next[at]

    def __contains__(self, id: object) -> bool:  # noqa: A002
        return id in self._next and id != _EDGE

    def shown(self, *, backwards: bool = False) -> Iterator[tuple[int, RawSection]]:
        """The sections that have a text, in order."""
        sections, ids = self.sections, self._from_behind() if backwards else iter(self)
        return ((id_, sections[id_]) for id_ in ids if has_text(sections.get(id_)))

    def between(self, first: int, last: int) -> list[tuple[int, RawSection]]:
        """Those from one to another; none, if there are none at all.

        Raises:
            InvalidRequestError: they stand the other way round.
        """
        found: list[tuple[int, RawSection]] = []
        at = first
        while at != _EDGE:
            if has_text(self.sections.get(at)):
                found.append((at, self.sections[at]))
            if at == last:
                return found
            at = self._next[at]
        if first == last:
            return []
        raise InvalidRequestError("a piece of text ends before it begins", parameter="end")

    def _from_behind(self) -> Iterator[int]:
        at = self.last
        while at != _EDGE:
            yield at
            at = self._before[at]

    def text(self) -> str:
        """The whole text."""
        return "\n".join([text_of(section) for _, section in self.shown()])

    def before(self, id: int) -> int:  # noqa: A002
        """The id in front of one; 0 if that is the first."""
        return self._before[id]

    def copy(self) -> Paragraphs:
        """Another one with the same sections."""
        return Paragraphs(self.sections, self)

    def same(self, other: Paragraphs) -> bool:
        """Do they show the same?"""
        mine, theirs = list(self.shown()), list(other.shown())
        return [id_ for id_, _ in mine] == [id_ for id_, _ in theirs] and all(
            same_section(one, another) for (_, one), (_, another) in zip(mine, theirs, strict=True)
        )

    # ---- steps

    def apply(self, changes: Value, work: Work) -> Journal:
        """Does what a node says; all of it or, if something is wrong, nothing.

        Raises:
            Damaged: it does not fit what is there.
            LimitExceeded: it is too much work.
        """
        return self._all(self._done(id_, step, work) for id_, step in steps_of(changes))

    def undo(self, changes: Value, work: Work) -> Journal:
        """Undoes what a node says, made from that alone: exact but for runs that went with it; raises as `apply`."""
        return self._all(self._undone(id_, step, work) for id_, step in reversed(steps_of(changes)))

    def revert(self, journal: Journal) -> None:
        """Undoes what `apply` or `undo` did last, exactly."""
        for move in reversed(journal):
            self._move(move)

    def shows(self, id_: int, step: RawStep, work: Work) -> bool:
        """Does a step that may or may not have been done seem to be done? An insertion is, where its text stands.

        Raises:
            Damaged: neither can be.
            LimitExceeded: it is too much work.
        """
        if step.get("type") != UPDATE:
            return (id_ in self) == (step.get("type") == CREATE)
        section = self._copied(id_, work)
        try:
            undone(section, step.get("diff"))
        except Damaged:
            applied(section, step.get("diff"))
            return False
        return True

    def _all(self, moves: Iterable[Move]) -> Journal:
        journal: Journal = []
        try:
            for move in moves:
                journal.append(self._move(move))
        except Exception:
            self.revert(journal)
            raise
        return journal

    def _move(self, move: Move) -> Move:
        """Makes a move, and gives the one that undoes it."""
        id_, section, after = move
        if section is None:
            gone, before = self.sections.pop(id_), self._before.pop(id_)
            following = self._next.pop(id_)
            self._next[before], self._before[following] = following, before
            return Move(id_, gone, before)
        if after is not None:
            self.sections[id_] = section
            self._link(id_, after)
            return Move(id_, None)
        was, self.sections[id_] = self.sections[id_], section
        return Move(id_, was)

    def _done(self, id_: int, step: RawStep, work: Work) -> Move:
        match step:
            case {"type": 0, "section": dict(section)} if id_ not in self:
                return Move(id_, section, self._anchor(step))
            case {"type": 1}:
                return Move(id_, applied(self._copied(id_, work), step.get("diff")))
            case {"type": 2}:
                self._there(id_)
                return Move(id_, None)
            case _:
                raise damaged("a step that cannot be done")

    def _undone(self, id_: int, step: RawStep, work: Work) -> Move:
        match step:
            case {"type": 0}:
                self._there(id_)
                return Move(id_, None)
            case {"type": 1}:
                return Move(id_, undone(self._copied(id_, work), step.get("diff")))
            case {"type": 2, "previous": dict(section)} if id_ not in self:
                return Move(id_, section, self._anchor(step))
            case _:
                raise damaged("a step that cannot be undone")

    def _copied(self, id_: int, work: Work) -> RawSection:
        """A section of which a changed copy is made."""
        section = self._there(id_)
        work.spend(cost(text_of(section)) + RUN * sum(map(len, runs_in(section).values())))
        return section

    def _there(self, id_: int) -> RawSection:
        section = self.sections.get(id_)
        if section is None or id_ not in self:
            raise damaged("a section is changed that is not there")
        return section

    def _anchor(self, step: RawStep) -> int:
        after = step.get("after")
        if after is UNDEFINED or after is None:
            return self.last
        if type(after) is not int or after not in self._next:
            raise damaged("a section is put behind one that is not there")
        return after

    # ---- the ring

    def _link(self, id_: int, after: int) -> None:
        following = self._next[after]
        self._next[after] = self._before[following] = id_
        self._before[id_], self._next[id_] = after, following


def steps_of(changes: Value) -> list[tuple[int, RawStep]]:
    """The steps of a node, with the ids of their sections. Raises Damaged."""
    if not isinstance(changes, Map):
        raise damaged("a node has no Map of changes")
    steps: list[tuple[int, RawStep]] = []
    for id_, step in changes.pairs:
        if type(id_) is not int or id_ == _EDGE or not isinstance(step, dict):
            raise damaged("a step is not whole")
        steps.append((id_, step))
    return steps
