"""A finished context, with a report on each part: whether it is in, why, where, and how much of it.

See docs/protocol/content.md#88-biases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from ..context_config import ContextKind, ContextUnit
from .allocation import AllocationOutcome
from .candidates import ContextCandidate, ContextMatch, ContextStatus
from .insertion import ContextTree, list_pieces
from .token_counters import TokenCounter

if TYPE_CHECKING:
    from ...text.models import Preamble
    from ...text.phrases import BanList, BiasGroup

__all__ = ["Context", "ContextBlock", "ContextRow", "make_blocks", "make_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRow:
    """The report on one part."""

    kind: ContextKind
    index: int
    "Its index among the parts of its kind."
    id: str
    name: str = field(repr=False)
    status: ContextStatus
    reason: str = field(repr=False)
    "The status in a sentence."
    active: bool
    "True if it takes part. Without a place in the context too: its biases count, and others may cascade from it."
    match: ContextMatch | None = None
    "The match of a key that made it active."
    category: str = ""
    "The id of the category of an entry, or of the category that a sub-context is of."
    spans: tuple[tuple[int, int], ...] = ()
    "Where it is in `Context.text`, prefix and suffix included: several where other parts are inside of it."
    tokens: int = 0
    "Of what is in the context, counted by itself, with prefix and suffix."
    turn: int | None = None
    "When it was served; 0 is first. Entries of a sub-context are served among themselves."
    reserved: int = 0
    "The tokens that were kept free for it."
    allowed: int = 0
    "The most tokens that it might take when it was served."
    trimmed: ContextUnit | None = None
    "The unit by which it was cut; None where it is whole or not in the context at all."
    dropped: int = 0
    "Characters that were cut off."

    @property
    def included(self) -> bool:
        """True if something of it is in the context."""
        return self.status.included


@dataclass(frozen=True, slots=True)
class ContextBlock:
    """A stretch of the context that belongs to one part."""

    row: int
    "The index of its part in `Context.rows`."
    kind: ContextKind
    start: int
    "In `Context.text`."
    text: str = field(repr=False)

    @property
    def end(self) -> int:
        """Where it ends in `Context.text`."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a model sees of a story."""

    tokens: list[int] = field(repr=False)
    "The prompt, preamble included."
    text: str = field(repr=False)
    "Without the preamble."
    preamble: Preamble | None
    "The preamble, if there is one in the prompt."
    blocks: tuple[ContextBlock, ...]
    "The text, part by part."
    rows: tuple[ContextRow, ...]
    "Each part once, in the natural order; sub-contexts last."
    size: int
    "The most tokens that it might have."
    full: bool
    "True if something was left out or cut because the context has no space for it, and not by its own budget."
    biases: tuple[BiasGroup, ...] = field(repr=False)
    "The biases of the story, and of entries and categories as far as they are active, for `nai_proto.text.generate`."
    bans: tuple[BanList, ...] = field(repr=False)
    "The bans that are on, for `nai_proto.text.generate`. `nai_proto.text.GlobalSettings` adds the ban of brackets."

    @property
    def prompt(self) -> str:
        """The text to send where text is sent: with the preamble, if that has a text."""
        return ((self.preamble and self.preamble.text) or "") + self.text


def make_blocks(candidates: Sequence[ContextCandidate], tree: ContextTree) -> tuple[ContextBlock, ...]:
    """Return the text of a context, part by part.

    Args:
        candidates: all of them.
        tree: the context.
    """
    blocks: list[ContextBlock] = []
    start = 0
    for number, pieces in groupby(list_pieces(tree), key=lambda piece: piece[0]):
        text = "".join([piece for _, piece in pieces])
        if text:
            blocks.append(ContextBlock(number, candidates[number].kind, start, text))
            start += len(text)
    return tuple(blocks)


def make_rows(
    candidates: Sequence[ContextCandidate],
    outcomes: Mapping[int, AllocationOutcome],
    blocks: Sequence[ContextBlock],
    counter: TokenCounter,
) -> tuple[ContextRow, ...]:
    """Return the report on each part.

    Args:
        candidates: all of them.
        outcomes: what those that take part were given, by their numbers.
        blocks: the text, as `make_blocks` returns it.
        counter: counts tokens.
    """
    blocks_of: dict[int, list[ContextBlock]] = {}
    for block in blocks:
        blocks_of.setdefault(block.row, []).append(block)
        parent = candidates[block.row].parent
        if parent is not None:
            blocks_of.setdefault(parent, []).append(block)
    return tuple(_make_row(each, outcomes, blocks_of.get(each.number, ()), counter) for each in candidates)


def _make_row(
    candidate: ContextCandidate,
    outcomes: Mapping[int, AllocationOutcome],
    blocks: Sequence[ContextBlock],
    counter: TokenCounter,
) -> ContextRow:
    outcome = outcomes.get(candidate.number)
    kept = outcome and outcome.kept
    affixes = len(candidate.config.prefix) + len(candidate.config.suffix)
    characters = sum(len(block.text) for block in blocks)
    status, reason = _explain(candidate, outcome, characters)
    tokens, trimmed, dropped = 0, None, 0
    if kept and characters:
        dropped = affixes + len(candidate.text) - characters
        tokens = kept.tokens
        trimmed = kept.unit
        if characters < affixes + kept.end - kept.start:  # it was cut together with its sub-context
            tokens = counter.count("".join([block.text for block in blocks]))
            trimmed = trimmed or _trim_unit(outcomes, candidate.parent)
    return ContextRow(
        kind=candidate.kind,
        index=candidate.index,
        id=candidate.id,
        name=candidate.name,
        status=status,
        reason=reason,
        active=candidate.activation.is_active,
        match=candidate.activation.match,
        category=candidate.category,
        spans=_join_spans(blocks),
        tokens=tokens,
        turn=None if outcome is None else outcome.turn,
        reserved=outcome.reserved if outcome else 0,
        allowed=outcome.allowed if outcome else 0,
        trimmed=trimmed,
        dropped=dropped,
    )


def _explain(
    candidate: ContextCandidate, outcome: AllocationOutcome | None, characters: int
) -> tuple[ContextStatus, str]:
    """Return the status of a part of which so many characters are in the context, and the reason."""
    activation = candidate.activation
    if not activation.is_active:
        return activation.status, activation.reason
    if outcome is None:
        lacks = "none of its entries takes part" if candidate.kind is ContextKind.SUBCONTEXT else "it has no text"
        return ContextStatus.NO_TEXT, lacks
    if outcome.kept is None:
        return ContextStatus.NO_SPACE, f"nothing of it fits into the {outcome.allowed} tokens that are left for it"
    if not outcome.inserted:
        return ContextStatus.NO_KEY_IN_CONTEXT, "it is placed relative to its key, which is not in the context"
    if not characters:
        return ContextStatus.NO_SPACE, "there is no space for it in its sub-context"
    return activation.status, activation.reason


def _trim_unit(outcomes: Mapping[int, AllocationOutcome], number: int | None) -> ContextUnit | None:
    """Return the unit by which the candidate with this number was cut, if it was."""
    outcome = outcomes.get(number) if number is not None else None
    return outcome.kept.unit if outcome and outcome.kept else None


def _join_spans(blocks: Iterable[ContextBlock]) -> tuple[tuple[int, int], ...]:
    """Return where blocks are; those that are side by side have one span."""
    spans: list[tuple[int, int]] = []
    for block in blocks:
        if spans and spans[-1][1] == block.start:
            spans[-1] = (spans[-1][0], block.end)
        else:
            spans.append((block.start, block.end))
    return tuple(spans)
