"""What a text request gives: streamed tokens, completions, and their log probabilities.

A prompt that is text is answered with text (`Token`, `Completion`), a prompt of token ids with token ids (`TokenIds`,
`CompletionIds`).

See docs/protocol/native.md#910-response.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

__all__ = [
    "Completion",
    "CompletionIds",
    "FinishReason",
    "Logprobs",
    "Token",
    "TokenCandidate",
    "TokenFields",
    "TokenIds",
]

FinishReason: TypeAlias = Literal["stop", "length"]
"""Why a text ends: at a stop sequence or an end token, or at its length."""


class TokenCandidate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A token that could have been next."""

    tokens: tuple[int, ...]
    "Its ids, normally one."
    logprobs: tuple[float | None, float | None]
    "Natural logarithms before and after sampling; None where sampling had removed it."


class Logprobs(msgspec.Struct, frozen=True, gc=False):
    """The candidates that a token was chosen from, best first."""

    chosen: tuple[TokenCandidate, ...] = ()
    "The token itself."
    before: tuple[TokenCandidate, ...] = ()
    "The best candidates before sampling."
    after: tuple[TokenCandidate, ...] = ()
    "Those that sampling left."


class TokenFields(msgspec.Struct, frozen=True, gc=False):  # like all below it: without cycles
    """The fields of a streamed event, whatever its text means."""

    text: str = msgspec.field(default="", name="token")
    "May be empty."
    ptr: int | None = None
    "Its position in the answer, from 0."
    final: bool = False
    "True on the last one."
    logprobs: Logprobs | None = None
    "Present when ``num_logprobs`` was sent."


class Token(TokenFields, frozen=True, gc=False, forbid_unknown_fields=True):
    """One piece of generated text, as it was streamed.

    It is decoded strictly, so that one decoding tells a usual event from all that needs a second look: errors, new keys.
    """

    ids: tuple[int, ...] = ()
    "What `decode_tokens` decoded the text from; the service does not say where it was asked for text."


class TokenIds(msgspec.Struct, frozen=True, gc=False):
    """One generated token as the service streamed it, where the prompt was token ids."""

    ids: tuple[int, ...]
    "Normally one; none in an event that only says that it is the last."
    ptr: int | None = None
    "Its position in the answer, from 0."
    final: bool = False
    "True on the last one."
    logprobs: Logprobs | None = None
    "Present when ``num_logprobs`` was sent."


class Completion(msgspec.Struct, frozen=True):
    """Generated text, without the prompt."""

    text: str
    "May be empty."
    logprobs: tuple[Logprobs, ...] | None = None
    "One per token, when ``num_logprobs`` was sent."
    finish_reason: FinishReason | None = None
    """``"length"`` when ``max_length`` tokens came, else ``"stop"``. None when it is not known: the service does not say,
    and text that is not streamed does not show how many tokens it has."""
    ids: tuple[int, ...] = ()
    "What `decode_tokens` decoded the text from; the service does not say where it was asked for text."
    prompt: str = ""
    "The prompt, where ``return_full_text`` had it repeated before the text; else empty."
    alternatives: tuple[Completion, ...] = ()
    "The other answers, where ``num_return_sequences`` asked for several."


class CompletionIds(msgspec.Struct, frozen=True):
    """Generated token ids, without the prompt. `decode_tokens` makes a `Completion` of them."""

    ids: tuple[int, ...]
    logprobs: tuple[Logprobs, ...] | None = None
    "One per token, when ``num_logprobs`` was sent."
    finish_reason: FinishReason | None = None
    """``"length"`` when ``max_length`` tokens came, else ``"stop"``; None while the stream goes on."""
    prompt: tuple[int, ...] = ()
    "The prompt, where ``return_full_text`` had it repeated before the ids; else empty."
    alternatives: tuple[CompletionIds, ...] = ()
    "The other answers, where ``num_return_sequences`` asked for several."
