"""What the OpenAI-compatible endpoints return: chunks, and the responses that they make together.

Text is where OpenAI's API has it: ``choices[0].text`` for a completion, ``choices[0].message.content`` and
``choices[0].delta.content`` for a chat; `response_parser` moves it there. Every choice, chunk and response has ``text``,
too. Keys that are not listed here are kept in ``extra``.

See:
    docs/protocol/openai.md#3-completions
    docs/protocol/openai.md#4-chat-completions
    docs/protocol/openai.md#6-streaming
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

__all__ = [
    "EXTRA",
    "ChatChoice",
    "ChatChunk",
    "ChatChunkChoice",
    "ChatCompletion",
    "CompletionChoice",
    "CompletionChunk",
    "Delta",
    "Message",
    "ModelCard",
    "OpenAICompletion",
    "OpenAILogprobs",
    "Role",
    "TokenCount",
    "TokenLogprob",
    "TopLogprob",
    "Usage",
    "keeps_unknown_keys",
]

Role: TypeAlias = Literal["system", "user", "assistant"]

EXTRA: Final = "*"
"""The key of ``extra`` while a document is read: no service has one like it."""


class _Open(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An object that may have keys we do not know.

    Strict, so that one decoding tells an everyday chunk from all that needs a second look.
    """

    extra: dict[str, Any] = msgspec.field(default={}, name=EXTRA)
    "The keys that are not listed here, as they came."


def keeps_unknown_keys(type: type) -> bool:  # noqa: A002
    """Return whether objects of a type have ``extra``."""
    return issubclass(type, _Open)


class Usage(_Open, frozen=True, gc=False):
    """Token counts; 0 where the service does not give one."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    "Reasoning included."
    total_tokens: int = 0


class TopLogprob(msgspec.Struct, frozen=True, gc=False):
    """A token that could have been there."""

    token: str
    logprob: float | None = None
    "Natural logarithm."
    bytes: tuple[int, ...] | None = None
    "Its UTF-8, where the token is part of a character."


class TokenLogprob(TopLogprob, frozen=True, gc=False):
    """A token of the answer, with those that could have been in its place."""

    top_logprobs: tuple[TopLogprob, ...] | None = None


class OpenAILogprobs(msgspec.Struct, frozen=True, gc=False):
    """Log probabilities in one of the two forms in use: parallel lists, or ``content``.

    See docs/protocol/openai.md#33-log-probabilities.
    """

    tokens: tuple[str, ...] = ()
    "Each token's text; U+FFFD where a character is spread over tokens."
    token_logprobs: tuple[float | None, ...] = ()
    top_logprobs: tuple[dict[str, float | None] | None, ...] = ()
    "For each token, those that could have been in its place."
    text_offset: tuple[int, ...] = ()
    token_ids: tuple[int, ...] = ()
    "The exact record of the tokens."
    content: tuple[TokenLogprob, ...] | None = None
    "The form that OpenAI's chat has."


class Message(_Open, frozen=True, gc=False):
    """One turn of a chat: ``Message.user("Hello")``. What a response holds can be sent again as it is."""

    role: Role | str = "assistant"
    content: str = ""
    name: str | None = None
    "The speaker's name, where several share a role; sent if set."
    reasoning_content: str | None = None
    "The model's reasoning, where the service or `separate_reasoning` separates it; never sent."

    def __repr__(self) -> str:  # messages are private
        return f"<Message of {self.role}, {len(self.content)} characters>"

    @classmethod
    def system(cls, content: str, name: str | None = None) -> Message:
        """Return a message that instructs the model."""
        return cls(role="system", content=content, name=name)

    @classmethod
    def user(cls, content: str, name: str | None = None) -> Message:
        """Return a message of the user."""
        return cls(role="user", content=content, name=name)

    @classmethod
    def assistant(cls, content: str, name: str | None = None) -> Message:
        """Return a message of the model; as the last message, the answer continues it."""
        return cls(role="assistant", content=content, name=name)


class Delta(_Open, frozen=True, gc=False):
    """What a chunk adds to a message."""

    role: str | None = None
    "In the first one."
    content: str | None = None
    "None in the last one, as a rule."
    reasoning_content: str | None = None
    "The model's reasoning, where the service or `separate_reasoning` separates it."


# ---- choices


class _Choice(_Open, frozen=True, gc=False):
    index: int = 0
    "Which of the ``n`` answers this is, or belongs to."
    finish_reason: str | None = None
    """``"stop"``, or ``"length"``; None while it goes on, or when the service does not say."""
    logprobs: OpenAILogprobs | None = None
    "Present when ``logprobs`` was sent."
    token_ids: tuple[int, ...] = ()
    "NovelAI's own key: what the text was decoded from, the end token included."
    stop_reason: int | str | None = None
    "NovelAI's own key: the token id or the text that ended the answer."
    matched_stop: int | str | None = None
    "What ``stop_reason`` was called before."


class CompletionChoice(_Choice, frozen=True, gc=False):
    """One answer to a prompt, or a piece of it."""

    text: str = ""
    """With the stop text at its end, if one ended it: `trim_stop_text` removes that.

    See docs/protocol/openai.md#34-stop-handling.
    """


class ChatChoice(_Choice, frozen=True, gc=False):
    """One answer to a chat."""

    message: Message = msgspec.field(default_factory=Message)

    @property
    def text(self) -> str:
        """Return the message's content."""
        return self.message.content


class ChatChunkChoice(_Choice, frozen=True, gc=False):
    """A piece of an answer to a chat."""

    delta: Delta = msgspec.field(default_factory=Delta)

    @property
    def text(self) -> str:
        """Return the delta's content; empty if it has none."""
        return self.delta.content or ""


# ---- envelopes


class _Envelope(_Open, frozen=True, kw_only=True, gc=False):
    id: str = ""
    object: str = ""
    created: float | None = None
    "Seconds since 1970."
    model: str = ""
    usage: Usage | None = None
    """In a stream it comes with the last piece of text, in a chunk without choices, or not at all.

    See docs/protocol/openai.md#63-usage-in-a-stream.
    """


def _first_text(choices: Sequence[CompletionChoice | ChatChoice | ChatChunkChoice]) -> str:
    """Return the text of the first answer; empty for a chunk that belongs to another."""
    return next((choice.text for choice in choices if not choice.index), "")


class OpenAICompletion(_Envelope, frozen=True, kw_only=True, gc=False):
    """The answers to a prompt, without the prompt."""

    choices: tuple[CompletionChoice, ...]

    @property
    def text(self) -> str:
        """Return the text of the first answer."""
        return _first_text(self.choices)


class CompletionChunk(_Envelope, frozen=True, kw_only=True, gc=False):
    """One event of a streamed completion."""

    choices: tuple[CompletionChoice, ...]
    "Usually one; none in a chunk that only has the usage."

    @property
    def text(self) -> str:
        """Return what it adds to the first answer; may be empty."""
        return _first_text(self.choices)


class ChatCompletion(_Envelope, frozen=True, kw_only=True, gc=False):
    """The answers to a chat."""

    choices: tuple[ChatChoice, ...]

    @property
    def text(self) -> str:
        """Return the content of the first answer."""
        return _first_text(self.choices)


class ChatChunk(_Envelope, frozen=True, kw_only=True, gc=False):
    """One event of a streamed chat."""

    choices: tuple[ChatChunkChoice, ...]
    "Usually one; none in a chunk that only has the usage."

    @property
    def text(self) -> str:
        """Return what it adds to the first answer; may be empty."""
        return _first_text(self.choices)


# ---- the rest


class ModelCard(_Open, frozen=True, gc=False):
    """A model that this account can use.

    See docs/protocol/openai.md#72-get-oav1models.
    """

    id: str
    object: str = "model"
    created: float | None = None
    "Seconds since 1970."
    owned_by: str | None = None


class TokenCount(msgspec.Struct, frozen=True, gc=False):
    """How many tokens a prompt has for a model.

    See docs/protocol/openai.md#8-token-count.
    """

    length: int
    encoded: tuple[int, ...] = ()
    "Their ids; empty if the service sent the number alone."

    def __int__(self) -> int:
        return self.length
