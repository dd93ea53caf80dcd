"""A story's context (content §8): what takes part, how it is put together, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ...errors import LocalProtocolError
from ...text.modules import NO_MODULE, Module
from .assembling import Assembly, Candidate, assemble
from .entrants import Entrant, entrants_of
from .insertion import leaves
from .measuring import Meter
from .report import Context, ContextBlock
from .rules import ContextRules
from .telling import rows_of

if TYPE_CHECKING:
    from ...text.models import Model
    from ...text.preambles import Preamble
    from ...tier import Tier
    from ...tokenizers.base import Tokenizer
    from .parts import ContextParts

__all__ = ["build_context", "context_size"]


_MORE: Final = 20  # tokens that are kept for a module, and for the end of a sentence


def context_size(
    model: Model, tier: Tier, *, max_length: int, module: Module | str | None = None, until_sentence: bool = False
) -> int:
    """How many tokens a prompt may have (content §8.1.1 to 8.1.4).

    Args:
        model, tier: have a limit for prompt and answer together (native §9.6).
        max_length: how many tokens may be generated.
        module: that of the request, if it has one.
        until_sentence: may the answer go on until its sentence ends (``generate_until_sentence``)?

    Raises:
        LocalProtocolError: the limit is not known, or the model is not for this tier.
    """
    id = module.id if isinstance(module, Module) else module  # noqa: A001
    return model.context_limit(tier) - max_length - _MORE * (id not in (None, NO_MODULE)) - _MORE * until_sentence


def build_context(
    parts: ContextParts,
    *,
    tokenizer: Tokenizer,
    size: int,
    preamble: Preamble | None = None,
    placeholders: Mapping[str, str] | None = None,
    rules: ContextRules = ContextRules(),
) -> Context:
    """The context of a story, as the website builds it for the models that go on with a text.

    Args:
        parts: what can be in it.
        tokenizer: the model's.
        size: how many tokens it may have at most: `context_size`.
        preamble: the model's. It takes its tokens from the size in any case; it stands in front where all that is active is
            in whole, or always if it says so (content §8.7).
        placeholders: what goes into their places, by key.
        rules: choices where the sources disagree.

    Raises:
        LocalProtocolError: the size is negative.
    """
    if size < 0:
        raise LocalProtocolError(f"a context of {size} tokens: the answer leaves no room for a prompt")
    meter = Meter(tokenizer)
    # 8.1.5. What stands in front takes its tokens, used or not.
    room = max(0, size - len(preamble.tokens)) if preamble else size
    # 8.2. What takes part.
    entrants = entrants_of(parts, placeholders or {}, rules)
    # 8.4. The sub-contexts, each by itself; and what is left.
    insides = _subcontexts(parts, entrants, room, meter)
    ...
    # 8.5. All of it.
    whole = assemble(candidates, room, meter)
    # 8.7. What stands in front.
    ...
