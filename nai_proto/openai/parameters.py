"""The parameters of completions and chats, under the service's own names.

See docs/protocol/openai.md#2-names-typescript-sdk--wire--python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NotRequired, TypeAlias, TypedDict

if TYPE_CHECKING:
    from ..text.models import Model
    from .answers import Message, Role

__all__ = ["CompletionOptions", "MessageDict", "Messages", "Options", "Prompt"]

Prompt: TypeAlias = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]
"""Text, or the ids of the model's tokenizer; or a list of either, to be answered one by one."""


class MessageDict(TypedDict):
    """A message as the service has it.

    See docs/protocol/openai.md#41-messages.
    """

    role: Role
    content: str
    name: NotRequired[str]


Messages: TypeAlias = Sequence["Message | MessageDict | Mapping[str, str]"]
"""A chat so far. If the last turn is the assistant's, the answer goes on from it."""


class Options(TypedDict, total=False):
    """Keyword arguments of all generations. What is not given is not sent, so that the service's defaults hold."""

    model: Model | str
    "GLM 4.6 if not given. Never checked: models come and go."
    max_tokens: int
    """Reasoning counts as well. The most that is allowed depends on the plan.

    See docs/protocol/openai.md#73-context-and-output-limits.
    """
    temperature: float
    "0 to 2."
    top_p: float
    "0 to 1."
    top_k: int
    "Not given, it is off."
    min_p: float
    "0 to 1."
    stop: str | Sequence[str]
    "Ends the answer, and stands at its end: `trimmed` removes it. It may match inside the reasoning too."
    n: int
    "How many answers."
    frequency_penalty: float
    "-2 to 2."
    presence_penalty: float
    "-2 to 2."
    seed: int
    "Not given, it is random."
    logprobs: int
    """How many candidates for each token, 1 or more: not a boolean, as OpenAI's chat has it.

    See docs/protocol/openai.md#33-log-probabilities.
    """
    logit_bias: Mapping[int, float] | Mapping[str, float]
    "What is added to the logits of tokens, by id."
    enable_thinking: bool
    "Whether the model reasons before it answers; it shows in chats only."
    generation_prefix: str
    "What the answer must start with."
    unified_linear: float
    unified_quadratic: float
    unified_cubic: float
    unified_increase_linear_with_entropy: float
    stream_options: Mapping[str, object]
    '``{"include_usage": True}`` asks for the usage in a chunk of its own.'
    user: str
    recaptcha_token: str
    validate: bool
    "Look at everything but ``extra`` before it is sent; true if not given. Without, the service decides alone."
    extra: Mapping[str, object]
    "Parameters that are not listed here, sent as they are."


class CompletionOptions(Options, total=False):
    """Those that only a completion has."""

    best_of: int
    echo: bool
    suffix: str
