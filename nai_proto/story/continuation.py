"""Continuing a story: its context, and the generation request with the story's settings.

See:
    docs/protocol/content.md#42-storycontent
    docs/protocol/content.md#8-building-the-context
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from ..arguments import INTEGER, OPTIONAL_FUNCTION, TEXTS, TOKENIZER, check_type
from ..conflicts import override_options
from ..errors import InvalidRequestError
from ..text.generation import decode_tokens, generate_stream
from ..text.global_settings import GlobalSettings
from ..text.models import PREAMBLE, Model, find_listed_model
from ..text.modules import NO_MODULE
from ..text.options import CONFLICTS
from ..tier import Tier
from .context.build import build_context, context_size
from .context.parts import DEFAULT_RULES, ContextParts, ContextRules
from .context.token_counters import ServiceCounter, TokenizerCounter
from .continuation_options import CONTEXT_OPTIONS
from .json_records import as_integer, as_texts, object_or_empty
from .story import Story
from .story_settings import StorySettings

if TYPE_CHECKING:
    from typing import Unpack

    from ..exchange.flow import Flow
    from ..exchange.operation import Operation
    from ..text.completion import Completion, CompletionIds, Token, TokenIds
    from ..tokenizers import Tokenizer
    from .chat_continuation import ChatContinuation
    from .context.report import Context
    from .continuation_options import ContinuationOptions

__all__ = ["Continuation", "build_continuation", "plan_continuation", "resolve_model"]


@dataclass(frozen=True, slots=True)
class Continuation:
    """A story's context and the request that continues it."""

    context: Context
    "The context that the model sees, and why."
    operation: Operation[TokenIds, CompletionIds] = field(repr=False)
    "The request; its events and its result are token ids."
    tokenizer: Tokenizer = field(repr=False)
    "Of the model."

    def generate(self) -> Flow[Token, Completion]:
        """Return the flow that sends the request and decodes the answer."""
        return decode_tokens(self.operation, self.tokenizer)


def resolve_model(story: Story, model: Model | str | None = None) -> Model:
    """Return the model that continues a story.

    Args:
        story: its settings name the model.
        model: another model.

    Raises:
        InvalidRequestError: the story names no model, or the model is unknown.
    """
    check_type(story, Story, "story", "a Story")
    if model is not None:
        check_type(model, (Model, str), "model", "a Model, a str or None")
    name = model or story.settings.model
    if not name:
        raise InvalidRequestError("the story names no model: pass one", parameter="model")
    return find_listed_model(name)


def build_continuation(
    story: Story,
    *,
    tokenizer: Tokenizer,
    tier: Tier,
    **options: Unpack[ContinuationOptions],
) -> Continuation | ChatContinuation:
    """Return the context of a story and the request that continues it, with the story's own settings.

    The story provides the model, preset, module, bans, biases, stop sequences, the ban of brackets, and whether the answer
    is completed to the end of its sentence. A model that only the OpenAI-compatible API has is used as a chat
    (`build_chat_messages`) with the story's system prompt, prefill, stop sequences and sampling parameters.

    This takes as long as `build_context`: in a flow, use `compute`.

    Args:
        story: the story, which is not changed.
        tokenizer: of the model.
        tier: of the account; it limits the size of the context.
        options: keyword arguments such as ``model``, ``max_length`` and ``temperature``; they replace the story's own
            settings. `ContinuationOptions` lists them all: ``help(nai.story.ContinuationOptions)``.

    Raises:
        InvalidRequestError: the model is unknown or not for this tier, a setting of the story cannot be sent, or there is no
            room for a prompt.
        InvalidFile: the story's preset has parameters of a wrong type.
        Damaged: the story's text cannot be read.
        LimitExceeded: the story is larger than its limits, or the searches for keys of its lorebook take too many steps.
    """
    check_type(story, Story, "story", "a Story")
    TOKENIZER.check(tokenizer, "tokenizer")
    return plan_continuation(story, TokenizerCounter(tokenizer), tier, options)


def plan_continuation(
    story: Story, counter: TokenizerCounter | ServiceCounter, tier: Tier, options: ContinuationOptions
) -> Continuation | ChatContinuation:
    """Do `build_continuation` with a counter in place of the tokenizer.

    Args:
        counter: counts tokens.
        story, tier, options: as for `build_continuation`.

    Raises:
        InvalidRequestError: as for `build_continuation`, or the model needs a tokenizer and the counter has none.
        UncountedTexts: the service was not asked for a count that is needed.
    """
    max_length, placeholders = options.get("max_length"), options.get("placeholders")
    chance, size = options.get("chance"), options.get("size")
    rules = options.get("rules", DEFAULT_RULES)
    overrides = {name: value for name, value in options.items() if name not in CONTEXT_OPTIONS}
    check_type(tier, Tier, "tier", "a Tier")
    if max_length is not None:
        INTEGER.check(max_length, "max_length", "an int or None")
    if size is not None:
        INTEGER.check(size, "size", "an int or None")
    if placeholders is not None:
        TEXTS.convert(placeholders, "placeholders")
    OPTIONAL_FUNCTION.check(chance, "chance")
    check_type(rules, ContextRules, "rules", "ContextRules")
    model, adventure = resolve_model(story, options.get("model")), story.card.get("isTA") is True
    fields = {**story.fields, "settings": {**object_or_empty(story.fields.get("settings")), "model": model.id}}
    settings = StorySettings(fields)
    mode: Literal["normal", "adventure"] = "adventure" if adventure else "normal"
    parts = ContextParts.from_content(fields, text=story.text, step=story.step, mode=mode)
    if not model.is_native:
        from .chat_continuation import build_chat_continuation  # imports the OpenAI parts, which few stories need

        return build_chat_continuation(
            fields,
            parts,
            model,
            counter,
            tier=tier,
            max_length=max_length or as_integer(settings.parameters.get("max_length")) or _DEFAULT_LENGTH,
            placeholders=placeholders,
            chance=chance,
            rules=rules,
            limits=story.limits,
            size=size,
            overrides=overrides,
        )
    if not isinstance(counter, TokenizerCounter):
        raise InvalidRequestError(
            f"{model.id} continues token ids, which needs its tokenizer; nai_transports.tokenizer_files.load finds it",
            parameter="tokenizer",
        )
    preset = settings.preset
    length = max_length or preset["max_length"] or _DEFAULT_LENGTH
    until_sentence = settings.fields.get("trimResponses") is not False
    room = context_size(model, tier, max_length=length, module=settings.module, until_sentence=until_sentence)
    context = build_context(
        parts,
        tokenizer=counter.tokenizer,
        size=room if size is None else min(room, size),
        preamble=PREAMBLE.get(model.newest.id),
        placeholders=placeholders,
        chance=chance,
        rules=rules,
        limits=story.limits,
    )
    parameters: dict[str, Any] = {
        "model": model,
        "preset": preset,
        "settings": GlobalSettings(
            generate_until_sentence=until_sentence,
            ban_brackets=settings.fields.get("banBrackets") is not False,
        ),
        "bans": list(context.bans),
        "biases": list(context.biases),
        "tokenizer": counter.tokenizer,
        "text_adventure": adventure,
        "max_length": length,
    }
    if stops := as_texts(fields.get("eosSequences")):
        parameters["stop_sequences"] = [stop for stop in stops if stop]
    if settings.module != NO_MODULE:
        parameters["module"] = settings.module
    operation = generate_stream(context.tokens, **override_options(parameters, overrides, CONFLICTS))
    return Continuation(context, operation, counter.tokenizer)


_DEFAULT_LENGTH: Final = 40
"""The service's default for the number of tokens to generate.

See docs/protocol/native.md#9-aigenerate-request.
"""
