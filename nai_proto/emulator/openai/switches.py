"""How the OpenAI-compatible endpoints behave where sources differ, and how they can be made to misbehave.

See docs/protocol/openai.md#11-what-openais-python-client-sends-emulator-requirements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ...errors import InvalidRequestError

__all__ = [
    "ChatAnswer",
    "ChatChunks",
    "ErrorForm",
    "ErrorShape",
    "LineEnd",
    "OpenAISwitches",
    "Thinking",
    "UsagePlace",
]

ChatAnswer: TypeAlias = Literal["documented", "observed"]
ChatChunks: TypeAlias = Literal["delta", "text"]
Thinking: TypeAlias = Literal["off", "inline", "reasoning_content", "reasoning"]
UsagePlace: TypeAlias = Literal["never", "on_request", "with_finish"]
ErrorShape: TypeAlias = Literal["gateway", "model_server"]
ErrorForm: TypeAlias = Literal["object", "text", "status", "event", "bare", "document"]
LineEnd: TypeAlias = Literal["lf", "crlf", "cr"]

_LEAST: Final = {
    "write_size": 1,
    "delay": 0,
    "stall_after": 0,
    "error_after": 0,
    "cut_after": 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAISwitches:
    """One value of all switches. The defaults are what is documented, without misfortune.

    Raises:
        InvalidRequestError: a number is too small.
    """

    # What there is.
    models: tuple[str, ...] = ("glm-4-5", "glm-4-6", "xialong-v1")
    """What is served, in the order of the list; of these an account gets the models of its tier. May be empty, and may
    hold ids that no table knows, which every tier gets and which have no limit of their context.

    See docs/protocol/openai.md#71-models-over-time.
    """
    ranges: bool = True
    """Are numbers refused that are outside the ranges of the documentation?

    See docs/protocol/openai.md#2-names-typescript-sdk--wire--python.
    """

    # What answers look like.
    chat: ChatAnswer = "documented"
    """A chat's answer in one piece: with ``message.content``, or as it was seen, without a message, ``text`` empty and the
    answer in ``token_ids`` alone.

    See docs/protocol/openai.md#43-response-not-streamed-observed-form--important.
    """
    chat_chunks: ChatChunks = "delta"
    """Where a chat's chunks have their text: in ``delta.content`` or in ``text``.

    See docs/protocol/openai.md#61-chat-chunk.
    """
    thinking: Thinking = "reasoning_content"
    """Where a chat's reasoning is when it is asked for: nowhere, since there is none; in the text, between tags; or in a
    field of this name. In chunks and answers without ``delta`` and ``message`` it is in the text.

    See docs/protocol/openai.md#44-thinking--reasoning.
    """
    thinks: bool = False
    "Is there reasoning when a request does not say ``enable_thinking``?"
    extras: bool = True
    """Do choices have ``token_ids`` and ``stop_reason``? The ids are those of the model's tokenizer where it is to be had,
    else of the emulator's own vocabulary."""
    usage: UsagePlace = "on_request"
    """Where a stream tells its usage: nowhere; in a last chunk without choices, for those who send
    ``stream_options.include_usage``; or beside the last ``finish_reason``.

    See docs/protocol/openai.md#63-usage-in-a-stream.
    """
    errors: ErrorShape = "gateway"
    "``{statusCode, message}``, or ``{error: {message, code, type, param}}``. See docs/protocol/openai.md#91-bodies."

    # How a stream is written.
    done: bool = True
    "Does it end with ``[DONE]``?"
    newline: LineEnd = "lf"
    space: bool = True
    "Is there a blank after a field's colon?"
    comments: bool = False
    "A comment before each event, as gateways keep connections alive."
    write_size: int | None = None
    "Bytes per write, 1 or more; None writes each event at once."

    # What happens to an answer.
    delay: float = 0.0
    "Seconds before its head."
    stall_after: int | None = None
    "Chunks after which a stream says nothing more, until the client leaves."
    error_after: int | None = None
    "Chunks after which a stream fails: its error takes the place of the next one, or of ``[DONE]``."
    error_form: ErrorForm = "object"
    """``{error: {…}}``, ``{error: "…"}``, ``{statusCode, message}``, the same as an event named ``error``, or as a line
    without a field's name. ``document`` is an error object with status 200 instead of an answer, streamed or not, if
    ``error_after`` is set.

    See docs/protocol/openai.md#65-errors-inside-a-stream.
    """
    cut_after: int | None = None
    "Bytes of a stream's body after which the connection is cut."

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InvalidRequestError(f"{name} is at least {least}, not {value}", parameter=name)
