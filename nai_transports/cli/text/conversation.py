"""A conversation with a chat model as a value, and the JSON of its file.

Changes return another conversation; nothing here reads or writes. Messages alternate: what the person said, then the
answer. The last message may have no answer yet, because it was stopped before one came, or failed.

See docs/command-line.md#conversations.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from nai_proto import openai
from nai_proto.errors import InvalidFile, InvalidRequestError
from nai_proto.story.foreign_formats import CONVERSATION_FORMAT
from nai_proto.story.json_records import describe_mismatch, read_json_object
from nai_proto.unknown_names import suggest_name

__all__ = ["Conversation", "Turn", "format_conversation", "parse_conversation"]

_VERSION: Final = 1
_KEYS: Final = ("format", "version", "model", "system", "messages")
_MESSAGE_KEYS: Final = {"user": ("role", "content"), "assistant": ("role", "content", "reasoning", "stopped")}


@dataclass(frozen=True, slots=True)
class Turn:
    """A message of the person, and the answer to it."""

    question: str
    answer: str | None = None
    "None while there is none."
    reasoning: str | None = None
    "The model's reasoning before the answer; it is not sent again."
    is_stopped: bool = False
    "Was the answer stopped before its end?"

    def __repr__(self) -> str:  # messages are private
        return f"<turn, {'without' if self.answer is None else 'with'} an answer>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The model, the system prompt, and all turns so far."""

    model: str
    "The model's id."
    system: str | None = None
    "The system prompt."
    turns: tuple[Turn, ...] = ()

    @property
    def last(self) -> Turn | None:
        """Return the last turn; None before the first."""
        return self.turns[-1] if self.turns else None

    def require_last(self) -> Turn:
        """Return the last turn.

        Raises:
            InvalidRequestError: there is none.
        """
        if self.last is None:
            raise InvalidRequestError("there is no message yet")
        return self.last

    @property
    def messages(self) -> list[openai.Message]:
        """Return what is sent for the next answer: to the last message, without its present answer."""
        messages = [openai.Message.system(self.system)] if self.system else []
        for turn in self.turns:
            messages.append(openai.Message.user(turn.question))
            if turn is not self.last:
                messages.append(openai.Message.assistant(turn.answer or ""))
        return messages

    def with_question(self, text: str) -> Conversation:
        """Return the conversation with one more message; it takes the place of a last one that has no answer."""
        answered = self.turns if self.last is None or self.last.answer is not None else self.turns[:-1]
        return replace(self, turns=(*answered, Turn(text)))

    def with_answer(self, text: str, *, reasoning: str | None = None, is_stopped: bool = False) -> Conversation:
        """Return the conversation with this answer to its last message, in place of one that there is.

        Raises:
            InvalidRequestError: there is no message.
        """
        last = Turn(self.require_last().question, text, reasoning, is_stopped)
        return replace(self, turns=(*self.turns[:-1], last))

    def with_edit(self, text: str) -> Conversation:
        """Return the conversation with another last message, which has no answer.

        Raises:
            InvalidRequestError: there is no message.
        """
        self.require_last()
        return replace(self, turns=(*self.turns[:-1], Turn(text)))

    def with_undo(self) -> Conversation:
        """Return the conversation without its last message and the answer.

        Raises:
            InvalidRequestError: there is no message.
        """
        self.require_last()
        return replace(self, turns=self.turns[:-1])

    def with_system(self, system: str | None) -> Conversation:
        """Return the conversation with another system prompt, or none."""
        return replace(self, system=system or None)

    def with_model(self, model: str) -> Conversation:
        """Return the conversation with another model, by its id."""
        return replace(self, model=model)


# ---- its file


def format_conversation(conversation: Conversation) -> bytes:
    """Return the JSON of a conversation's file."""
    messages = [message for turn in conversation.turns for message in _describe_turn(turn)]
    head = {
        "format": CONVERSATION_FORMAT,
        "version": _VERSION,
        "model": conversation.model,
        "system": conversation.system,
    }
    text = json.dumps({**head, "messages": messages}, ensure_ascii=False, indent=2)
    return text.encode("utf-8", "replace") + b"\n"


def _describe_turn(turn: Turn) -> Iterator[dict[str, object]]:
    yield {"role": "user", "content": turn.question}
    if turn.answer is not None:
        reasoning = {"reasoning": turn.reasoning} if turn.reasoning else {}
        stopped = {"stopped": True} if turn.is_stopped else {}
        yield {"role": "assistant", "content": turn.answer, **reasoning, **stopped}


def parse_conversation(data: bytes, *, where: str) -> Conversation:
    """Return the conversation that a file holds.

    Args:
        data: the file's content.
        where: the file's name, with which an error begins.

    Raises:
        InvalidFile: it is not JSON, or holds no conversation. A key that is not known is an error too, since the file is
            written again, without that key.
    """
    if not data.lstrip().startswith(b"{"):
        raise InvalidFile(f"{where} is not a conversation that nai chat saved")
    document = read_json_object(data, where=where)
    if document.get("format") != CONVERSATION_FORMAT:
        raise InvalidFile(
            f"{where} is not a conversation that nai chat saved: its format is not {CONVERSATION_FORMAT!r}"
        )
    if document.get("version") != _VERSION:
        raise InvalidFile(f"{where}: a conversation of another version than {_VERSION}; update nai-proto to read it")
    _check_keys(document, _KEYS, where, "")
    system = document.get("system")
    return Conversation(
        model=_read_text(document, "model", where, ""),
        system=None if system is None else _read_text(document, "system", where, "") or None,
        turns=_parse_messages(document.get("messages"), where),
    )


def _parse_messages(messages: object, where: str) -> tuple[Turn, ...]:
    if not isinstance(messages, list):
        raise InvalidFile(f"{where}: {describe_mismatch('messages', messages, 'a list')}")
    turns: list[Turn] = []
    for place, message in enumerate(cast("list[object]", messages)):
        path = f"messages[{place}]"
        if not isinstance(message, dict):
            raise InvalidFile(f"{where}: {describe_mismatch(path, message, 'an object')}")
        entry = cast("dict[str, object]", message)
        is_answer = bool(turns) and turns[-1].answer is None
        role = "assistant" if is_answer else "user"
        if entry.get("role") != role:
            raise InvalidFile(f"{where}: the role of {path} is not {role!r}: the two alternate, and the user begins")
        _check_keys(entry, _MESSAGE_KEYS[role], where, path)
        content = _read_text(entry, "content", where, path)
        if is_answer:
            reasoning = _read_text(entry, "reasoning", where, path) if "reasoning" in entry else None
            turns[-1] = Turn(turns[-1].question, content, reasoning, is_stopped=entry.get("stopped") is True)
        else:
            turns.append(Turn(content))
    return tuple(turns)


def _check_keys(entry: Mapping[str, object], known: Sequence[str], where: str, path: str) -> None:
    unknown = next((key for key in entry if key not in known), None)
    if unknown is not None:
        place = f"{path} has" if path else "it has"
        hint = suggest_name(unknown, known)
        raise InvalidFile(f"{where}: {place} the key {unknown[:40]!r}, which no conversation has{hint}")


def _read_text(entry: Mapping[str, object], key: str, where: str, path: str) -> str:
    name = f"{path}.{key}" if path else key
    value = entry.get(key)
    if not isinstance(value, str):
        problem = describe_mismatch(name, value, "a text") if key in entry else f"{name} is missing"
        raise InvalidFile(f"{where}: {problem}")
    return value
