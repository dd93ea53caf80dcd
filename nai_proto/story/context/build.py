"""Build the context of a story, and chat messages from it.

See docs/protocol/content.md#8-building-the-context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from ...arguments import INTEGER, LIMITS, OPTIONAL_FUNCTION, TEXT, TEXTS, TOKENIZER, check_type
from ...errors import InvalidRequestError
from ...limits import Limits
from ...text.models import Model, Preamble
from ...text.modules import NO_MODULE, Module
from ...tier import Tier
from ..context_config import ContextKind
from ..lore.active_biases import select_bans, select_biases
from ..lore.search_text import SearchTexts
from .activation import activate
from .allocation import AllocationOutcome, allocate
from .candidates import ContextCandidate, list_candidates
from .parts import DEFAULT_RULES, ContextParts, ContextRules
from .report import Context, make_blocks, make_rows
from .token_counters import TokenCounter, TokenizerCounter
from .trimming import count_whole_texts

if TYPE_CHECKING:
    from ...openai.request_options import MessageDict
    from ...tokenizers.base import Tokenizer

__all__ = ["assemble_context", "build_chat_messages", "build_context", "context_size"]

_EXTRA_TOKENS: Final = 20
"""Are kept free for a module, and as many again for the end of a sentence."""


def context_size(
    model: Model | str, tier: Tier, *, max_length: int, module: Module | str | None = None, until_sentence: bool = False
) -> int:
    """Return how many tokens a prompt may have.

    See:
        docs/protocol/content.md#81-size
        docs/protocol/native.md#96-context-and-length-limits

    Args:
        model, tier: set the limit for prompt and answer together.
        max_length: how many tokens may be generated.
        module: of the request, if it has one.
        until_sentence: whether the answer may go on until its sentence ends (``generate_until_sentence``).

    Raises:
        InvalidRequestError: the limit is not known, or the model is not available in this tier.
    """
    model = Model.named(model)
    check_type(tier, Tier, "tier", "a Tier")
    INTEGER.check(max_length, "max_length")
    if module is not None:
        check_type(module, (Module, str), "module", "a Module, a str or None")
    prefix = module.id if isinstance(module, Module) else module or NO_MODULE
    extra = _EXTRA_TOKENS * (prefix != NO_MODULE) + _EXTRA_TOKENS * until_sentence
    return model.context_limit(tier) - max_length - extra


def build_context(
    parts: ContextParts,
    *,
    tokenizer: Tokenizer,
    size: int,
    preamble: Preamble | None = None,
    placeholders: Mapping[str, str] | None = None,
    chance: Callable[[], float] | None = None,
    rules: ContextRules = DEFAULT_RULES,
    limits: Limits = Limits(),
) -> Context:
    """Build the context of a story, as the website does it for models that continue a text.

    The time it takes is proportional to the size and to the length of the texts; in a flow, use `compute`.

    See docs/protocol/content.md#87-preamble.

    Args:
        parts: what can be in the context.
        tokenizer: of the model.
        size: the most tokens, as `context_size` returns them; at least 0.
        preamble: of the model. Its tokens are taken from the size in any case. It is put in front of the context unless that
            is `Context.full`, or always if `Preamble.always` is true.
        placeholders: values to fill in, by key.
        chance: draws a number from 0 to below 1 for each condition that needs one. None: such conditions do not hold.
        rules: decide where the sources disagree.
        limits: for keys, and for all searches for them together: `Limits.lore_steps`.

    Raises:
        InvalidRequestError: the size is negative.
        LimitExceeded: the searches take too many steps.
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
    LIMITS.check(limits, "limits")
    if size < 0:
        raise InvalidRequestError(
            f"a context of {size} tokens: the answer leaves no room for a prompt", parameter="size"
        )
    return assemble_context(
        parts,
        TokenizerCounter(tokenizer),
        size=size,
        preamble=preamble,
        placeholders=placeholders or {},
        chance=chance,
        rules=rules,
        limits=limits,
    )


def assemble_context(
    parts: ContextParts,
    counter: TokenCounter,
    *,
    size: int,
    preamble: Preamble | None = None,
    placeholders: Mapping[str, str],
    chance: Callable[[], float] | None,
    rules: ContextRules,
    limits: Limits,
) -> Context:
    """Do `build_context` with a counter in place of the tokenizer, and with arguments that are right.

    Args:
        counter: counts tokens.
        parts, size, preamble, placeholders, chance, rules, limits: as for `build_context`.

    Raises:
        LimitExceeded: as for `build_context`.
    """
    # The preamble takes its tokens from the size, used or not (docs/protocol/content.md#81-size).
    available = max(0, size - len(preamble.tokens)) if preamble else size
    texts = SearchTexts(limits)
    candidates = list_candidates(parts, placeholders, texts)
    candidates = activate(candidates, parts, placeholders, rules, chance, texts)
    count_whole_texts([(each.text, each.config) for each in candidates if each.takes_part], available, counter)
    # Each sub-context is put together by itself (docs/protocol/content.md#84-sub-contexts).
    outcomes: dict[int, AllocationOutcome] = {}
    full = False
    for each in candidates:
        if each.kind is ContextKind.SUBCONTEXT:
            budget = each.config.budget(available)
            inside = allocate(_taking_part(candidates, each.number), min(available, budget), counter, texts.budget)
            candidates[each.number] = replace(each, text=inside.text, tree=inside.tree)
            outcomes |= inside.outcomes
            full |= budget >= available and inside.lacks_space
    # Then the whole, of sub-contexts and of all that is in none of them.
    whole = allocate(_taking_part(candidates, None), available, counter, texts.budget)
    outcomes |= whole.outcomes
    full |= whole.lacks_space
    blocks = make_blocks(candidates, whole.tree)
    rows = make_rows(candidates, outcomes, blocks, counter)
    active = {row.index for row in rows if row.kind is ContextKind.LORE and row.active}
    in_front = preamble if preamble and len(preamble.tokens) <= size and (preamble.always or not full) else None
    return Context(
        tokens=[*(in_front.tokens if in_front else ()), *whole.tokens],
        text=whole.text,
        preamble=in_front,
        blocks=blocks,
        rows=rows,
        biases=select_biases(parts.biases, parts.lorebook, active),
        bans=select_bans(parts.bans),
        size=size,
        full=full,
    )


def _taking_part(candidates: Sequence[ContextCandidate], parent: int | None) -> list[ContextCandidate]:
    """Return the candidates that take part in a sub-context, or in the context itself if ``parent`` is None."""
    return [each for each in candidates if each.parent == parent and each.takes_part]


def build_chat_messages(context: Context, *, system_prompt: str = "", prefill: str = "") -> list[MessageDict]:
    """Return a context as messages, for models that chat.

    How the website lays them out is not public; this layout is our own:

    1. the system prompt, as a system message;
    2. the context in its order: each stretch of the story is a message of the assistant, and what is between, such as
       memory, lore and notes, is a system message;
    3. the prefill, as a last message of the assistant, which the answer continues.

    The texts of 2 are not changed: joined, they are the text of the context. A message without a text is left out.

    See docs/protocol/content.md#89-chat-format-models.

    Args:
        context: built for a size that leaves room for system prompt, prefill, and what the model puts around each message.
        system_prompt, prefill: the story's ``messageSettings``.
    """
    check_type(context, Context, "context", "a Context")
    TEXT.check(system_prompt, "system_prompt")
    TEXT.check(prefill, "prefill")
    messages: list[MessageDict] = [{"role": "system", "content": system_prompt}]
    for is_story, blocks in groupby(context.blocks, key=lambda block: block.kind is ContextKind.STORY):
        text = "".join([block.text for block in blocks])
        messages.append({"role": "assistant" if is_story else "system", "content": text})
    messages.append({"role": "assistant", "content": prefill})
    return [message for message in messages if message["content"]]
