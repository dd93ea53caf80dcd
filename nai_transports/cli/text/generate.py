"""``nai generate``: text that goes on from a prompt, as it comes."""

from __future__ import annotations

import json
import sys
from math import exp
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nai_proto import text
from nai_proto.errors import InvalidFile, InvalidRequestError, NaiError
from nai_proto.exchange.actions import Runnable
from nai_proto.tokenizers import Tokenizer

from ... import files
from ...preset_files import load_preset
from ...tokenizer_files import load
from ..common.credentials import Email, UnsafePassword, Url, open_client, sign_in
from ..common.errors import exit_on_error

__all__ = ["generate"]

_Phrases = list[str] | None


def generate(
    prompt: Annotated[str | None, typer.Argument(help="What to go on from; - reads it from stdin.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read the prompt from this file instead.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The model's id or name; the preset's, or Kayra, if not given.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="An official preset (`nai presets list`), or the path of a .preset file.")
    ] = None,
    module: Annotated[str | None, typer.Option(help="A built-in module, or the id of one of your own.")] = None,
    ban: Annotated[_Phrases, typer.Option(help="A text that must not appear. May be given more than once.")] = None,
    bias: Annotated[
        _Phrases, typer.Option(help="TEXT=NUMBER: makes a text likelier (up to 1) or rarer (down to -1). Likewise.")
    ] = None,
    stop: Annotated[_Phrases, typer.Option(help="A text that ends the answer. Likewise.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens to generate; the preset's, or 40.")] = None,
    temperature: Annotated[float | None, typer.Option(help="The preset's, or 1.")] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Tokenise here, and send and receive token ids.")] = False,
    logprobs: Annotated[
        int | None, typer.Option(help="Show each token, and so many that might have been, in a table.")
    ] = None,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> None:
    """Go on from a prompt, with NovelAI's service.

    Whose account it is says NAI_TOKEN; without it, log in with an e-mail and a password.
    """
    with exit_on_error("generate"):
        given = _read_prompt(prompt, file)
        options = _build_options(model, preset, module, max_length, temperature, logprobs)
        whose = text.Model.named(options.get("model") or text.Model.KAYRA)
        tokenizer = load(whose) if ids or ban or bias or stop else None
        _add_phrases(options, tokenizer, ban, bias, stop)
        flow = _build_flow(given, options, tokenizer if ids else None)
        with open_client(sign_in(url, email, unsafe_password)) as client, client.stream(flow) as story:
            for token in story:
                if not as_json:
                    typer.echo(token.text, nl=False)
                    sys.stdout.flush()
            answer = story.result
        if as_json:
            typer.echo(json.dumps(_describe_completion(whose, answer), ensure_ascii=False))
        else:
            typer.echo()
            if logprobs is not None:
                Console(highlight=False).print(
                    _build_logprobs_table(answer, tokenizer or _load_tokenizer_or_none(whose))
                )


def _read_prompt(prompt: str | None, file: Path | None) -> str:
    if (prompt is None) == (file is None):
        raise InvalidRequestError("give a prompt, or --file, or - to read it from stdin")
    data = b"" if file is None and prompt != "-" else sys.stdin.buffer.read() if file is None else files.read(file)
    if prompt is not None and prompt != "-":
        return prompt
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        problem = f"{file or 'stdin'} is not UTF-8 (at byte {error.start})"
    raise InvalidFile(problem, path=str(file or ""))


def _build_options(
    model: str | None,
    preset: str | None,
    module: str | None,
    max_length: int | None,
    temperature: float | None,
    logprobs: int | None,
) -> text.TextOptions:
    options: text.TextOptions = {}
    if model is not None:
        options["model"] = text.Model.named(model)
    if preset is not None:
        chosen = _load_preset(preset, text.Model.named(model) if model is not None else None)
        options["preset"] = chosen
        options["model"] = options.get("model", chosen.model)
        options["settings"] = text.GlobalSettings(num_logprobs=text.NO_LOGPROBS)
    if module is not None:
        options["module"] = module
    if max_length is not None:
        options["max_length"] = max_length
    if temperature is not None:
        options["temperature"] = temperature
    if logprobs is not None:
        options["num_logprobs"] = logprobs
    return options


def _load_preset(name: str, model: text.Model | None) -> text.Preset:
    """The file of this name if there is one, else the official preset."""
    if Path(name).is_file():
        return load_preset(name, model=model)
    return text.Preset.from_official(model or text.Model.KAYRA, name)


def _add_phrases(
    options: text.TextOptions, tokenizer: Tokenizer | None, ban: _Phrases, bias: _Phrases, stop: _Phrases
) -> None:
    if tokenizer is None:
        return
    options["tokenizer"] = tokenizer
    if ban:
        options["bans"] = text.BanList(*ban)
    if bias:
        options["biases"] = [_parse_bias(one) for one in bias]
    if stop:
        options["stop_sequences"] = stop


def _parse_bias(written: str) -> text.BiasGroup:
    phrase, _, number = written.rpartition("=")
    try:
        bias = float(number)
    except ValueError:
        raise InvalidRequestError(f"--bias is TEXT=NUMBER, such as ' swan=0.5', not {written[:60]!r}") from None
    return text.BiasGroup(bias, phrases=[phrase])


def _build_flow(
    prompt: str, options: text.TextOptions, tokenizer: Tokenizer | None
) -> Runnable[text.Token, text.Completion]:
    if tokenizer is None:
        return text.generate_stream(prompt, **options)
    return text.decode_tokens(text.generate_stream(tokenizer.encode(prompt), **options), tokenizer)


# ---- what is shown


def _describe_completion(model: text.Model, answer: text.Completion) -> dict[str, object]:
    facts: dict[str, object] = {"model": model.id, "text": answer.text, "finish_reason": answer.finish_reason}
    if answer.ids:
        facts["ids"] = answer.ids
    if answer.logprobs is not None:
        facts["logprobs"] = msgspec.to_builtins(answer.logprobs)
    return facts


def _load_tokenizer_or_none(model: text.Model) -> Tokenizer | None:
    """The tokenizer, to show candidates as text; their ids will do without."""
    try:
        return load(model)
    except NaiError:
        return None


def _build_logprobs_table(answer: text.Completion, tokenizer: Tokenizer | None) -> Table:
    def shown(candidate: text.TokenCandidate, place: int) -> str:
        piece = repr(tokenizer.decode(candidate.tokens)) if tokenizer else " ".join(map(str, candidate.tokens))
        logprob = candidate.logprobs[place]
        return f"{piece} {'–' if logprob is None else f'{exp(logprob):.1%}'}"

    table = Table("token", "before sampling", "after sampling", title="what each token was chosen from")
    for one in answer.logprobs or ():
        chosen = ", ".join(shown(candidate, 1) for candidate in one.chosen)
        before, after = (
            ", ".join(shown(one, place) for one in part) for place, part in enumerate((one.before, one.after))
        )
        table.add_row(Text(chosen), Text(before), Text(after))
    return table
