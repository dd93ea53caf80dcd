"""Give each part of a context its tokens, and put the parts together, in the numbered steps of the protocol.

See docs/protocol/content.md#85-order-and-reservation.

Parts are counted one by one. Joined they may have a few tokens more, since tokens can run across the seams. So the whole is
encoded at the end. If it is too long, all is put together again with as many tokens less to give away; budgets, reservations
and shares stay those of the full size. A second pass is rare and cheap, since no text is counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..jsregex.step_budget import StepBudget
from ..lore.search_text import SearchText
from .candidates import ContextCandidate
from .insertion import ContextTree, TreeNode, find_place, find_place_by_key, insert, join_text, slice_tree
from .token_counters import TokenCounter
from .trimming import TrimResult, trim

__all__ = ["Allocation", "AllocationOutcome", "allocate"]


@dataclass(frozen=True, slots=True)
class AllocationOutcome:
    """What a candidate was given."""

    turn: int
    "When it was served; 0 is first."
    reserved: int
    "The tokens that were kept free for it."
    allowed: int
    "The most tokens that it might take when it was served."
    kept: TrimResult | None
    "What is left of its text; None where nothing fitted."
    inserted: bool
    "False where nothing fitted, or where its place is relative to a key that is not in the context."
    limited_by_budget: bool
    "True if its own budget, not the context, allowed no more."

    @property
    def lacks_space(self) -> bool:
        """True if something of it was left out because the context has no space for it."""
        return not self.limited_by_budget and (self.kept is None or (self.inserted and self.kept.unit is not None))


@dataclass(frozen=True, slots=True)
class Allocation:
    """The parts of a context, put together."""

    tree: ContextTree = field(repr=False)
    text: str = field(repr=False)
    tokens: list[int] = field(repr=False)
    outcomes: dict[int, AllocationOutcome]
    "By the numbers of the candidates."

    @property
    def lacks_space(self) -> bool:
        """True if something was left out because there is no space for it."""
        return any(outcome.lacks_space for outcome in self.outcomes.values())


def allocate(
    candidates: Sequence[ContextCandidate], size: int, counter: TokenCounter, budget: StepBudget
) -> Allocation:
    """Put candidates together into at most ``size`` tokens.

    Args:
        candidates: all of them take part.
        size: tokens.
        counter: counts tokens.
        budget: for the searches for keys that places are relative to.

    Raises:
        LimitExceeded: these searches take more steps than the budget has.
    """
    available = size
    while True:
        tree, outcomes = _allocate_once(candidates, size, available, counter, budget)
        text = join_text(tree)
        tokens = counter.encode(text)
        excess = counter.count(text) - max(size, 0)
        if excess <= 0:
            return Allocation(tree, text, tokens, outcomes)
        available -= excess


def _allocate_once(
    candidates: Sequence[ContextCandidate], size: int, available: int, counter: TokenCounter, budget: StepBudget
) -> tuple[ContextTree, dict[int, AllocationOutcome]]:
    """Put candidates together once, with ``available`` tokens to give away in a context of ``size``."""
    # 1. Reserve tokens for each: as many as it would use of its reservation.
    reserved = {each.number: _reserve(each, size, counter) for each in candidates}
    # 2. Order: who is served first.
    order = sorted(candidates, key=lambda each: _precedence(each, reserved[each.number]))
    tree: ContextTree = ()
    outcomes: dict[int, AllocationOutcome] = {}
    used, still_reserved = 0, sum(reserved.values())
    for turn, each in enumerate(order):
        # 3. Allow what is free, or what was reserved for it, but never more than there is.
        own = reserved[each.number]
        still_reserved -= own
        share = each.config.budget(size)
        allowed = min(share, max(own, available - used - still_reserved), available - used)
        # 4. Trim.
        kept = trim(each.text, each.config, allowed, counter)
        # 5. Insert.
        at = None if kept is None else _find_place(each, tree, counter, budget)
        limited_by_budget = allowed == share < size
        outcomes[each.number] = AllocationOutcome(turn, own, max(allowed, 0), kept, at is not None, limited_by_budget)
        if kept is not None and at is not None:
            tree = insert(tree, at, _make_node(each, kept), each.config)
            used += kept.tokens
    return tree, outcomes


def _reserve(candidate: ContextCandidate, size: int, counter: TokenCounter) -> int:
    kept = trim(candidate.text, candidate.config, candidate.config.reservation(size), counter)
    return 0 if kept is None else kept.tokens


def _precedence(candidate: ContextCandidate, reserved: int) -> tuple[float, bool, bool, int, int]:
    location = candidate.location
    return (-candidate.config.budget_priority, not reserved, location is None, -(location or 0), candidate.order)


def _find_place(
    candidate: ContextCandidate, tree: ContextTree, counter: TokenCounter, budget: StepBudget
) -> int | None:
    """Return where a candidate goes; None if its place is relative to a key that is not in the context."""
    config, text = candidate.config, join_text(tree)
    matcher = candidate.place_matcher
    if matcher is None:
        return find_place(text, config.insertion_position, config.insertion_type, counter)
    budget.spender = candidate.name
    match = matcher.find_last(SearchText(text, 0, budget))
    return match and find_place_by_key(text, match[:2], config.insertion_position, config.insertion_type, counter)


def _make_node(candidate: ContextCandidate, kept: TrimResult) -> TreeNode:
    config = candidate.config
    inside = slice_tree(candidate.tree or (candidate.text,), kept.start, kept.end)
    return TreeNode(candidate.number, config.prefix, config.suffix, inside, config.allow_insertion_inside)
