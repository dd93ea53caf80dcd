"""Shapes of the responses of the OpenAI-compatible endpoints: whole or in chunks, as completion or as chat.

See:
    docs/protocol/openai.md#3-completions
    docs/protocol/openai.md#4-chat-completions
    docs/protocol/openai.md#6-streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ..text.generation import Logprob
from .chat_template import END_OF_TURN, TURN
from .request_body import ChatRequest, CompletionRequest
from .switches import OpenAISwitches
from .text_generation import StreamPart, TextPiece

__all__ = ["ChatShape", "Choice", "CompletionShape", "ResponseShape", "UsageCounts", "choose_shape"]

Choice: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class UsageCounts:
    """Tokens of a prompt and of all its answers."""

    prompt_tokens: int
    completion_tokens: int

    def to_wire(self) -> dict[str, int]:
        """Return the ``usage`` object."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


class ResponseShape(Protocol):
    """One way to write choices."""

    @property
    def prefix(self) -> str:
        """Prefix of response ids."""
        ...

    @property
    def whole_object(self) -> str:
        """The ``object`` of a whole response."""
        ...

    @property
    def chunk_object(self) -> str:
        """The ``object`` of a chunk."""
        ...

    def build_whole(self, index: int, pieces: Sequence[TextPiece]) -> Choice:
        """Return a whole choice."""
        ...

    def build_opening(self, index: int, echo: Sequence[TextPiece]) -> list[Choice]:
        """Return the choices of the chunks before the first token, with the prompt if it is repeated."""
        ...

    def build_chunks(self, index: int, piece: TextPiece) -> list[Choice]:
        """Return the choices of the chunks for a token. The last one for the last token has the ``finish_reason``."""
        ...


@dataclass(frozen=True, slots=True)
class CompletionShape:
    """``choices[].text``.

    See:
        docs/protocol/openai.md#32-response-not-streamed
        docs/protocol/openai.md#62-completion-chunk
    """

    switches: OpenAISwitches
    decode: Callable[[Iterable[int]], str]
    "Returns the text of token ids."
    wants_logprobs: bool
    prefix: str = "cmpl"
    whole_object: str = "text_completion"
    chunk_object: str = "text_completion"

    def build_whole(self, index: int, pieces: Sequence[TextPiece]) -> Choice:
        return self._build_choice(index, pieces)

    def build_opening(self, index: int, echo: Sequence[TextPiece]) -> list[Choice]:
        return [self._build_choice(index, echo)] if echo else []

    def build_chunks(self, index: int, piece: TextPiece) -> list[Choice]:
        return [self._build_choice(index, [piece])]

    def _build_choice(self, index: int, pieces: Sequence[TextPiece]) -> Choice:
        return {
            "index": index,
            "text": "".join([piece.text for piece in pieces]),
            "finish_reason": pieces[-1].finish_reason,
            "logprobs": self._build_logprobs(pieces) if self.wants_logprobs else None,
            **_build_extras(self.switches, pieces),
        }

    def _build_logprobs(self, pieces: Sequence[TextPiece]) -> dict[str, object]:
        """Return the log probabilities as parallel lists.

        See docs/protocol/openai.md#33-log-probabilities.
        """
        tokens = [_describe_token(piece, self.decode) for piece in pieces]
        return {
            "tokens": [text for text, _, _ in tokens],
            "token_logprobs": [logprob for _, logprob, _ in tokens],
            "top_logprobs": [None if logprob is None else dict(top) for _, logprob, top in tokens],
            "text_offset": [piece.offset for piece in pieces],
            "token_ids": [piece.token for piece in pieces],
        }


@dataclass(frozen=True, slots=True)
class ChatShape:
    """``choices[].message.content`` and ``choices[].delta.content``.

    See:
        docs/protocol/openai.md#42-response-not-streamed-documented-form
        docs/protocol/openai.md#61-chat-chunk
    """

    switches: OpenAISwitches
    decode: Callable[[Iterable[int]], str]
    "Returns the text of token ids."
    wants_logprobs: bool
    prefix: str = "chatcmpl"
    whole_object: str = "chat.completion"
    chunk_object: str = "chat.completion.chunk"

    def build_whole(self, index: int, pieces: Sequence[TextPiece]) -> Choice:
        message: dict[str, str] = {"role": "assistant", "content": ""}
        for piece in pieces:
            for field, text in self._message_fields(piece).items():
                message[field] = message.get(field, "") + text
        return {
            "index": index,
            "message": message,
            "finish_reason": pieces[-1].finish_reason,
            "logprobs": self._build_logprobs(pieces),
            **_build_extras(self.switches, pieces),
        }

    def build_opening(self, index: int, echo: Sequence[TextPiece]) -> list[Choice]:  # noqa: ARG002 -- a chat is not repeated
        return [self._build_chunk(index, {"role": "assistant", "content": ""}, [])]

    def build_chunks(self, index: int, piece: TextPiece) -> list[Choice]:
        if piece.part is StreamPart.END:
            return [self._build_chunk(index, {}, [piece])]
        chunk = self._build_chunk(
            index, self._message_fields(piece), [piece._replace(finish_reason=None, stop_reason=None)]
        )
        return [chunk] if piece.finish_reason is None else [chunk, self._build_chunk(index, {}, [], piece)]

    def _build_chunk(
        self, index: int, delta: dict[str, str], pieces: Sequence[TextPiece], last: TextPiece | None = None
    ) -> Choice:
        end = last or (pieces[-1] if pieces else None)
        return {
            "index": index,
            "delta": delta,
            "finish_reason": None if end is None else end.finish_reason,
            "logprobs": self._build_logprobs(pieces),
            **_build_extras(self.switches, pieces, end),
        }

    def _message_fields(self, piece: TextPiece) -> dict[str, str]:
        """Return what this token adds to each field of a message."""
        if piece.part is StreamPart.END:
            return {}
        if piece.part is StreamPart.CONTENT or self.switches.thinking == "inline":
            return {"content": piece.text}
        return {self.switches.thinking: "" if piece.part is StreamPart.TAG else piece.text}

    def _build_logprobs(self, pieces: Sequence[TextPiece]) -> dict[str, object] | None:
        """Return the log probabilities in OpenAI's form for chats.

        See docs/protocol/openai.md#33-log-probabilities.
        """
        if not self.wants_logprobs or not pieces:
            return None
        content: list[dict[str, object]] = []
        for piece in pieces:
            text, logprob, top = _describe_token(piece, self.decode)
            entry = _build_entry(text, logprob)
            content.append({**entry, "top_logprobs": [_build_entry(*candidate) for candidate in top]})
        return {"content": content}


@dataclass(frozen=True, slots=True)
class _TextChatShape(CompletionShape):
    """Chats with their text in ``choices[].text``.

    See docs/protocol/openai.md#61-chat-chunk.
    """

    prefix: str = "chatcmpl"
    whole_object: str = "chat.completion.chunk"
    chunk_object: str = "chat.completion.chunk"

    def build_chunks(self, index: int, piece: TextPiece) -> list[Choice]:
        # The mark at the end of the turn is not part of a chat's text.
        return CompletionShape.build_chunks(
            self, index, piece._replace(text="") if piece.part is StreamPart.END else piece
        )

    def build_whole(self, index: int, pieces: Sequence[TextPiece]) -> Choice:
        """Return a whole choice as captured: ``text`` is empty, and ``token_ids`` hold the answer, whatever ``extras`` is.

        See docs/protocol/openai.md#43-response-not-streamed-observed-form--important.
        """
        choice = CompletionShape.build_whole(self, index, pieces)
        return {**choice, "text": "", "token_ids": [piece.token for piece in pieces]}


def choose_shape(
    request: CompletionRequest | ChatRequest, switches: OpenAISwitches, decode: Callable[[Iterable[int]], str]
) -> ResponseShape:
    """Return the shape of the response to a request."""
    wants_logprobs = request.logprobs is not None
    if isinstance(request, CompletionRequest):
        return CompletionShape(switches, decode, wants_logprobs)
    is_text = switches.chat_chunks == "text" if request.stream else switches.chat == "observed"
    return (_TextChatShape if is_text else ChatShape)(switches, decode, wants_logprobs)


def _build_extras(
    switches: OpenAISwitches, pieces: Sequence[TextPiece], end: TextPiece | None = None
) -> dict[str, object]:
    """Return the keys of a choice that only the service has."""
    if not switches.extras:
        return {}
    last = end or (pieces[-1] if pieces else None)
    return {
        "token_ids": [piece.token for piece in pieces],
        "stop_reason": None if last is None else last.stop_reason,
    }


def _describe_token(
    piece: TextPiece, decode: Callable[[Iterable[int]], str]
) -> tuple[str, float | None, list[tuple[str, float]]]:
    """Return a token's text and log probability, and those of the best candidates.

    A token that was not drawn is certain; the first of a prompt has no probability.
    """
    text = TURN if piece.token == END_OF_TURN else decode((piece.token,))
    if piece.logprobs is None:
        return text, None if piece.part is StreamPart.PROMPT else 0.0, [(text, 0.0)]

    def describe(candidate: Logprob) -> tuple[str, float]:
        return decode((candidate.token,)), candidate.before

    return text, piece.logprobs.chosen[0].before, list(map(describe, piece.logprobs.before))


def _build_entry(text: str, logprob: float | None) -> dict[str, object]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode("utf-8", "replace"))}
