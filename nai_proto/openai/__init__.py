"""The OpenAI-compatible text API: GLM and Xialong, as chat models.

The story models (Erato, Kayra, Clio) are on the native API, `nai_proto.text`; this one suits chats, and programs that know
OpenAI's API. Options and answers have the service's own names; `OpenAIOptions` describes the options. Stop text and inline
reasoning stay in an answer unless `trim_stop_text` and `separate_reasoning` take them out.

See docs/protocol/openai.md#1-endpoints.
"""

from __future__ import annotations

from .accumulators import Accumulator, ChatAccumulator, CompletionAccumulator
from .chat_prompts import count_tokens, render_chat
from .operations import (
    chat_completion,
    chat_completion_stream,
    completion,
    completion_stream,
    list_models,
    token_count,
)
from .reasoning_and_stops import separate_reasoning, split_reasoning, trim_stop_text
from .request_checks import check_parameters
from .request_options import CompletionOptions, MessageDict, Messages, OpenAIOptions, Prompt
from .response_objects import (
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    ChatCompletion,
    CompletionChoice,
    CompletionChunk,
    Delta,
    Message,
    ModelCard,
    OpenAICompletion,
    OpenAILogprobs,
    TokenCount,
    TokenLogprob,
    TopLogprob,
    Usage,
)

__all__ = [
    "Accumulator",
    "ChatAccumulator",
    "ChatChoice",
    "ChatChunk",
    "ChatChunkChoice",
    "ChatCompletion",
    "CompletionAccumulator",
    "CompletionChoice",
    "CompletionChunk",
    "CompletionOptions",
    "Delta",
    "Message",
    "MessageDict",
    "Messages",
    "ModelCard",
    "OpenAICompletion",
    "OpenAILogprobs",
    "OpenAIOptions",
    "Prompt",
    "TokenCount",
    "TokenLogprob",
    "TopLogprob",
    "Usage",
    "chat_completion",
    "chat_completion_stream",
    "check_parameters",
    "completion",
    "completion_stream",
    "count_tokens",
    "list_models",
    "render_chat",
    "separate_reasoning",
    "split_reasoning",
    "token_count",
    "trim_stop_text",
]


def __dir__() -> list[str]:
    return __all__
