"""``nai complete``: continue a prompt with a chat model, without a chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nai_proto import openai
from nai_proto.text.models import Model

from ..common.account_options import AccountOptions
from ..common.errors import reading_options
from ..common.finished_work import open_stream
from ..common.json_document import print_json
from ..common.output import Json
from ..common.text_input import read_required_text
from ..common.text_stream import TextStream
from .chat_session import list_served_models
from .model_choice import check_chat_model, choose_chat_model, note_family
from .openai_options import OpenAISettings, describe_answer

__all__ = ["complete"]


def complete(
    prompt: Annotated[str | None, typer.Argument(help="Prompt. Default: read from stdin, as - is.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read the prompt from this file; - reads stdin.")] = None,
    model: Annotated[str, typer.Option(help="Model id or name (see `nai models`).")] = Model.GLM.id,
    stop: Annotated[list[str] | None, typer.Option(help="Stop sequence (repeatable).")] = None,
    *,
    settings: OpenAISettings,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Continue a prompt with a chat model, as it is, without a chat template."""
    with reading_options():
        options = settings.build_options(stop=stop)
        check_chat_model(model)  # before anybody is asked to log in
    prompt_text = read_required_text(prompt, "complete", "--file", file=file)
    with account.log_in() as client:
        with reading_options():
            found = choose_chat_model(model, lambda: list_served_models(client))
        note_family(model, found, quiet=account.quiet)
        options["model"] = chosen = found.id
        flow = openai.trim_stop_text(openai.completion_stream(prompt_text, **options), stop or ())
        with TextStream() as out, open_stream(client, flow) as stream:
            for chunk in stream:
                if not as_json:
                    out.write(chunk.text)
            completion = stream.result
            if not as_json:
                out.finish()
    if as_json:
        print_json(describe_answer(chosen, completion))
