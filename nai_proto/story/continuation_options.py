"""The options of whatever continues a story: which model, how the context is built, and parameters of the request.

Each option is described twice in the same words: under its key, where an editor shows it, and in the class docstring,
where ``help(ContinuationOptions)`` does.

See:
    docs/protocol/content.md#8-building-the-context
    docs/protocol/openai.md#31-request
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..text.text_parameters import TextParameters, list_inherited_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..text.models import Model
    from .context.parts import ContextRules

__all__ = ["CONTEXT_OPTIONS", "ContinuationOptions"]

CONTEXT_OPTIONS: Final = ("model", "max_length", "placeholders", "chance", "rules", "size")
"""The options that are no parameters of the request."""


class ContinuationOptions(TextParameters, total=False):
    """Keyword arguments of `build_continuation` and `Library.continue_story`, all optional.

    Parameters of the request take precedence over the story's settings. Those of the section "Parameters" are for models
    that continue text; of these, chats take ``temperature``, ``top_p``, ``top_k`` and ``min_p``.

    See docs/protocol/openai.md#31-request.

    Options:
        model: Model that continues the story, or its id or name. If not given: the story's own.
        placeholders: Replacements of placeholders, by key.
        chance: Returns random numbers from 0 to 1, for conditions of lorebook entries. If not given: such conditions do
            not hold.
        rules: Rules for building the context.
        size: Most tokens of the context, if fewer than the subscription allows.
        stop: Of chats: texts that end the answer.
        frequency_penalty: Of chats: penalty for each earlier occurrence of a token, -2 to 2.
        presence_penalty: Of chats: penalty for a token that occurred before, -2 to 2.
        seed: Of chats: seed of the random choices; random if not given.
        enable_thinking: Of chats: have the model reason before it answers; false if not given.
        unified_linear: Of chats: linear factor of unified sampling, any number.
        unified_quadratic: Of chats: quadratic factor of unified sampling, any number.
        unified_cubic: Of chats: cubic factor of unified sampling, any number.
        unified_increase_linear_with_entropy: Of chats: how far the linear factor follows the model's uncertainty, any
            number.
        validate: Check everything but ``extra`` before it is sent; true if not given.
        extra: Parameters that are not listed here, by name; sent as they are.
    """

    model: Model | str | None
    "Model that continues the story, or its id or name. If not given: the story's own."
    placeholders: Mapping[str, str] | None
    "Replacements of placeholders, by key."
    chance: Callable[[], float] | None
    """Returns random numbers from 0 to 1, for conditions of lorebook entries. If not given: such conditions do not
    hold."""
    rules: ContextRules
    "Rules for building the context."
    size: int | None
    "Most tokens of the context, if fewer than the subscription allows."
    stop: str | Sequence[str]
    "Of chats: texts that end the answer."
    frequency_penalty: float
    "Of chats: penalty for each earlier occurrence of a token, -2 to 2."
    presence_penalty: float
    "Of chats: penalty for a token that occurred before, -2 to 2."
    seed: int
    "Of chats: seed of the random choices; random if not given."
    enable_thinking: bool
    "Of chats: have the model reason before it answers; false if not given."
    unified_linear: float
    "Of chats: linear factor of unified sampling, any number."
    unified_quadratic: float
    "Of chats: quadratic factor of unified sampling, any number."
    unified_cubic: float
    "Of chats: cubic factor of unified sampling, any number."
    unified_increase_linear_with_entropy: float
    "Of chats: how far the linear factor follows the model's uncertainty, any number."
    validate: bool | None
    "Check everything but ``extra`` before it is sent; true if not given."
    extra: Mapping[str, object] | None
    "Parameters that are not listed here, by name; sent as they are."


list_inherited_options(ContinuationOptions, TextParameters)
