"""``nai chat``, ``nai complete`` and ``nai models``: the OpenAI-compatible API from the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from nai_proto import openai
from nai_proto.errors import NaiError
from nai_proto.exchange.session import Session
from nai_proto.text.models import Model

from ..common.credentials import Email, UnsafePassword, Url, open_client, sign_in
from ..common.errors import exit_on_error

__all__ = ["chat", "complete", "models"]

_Model = Annotated[str, typer.Option(help="The model's id, as `nai models` has it.")]
_MaxTokens = Annotated[int | None, typer.Option(help="Tokens to generate, reasoning included.")]
_Temperature = Annotated[float | None, typer.Option(help="0 to 2.")]
_Stop = Annotated[list[str] | None, typer.Option(help="A text that ends the answer. May be given more than once.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]


def chat(
    message: Annotated[
        str | None, typer.Argument(help="What to say; - reads it from stdin. A conversation if not given.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="What the model is told beforehand.")] = None,
    model: _Model = Model.GLM.id,
    max_tokens: _MaxTokens = None,
    temperature: _Temperature = None,
    thinking: Annotated[
        bool, typer.Option("--thinking", help="Let the model reason first; it is shown dimmed.")
    ] = False,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: _Json = False,
) -> None:
    """Chat with a model: once, or in a conversation that remembers.

    Ctrl-C stops an answer; at the prompt, it ends the conversation, as Ctrl-D does.
    """
    options = _build_options(model, max_tokens, temperature, None)
    options["enable_thinking"] = thinking
    history = [openai.Message.system(system)] if system else []
    with exit_on_error("chat"):
        talk = _Conversation(sign_in(url, email, unsafe_password), options, history)
        if message is not None:
            answer = talk.say(sys.stdin.read() if message == "-" else message, quiet=as_json)
            if as_json:
                typer.echo(json.dumps(_describe_completion(model, answer), ensure_ascii=False))
            return
    for said in _read_turns():
        try:
            talk.say(said)
        except NaiError as error:  # the conversation goes on without that turn
            typer.echo(f"nai chat: {error}", err=True)
        except KeyboardInterrupt:
            typer.echo(" …", err=True)


def _read_turns() -> Iterator[str]:
    """What is typed, until Ctrl-D or Ctrl-C."""
    while True:
        try:
            said = input("> ")
        except (EOFError, KeyboardInterrupt):
            typer.echo()
            return
        if said.strip():
            yield said


class _Conversation:
    """A conversation: each turn goes out with all before it."""

    def __init__(self, asked: Session, options: openai.OpenAIOptions, history: list[openai.Message]) -> None:
        self._asked = asked
        self._options = options
        self._history = history

    def say(self, message: str, *, quiet: bool = False) -> openai.ChatCompletion:
        """One turn. An answer that is stopped by Ctrl-C is remembered as far as it came."""
        history = [*self._history, openai.Message.user(message)]
        flow = openai.separate_reasoning(openai.chat_completion_stream(history, **self._options))
        with open_client(self._asked) as client, client.stream(flow) as stream:
            try:
                for chunk in stream:
                    if not quiet:
                        _print_chunk(chunk)
                answer = stream.result
            except KeyboardInterrupt:
                if isinstance(partial := stream.partial, openai.ChatCompletion):
                    self._remember(history, partial)
                raise
        if not quiet:
            typer.echo()
        self._remember(history, answer)
        return answer

    def _remember(self, history: list[openai.Message], answer: openai.ChatCompletion) -> None:
        self._history = [*history, openai.Message.assistant(answer.text)]


def complete(
    prompt: Annotated[str, typer.Argument(help="What to go on from; - reads it from stdin.")],
    model: _Model = Model.GLM.id,
    max_tokens: _MaxTokens = None,
    temperature: _Temperature = None,
    stop: _Stop = None,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: _Json = False,
) -> None:
    """Go on from a prompt, as it stands: a raw completion, without the form of a chat."""
    with exit_on_error("complete"):
        options = _build_options(model, max_tokens, temperature, stop)
        prompt = sys.stdin.read() if prompt == "-" else prompt
        flow = openai.trim_stop_text(openai.completion_stream(prompt, **options), stop or ())
        with open_client(sign_in(url, email, unsafe_password)) as client, client.stream(flow) as stream:
            for chunk in stream:
                if not as_json:
                    typer.echo(chunk.text, nl=False)
                    sys.stdout.flush()
            answer = stream.result
        typer.echo(json.dumps(_describe_completion(model, answer), ensure_ascii=False) if as_json else "")


def models(
    email: Email = None, unsafe_password: UnsafePassword = None, url: Url = None, as_json: _Json = False
) -> None:
    """List the models that the account can use."""
    with exit_on_error("models"):
        with open_client(sign_in(url, email, unsafe_password)) as client:
            found = client.run(openai.list_models())
        if as_json:
            cards = [{"id": card.id, "owned_by": card.owned_by} for card in found]
            typer.echo(json.dumps(cards, ensure_ascii=False))
            return
        table = Table("model", "owned by")
        for card in found:
            table.add_row(card.id, card.owned_by or "")
        Console().print(table)


# ---- inside


def _build_options(
    model: str, max_tokens: int | None, temperature: float | None, stop: list[str] | None
) -> openai.OpenAIOptions:
    options: openai.OpenAIOptions = {"model": model}
    if max_tokens is not None:
        options["max_tokens"] = max_tokens
    if temperature is not None:
        options["temperature"] = temperature
    if stop:
        options["stop"] = stop
    return options


def _print_chunk(chunk: openai.ChatChunk) -> None:
    for choice in chunk.choices:
        if choice.delta.reasoning_content:
            typer.secho(choice.delta.reasoning_content, nl=False, dim=True)
        typer.echo(choice.text, nl=False)
    sys.stdout.flush()


def _describe_completion(model: str, answer: openai.OpenAICompletion | openai.ChatCompletion) -> dict[str, object]:
    first = answer.choices[0] if answer.choices else None
    facts: dict[str, object] = {
        "model": answer.model or model,
        "text": answer.text,
        "finish_reason": None if first is None else first.finish_reason,
    }
    if isinstance(first, openai.ChatChoice) and first.message.reasoning_content:
        facts["reasoning"] = first.message.reasoning_content
    if answer.usage is not None:
        facts["usage"] = {
            "prompt_tokens": answer.usage.prompt_tokens,
            "completion_tokens": answer.usage.completion_tokens,
            "total_tokens": answer.usage.total_tokens,
        }
    return facts
