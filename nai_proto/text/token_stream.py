"""Read the answers to text requests: event streams, and completions in one piece.

A stream of text and one of token ids differ in what an event and a result are made of: a `TokenForm` says that. Token ids
arrive packed in base64, which is unpacked here (``codecs.token_packing``).

See:
    docs/protocol/native.md#910-response
    docs/protocol/native.md#10-streaming-aigenerate-stream
    docs/protocol/native.md#111-packing
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from ..codecs.json import JsonDecoder
from ..codecs.lone_surrogates import SplitCharacters
from ..codecs.token_packing import unpack
from ..errors import RemoteProtocolError
from ..exchange.event_reader import EventReader
from ..http import Head
from ..limits import Limits
from .completion import Completion, CompletionIds, FinishReason, Logprobs, Token, TokenFields, TokenIds

__all__ = ["AS_TEXT", "AsIds", "AsText", "CompletionUnpacker", "TokenForm", "TokenReader", "TokenReaderFactory"]

E = TypeVar("E", bound="Token | TokenIds")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_decode: Final = msgspec.json.Decoder(Token).decode


class TokenForm(Protocol[E, R_co]):
    """What a stream's events and its result are made of."""

    def decode_event(self, block: bytes, /) -> E:
        """Decode a usual block; raises one of `UNUSUAL` for any other."""
        ...

    def build_event(self, fields: TokenFields, /) -> E:
        """Build the event that has these fields."""
        ...

    def build_result(self, events: Sequence[E], max_length: int | None, /) -> R_co:
        """Join the events to a result; ``max_length`` is None while the stream goes on."""
        ...


@dataclass(frozen=True, slots=True)
class AsText:
    """Text, for prompts that are text."""

    decode_event = staticmethod(_decode)

    @staticmethod
    def build_event(fields: TokenFields) -> Token:
        return Token(fields.text, fields.ptr, fields.final, fields.logprobs)

    @staticmethod
    def build_result(events: Sequence[Token], max_length: int | None) -> Completion:
        text = "".join([token.text for token in events])
        return Completion(text, _collect_logprobs(events), _finish_reason(len(events), max_length))


AS_TEXT: Final = AsText()


@dataclass(frozen=True, slots=True)
class AsIds:
    """Token ids, for prompts of token ids."""

    width: int
    "Bytes per token."

    def decode_event(self, block: bytes) -> TokenIds:
        return self.build_event(_decode(block))

    def build_event(self, fields: TokenFields) -> TokenIds:
        return TokenIds(tuple(unpack(fields.text, self.width)), fields.ptr, fields.final, fields.logprobs)

    @staticmethod
    def build_result(events: Sequence[TokenIds], max_length: int | None) -> CompletionIds:
        ids = tuple([one for token in events for one in token.ids])
        return CompletionIds(ids, _collect_logprobs(events), _finish_reason(len(ids), max_length))


def _collect_logprobs(events: Sequence[Token] | Sequence[TokenIds]) -> tuple[Logprobs, ...] | None:
    return tuple([token.logprobs for token in events if token.logprobs is not None]) or None


def _finish_reason(length: int, max_length: int | None) -> FinishReason | None:
    if max_length is None:
        return None
    return "length" if length >= max_length else "stop"


@dataclass(frozen=True, slots=True)
class CompletionUnpacker:
    """Unpack the token ids of an answer in one piece, which arrive in the field that else has text."""

    width: int
    "Bytes per token."
    max_length: int

    def __call__(self, answer: Completion, /) -> CompletionIds:
        try:
            ids = tuple(unpack(answer.text, self.width))
        except RemoteProtocolError as problem:
            wrong = RemoteProtocolError(f"output: {problem}", excerpt=problem.excerpt)
        else:
            return CompletionIds(ids, answer.logprobs, _finish_reason(len(ids), self.max_length))
        raise wrong


# ---- the stream

_GENERAL: Final = JsonDecoder(TokenFields)
_IS_LAST: Final = attrgetter("final")


class TokenReader(EventReader[E, R]):
    """Read the event stream of ``/ai/generate-stream``.

    See docs/protocol/native.md#10-streaming-aigenerate-stream.
    """

    NAMES = (b"newToken",)
    MARK = b'"token"'
    PARTS = "tokens"
    MISSING = "its final event"

    def __init__(self, form: TokenForm[E, R], where: str, limits: Limits, max_length: int) -> None:
        super().__init__(form.decode_event, where, limits, _IS_LAST)
        self._form = form
        self._max_length = max_length

    def general(self, data: bytes, where: str, depth: int) -> E:
        fields = _GENERAL.decode(data, where=where, depth=depth)
        try:
            return self._form.build_event(fields)
        except RemoteProtocolError as problem:
            wrong = RemoteProtocolError(f"{where}: {problem}", excerpt=problem.excerpt)
        raise wrong

    def join_texts(self, document: dict[str, Any], split: SplitCharacters) -> None:
        if isinstance(piece := document.get("token", ""), str):
            document["token"] = split.join(piece, None, last=document.get("final") is True)

    def result(self) -> R:
        return self._form.build_result(self._events, self._max_length if self.complete else None)


@dataclass(frozen=True, slots=True)
class TokenReaderFactory(Generic[E, R]):
    """Make the reader of one stream."""

    form: TokenForm[E, R]
    max_length: int

    def __call__(self, where: str, head: Head, limits: Limits, /) -> TokenReader[E, R]:  # noqa: ARG002 -- a ReaderFactory
        return TokenReader(self.form, where, limits, self.max_length)
