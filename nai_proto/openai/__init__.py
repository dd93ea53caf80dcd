"""The OpenAI-compatible text API: GLM and Xialong, as chat models. Facts: openai, sse.

The models that were made for stories (Erato, Kayra, Clio) are on the native one, `nai_proto.text`; this one suits chats,
and programs that know OpenAI's API. Parameters and answers have the service's own names. An answer keeps what it says:
stop text and inline reasoning stay in it unless `trimmed` and `reasoned` are asked to tell them apart.
"""

from __future__ import annotations

from .answers import (
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    ChatCompletion,
    Completion,
    CompletionChoice,
    CompletionChunk,
    Delta,
    Logprobs,
    Message,
    ModelCard,
    TokenCount,
    TokenLogprob,
    TopLogprob,
    Usage,
)
from .assembling import Accumulator, ChatAccumulator, CompletionAccumulator
from .cutting import reasoned, split_reasoning, trimmed
from .operations import (
    chat_completion,
    chat_completion_stream,
    completion,
    completion_stream,
    list_models,
    token_count,
)
from .parameters import CompletionOptions, MessageDict, Messages, Options, Prompt
from .prompts import count_tokens, render_chat
from .rules import check

__all__ = [
    "Accumulator",
    "ChatAccumulator",
    "ChatChoice",
    "ChatChunk",
    "ChatChunkChoice",
    "ChatCompletion",
    "Completion",
    "CompletionAccumulator",
    "CompletionChoice",
    "CompletionChunk",
    "CompletionOptions",
    "Delta",
    "Logprobs",
    "Message",
    "MessageDict",
    "Messages",
    "ModelCard",
    "Options",
    "Prompt",
    "TokenCount",
    "TokenLogprob",
    "TopLogprob",
    "Usage",
    "chat_completion",
    "chat_completion_stream",
    "check",
    "completion",
    "completion_stream",
    "count_tokens",
    "list_models",
    "reasoned",
    "render_chat",
    "split_reasoning",
    "token_count",
    "trimmed",
]
