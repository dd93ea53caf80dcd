"""Read the answers to text requests: event streams, and completions in one piece.

A stream of text and one of token ids differ in what an event and a result are made of: a `TokenForm` says that. Token ids
arrive packed in base64, which is unpacked here (``codecs.token_packing``).

See:
    docs/protocol/native.md#910-response
    docs/protocol/native.md#10-streaming-aigenerate-stream
    docs/protocol/native.md#111-packing
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
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

__all__ = ["AS_TEXT", "Answer", "AnswerBuilder", "AsIds", "AsText", "TokenForm", "TokenReader", "TokenReaderFactory"]

E = TypeVar("E", bound="Token | TokenIds")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_decode: Final = msgspec.json.Decoder(Token).decode


class TokenForm(Protocol[E, R_co]):
    """What a stream's events and its result are made of: text, or token ids."""

    def decode_event(self, block: bytes, /) -> E:
        """Decode a usual block; raises one of `UNUSUAL` for any other."""
        ...

    def build_event(self, fields: TokenFields, /) -> E:
        """Build the event that has these fields."""
        ...

    def content(self, event: E, /) -> str | tuple[int, ...]:
        """Return the text or the ids of an event."""
        ...

    def with_content(self, event: E, content: Any, /) -> E:
        """Return the event with another text, or with other ids."""
        ...

    def build_result(self, events: Sequence[E], max_length: int | None, prompt: Any, /) -> R_co:
        """Join the events to a result.

        Args:
            events: without those that repeated the prompt.
            max_length: None while the stream goes on.
            prompt: what was repeated; None if nothing was.
        """
        ...

    def build_answers(self, answer: Answer, max_length: int, prompt: Any, /) -> R_co:
        """Build the result of an answer in one piece.

        Args:
            answer: the document.
            max_length: of the request.
            prompt: what may be repeated before each output; None if it was not asked for.

        Raises:
            RemoteProtocolError: the document does not fit the request.
        """
        ...


class Answer(msgspec.Struct):
    """An answer in one piece; with several sequences, each has an output and a list of log probabilities."""

    output: str | tuple[str, ...]
    logprobs: tuple[Logprobs | tuple[Logprobs, ...], ...] | None = None

    def list_outputs(self) -> list[tuple[str, tuple[Logprobs, ...] | None]]:
        """Return each output with its log probabilities.

        Raises:
            RemoteProtocolError: there is no output, or not a list of log probabilities for each.
        """
        outputs = (self.output,) if isinstance(self.output, str) else self.output
        if not outputs:
            raise RemoteProtocolError("output: an empty list, where at least one text was expected")
        if self.logprobs is None:
            return [(output, None) for output in outputs]
        plain = tuple([entry for entry in self.logprobs if isinstance(entry, Logprobs)])
        lists = [entries for entries in self.logprobs if isinstance(entries, tuple)]
        if (plain and not lists) or not self.logprobs:
            lists = [plain]
        if len(lists) != len(outputs):
            raise RemoteProtocolError(f"logprobs: {len(lists)} lists, and {len(outputs)} outputs")
        return [*zip(outputs, lists, strict=True)]


class AsText(msgspec.Struct, frozen=True):
    """Text, for prompts that are text."""

    decode_event = staticmethod(_decode)

    @staticmethod
    def build_event(fields: TokenFields) -> Token:
        return Token(fields.text, fields.ptr, fields.final, fields.logprobs)

    @staticmethod
    def content(event: Token) -> str:
        return event.text

    @staticmethod
    def with_content(event: Token, content: str) -> Token:
        return msgspec.structs.replace(event, text=content)

    @staticmethod
    def build_result(events: Sequence[Token], max_length: int | None, prompt: str | None) -> Completion:
        text = "".join([token.text for token in events])
        finish_reason = _finish_reason(len(events), max_length)
        return Completion(text, _collect_logprobs(events), finish_reason, prompt=prompt or "")

    @staticmethod
    def build_answers(answer: Answer, max_length: int, prompt: str | None) -> Completion:  # noqa: ARG004 -- text does not show how many tokens it has
        made = [
            Completion(output[len(repeated) :], logprobs, prompt=repeated)
            for output, logprobs in answer.list_outputs()
            for repeated in (prompt if prompt and output.startswith(prompt) else "",)
        ]
        return msgspec.structs.replace(made[0], alternatives=tuple(made[1:]))


AS_TEXT: Final = AsText()


class AsIds(msgspec.Struct, frozen=True):
    """Token ids, for prompts of token ids."""

    width: int
    "Bytes per token."

    def decode_event(self, block: bytes) -> TokenIds:
        return self.build_event(_decode(block))

    def build_event(self, fields: TokenFields) -> TokenIds:
        return TokenIds(tuple(unpack(fields.text, self.width)), fields.ptr, fields.final, fields.logprobs)

    @staticmethod
    def content(event: TokenIds) -> tuple[int, ...]:
        return event.ids

    @staticmethod
    def with_content(event: TokenIds, content: tuple[int, ...]) -> TokenIds:
        return msgspec.structs.replace(event, ids=content)

    @staticmethod
    def build_result(
        events: Sequence[TokenIds], max_length: int | None, prompt: tuple[int, ...] | None
    ) -> CompletionIds:
        ids = tuple([one for token in events for one in token.ids])
        finish_reason = _finish_reason(len(ids), max_length)
        return CompletionIds(ids, _collect_logprobs(events), finish_reason, prompt or ())

    def build_answers(self, answer: Answer, max_length: int, prompt: tuple[int, ...] | None) -> CompletionIds:
        made: list[CompletionIds] = []
        for output, logprobs in answer.list_outputs():
            ids = self._unpack_output(output)
            repeated = prompt if prompt and ids[: len(prompt)] == prompt else ()
            ids = ids[len(repeated) :]
            made.append(CompletionIds(ids, logprobs, _finish_reason(len(ids), max_length), repeated))
        return msgspec.structs.replace(made[0], alternatives=tuple(made[1:]))

    def _unpack_output(self, output: str) -> tuple[int, ...]:
        try:
            return tuple(unpack(output, self.width))
        except RemoteProtocolError as problem:
            wrong = RemoteProtocolError(f"output: {problem}", excerpt=problem.excerpt)
        raise wrong


def _collect_logprobs(events: Sequence[Token] | Sequence[TokenIds]) -> tuple[Logprobs, ...] | None:
    return tuple([token.logprobs for token in events if token.logprobs is not None]) or None


def _finish_reason(length: int, max_length: int | None) -> FinishReason | None:
    if max_length is None:
        return None
    return "length" if length >= max_length else "stop"


@dataclass(frozen=True, slots=True)
class AnswerBuilder(Generic[R]):
    """Build the result of an answer in one piece."""

    form: TokenForm[Any, R]
    max_length: int
    prompt: str | tuple[int, ...] | None = field(default=None, repr=False)
    "The prompt, if ``return_full_text`` asks for it before each output."

    def __call__(self, answer: Answer, /) -> R:
        return self.form.build_answers(answer, self.max_length, self.prompt)


# ---- the stream

_GENERAL: Final = JsonDecoder(TokenFields, lenient=True)
_IS_LAST: Final = attrgetter("final")


class TokenReader(EventReader[E, R]):
    """Read the event stream of ``/ai/generate-stream``.

    See docs/protocol/native.md#10-streaming-aigenerate-stream.
    """

    NAMES = (b"newToken",)
    MARK = b'"token"'
    PARTS = "tokens"
    MISSING = "its final event"

    def __init__(
        self,
        form: TokenForm[E, R],
        where: str,
        limits: Limits,
        max_length: int,
        prompt: str | tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(form.decode_event, where, limits, _IS_LAST)
        self._form = form
        self._max_length = max_length
        self._prompt: Any = prompt
        self._awaited: Any = prompt
        "What is still to be repeated of the prompt; empty or None if nothing is."
        self._repeated: list[E] = []
        "The events that have repeated it so far."

    def receive_data(self, data: bytes) -> Sequence[E]:
        events = super().receive_data(data)
        if not events or not self._awaited:
            return events
        kept = self._drop_prompt(events)
        self._events[-len(events) :] = kept
        return kept

    def _drop_prompt(self, events: Sequence[E]) -> list[E]:
        """Return the events without the prompt that they begin with; all of them, once it turns out that they do not."""
        for place, event in enumerate(events):
            content: Any = self._form.content(event)
            length = min(len(content), len(self._awaited))
            if content[:length] != self._awaited[:length] or (event.final and length < len(self._awaited)):
                self._prompt = self._awaited = None
                return [*self._repeated, *events[place:]]
            self._awaited = self._awaited[length:]
            if not self._awaited:
                rest = [self._form.with_content(event, content[length:])] if content[length:] or event.final else []
                return [*rest, *events[place + 1 :]]
            self._repeated.append(event)
        return []

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

    def build_rest(self, rests: Mapping[Hashable, str]) -> E:
        return self._form.build_event(TokenFields("".join(rests.values())))

    def result(self) -> R:
        return self._form.build_result(self._events, self._max_length if self.complete else None, self._prompt)


@dataclass(frozen=True, slots=True)
class TokenReaderFactory(Generic[E, R]):
    """Make the reader of one stream."""

    form: TokenForm[E, R]
    max_length: int
    prompt: str | tuple[int, ...] | None = field(default=None, repr=False)
    "The prompt, if ``return_full_text`` asks for it before the answer."

    def __call__(self, where: str, head: Head, limits: Limits, /) -> TokenReader[E, R]:  # noqa: ARG002 -- a ReaderFactory
        return TokenReader(self.form, where, limits, self.max_length, self.prompt)
