"""``nai generate``: continue a prompt, and print the text as it arrives."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from math import exp
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from nai_proto import text
from nai_proto.errors import InvalidRequestError, NaiError
from nai_proto.exchange.actions import Runnable
from nai_proto.tokenizers import Tokenizer

from ...preset_files import load_preset
from ...tokenizer_files import load
from ..common.account_options import AccountOptions
from ..common.output import Json
from ..common.tables import print_table
from ..common.text_input import read_standard_input, read_text_file

__all__ = ["generate"]

_Phrases = list[str] | None


def generate(
    prompt: Annotated[str | None, typer.Argument(help="Prompt; - reads it from stdin.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read the prompt from this file.")] = None,
    model: Annotated[str | None, typer.Option(help="Model id or name. Default: the preset's model, or Kayra.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Official preset (see `nai presets list`) or path of a .preset file.")
    ] = None,
    module: Annotated[str | None, typer.Option(help="Built-in module, or id of one of your own.")] = None,
    ban: Annotated[_Phrases, typer.Option(help="Text that must not appear (repeatable).")] = None,
    bias: Annotated[
        _Phrases,
        typer.Option(metavar="TEXT=NUMBER", help="Make a text likelier (up to 1) or rarer (down to -1) (repeatable)."),
    ] = None,
    stop: Annotated[_Phrases, typer.Option(help="Stop sequence (repeatable).")] = None,
    max_length: Annotated[
        int | None, typer.Option(help="Maximum number of tokens. Default: the preset's, or 40.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Sampling temperature. Default: the preset's, or 1.")
    ] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Tokenize locally; send and receive token ids.")] = False,
    logprobs: Annotated[
        int | None, typer.Option(help="Show each token with this many alternatives in a table.")
    ] = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Continue a prompt.

    Authenticate with NAI_TOKEN, or with --email and a password.
    """
    prompt_text = _read_prompt(prompt, file)
    options = _build_options(model, preset, module, max_length, temperature, logprobs)
    chosen_model = text.Model.named(options.get("model") or text.Model.KAYRA)
    tokenizer = load(chosen_model) if ids or ban or bias or stop else None
    _add_phrases(options, tokenizer, ban, bias, stop)
    flow = _build_flow(prompt_text, options, tokenizer if ids else None)
    with account.sign_in() as client, client.stream(flow) as stream:
        for token in stream:
            if not as_json:
                typer.echo(token.text, nl=False)
                sys.stdout.flush()
        completion = stream.result
    if as_json:
        typer.echo(json.dumps(_describe_completion(chosen_model, completion), ensure_ascii=False))
    else:
        typer.echo()
        if logprobs is not None:
            _print_logprobs(completion, tokenizer or _load_tokenizer_or_none(chosen_model))


def _read_prompt(prompt: str | None, file: Path | None) -> str:
    if (prompt is None) == (file is None):
        raise InvalidRequestError("give a prompt, --file, or - to read the prompt from stdin")
    if file is not None:
        return read_text_file(file)
    return read_standard_input() if prompt == "-" else prompt or ""


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
    """Load the preset file at this path if there is one or it looks like one, else the official preset of this name."""
    if Path(name).is_file() or Path(name).suffix == ".preset":
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


def _parse_bias(option: str) -> text.BiasGroup:
    phrase, _, number = option.rpartition("=")
    try:
        bias = float(number)
    except ValueError:
        raise InvalidRequestError(f"--bias is TEXT=NUMBER, such as ' swan=0.5', not {option[:60]!r}") from None
    return text.BiasGroup(bias, phrases=[phrase])


def _build_flow(
    prompt: str, options: text.TextOptions, tokenizer: Tokenizer | None
) -> Runnable[text.Token, text.Completion]:
    if tokenizer is None:
        return text.generate_stream(prompt, **options)
    return text.decode_tokens(text.generate_stream(tokenizer.encode(prompt), **options), tokenizer)


# ---- output


def _describe_completion(model: text.Model, completion: text.Completion) -> dict[str, object]:
    facts: dict[str, object] = {"model": model.id, "text": completion.text, "finish_reason": completion.finish_reason}
    if completion.ids:
        facts["ids"] = completion.ids
    if completion.logprobs is not None:
        facts["logprobs"] = msgspec.to_builtins(completion.logprobs)
    return facts


def _load_tokenizer_or_none(model: text.Model) -> Tokenizer | None:
    """Load the tokenizer that shows candidates as text; without it, the table shows token ids."""
    try:
        return load(model)
    except NaiError:
        return None


def _print_logprobs(completion: text.Completion, tokenizer: Tokenizer | None) -> None:
    """Print the candidates for each token."""

    def format_candidate(candidate: text.TokenCandidate, place: int) -> str:
        piece = repr(tokenizer.decode(candidate.tokens)) if tokenizer else " ".join(map(str, candidate.tokens))
        logprob = candidate.logprobs[place]
        return f"{piece} {'–' if logprob is None else f'{exp(logprob):.1%}'}"

    def format_part(candidates: Iterable[text.TokenCandidate], place: int) -> str:
        return ", ".join(format_candidate(candidate, place) for candidate in candidates)

    rows = [
        (format_part(one.chosen, 1), format_part(one.before, 0), format_part(one.after, 1))
        for one in completion.logprobs or ()
    ]
    print_table(("token", "before sampling", "after sampling"), rows)
