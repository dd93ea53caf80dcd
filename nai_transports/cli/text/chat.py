"""``nai chat``: a message to a model and its answer, or a conversation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from nai_proto.errors import InvalidRequestError, NaiError
from nai_proto.text.models import Model

from ..common.account_options import AccountOptions
from ..common.error_messages import ServiceAddress
from ..common.errors import WrongUsage, describe_failure, reading_options
from ..common.finished_work import begin_work
from ..common.json_document import print_json
from ..common.notes import print_note, print_remark
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
        Path | None, typer.Option(metavar="FILE", help="Save the conversation to this new file, after each turn.")
    ] = None,
    load: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Go on with this saved conversation, and save it after each turn."),
    ] = None,
    go_on: Annotated[
        bool, typer.Option("--continue", help="Go on with the conversation that was saved last, as --load does.")
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
            check_chat_model(model)  # before anybody is asked to log in
        begun = _choose_saved(load, message) if go_on else load
        file, conversation = _open_conversation(save, begun)
    if go_on:
        print_remark(f"going on with {escape_line(str(begun))}")
    if system is not None:
        conversation = conversation.with_system(system)
    with account.log_in() as client:
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


def _choose_saved(load: Path | None, message: str | None) -> Path:
    """Return the path of the conversation that ``--continue`` goes on with.

    Raises:
        WrongUsage: a file was named, which is what ``--load`` is for.
        InvalidRequestError: no conversation was saved.
    """
    if load is not None:
        raise WrongUsage("--continue goes on with what was saved last, and --load with a file: give one of them")
    if message is not None and (message.endswith(".json") or os.path.isfile(message)):
        raise WrongUsage(f"--continue takes no file; type: nai chat --load {escape_line(quote(message))}")
    return find_last_saved()


def _open_conversation(save: Path | None, load: Path | None) -> tuple[ConversationFile | None, Conversation]:
    """Return the file in which the conversation is saved from now on, and what the conversation begins with."""
    new = None if save is None else ConversationFile.create(save)
    if load is None:
        return new, Conversation(model=Model.GLM.id)
    loaded, conversation = ConversationFile.open(load)
    return new or loaded, conversation


def _describe_stop(stop: AnswerStopped, file: ConversationFile | None) -> str:
    """Return what is kept of the answer to a single message."""
    if not stop.has_text:
        return "stopped before an answer came"
    if file is None:
        return "stopped: what came of the answer is kept nowhere; --save FILE keeps a conversation"
    path = escape_line(quote(str(file.path)))
    return f"stopped: what came of the answer is kept: nai chat --load {path} goes on"


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
            begin_work()  # where the conversation is saved is no news: it goes on
            print_note(f"nai chat: {describe_failure(error, address).message}")
        except KeyboardInterrupt as stop:
            if not typed.is_interactive:
                raise
            print_note(str(stop) if isinstance(stop, AnswerStopped) else "\n(Ctrl-D ends the conversation)")
    if typed.is_interactive:
        typer.echo(err=True)
