"""A story's context: what takes part, how it is put together, and what is told of it.

See docs/protocol/content.md#8-building-the-context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ...arguments import INTEGER, OPTIONAL_FUNCTION, TEXTS, TOKENIZER, check_type
from ...errors import InvalidRequestError
from ...text.models import Model
from ...text.modules import NO_MODULE, Module
from ...text.preambles import Preamble
from ...tier import Tier
from ..config import ContextKind
from ..lore.active import active_bans, active_biases
from .assembling import Candidate, Outcome, assemble
from .entrants import Entrant, entrants_of
from .measuring import Meter
from .parts import ContextParts
from .report import Context
from .rules import USUAL, ContextRules
from .telling import blocks_of, rows_of

if TYPE_CHECKING:
    from ...tokenizers.base import Tokenizer

__all__ = ["build_context", "context_size"]

_MORE: Final = 20  # tokens that are kept for a module, and for the end of a sentence


def context_size(
    model: Model | str, tier: Tier, *, max_length: int, module: Module | str | None = None, until_sentence: bool = False
) -> int:
    """How many tokens a prompt may have.

    See:
        docs/protocol/content.md#81-size
        docs/protocol/native.md#96-context-and-length-limits

    Args:
        model, tier: have a limit for prompt and answer together.
        max_length: how many tokens may be generated.
        module: that of the request, if it has one.
        until_sentence: may the answer go on until its sentence ends (``generate_until_sentence``)?

    Raises:
        InvalidRequestError: the limit is not known, or the model is not for this tier.
    """
    model = Model.named(model)
    check_type(tier, Tier, "tier", "a Tier")
    INTEGER.check(max_length, "max_length")
    if module is not None:
        check_type(module, (Module, str), "module", "a Module, a str or None")
    prefix = module.id if isinstance(module, Module) else module or NO_MODULE
    return model.context_limit(tier) - max_length - _MORE * (prefix != NO_MODULE) - _MORE * until_sentence


def build_context(
    parts: ContextParts,
    *,
    tokenizer: Tokenizer,
    size: int,
    preamble: Preamble | None = None,
    placeholders: Mapping[str, str] | None = None,
    chance: Callable[[], float] | None = None,
    rules: ContextRules = USUAL,
) -> Context:
    """The context of a story, as the website builds it for models that go on with a text.

    Costs time in proportion to the size, and to the length of the texts: in a flow, use `compute`.

    See docs/protocol/content.md#87-preamble.

    Args:
        parts: what can be in it.
        tokenizer: the model's.
        size: how many tokens it may have at most: `context_size`.
        preamble: the model's. It takes its tokens from the size in any case; it is put in front where the context is not
            `Context.full`, or always if it says so.
        placeholders: what goes into their places, by key.
        chance: draws a number from 0 to below 1 for a condition that asks for one; without it such conditions do not hold.
        rules: choices where the sources disagree.

    Raises:
        InvalidRequestError: the size is negative.
    """
    check_type(parts, ContextParts, "parts", "ContextParts")
    TOKENIZER.check(tokenizer, "tokenizer")
    INTEGER.check(size, "size")
    if preamble is not None:
        check_type(preamble, Preamble, "preamble", "a Preamble or None")
    if placeholders is not None:
        TEXTS.convert(placeholders, "placeholders")
    OPTIONAL_FUNCTION.check(chance, "chance")
    check_type(rules, ContextRules, "rules", "ContextRules")
    if size < 0:
        raise InvalidRequestError(
            f"a context of {size} tokens: the answer leaves no room for a prompt", parameter="size"
        )
    meter = Meter(tokenizer)
    # 8.1.5. What stands in front takes its tokens, used or not.
    room = max(0, size - len(preamble.tokens)) if preamble else size
    # 8.2. What takes part.
    entrants = entrants_of(parts, placeholders or {}, rules, chance)
    # 8.4. The sub-contexts, each by itself.
    outcomes: dict[int, Outcome] = {}
    full = False
    for home, each in enumerate(entrants):
        if each.kind is ContextKind.SUBCONTEXT:
            budget = each.config.budget(room)
            inside = assemble(_candidates(entrants, home), min(room, budget), meter)
            entrants[home] = replace(each, text=inside.text, inside=inside.tree)
            outcomes |= inside.outcomes
            full |= budget >= room and inside.lacks_space
    # 8.5. They, and all that is in none of them.
    whole = assemble(_candidates(entrants, None), room, meter)
    outcomes |= whole.outcomes
    # 8.8. What became of each.
    blocks = blocks_of(entrants, whole.tree)
    rows = rows_of(entrants, outcomes, blocks, meter)
    active = {row.id for row in rows if row.kind is ContextKind.LORE and row.active}
    # 8.7. What stands in front.
    full |= whole.lacks_space
    in_front = preamble if preamble and len(preamble.tokens) <= size and (preamble.always or not full) else None
    return Context(
        tokens=[*(in_front.tokens if in_front else ()), *whole.tokens],
        text=whole.text,
        preamble=in_front,
        blocks=blocks,
        rows=rows,
        biases=active_biases(parts.biases, parts.lorebook, active),
        bans=active_bans(parts.bans),
        size=size,
        full=full,
    )


def _candidates(entrants: Sequence[Entrant], home: int | None) -> list[Candidate]:
    """Those that take part in a sub-context, or in the context itself."""
    return [each.candidate(owner) for owner, each in enumerate(entrants) if each.home == home and each.takes_part]
