"""The options of completions and chats, under the service's own names.

Each option is described twice in the same words: under its key, where an editor shows it, and in the class docstring,
where ``help(OpenAIOptions)`` does.

See docs/protocol/openai.md#2-names-typescript-sdk--wire--python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NotRequired, TypeAlias, TypedDict

from ..conflicts import Conflict
from ..text.text_parameters import list_inherited_options

if TYPE_CHECKING:
    from ..text.models import Model
    from .response_objects import Message, Role

__all__ = ["CONFLICTS", "CompletionOptions", "MessageDict", "Messages", "OpenAIOptions", "Prompt"]

Prompt: TypeAlias = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]
"""Text, or the ids of the model's tokenizer; or a list of either, to be answered one by one."""


class MessageDict(TypedDict):
    """A message as the service has it.

    See docs/protocol/openai.md#41-messages.
    """

    role: Role
    "Who speaks."
    content: str
    "What is said."
    name: NotRequired[str]
    "The speaker's name, where several share a role."


Messages: TypeAlias = Sequence["Message | MessageDict | Mapping[str, str]"]
"""A chat so far. If the last message is the assistant's, the answer continues it."""


class OpenAIOptions(TypedDict, total=False):
    """Keyword arguments of chats and completions, all optional; what is not given is not sent.

    The service's own defaults hold for what is not sent.

    See:
        docs/protocol/openai.md#33-log-probabilities
        docs/protocol/openai.md#73-context-and-output-limits

    Parameters:
        model: Model, or its id or name; GLM 4.6 if not given. It is never checked: models come and go.
        max_tokens: Most tokens to generate, reasoning included, 1 or more; the subscription sets the upper limit.
        temperature: Randomness of the choice of tokens, 0 to 2; lower is more predictable.
        top_p: Keep the likeliest tokens whose probabilities add up to this, 0 to 1.
        top_k: Keep this many of the likeliest tokens, 1 or more; off if not given.
        min_p: Drop tokens less likely than this share of the best, 0 to 1.
        stop: Texts that end the answer. The text that did is part of the answer: `trim_stop_text` removes it. It may
            match inside reasoning too.
        n: Number of answers, 1 or more.
        frequency_penalty: Penalty for each earlier occurrence of a token, -2 to 2.
        presence_penalty: Penalty for a token that occurred before, -2 to 2.
        seed: Seed of the random choices; random if not given.
        logprobs: How many candidates to report for each token, 1 or more: no boolean, as OpenAI's chat has it.
        logit_bias: What is added to the logits of tokens: token ids, as numbers or text, with a number each.
        enable_thinking: Have the model reason before it answers; takes effect in chats only.
        generation_prefix: Text that the answer must start with.
        unified_linear: Linear factor of unified sampling, any number.
        unified_quadratic: Quadratic factor of unified sampling, any number.
        unified_cubic: Cubic factor of unified sampling, any number.
        unified_increase_linear_with_entropy: How far the linear factor follows the model's uncertainty, any number.
        stream_options: Options of the stream. Its usage is asked for in every stream, unless this is
            ``{"include_usage": False}``; it comes in a chunk of its own or with the last piece of text.
        user: An id of the end user, as OpenAI has it.
        recaptcha_token: The website's proof of a human, for trial accounts.
        validate: Check everything but ``extra`` before it is sent; true if not given. If false, the service decides
            alone.
        extra: Parameters that are not listed here, by name; sent as they are.
    """

    model: Model | str
    "Model, or its id or name; GLM 4.6 if not given. It is never checked: models come and go."
    max_tokens: int
    "Most tokens to generate, reasoning included, 1 or more; the subscription sets the upper limit."
    temperature: float
    "Randomness of the choice of tokens, 0 to 2; lower is more predictable."
    top_p: float
    "Keep the likeliest tokens whose probabilities add up to this, 0 to 1."
    top_k: int
    "Keep this many of the likeliest tokens, 1 or more; off if not given."
    min_p: float
    "Drop tokens less likely than this share of the best, 0 to 1."
    stop: str | Sequence[str]
    """Texts that end the answer. The text that did is part of the answer: `trim_stop_text` removes it. It may match
    inside reasoning too."""
    n: int
    "Number of answers, 1 or more."
    frequency_penalty: float
    "Penalty for each earlier occurrence of a token, -2 to 2."
    presence_penalty: float
    "Penalty for a token that occurred before, -2 to 2."
    seed: int
    "Seed of the random choices; random if not given."
    logprobs: int
    "How many candidates to report for each token, 1 or more: no boolean, as OpenAI's chat has it."
    logit_bias: Mapping[int, float] | Mapping[str, float]
    "What is added to the logits of tokens: token ids, as numbers or text, with a number each."
    enable_thinking: bool
    "Have the model reason before it answers; takes effect in chats only."
    generation_prefix: str
    "Text that the answer must start with."
    unified_linear: float
    "Linear factor of unified sampling, any number."
    unified_quadratic: float
    "Quadratic factor of unified sampling, any number."
    unified_cubic: float
    "Cubic factor of unified sampling, any number."
    unified_increase_linear_with_entropy: float
    "How far the linear factor follows the model's uncertainty, any number."
    stream_options: Mapping[str, object]
    """Options of the stream. Its usage is asked for in every stream, unless this is ``{"include_usage": False}``; it
    comes in a chunk of its own or with the last piece of text."""
    user: str
    "An id of the end user, as OpenAI has it."
    recaptcha_token: str
    "The website's proof of a human, for trial accounts."
    validate: bool
    "Check everything but ``extra`` before it is sent; true if not given. If false, the service decides alone."
    extra: Mapping[str, object]
    "Parameters that are not listed here, by name; sent as they are."


class CompletionOptions(OpenAIOptions, total=False):
    """Keyword arguments of completions, all optional: those of chats, and a few more.

    Options:
        best_of: Number of answers of which the service returns the best ``n``, 1 or more and not below ``n``.
        echo: Have the prompt repeated before the answer.
        suffix: Text that comes after the answer.
    """

    best_of: int
    "Number of answers of which the service returns the best ``n``, 1 or more and not below ``n``."
    echo: bool
    "Have the prompt repeated before the answer."
    suffix: str
    "Text that comes after the answer."


list_inherited_options(CompletionOptions, OpenAIOptions)

CONFLICTS: Final = (
    Conflict(
        "best_of",
        "n",
        "contradict each other: the best n of best_of answers are returned, so give a best_of that is not below n",
        lambda best_of, n: isinstance(best_of, int) and isinstance(n, int) and best_of < n,
    ),
)
"""Options that contradict each other."""
