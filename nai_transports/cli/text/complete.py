"""``nai complete``: continue a prompt with a chat model, without a chat template."""

from __future__ import annotations

from typing import Annotated

import typer

from nai_proto import openai
from nai_proto.text.models import Model

from ..common.account_options import AccountOptions
from ..common.errors import reading_options
from ..common.finished_work import open_stream
from ..common.json_document import print_json
from ..common.output import Json
from ..common.text_input import read_text_argument
from ..common.text_stream import TextStream
from .chat_session import list_served_models
from .model_choice import check_chat_model, choose_chat_model
from .openai_options import OpenAISettings, describe_answer

__all__ = ["complete"]


def complete(
    prompt: Annotated[str, typer.Argument(help="Prompt; - reads it from stdin.")],
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
        check_chat_model(model)  # before anybody is asked to sign in
    prompt_text = read_text_argument(prompt)
    with account.sign_in() as client:
        with reading_options():
            chosen = choose_chat_model(model, lambda: list_served_models(client)).id
        options["model"] = chosen
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
