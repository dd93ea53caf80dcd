"""What text requests give: the events of a stream, the result, and their readers (native §9.10, §10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from ..codecs.json import JsonDecoder, error_message, service_error
from ..codecs.sse import SSESplitter
from ..errors import NaiError, StreamError, Truncated
from ..http import Head
from ..limits import Limits

__all__ = ["Candidate", "Completion", "FinishReason", "Logprobs", "Token", "TokenReader", "Tokens"]

FinishReason: TypeAlias = Literal["stop", "length"]


class Candidate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A token that could have been next."""

    tokens: tuple[int, ...]
    "Its ids, normally one."
    logprobs: tuple[float | None, float | None]
    "Natural logarithms before and after sampling; None where sampling had removed it."


class Logprobs(msgspec.Struct, frozen=True, gc=False):
    """What a token was chosen from (native §9.10), best first."""

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


class Completion(msgspec.Struct, frozen=True):
    """Generated text, without the prompt."""

    text: str = msgspec.field(name="output")
    "May be empty."
    logprobs: tuple[Logprobs, ...] | None = None
    "One per token, when ``num_logprobs`` was sent."
    finish_reason: FinishReason | None = None
    """``"length"`` when ``max_length`` tokens came, else ``"stop"``; None when it cannot be told: the service does not say,
    and an answer that is not streamed does not show how many tokens it has."""


_decode: Final = msgspec.json.Decoder(Token).decode
_TOKEN_EVENTS: Final = (b"newToken", b"", b"message")
_UNUSUAL: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_GENERAL: Final = JsonDecoder(_TokenFields)


class TokenReader:
    """Reads the event stream: each event is a `Token`, the result is the `Completion` that they make.

    Costs one splitting and one typed decoding per event. What does not decode is looked at again: it may be an error,
    have keys that are not known yet, or be wrong, and then the general decoder says how. Events of other names are
    tokens if they have one, failures if they are called ``error`` (sse §2.3), and else left out (sse §2.5).
    """

    def __init__(self, where: str, limits: Limits, max_length: int | None) -> None:
        self.complete = False
        self._where = where
        self._depth = limits.json_depth
        self._max_length = max_length
        self._splitter = SSESplitter(limits)
        self._tokens: list[Token] = []
        self._failure: NaiError | None = None

    @property
    def partial(self) -> Completion | None:
        """The text so far."""
        return self._completion() if self._tokens else None

    def receive_data(self, data: bytes) -> Sequence[Token]:
        if self._failure is not None:
            raise self._failure
        tokens: list[Token] = []
        if self.complete:
            return tokens
        for kind, block in self._splitter.receive_data(data):
            try:
                token = _decode(block) if kind == b"newToken" else None
            except _UNUSUAL:
                token = None
            if token is None:
                try:
                    token = self._unusual(kind, block)
                except NaiError as error:
                    if not tokens:
                        raise
                    self._failure = error
                    break
                if token is None:
                    continue
            tokens.append(token)
            if token.final:
                self.complete = True
                break
        self._tokens += tokens
        return tokens

    def receive_eof(self) -> Completion:
        if not self.complete:
            self.receive_data(b"")
            self._splitter.receive_eof()
            if self._splitter.stray and (error := service_error(self._splitter.stray)) is not None:
                raise error
            raise Truncated(f"{self._where}: the stream ended after {len(self._tokens)} tokens, before its final event")
        return self._completion()

    def _unusual(self, kind: bytes, block: bytes) -> Token | None:
        """The token of an event; None if it has none: a ping, or something that is not known yet."""
        if not block:
            return None
        if (error := service_error(block)) is not None:
            raise error
        if kind == b"error":
            raise StreamError(error_message(block, "") or "an error without a message")
        if kind not in _TOKEN_EVENTS and b'"token"' not in block:
            return None
        text = block.decode("utf-8", "replace").encode()  # bad UTF-8 is U+FFFD in an event stream (sse §1.1)
        fields = _GENERAL.decode(text, where=f"{self._where}: event {len(self._tokens)}", depth=self._depth)
        return Token(fields.text, fields.ptr, fields.final, fields.logprobs)

    def _completion(self) -> Completion:
        length = len(self._tokens)
        reason: FinishReason | None = None
        if self.complete:
            reason = "length" if self._max_length is not None and length >= self._max_length else "stop"
        logprobs = tuple(token.logprobs for token in self._tokens if token.logprobs is not None)
        return Completion("".join(token.text for token in self._tokens), logprobs or None, reason)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes the reader of one stream."""

    max_length: int | None

    def __call__(self, where: str, head: Head, limits: Limits, /) -> TokenReader:  # noqa: ARG002 -- a ReaderFactory
        return TokenReader(where, limits, self.max_length)
