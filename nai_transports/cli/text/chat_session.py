"""A conversation at work: it sends messages, prints and saves answers, and performs commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from nai_proto import openai
from nai_proto.errors import InvalidRequestError, NaiError

from ...sync import Client
from ...terminals import measure_width
from ..common.finished_work import add_partial, record_done, withdraw_done
from ..common.notes import print_note
from ..common.output import escape_line, format_count
from ..common.standard_streams import OutputFailed
from ..common.text_stream import TextStream, escape_prose
from ..common.text_wrapping import wrap_prose
from .chat_commands import ChatCommand, format_help, parse_line
from .chat_input import ChatInput
from .conversation import Conversation
from .conversation_file import ConversationFile
from .model_choice import choose_chat_model

__all__ = ["AnswerStopped", "ChatSession", "list_served_models"]

_EXCERPT: Final = 60
"""Characters of a message that a note shows."""
_STOPPED: Final = "(stopped; what came is kept: type on, /retry or /undo; Ctrl-D ends)"
_STOPPED_EARLY: Final = "(stopped before an answer came: /retry or /undo; Ctrl-D ends)"


class AnswerStopped(KeyboardInterrupt):
    """The person stopped an answer. The message says what is kept, and what to type next in a conversation.

    Attributes:
        has_text: is there anything of the answer?
    """

    def __init__(self, *, has_text: bool) -> None:
        super().__init__(_STOPPED if has_text else _STOPPED_EARLY)
        self.has_text = has_text


class ChatSession:
    """A conversation, the service that answers, and the file that keeps it.

    Args:
        client: of the account.
        conversation: to go on with.
        options: of each request.
        file: where each turn is saved; None for nowhere.
        is_quiet: print no answers?
    """

    def __init__(
        self,
        client: Client,
        conversation: Conversation,
        options: openai.OpenAIOptions,
        file: ConversationFile | None,
        *,
        is_quiet: bool = False,
    ) -> None:
        self.conversation = conversation
        self._client: Final = client
        self._options: Final = options
        self._file = file
        self._is_quiet: Final = is_quiet

    def send(self, message: str) -> openai.ChatCompletion:
        """Send a message; print, save and return the answer.

        Raises:
            NaiError: there is no answer, or it broke off; what came of it is kept. Or it cannot be saved.
            AnswerStopped: the person stopped it; what came is kept.
        """
        self._change(self.conversation.with_question(message))
        return self._answer()

    def _answer(self) -> openai.ChatCompletion:
        """Have the last message answered, also if it has an answer."""
        options: openai.OpenAIOptions = {**self._options, "model": self.conversation.model}
        flow = openai.separate_reasoning(openai.chat_completion_stream(self.conversation.messages, **options))
        with TextStream() as out, self._client.stream(flow) as stream:
            try:
                for chunk in stream:
                    if not self._is_quiet:
                        _write_chunk(out, chunk)
                completion = stream.result
            except (NaiError, OutputFailed):
                self._keep_partial(stream.partial)
                raise
            except KeyboardInterrupt:
                stopped = AnswerStopped(has_text=self._keep_partial(stream.partial))
                add_partial(stopped, stream.partial)
                raise stopped from None
            if not self._is_quiet:
                out.end_line()
        self._keep(completion)
        return completion

    def _keep_partial(self, partial: object) -> bool:
        """Keep an answer that broke off, and return whether there was anything to keep."""
        if not isinstance(partial, openai.ChatCompletion) or not partial.text:
            return False
        self._keep(partial, is_stopped=True)
        return True

    def _keep(self, completion: openai.ChatCompletion, *, is_stopped: bool = False) -> None:
        reasoning = completion.choices[0].message.reasoning_content if completion.choices else None
        self._change(self.conversation.with_answer(completion.text, reasoning=reasoning or None, is_stopped=is_stopped))

    def _change(self, conversation: Conversation) -> None:
        self.conversation = conversation
        if self._file is not None:
            saved = f"The conversation is saved as {escape_line(str(self._file.path))}"
            withdraw_done(saved)  # the file has the turns before, if it cannot be written now
            self._file.save(conversation)
            record_done(saved)

    # ---- what is typed

    def perform(self, turn: str, typed: ChatInput) -> bool:
        """Send a message, or perform a command; return whether the conversation goes on.

        Args:
            turn: what was typed.
            typed: reads what else a command needs.

        Raises:
            NaiError, KeyboardInterrupt: as for `send`; or the command is wrong.
        """
        match parse_line(turn):
            case str(message):
                self.send(message)
            case ChatCommand("undo"):
                self._undo()
            case ChatCommand("retry"):
                self.conversation.require_last()
                self._answer()
            case ChatCommand("edit", text):
                self._edit(text or self._ask_for_edit(typed))
            case ChatCommand("system", text):
                self._system(text)
            case ChatCommand("model", name):
                self._model(name)
            case ChatCommand("save", path):
                self._save(path)
            case ChatCommand("load", path):
                self._load(path)
            case ChatCommand("help"):
                print_note(format_help())
            case _:
                return False
        return True

    def _ask_for_edit(self, typed: ChatInput) -> str:
        last = self.conversation.require_last()
        if not typed.has_editing:
            raise InvalidRequestError("/edit needs the text here, where there is no line to change")
        return typed.read_turn(prefilled=last.question) or ""

    def _edit(self, text: str) -> None:
        if text.strip():
            self._change(self.conversation.with_edit(text))
            self._answer()

    def _undo(self) -> None:
        taken = self.conversation.require_last()
        self._change(self.conversation.with_undo())
        print_note(f"taken back: {_excerpt(taken.question)}")

    def _system(self, text: str) -> None:
        if text:
            self._change(self.conversation.with_system(None if text == "-" else text))
        print_note(escape_prose(self.conversation.system) if self.conversation.system else "there is no system prompt")

    def _model(self, name: str) -> None:
        if name:
            self._change(
                self.conversation.with_model(choose_chat_model(name, lambda: list_served_models(self._client)).id)
            )
        print_note(escape_line(self.conversation.model))

    def _save(self, path: str) -> None:
        if path and (self._file is None or Path(path).expanduser() != self._file.path):
            file = ConversationFile.create(Path(path).expanduser())
            file.save(self.conversation)
            self._file = file
        elif self._file is None:
            raise InvalidRequestError("/save takes FILE: this conversation has no file yet")
        else:
            self._file.save(self.conversation)
        print_note(f"saved as {escape_line(str(self._file.path))}, now and after each turn")

    def _load(self, path: str) -> None:
        if self._file is None and self.conversation.turns:
            raise InvalidRequestError("this conversation is not saved, and /load would drop it: /save FILE first")
        self._file, self.conversation = ConversationFile.open(Path(path).expanduser())
        self.show_last()

    def show_last(self) -> None:
        """Show how long the conversation is, and the last turn."""
        count = sum(1 if turn.answer is None else 2 for turn in self.conversation.turns)
        print_note(f"{escape_line(self.conversation.model)}, {format_count(count, 'message')}")
        if (last := self.conversation.last) is not None:
            print_note(f"> {escape_prose(last.question)}")
            print_note(_lay_out(last.answer) if last.answer is not None else "(without an answer: /retry asks again)")


def list_served_models(client: Client) -> list[str]:
    """Return the ids of the chat models that the service lists for the account."""
    return [card.id for card in client.run(openai.list_models())]


def _write_chunk(out: TextStream, chunk: openai.ChatChunk) -> None:
    for choice in chunk.choices:
        out.write_aside(choice.delta.reasoning_content or "")
        out.write(choice.text)


def _lay_out(answer: str) -> str:
    """Return an answer as stderr shows it: wrapped as prose, as when it arrived, and not as a note, which is indented."""
    width = measure_width(sys.stderr)
    return escape_prose(answer) if width is None else wrap_prose(escape_prose(answer), width)


def _excerpt(text: str) -> str:
    line = escape_line(" ".join(text.split()))
    return line if len(line) <= _EXCERPT else line[: _EXCERPT - 1] + "…"
