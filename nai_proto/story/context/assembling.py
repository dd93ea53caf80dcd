"""From the parts that are active to a context of a given size, in the numbered steps of the protocol.

See docs/protocol/content.md#85-order-and-reservation.

Parts are counted one by one, and joined they may have a few tokens more: a tokenizer does not keep to seams. So the whole is
encoded at the end. If it is too long, all is put together again with as much less room; budgets, reservations and shares
stay those of the full size. A second time is rare, and it costs little, since nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..config import ContextConfig
from .insertion import Block, Tree, insert, place, place_by_key, sliced, text_of
from .measuring import Meter
from .trimming import Trimmed, trim

__all__ = ["Assembly", "Candidate", "Finder", "Outcome", "assemble"]

Finder: TypeAlias = Callable[[str], tuple[int, int] | None]
"""Where in a text a key matches furthest down: start and end."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An active part that would be in the context."""

    owner: int
    "Which part it is."
    order: int
    "Its place in the natural order."
    config: ContextConfig
    text: str
    "Not empty."
    inside: Tree = ()
    "The blocks that the text of a sub-context consists of."
    location: int | None = None
    "Where in the story one of its keys matches furthest down, if that counts for the order."
    finder: Finder | None = None
    "Finds its keys, if its place is relative to them."

    def trimmed(self, allowed: int, meter: Meter) -> Trimmed | None:
        """What fits of it."""
        return trim(self.text, self.config, allowed, meter)

    def block(self, kept: Trimmed) -> Block:
        """What goes into the context."""
        inside = sliced(self.inside or (self.text,), kept.start, kept.end)
        return Block(self.owner, self.config.prefix, self.config.suffix, inside, self.config.allow_insertion_inside)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a candidate."""

    turn: int
    "When it was served: 0 is first."
    reserved: int
    "Tokens that were kept for it."
    allowed: int
    "Tokens that it might take when it was served."
    kept: Trimmed | None
    "What is left of it; None where nothing fitted."
    inserted: bool
    "False where nothing fitted, or where its keys are not in the context."
    by_budget: bool
    "Is it its own budget that allows no more?"

    @property
    def lacks_space(self) -> bool:
        """Is something of it not there because the context has no space for it?"""
        return not self.by_budget and (self.kept is None or (self.inserted and self.kept.unit is not None))


@dataclass(frozen=True, slots=True)
class Assembly:
    """A context that was put together."""

    tree: Tree
    text: str
    tokens: list[int]
    outcomes: dict[int, Outcome]
    "By owner."

    @property
    def lacks_space(self) -> bool:
        """Is something not there because there is no space for it?"""
        return any(outcome.lacks_space for outcome in self.outcomes.values())


def assemble(candidates: Sequence[Candidate], size: int, meter: Meter) -> Assembly:
    """A context of at most ``size`` tokens."""
    room = size
    while True:
        tree, outcomes = _once(candidates, size, room, meter)
        text = text_of(tree)
        tokens = meter.tokenizer.encode(text) if tree else []
        if len(tokens) <= max(size, 0):
            return Assembly(tree, text, tokens, outcomes)
        room -= len(tokens) - size


def _once(candidates: Sequence[Candidate], size: int, room: int, meter: Meter) -> tuple[Tree, dict[int, Outcome]]:
    # 1. What is kept for each: as much as it would use of its reservation.
    reserved = {each.owner: _reservation(each, size, meter) for each in candidates}
    # 2. Who is served first.
    order = sorted(candidates, key=lambda each: _precedence(each, reserved[each.owner]))
    tree: Tree = ()
    outcomes: dict[int, Outcome] = {}
    used, waiting = 0, sum(reserved.values())
    for turn, each in enumerate(order):
        # 3. What it may take: what is free, or what was kept for it; never more than there is.
        own = reserved[each.owner]
        waiting -= own
        budget = each.config.budget(size)
        allowed = min(budget, max(own, room - used - waiting), room - used)
        # 4. What fits.
        kept = each.trimmed(allowed, meter)
        # 5. Where it goes.
        at = None if kept is None else _place(each, tree, meter)
        outcomes[each.owner] = Outcome(turn, own, max(allowed, 0), kept, at is not None, allowed == budget < size)
        if kept is not None and at is not None:
            tree = insert(tree, at, each.block(kept), each.config)
            used += kept.tokens
    return tree, outcomes


def _reservation(candidate: Candidate, size: int, meter: Meter) -> int:
    kept = candidate.trimmed(candidate.config.reservation(size), meter)
    return 0 if kept is None else kept.tokens


def _precedence(candidate: Candidate, reserved: int) -> tuple[float, bool, bool, int, int]:
    location = candidate.location
    return (-candidate.config.budget_priority, not reserved, location is None, -(location or 0), candidate.order)


def _place(candidate: Candidate, tree: Tree, meter: Meter) -> int | None:
    """Where it goes; None if that is relative to a key which is not there."""
    config, text = candidate.config, text_of(tree)
    if candidate.finder is None:
        return place(text, config.insertion_position, config.insertion_type, meter)
    found = candidate.finder(text)
    return found and place_by_key(text, found, config.insertion_position, config.insertion_type, meter)
