"""How answers of the OpenAI-compatible endpoints look: whole or in chunks, as completion or as chat.

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
from .parameters import ChatRequest, CompletionRequest
from .switches import OpenAISwitches
from .telling import Part, Piece
from .template import TURN

__all__ = ["ChatForm", "Choice", "CompletionForm", "Form", "Usage", "form_for"]

Choice: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request cost, in tokens."""

    prompt: int
    completion: int

    def wire(self) -> dict[str, int]:
        """As it is sent."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
        }


class Form(Protocol):
    """One way to tell choices."""

    @property
    def prefix(self) -> str:
        """What ids of answers begin with."""
        ...

    @property
    def whole_object(self) -> str:
        """The ``object`` of an answer in one piece."""
        ...

    @property
    def chunk_object(self) -> str:
        """The ``object`` of a chunk."""
        ...

    def whole(self, index: int, pieces: Sequence[Piece]) -> Choice:
        """A choice in one piece."""
        ...

    def opening(self, index: int) -> list[Choice]:
        """What a chunk each says before the first token."""
        ...

    def chunks(self, index: int, piece: Piece) -> list[Choice]:
        """What a chunk each says of a token; the last token's last one has the ``finish_reason``."""
        ...


@dataclass(frozen=True, slots=True)
class CompletionForm:
    """``choices[].text``.

    See:
        docs/protocol/openai.md#32-response-not-streamed
        docs/protocol/openai.md#62-completion-chunk
    """

    switches: OpenAISwitches
    decode: Callable[[Iterable[int]], str]
    "Gives the text of tokens."
    wants_logprobs: bool
    prefix: str = "cmpl"
    whole_object: str = "text_completion"
    chunk_object: str = "text_completion"

    def whole(self, index: int, pieces: Sequence[Piece]) -> Choice:
        return self._choice(index, pieces)

    def opening(self, index: int) -> list[Choice]:  # noqa: ARG002 -- nothing comes before the first token
        return []

    def chunks(self, index: int, piece: Piece) -> list[Choice]:
        return [self._choice(index, [piece])]

    def _choice(self, index: int, pieces: Sequence[Piece]) -> Choice:
        return {
            "index": index,
            "text": "".join([piece.text for piece in pieces]),
            "finish_reason": pieces[-1].finish_reason,
            "logprobs": self._logprobs(pieces) if self.wants_logprobs else None,
            **_extras(self.switches, pieces),
        }

    def _logprobs(self, pieces: Sequence[Piece]) -> dict[str, object]:
        """Parallel lists.

        See docs/protocol/openai.md#33-log-probabilities.
        """
        lines = [_line(piece, self.decode) for piece in pieces]
        return {
            "tokens": [text for text, _, _ in lines],
            "token_logprobs": [logprob for _, logprob, _ in lines],
            "top_logprobs": [dict(top) for _, _, top in lines],
            "text_offset": [piece.offset for piece in pieces],
            "token_ids": [piece.token for piece in pieces],
        }


@dataclass(frozen=True, slots=True)
class ChatForm:
    """``choices[].message.content`` and ``choices[].delta.content``.

    See:
        docs/protocol/openai.md#42-response-not-streamed-documented-form
        docs/protocol/openai.md#61-chat-chunk
    """

    switches: OpenAISwitches
    decode: Callable[[Iterable[int]], str]
    "Gives the text of tokens."
    wants_logprobs: bool
    prefix: str = "chatcmpl"
    whole_object: str = "chat.completion"
    chunk_object: str = "chat.completion.chunk"

    def whole(self, index: int, pieces: Sequence[Piece]) -> Choice:
        message: dict[str, str] = {"role": "assistant", "content": ""}
        for piece in pieces:
            for field, text in self._told(piece).items():
                message[field] = message.get(field, "") + text
        return {
            "index": index,
            "message": message,
            "finish_reason": pieces[-1].finish_reason,
            "logprobs": self._logprobs(pieces),
            **_extras(self.switches, pieces),
        }

    def opening(self, index: int) -> list[Choice]:
        return [self._chunk(index, {"role": "assistant", "content": ""}, [])]

    def chunks(self, index: int, piece: Piece) -> list[Choice]:
        if piece.part is Part.END:
            return [self._chunk(index, {}, [piece])]
        told = self._chunk(index, self._told(piece), [piece._replace(finish_reason=None, stop_reason=None)])
        return [told] if piece.finish_reason is None else [told, self._chunk(index, {}, [], piece)]

    def _chunk(self, index: int, delta: dict[str, str], pieces: Sequence[Piece], last: Piece | None = None) -> Choice:
        end = last or (pieces[-1] if pieces else None)
        return {
            "index": index,
            "delta": delta,
            "finish_reason": None if end is None else end.finish_reason,
            "logprobs": self._logprobs(pieces),
            **_extras(self.switches, pieces, end),
        }

    def _told(self, piece: Piece) -> dict[str, str]:
        """The fields of a message, and what this token adds to them."""
        if piece.part is Part.END:
            return {}
        if piece.part is Part.CONTENT or self.switches.thinking == "inline":
            return {"content": piece.text}
        return {self.switches.thinking: "" if piece.part is Part.TAG else piece.text}

    def _logprobs(self, pieces: Sequence[Piece]) -> dict[str, object] | None:
        """OpenAI's form for chats.

        See docs/protocol/openai.md#33-log-probabilities.
        """
        if not self.wants_logprobs or not pieces:
            return None
        lines = [_line(piece, self.decode) for piece in pieces]
        return {"content": [{**_entry(*line[:2]), "top_logprobs": [_entry(*top) for top in line[2]]} for line in lines]}


@dataclass(frozen=True, slots=True)
class _TextChat(CompletionForm):
    """A chat whose text is in ``choices[].text``.

    See docs/protocol/openai.md#61-chat-chunk.
    """

    prefix: str = "chatcmpl"
    whole_object: str = "chat.completion.chunk"
    chunk_object: str = "chat.completion.chunk"

    def chunks(self, index: int, piece: Piece) -> list[Choice]:
        # The end of the turn is no text of a chat.
        return CompletionForm.chunks(self, index, piece._replace(text="") if piece.part is Part.END else piece)

    def whole(self, index: int, pieces: Sequence[Piece]) -> Choice:
        """As it was seen: without text, the answer in the ids alone, whatever the switch of the extras.

        See docs/protocol/openai.md#43-response-not-streamed-observed-form--important.
        """
        told = CompletionForm.whole(self, index, pieces)
        return {**told, "text": "", "token_ids": [piece.token for piece in pieces]}


def form_for(
    request: CompletionRequest | ChatRequest, switches: OpenAISwitches, decode: Callable[[Iterable[int]], str]
) -> Form:
    """The form in which a request is answered."""
    wants_logprobs = request.logprobs is not None
    if isinstance(request, CompletionRequest):
        return CompletionForm(switches, decode, wants_logprobs)
    as_text = switches.chat_chunks == "text" if request.stream else switches.chat == "observed"
    return (_TextChat if as_text else ChatForm)(switches, decode, wants_logprobs)


def _extras(switches: OpenAISwitches, pieces: Sequence[Piece], end: Piece | None = None) -> dict[str, object]:
    """The service's own keys of a choice."""
    if not switches.extras:
        return {}
    last = end or (pieces[-1] if pieces else None)
    return {
        "token_ids": [piece.token for piece in pieces],
        "stop_reason": None if last is None else last.stop_reason,
    }


def _line(piece: Piece, decode: Callable[[Iterable[int]], str]) -> tuple[str, float, list[tuple[str, float]]]:
    """A token's text and logprob, and those of the best candidates. What was not drawn was certain."""
    text = TURN if piece.part is Part.END else decode((piece.token,))
    if piece.logprobs is None:
        return text, 0.0, [(text, 0.0)]

    def told(one: Logprob) -> tuple[str, float]:
        return decode((one.token,)), one.before

    return text, piece.logprobs.chosen[0].before, list(map(told, piece.logprobs.before))


def _entry(text: str, logprob: float) -> dict[str, object]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode("utf-8", "replace"))}
