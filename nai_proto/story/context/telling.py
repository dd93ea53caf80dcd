"""What is told of a context that was put together.

See docs/protocol/content.md#88-biases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from ..config import ContextKind, ContextUnit
from .assembling import Outcome
from .entrants import Entrant
from .insertion import Tree, leaves
from .measuring import Meter
from .report import ContextBlock, ContextRow, ContextStatus

__all__ = ["blocks_of", "rows_of"]


def blocks_of(entrants: Sequence[Entrant], tree: Tree) -> tuple[ContextBlock, ...]:
    """The text, part by part."""
    blocks: list[ContextBlock] = []
    start = 0
    for owner, pieces in groupby(leaves(tree), key=lambda leaf: leaf[0]):
        text = "".join([piece for _, piece in pieces])
        if text:
            blocks.append(ContextBlock(owner, entrants[owner].kind, start, text))
            start += len(text)
    return tuple(blocks)


def rows_of(
    entrants: Sequence[Entrant], outcomes: Mapping[int, Outcome], blocks: Sequence[ContextBlock], meter: Meter
) -> tuple[ContextRow, ...]:
    """What became of each part.

    Args:
        entrants: the parts.
        outcomes: what became of those that took part, by their places in the row.
        blocks: where they are.
        meter: counts.
    """
    shown: dict[int, list[ContextBlock]] = {}
    for block in blocks:
        shown.setdefault(block.row, []).append(block)
        home = entrants[block.row].home
        if home is not None:
            shown.setdefault(home, []).append(block)
    return tuple(_row(entrants, outcomes, owner, shown.get(owner, ()), meter) for owner in range(len(entrants)))


def _row(
    entrants: Sequence[Entrant],
    outcomes: Mapping[int, Outcome],
    owner: int,
    blocks: Sequence[ContextBlock],
    meter: Meter,
) -> ContextRow:
    each, outcome = entrants[owner], outcomes.get(owner)
    kept = outcome and outcome.kept
    around = len(each.config.prefix) + len(each.config.suffix)
    characters = sum(len(block.text) for block in blocks)
    status, reason = _status(each, outcome, characters)
    tokens, trimmed, dropped = 0, None, 0
    if kept and characters:
        dropped = around + len(each.text) - characters
        tokens = kept.tokens
        trimmed = kept.unit
        if characters < around + kept.end - kept.start:  # cut with the sub-context that it is in
            tokens = meter.count("".join([block.text for block in blocks]))
            trimmed = trimmed or _unit_of(outcomes, each.home)
    return ContextRow(
        kind=each.kind,
        index=each.index,
        id=each.id,
        name=each.name,
        status=status,
        reason=reason,
        active=each.activation.active,
        match=each.activation.match,
        category=each.category,
        spans=_spans(blocks),
        tokens=tokens,
        turn=None if outcome is None else outcome.turn,
        reserved=outcome.reserved if outcome else 0,
        allowed=outcome.allowed if outcome else 0,
        trimmed=trimmed,
        dropped=dropped,
    )


def _status(each: Entrant, outcome: Outcome | None, characters: int) -> tuple[ContextStatus, str]:
    if not each.activation.active:
        return each.activation.status, each.activation.reason
    if outcome is None:
        lacks = "none of its entries is in it" if each.kind is ContextKind.SUBCONTEXT else "it has no text"
        return ContextStatus.NO_TEXT, lacks
    if outcome.kept is None:
        return ContextStatus.NO_SPACE, f"nothing of it fits into the {outcome.allowed} tokens that are left for it"
    if not outcome.inserted:
        return ContextStatus.NO_KEY_IN_CONTEXT, "its place is where its key is, which is not in the context"
    if not characters:
        return ContextStatus.NO_SPACE, "there is no space for it in its sub-context"
    return each.activation.status, each.activation.reason


def _unit_of(outcomes: Mapping[int, Outcome], owner: int | None) -> ContextUnit | None:
    outcome = outcomes.get(owner) if owner is not None else None
    return outcome.kept.unit if outcome and outcome.kept else None


def _spans(blocks: Iterable[ContextBlock]) -> tuple[tuple[int, int], ...]:
    spans: list[tuple[int, int]] = []
    for block in blocks:
        if spans and spans[-1][1] == block.start:
            spans[-1] = (spans[-1][0], block.end)
        else:
            spans.append((block.start, block.end))
    return tuple(spans)
