"""What text requests give: the events of a stream, the result, and their readers.

A prompt that is text is answered with text, a prompt of token ids with token ids, packed in base64. The two
`Form`s differ in what an event and a result are made of, and in nothing else.

See:
    docs/protocol/native.md#910-response
    docs/protocol/native.md#10-streaming-aigenerate-stream
    docs/protocol/native.md#111-packing
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Generic, Literal, Protocol, TypeAlias, TypeVar

import msgspec

from ..codecs.json import JsonDecoder
from ..codecs.tokens import unpack
from ..errors import RemoteProtocolError
from ..exchange.event_reader import EventReader
from ..http import Head
from ..limits import Limits

__all__ = [
    "AS_TEXT",
    "AsIds",
    "AsText",
    "Candidate",
    "Completion",
    "CompletionIds",
    "FinishReason",
    "Form",
    "Logprobs",
    "Token",
    "TokenIds",
    "TokenReader",
    "Tokens",
    "Whole",
]

FinishReason: TypeAlias = Literal["stop", "length"]


class Candidate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A token that could have been next."""

    tokens: tuple[int, ...]
    "Its ids, normally one."
    logprobs: tuple[float | None, float | None]
    "Natural logarithms before and after sampling; None where sampling had removed it."


class Logprobs(msgspec.Struct, frozen=True, gc=False):
    """What a token was chosen from, best first.

    See docs/protocol/native.md#910-response.
    """

    chosen: tuple[Candidate, ...] = ()
    before: tuple[Candidate, ...] = ()
    after: tuple[Candidate, ...] = ()


class _TokenFields(msgspec.Struct, frozen=True, gc=False):  # like all below it: without cycles
    text: str = msgspec.field(default="", name="token")
    "May be empty."
    ptr: int | None = None
    "Its place in the answer, from 0."
    final: bool = False
    "True on the last one."
    logprobs: Logprobs | None = None
    "Present when ``num_logprobs`` was sent."


class Token(_TokenFields, frozen=True, gc=False, forbid_unknown_fields=True):
    """One piece of generated text, as it was streamed.

    Strict, so that one decoding tells a usual event from all that needs a second look: errors, new keys.
    """

    ids: tuple[int, ...] = ()
    "What the text was decoded from, by `decoded`; a service that was asked for text does not say."


class TokenIds(msgspec.Struct, frozen=True, gc=False):
    """One generated token as the service streamed it, where the prompt was token ids."""

    ids: tuple[int, ...]
    "Normally one; none in an event that only says that it is the last."
    ptr: int | None = None
    "Its place in the answer, from 0."
    final: bool = False
    "True on the last one."
    logprobs: Logprobs | None = None
    "Present when ``num_logprobs`` was sent."


class Completion(msgspec.Struct, frozen=True):
    """Generated text, without the prompt."""

    text: str = msgspec.field(name="output")
    "May be empty."
    logprobs: tuple[Logprobs, ...] | None = None
    "One per token, when ``num_logprobs`` was sent."
    finish_reason: FinishReason | None = None
    """``"length"`` when ``max_length`` tokens came, else ``"stop"``; None when it cannot be told: the service does not say,
    and text that is not streamed does not show how many tokens it has."""
    ids: tuple[int, ...] = ()
    "What the text was decoded from, by `decoded`; a service that was asked for text does not say."


class CompletionIds(msgspec.Struct, frozen=True):
    """Generated token ids, without the prompt. `decoded` makes a `Completion` of them."""

    ids: tuple[int, ...]
    logprobs: tuple[Logprobs, ...] | None = None
    "One per token, when ``num_logprobs`` was sent."
    finish_reason: FinishReason | None = None
    """``"length"`` when ``max_length`` tokens came, else ``"stop"``; None while the stream goes on."""


# ---- the two forms

E = TypeVar("E", bound="Token | TokenIds")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_decode: Final = msgspec.json.Decoder(Token).decode


class Form(Protocol[E, R_co]):
    """What an answer's events and result are."""

    def event(self, block: bytes, /) -> E:
        """The event of an everyday block; fails with one of `UNUSUAL` on any other."""
        ...

    def of(self, fields: _TokenFields, /) -> E:
        """The event that has these fields."""
        ...

    def result(self, events: Sequence[E], max_length: int | None, /) -> R_co:
        """What the events make together; ``max_length`` is None while the stream goes on."""
        ...


@dataclass(frozen=True, slots=True)
class AsText:
    """Text, for prompts that are text."""

    event = staticmethod(_decode)

    @staticmethod
    def of(fields: _TokenFields) -> Token:
        return Token(fields.text, fields.ptr, fields.final, fields.logprobs)

    @staticmethod
    def result(events: Sequence[Token], max_length: int | None) -> Completion:
        return Completion(
            "".join([token.text for token in events]), _logprobs(events), _reason(len(events), max_length)
        )


AS_TEXT: Final = AsText()


@dataclass(frozen=True, slots=True)
class AsIds:
    """Token ids, for prompts of token ids."""

    width: int
    "Bytes per token."

    def event(self, block: bytes) -> TokenIds:
        return self.of(_decode(block))

    def of(self, fields: _TokenFields) -> TokenIds:
        return TokenIds(tuple(unpack(fields.text, self.width)), fields.ptr, fields.final, fields.logprobs)

    @staticmethod
    def result(events: Sequence[TokenIds], max_length: int | None) -> CompletionIds:
        ids = tuple([one for token in events for one in token.ids])
        return CompletionIds(ids, _logprobs(events), _reason(len(ids), max_length))


def _logprobs(events: Sequence[Token] | Sequence[TokenIds]) -> tuple[Logprobs, ...] | None:
    return tuple([token.logprobs for token in events if token.logprobs is not None]) or None


def _reason(length: int, max_length: int | None) -> FinishReason | None:
    if max_length is None:
        return None
    return "length" if length >= max_length else "stop"


@dataclass(frozen=True, slots=True)
class Whole:
    """Makes token ids of an answer in one piece, which arrives in the clothes of one that is text."""

    width: int
    max_length: int

    def __call__(self, answer: Completion, /) -> CompletionIds:
        try:
            ids = tuple(unpack(answer.text, self.width))
        except RemoteProtocolError as problem:
            wrong = RemoteProtocolError(f"output: {problem}", excerpt=problem.excerpt)
        else:
            return CompletionIds(ids, answer.logprobs, _reason(len(ids), self.max_length))
        raise wrong


# ---- the stream

_GENERAL: Final = JsonDecoder(_TokenFields)
_IS_LAST: Final = attrgetter("final")


class TokenReader(EventReader[E, R]):
    """Reads the event stream of ``/ai/generate-stream``.

    See docs/protocol/native.md#10-streaming-aigenerate-stream.
    """

    NAMES = (b"newToken",)
    MARK = b'"token"'
    PARTS = "tokens"
    MISSING = "its final event"

    def __init__(self, form: Form[E, R], where: str, limits: Limits, max_length: int) -> None:
        super().__init__(form.event, where, limits, _IS_LAST)
        self._form = form
        self._max_length = max_length

    def general(self, data: bytes, where: str, depth: int) -> E:
        fields = _GENERAL.decode(data, where=where, depth=depth)
        try:
            return self._form.of(fields)
        except RemoteProtocolError as problem:
            wrong = RemoteProtocolError(f"{where}: {problem}", excerpt=problem.excerpt)
        raise wrong

    def result(self) -> R:
        return self._form.result(self._events, self._max_length if self.complete else None)


@dataclass(frozen=True, slots=True)
class Tokens(Generic[E, R]):
    """Makes the reader of one stream."""

    form: Form[E, R]
    max_length: int

    def __call__(self, where: str, head: Head, limits: Limits, /) -> TokenReader[E, R]:  # noqa: ARG002 -- a ReaderFactory
        return TokenReader(self.form, where, limits, self.max_length)
