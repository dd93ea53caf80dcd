"""``nai chat``: a message to a model and its answer, or a conversation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nai_proto.errors import InvalidRequestError, NaiError
from nai_proto.text.models import Model

from ..common.account_options import AccountOptions
from ..common.error_messages import ServiceAddress
from ..common.errors import describe_failure, reading_options
from ..common.json_document import print_json
from ..common.notes import print_note
from ..common.output import Json, escape_line
from ..common.text_input import read_text_argument
from ..common.usage_messages import quote
from .chat_commands import format_hint
from .chat_input import ChatInput
from .chat_session import AnswerStopped, ChatSession, list_served_models
from .conversation import Conversation
from .conversation_file import ConversationFile, find_last_saved, state_directory
from .model_choice import check_chat_model, choose_chat_model, note_family
from .openai_options import OpenAISettings, describe_answer

__all__ = ["chat"]


def chat(
    message: Annotated[
        str | None, typer.Argument(help="Message; - reads it from stdin. Without it, start a conversation.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model id or name (see `nai models`). Default: GLM 4.6.", show_default=False)
    ] = None,
    system: Annotated[str | None, typer.Option(help="System prompt.")] = None,
    thinking: Annotated[
        bool, typer.Option("--thinking", help="Let the model reason first; a terminal shows the reasoning dimmed.")
    ] = False,
    *,
    settings: OpenAISettings,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the conversation to this file, after each turn.")
    ] = None,
    go_on: Annotated[
        bool, typer.Option("--continue", help="Go on with the file of --save, else with what was saved last.")
    ] = False,
    no_history: Annotated[bool, typer.Option("--no-history", help="Do not remember what is typed.")] = False,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Talk to a chat model.

    With a message, print the answer. Without one, hold a conversation: Ctrl-C stops an answer, Ctrl-D ends the conversation,
    and /help lists its commands. Models for stories have `nai generate`.
    """
    with reading_options():
        if as_json and message is None:
            raise InvalidRequestError("--json needs a message; - reads it from stdin")
        options = settings.build_options(thinking=thinking)
        if model is not None:
            check_chat_model(model)  # before anybody is asked to sign in
        file, conversation = _open_conversation(save, go_on)
    if system is not None:
        conversation = conversation.with_system(system)
    with account.sign_in() as client:
        if model is not None:
            with reading_options():
                chosen = choose_chat_model(model, lambda: list_served_models(client))
            note_family(model, chosen, quiet=account.quiet)
            conversation = conversation.with_model(chosen.id)
        session = ChatSession(client, conversation, options, file, is_quiet=as_json)
        if message is None:
            typed = ChatInput(None if no_history else state_directory() / "chat-history")
            _converse(session, typed, account.find_address())
            return
        try:
            completion = session.send(read_text_argument(message))
        except AnswerStopped as stop:
            stop.add_note(_describe_stop(stop, file))
            raise
    if as_json:
        print_json(describe_answer(session.conversation.model, completion))


def _open_conversation(save: Path | None, go_on: bool) -> tuple[ConversationFile | None, Conversation]:
    """Return the file of the conversation, and what it holds."""
    if go_on:
        return ConversationFile.open(save or find_last_saved())
    return None if save is None else ConversationFile.create(save), Conversation(model=Model.GLM.id)


def _describe_stop(stop: AnswerStopped, file: ConversationFile | None) -> str:
    """Return what is kept of the answer to a single message."""
    if not stop.has_text:
        return "stopped before an answer came"
    if file is None:
        return "stopped: what came of the answer is kept nowhere; --save FILE keeps a conversation"
    path = escape_line(quote(str(file.path)))
    return f"stopped: what came of the answer is kept: nai chat --save {path} --continue goes on"


def _converse(session: ChatSession, typed: ChatInput, address: ServiceAddress | None) -> None:
    """Hold a conversation until the input ends. Without a person at a terminal, an error ends it too."""
    if typed.is_interactive:
        session.show_last()
        print_note(format_hint())
    while True:
        try:
            turn = typed.read_turn()
            if turn is None:
                break
            if turn.strip() and not session.perform(turn, typed):
                return
        except NaiError as error:
            if not typed.is_interactive:
                raise
            print_note(f"nai chat: {describe_failure(error, address).message}")
        except KeyboardInterrupt as stop:
            if not typed.is_interactive:
                raise
            print_note(str(stop) if isinstance(stop, AnswerStopped) else "\n(Ctrl-D ends the conversation)")
    if typed.is_interactive:
        typer.echo(err=True)
