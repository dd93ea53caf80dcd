"""Switches of the OpenAI-compatible endpoints: variants where sources differ, and failures on demand.

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
    """All switches. The defaults are the documented behaviour, without failures.

    Raises:
        InvalidRequestError: A number is too small.
    """

    # What is served.
    models: tuple[str, ...] = ("glm-4-5", "glm-4-6", "xialong-v1")
    """Ids of the models, in the order of the list; an account gets those of its tier. May be empty. A model that is not
    known is for every tier and has no limit of its context.

    See docs/protocol/openai.md#71-models-over-time.
    """
    ranges: bool = True
    """Whether numbers outside the documented ranges are refused.

    See docs/protocol/openai.md#2-names-typescript-sdk--wire--python.
    """

    # Shape of responses.
    chat: ChatAnswer = "documented"
    """A whole chat response: ``documented`` has ``message.content``; ``observed`` has no message, an empty ``text``, and the
    answer only in ``token_ids``.

    See docs/protocol/openai.md#43-response-not-streamed-observed-form--important.
    """
    chat_chunks: ChatChunks = "delta"
    """Where the chunks of a chat have their text: in ``delta.content`` or in ``text``.

    See docs/protocol/openai.md#61-chat-chunk.
    """
    thinking: Thinking = "reasoning_content"
    """Where a chat has its reasoning, if that is requested. ``off``: there is none. ``inline``: in the text, between tags.
    Otherwise: in a field of this name. Chunks without ``delta`` and responses without ``message`` have it in the text.

    See docs/protocol/openai.md#44-thinking--reasoning.
    """
    thinks: bool = False
    "Whether there is reasoning if a request has no ``enable_thinking``."
    extras: bool = True
    """Whether choices have ``token_ids`` and ``stop_reason``. The ids are those of the model's tokenizer if it is available,
    else those of the emulator's own vocabulary."""
    usage: UsagePlace = "on_request"
    """Where a stream has its usage. ``on_request``: in a last chunk without choices, if ``stream_options.include_usage`` is
    set. ``with_finish``: beside the last ``finish_reason``.

    See docs/protocol/openai.md#63-usage-in-a-stream.
    """
    errors: ErrorShape = "gateway"
    """Body of errors: ``{statusCode, message}``, or ``{error: {message, code, type, param}}``.

    See docs/protocol/openai.md#91-bodies.
    """

    # Bytes of a stream.
    done: bool = True
    "Whether it ends with ``[DONE]``."
    newline: LineEnd = "lf"
    "What ends a line."
    space: bool = True
    "Whether a space follows a field's colon."
    comments: bool = False
    "Whether a comment precedes each event, as gateways send to keep connections alive."
    write_size: int | None = None
    "Bytes per write, 1 or more; None writes each event at once."

    # Failures.
    delay: float = 0.0
    "Seconds before the head of a response."
    stall_after: int | None = None
    "Chunks after which a stream stalls until the client disconnects."
    error_after: int | None = None
    "Chunks after which a stream fails: an error takes the place of the next chunk, or of ``[DONE]``."
    error_form: ErrorForm = "object"
    """Form of that error. ``object``: ``{error: {…}}``. ``text``: ``{error: "…"}``. ``status``: ``{statusCode, message}``.
    ``event``: the same, as an event named ``error``. ``bare``: the same, as a line without a field name. ``document``: if
    ``error_after`` is set, every response is an error object with status 200, streamed or not.

    See docs/protocol/openai.md#65-errors-inside-a-stream.
    """
    cut_after: int | None = None
    "Bytes of a stream's body after which the connection is cut."

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InvalidRequestError(f"{name} is at least {least}, not {value}", parameter=name)
