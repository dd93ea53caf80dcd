"""``nai chat``, ``nai complete`` and ``nai models``: the OpenAI-compatible API from the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from nai_proto import openai
from nai_proto.errors import NaiError
from nai_proto.text.models import Model

from ...sync import Client
from ..common.account_options import AccountOptions
from ..common.output import Json
from ..common.tables import Column, print_table

__all__ = ["chat", "complete", "models"]

_Model = Annotated[str, typer.Option(help="Model id or name (see `nai models`).")]
_MaxTokens = Annotated[int | None, typer.Option(help="Maximum number of tokens, including reasoning.")]
_Temperature = Annotated[float | None, typer.Option(help="Sampling temperature, 0 to 2.")]
_Stop = Annotated[list[str] | None, typer.Option(help="Stop sequence (repeatable).")]


def chat(
    message: Annotated[
        str | None, typer.Argument(help="Message; - reads it from stdin. Without it, start a conversation.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="System prompt.")] = None,
    model: _Model = Model.GLM.id,
    max_tokens: _MaxTokens = None,
    temperature: _Temperature = None,
    thinking: Annotated[
        bool, typer.Option("--thinking", help="Let the model reason first; the reasoning is dimmed.")
    ] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Send one message to a model, or hold a conversation with it.

    Ctrl-C stops a response; at the prompt, Ctrl-C or Ctrl-D ends the conversation.
    """
    options = _build_options(model, max_tokens, temperature, None)
    options["enable_thinking"] = thinking
    history = [openai.Message.system(system)] if system else []
    with account.sign_in() as client:
        conversation = _Conversation(client, options, history)
        if message is not None:
            completion = conversation.send(sys.stdin.read() if message == "-" else message, quiet=as_json)
            if as_json:
                typer.echo(json.dumps(_describe_completion(model, completion), ensure_ascii=False))
            return
        for turn in _read_turns():
            try:
                conversation.send(turn)
            except NaiError as error:  # the conversation continues without this turn
                typer.echo(f"nai chat: {error}", err=True)
            except KeyboardInterrupt:
                typer.echo(" …", err=True)


def _read_turns() -> Iterator[str]:
    """Yield each line that is typed, until Ctrl-D or Ctrl-C."""
    while True:
        try:
            turn = input("> ")
        except (EOFError, KeyboardInterrupt):
            typer.echo()
            return
        if turn.strip():
            yield turn


class _Conversation:
    """A conversation. Each request holds all earlier turns."""

    def __init__(self, client: Client, options: openai.OpenAIOptions, history: list[openai.Message]) -> None:
        self._client = client
        self._options = options
        self._history = history

    def send(self, message: str, *, quiet: bool = False) -> openai.ChatCompletion:
        """Send a message, and print and return the response. After Ctrl-C, the partial response is in the history."""
        history = [*self._history, openai.Message.user(message)]
        flow = openai.separate_reasoning(openai.chat_completion_stream(history, **self._options))
        with self._client.stream(flow) as stream:
            try:
                for chunk in stream:
                    if not quiet:
                        _print_chunk(chunk)
                completion = stream.result
            except KeyboardInterrupt:
                if isinstance(partial := stream.partial, openai.ChatCompletion):
                    self._remember(history, partial)
                raise
        if not quiet:
            typer.echo()
        self._remember(history, completion)
        return completion

    def _remember(self, history: list[openai.Message], completion: openai.ChatCompletion) -> None:
        self._history = [*history, openai.Message.assistant(completion.text)]


def complete(
    prompt: Annotated[str, typer.Argument(help="Prompt; - reads it from stdin.")],
    model: _Model = Model.GLM.id,
    max_tokens: _MaxTokens = None,
    temperature: _Temperature = None,
    stop: _Stop = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Continue a prompt as it is, without a chat template."""
    options = _build_options(model, max_tokens, temperature, stop)
    prompt = sys.stdin.read() if prompt == "-" else prompt
    flow = openai.trim_stop_text(openai.completion_stream(prompt, **options), stop or ())
    with account.sign_in() as client, client.stream(flow) as stream:
        for chunk in stream:
            if not as_json:
                typer.echo(chunk.text, nl=False)
                sys.stdout.flush()
        completion = stream.result
    typer.echo(json.dumps(_describe_completion(model, completion), ensure_ascii=False) if as_json else "")


def models(*, account: AccountOptions, as_json: Json = False) -> None:
    """List the models that the account can use."""
    with account.sign_in() as client:
        cards = client.run(openai.list_models())
    if as_json:
        documents = [{"id": card.id, "owned_by": card.owned_by} for card in cards]
        typer.echo(json.dumps(documents, ensure_ascii=False))
        return
    print_table((Column("model", is_whole=True), "owned by"), [(card.id, card.owned_by or "") for card in cards])


# ---- options and output


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


def _describe_completion(model: str, completion: openai.OpenAICompletion | openai.ChatCompletion) -> dict[str, object]:
    first = completion.choices[0] if completion.choices else None
    facts: dict[str, object] = {
        "model": completion.model or model,
        "text": completion.text,
        "finish_reason": None if first is None else first.finish_reason,
    }
    if isinstance(first, openai.ChatChoice) and first.message.reasoning_content:
        facts["reasoning"] = first.message.reasoning_content
    if completion.usage is not None:
        facts["usage"] = {
            "prompt_tokens": completion.usage.prompt_tokens,
            "completion_tokens": completion.usage.completion_tokens,
            "total_tokens": completion.usage.total_tokens,
        }
    return facts
