"""``nai generate``: text that goes on from a prompt, as it comes."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from nai_proto import text

from ..httpx import Client
from .asking import authorized, session
from .failing import one_line

__all__ = ["generate"]


def generate(
    prompt: Annotated[str, typer.Argument(help="What to go on from; - reads it from stdin.")],
    model: Annotated[str, typer.Option(help="The model's id.")] = text.Model.KAYRA.id,
    max_length: Annotated[int, typer.Option(min=1, max=2048, help="Tokens to generate, at most.")] = 40,
    temperature: Annotated[float | None, typer.Option(min=0.1, max=100, help="1 if not given.")] = None,
    email: Annotated[
        str | None, typer.Option(help="Log in with this e-mail; the password is asked for.", envvar="NAI_EMAIL")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Ask this address, such as an emulator's, instead of NovelAI.", envvar="NAI_URL")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> None:
    """Go on from a prompt, with NovelAI's service.

    Whose account it is says NAI_TOKEN; without it, log in with an e-mail and a password, which are asked for.
    """
    if prompt == "-":
        prompt = sys.stdin.read()
    with one_line("generate"):
        parameters: text.Parameters = {"max_length": max_length}
        if temperature is not None:
            parameters["temperature"] = temperature
        asked = session(url)
        flow = authorized(asked, email, text.generate_stream(prompt, model=model, **parameters))
        with Client(asked) as client, client.stream(flow) as story:
            for token in story:
                if not as_json:
                    typer.echo(token.text, nl=False)
                    sys.stdout.flush()
            answer = story.result
        if as_json:
            facts = {"model": model, "text": answer.text, "finish_reason": answer.finish_reason}
            typer.echo(json.dumps(facts, ensure_ascii=False))
        else:
            typer.echo()
