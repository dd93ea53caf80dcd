"""Going on with a story: its context, and the request that its settings make of it (content §4.2, §8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..errors import LocalProtocolError
from ..text.generation import generate_stream
from ..text.models import Model
from ..text.modules import NO_MODULE
from ..text.preambles import PREAMBLE
from ..text.settings import GlobalSettings
from .biases import StoredBans, StoredBiases, active_bans, active_biases
from .context.building import build_context, context_size
from .context.config import ContextKind
from .context.parts import ContextParts
from .context.patience import items, members
from .context.rules import USUAL, ContextRules
from .lorebook import Lorebook
from .settings import Settings

if TYPE_CHECKING:
    from ..exchange.operation import Operation
    from ..text.answers import CompletionIds, TokenIds
    from ..tier import Tier
    from ..tokenizers import Tokenizer
    from .context.report import Context
    from .story import Story

__all__ = ["Continuation", "continuation", "model_of"]


@dataclass(frozen=True, slots=True)
class Continuation:
    """What is asked for when a story is to go on."""

    context: Context
    "What the model sees, and why."
    operation: Operation[TokenIds, CompletionIds] = field(repr=False)
    "The request, of token ids; `nai_proto.text.decoded` gives it text."


def model_of(story: Story, instead: Model | str | None = None) -> Model:
    """The model that a story names, or another one.

    Raises:
        LocalProtocolError: it names none, or one that is not known.
    """
    name = instead or story.settings.model
    if not name:
        raise LocalProtocolError("the story names no model to go on with: say which")
    model = Model.named(name)
    if not model.listed or not model.native:
        raise LocalProtocolError(f"{model.id!r} is no model that goes on with texts")
    return model


def continuation(
    story: Story,
    *,
    tokenizer: Tokenizer,
    tier: Tier,
    model: Model | str | None = None,
    max_length: int | None = None,
    placeholders: Mapping[str, str] | None = None,
    rules: ContextRules = USUAL,
    size: int | None = None,
    **overrides: Any,
) -> Continuation:
    """The context of a story and the request for what comes next, by the story's own settings.

    Model, preset, module, bans, biases, stop sequences, the ban of brackets and whether the answer goes on to the end of its
    sentence are the story's. Takes time as `build_context` does: in a flow, use `compute`.

    Args:
        story: is not changed.
        tokenizer: of the model.
        tier: of the account; the context is as large as it allows.
        model: instead of the story's.
        max_length: tokens to be generated; the preset's if None.
        placeholders: what goes into their places, by key.
        rules: for the context.
        size: tokens of the context, if fewer than the tier allows.
        overrides: parameters of the request (`nai_proto.text.Parameters`), which win.

    Raises:
        LocalProtocolError: the story's model is not known or not for this tier, something in its settings cannot be sent,
            or there is no room for a prompt.
        RemoteProtocolError: its preset has parameters of a wrong type.
        Damaged: its text cannot be read.
        LimitExceeded: it is larger than its limits.
    """
    model = model_of(story, model)
    settings = Settings({**story.fields, "settings": {**story.settings.fields, "model": model.id}})
    preset = settings.preset
    length = max_length or preset["max_length"] or _LENGTH
    until_sentence = settings.fields.get("trimResponses") is not False
    room = context_size(model, tier, max_length=length, module=settings.module, until_sentence=until_sentence)
    context = build_context(
        ContextParts.from_content(story.fields, text=story.text, step=story.step),
        tokenizer=tokenizer,
        size=room if size is None else min(room, size),
        preamble=PREAMBLE.get(model.newest.id),
        placeholders=placeholders,
        rules=rules,
    )
    active = {row.id for row in context.rows if row.kind is ContextKind.LORE and row.active}
    stored = [StoredBiases(members(group)) for group in items(story.fields.get("phraseBiasGroups"))]
    bans = [StoredBans(members(group)) for group in items(story.fields.get("bannedSequenceGroups"))]
    stops = [stop for stop in items(story.fields.get("eosSequences")) if isinstance(stop, str) and stop]
    given: dict[str, Any] = {
        "model": model,
        "preset": preset,
        "settings": GlobalSettings(
            generate_until_sentence=until_sentence,
            ban_brackets=settings.fields.get("banBrackets") is not False,
        ),
        "bans": list(active_bans(bans)),
        "biases": list(active_biases(stored, Lorebook(members(story.fields.get("lorebook"))), active)),
        "tokenizer": tokenizer,
        "text_adventure": story.card.get("isTA") is True,
        "max_length": length,
    }
    given |= {"stop_sequences": stops} if stops else {}
    given |= {"module": settings.module} if settings.module != NO_MODULE else {}
    return Continuation(context, generate_stream(context.tokens, **{**given, **overrides}))


_LENGTH: Final = 40
"""What the service takes where nothing is said (native §9)."""
