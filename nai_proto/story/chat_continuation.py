"""Continuing a story as a chat, for models that only the OpenAI-compatible API has.

See:
    docs/protocol/content.md#89-chat-format-models
    docs/protocol/openai.md#4-chat-completions
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..errors import InvalidRequestError
from ..exchange.actions import Steps
from ..exchange.flow import flow, map_batches
from ..openai.chat_prompts import render_chat
from ..openai.operations import chat_completion_stream
from ..openai.reasoning_and_stops import trim_stop_text
from ..openai.response_objects import ChatChunk, ChatCompletion
from ..text.completion import Completion, FinishReason, Token
from .context.build import assemble_context, build_chat_messages
from .context.parts import ContextParts, ContextRules
from .json_records import as_number, as_text, as_texts, list_or_empty, object_or_empty

if TYPE_CHECKING:
    from ..exchange.operation import Operation
    from ..limits import Limits
    from ..openai.request_options import MessageDict
    from ..text.models import Model
    from ..tier import Tier
    from .context.report import Context
    from .context.token_counters import TokenCounter

__all__ = ["ChatContinuation", "build_chat_continuation"]

_SAMPLING_PARAMETERS: Final = ("temperature", "top_k", "top_p", "min_p")
"""The sampling parameters that the editor offers for these models.

See docs/protocol/openai.md#71-models-over-time.
"""


@dataclass(frozen=True, slots=True)
class ChatContinuation:
    """A story's context and the chat request that continues it."""

    context: Context
    "The context that the model sees, and why; `messages` adds the system prompt and the prefill."
    messages: tuple[MessageDict, ...] = field(repr=False)
    operation: Operation[ChatChunk, ChatCompletion] = field(repr=False)
    stops: tuple[str, ...] = field(default=(), repr=False)
    "Texts that end the answer and are removed from it."

    @flow
    def generate(self) -> Steps[Token, Completion]:
        """Send the request; events and result are those of `Continuation.generate`."""
        flow = trim_stop_text(self.operation, self.stops)
        return _to_completion((yield from map_batches(flow, _to_tokens, _to_partial)))


def build_chat_continuation(
    fields: Mapping[str, Any],
    parts: ContextParts,
    model: Model,
    counter: TokenCounter,
    *,
    tier: Tier,
    max_length: int,
    placeholders: Mapping[str, str] | None,
    chance: Callable[[], float] | None,
    rules: ContextRules,
    limits: Limits,
    size: int | None,
    overrides: Mapping[str, Any],
) -> ChatContinuation:
    """Do `build_continuation` for a chat model: fit the messages of `build_chat_messages` into the context size.

    Args:
        fields: the story's content.
        parts: of its context.
        overrides: parameters of the chat (`nai_proto.openai.chat_completion`); they replace the story's.
        counter: counts tokens.
        model, tier, max_length, placeholders, chance, rules, size: as for `build_continuation`.
        limits: those of the story.

    Raises:
        InvalidRequestError: as for `build_continuation`, or the context is empty.
    """
    message_settings = object_or_empty(fields.get("messageSettings"))
    system, prefill = (as_text(message_settings.get(name)) or "" for name in ("systemPrompt", "prefill"))
    room = model.context_limit(tier) - max_length
    room = room if size is None else min(room, size)
    context_size = room
    while True:
        context = assemble_context(
            parts,
            counter,
            size=max(context_size, 0),
            placeholders=placeholders or {},
            chance=chance,
            rules=rules,
            limits=limits,
        )
        messages = build_chat_messages(context, system_prompt=system, prefill=prefill)
        excess = counter.count(render_chat(messages)) - room  # the chat template adds tokens around each message
        if excess <= 0:
            break
        if context_size <= 0:
            raise InvalidRequestError(
                f"the system prompt and the prefill take more than the {room} tokens of the context"
            )
        context_size = min(context_size, counter.count(context.text)) - excess
    if not messages:
        raise InvalidRequestError("the story has no text to continue")
    parameters = object_or_empty(object_or_empty(fields.get("settings")).get("parameters"))
    stops = tuple(filter(None, as_texts(fields.get("eosSequences")) or ()))
    options: dict[str, Any] = {"model": model, "max_tokens": max_length, "enable_thinking": False}
    options |= {
        name: value
        for name in _list_active_samplers(parameters)
        if (value := as_number(parameters.get(name))) is not None
    }
    options |= {"stop": list(stops)} if stops else {}
    return ChatContinuation(
        context, tuple(messages), chat_completion_stream(messages, **{**options, **overrides}), stops
    )


def _list_active_samplers(parameters: Mapping[str, Any]) -> list[str]:
    """Return the parameters of the samplers that are enabled."""
    order = map(object_or_empty, list_or_empty(parameters.get("order")))
    off = {str(each.get("id")).replace("_", "").lower() for each in order if each.get("enabled") is False}
    return [name for name in _SAMPLING_PARAMETERS if name.replace("_", "") not in off]


# ---- conversion to the events and the result of other generations


def _to_tokens(chunks: Sequence[ChatChunk]) -> list[Token]:
    return [Token(chunk.text) for chunk in chunks if chunk.text]


def _to_partial(partial: object) -> object:
    return _to_completion(partial) if isinstance(partial, ChatCompletion) else partial


def _to_completion(answer: ChatCompletion) -> Completion:
    reason = answer.choices[0].finish_reason if answer.choices else None
    known: FinishReason | None = "length" if reason == "length" else "stop" if reason == "stop" else None
    return Completion(answer.text, None, known)
