"""The options of ``nai generate`` that decide how a text is written, and the request's options that they become."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias, cast

import typer

from nai_proto import text
from nai_proto.errors import FileError, InvalidRequestError, TransportError
from nai_proto.http import Host
from nai_proto.text.official_presets import find_presets
from nai_proto.tier import Tier
from nai_proto.tokenizers import Tokenizer

from ...preset_files import load_preset
from ...tokenizer_files import load
from ..common.command import OptionGroup
from ..common.error_messages import explain
from ..common.errors import CommandFailed
from .model_choice import choose_story_model
from .parameter_settings import TEXT_PARAMETERS, TypedParameters, read_parameters

__all__ = ["GenerationOptions", "GenerationRequest", "load_official_preset"]

_Phrases: TypeAlias = list[str] | None


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What a prompt is continued with."""

    model: text.Model
    options: text.TextOptions
    parameters: TypedParameters
    "Those of the options that have names of the service, for errors."
    tokenizer: Tokenizer | None
    "The model's, if phrases or the prompt are tokenized here."


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationOptions(OptionGroup):
    """How a text is written."""

    model: Annotated[
        str | None, typer.Option(help="Model id or name (see `nai models`). Default: the preset's model, or Kayra.")
    ] = None
    preset: Annotated[
        str | None, typer.Option(help="Official preset (see `nai presets list`) or path of a .preset file.")
    ] = None
    module: Annotated[str | None, typer.Option(help="Built-in module, or id of one of your own.")] = None
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum number of tokens. Default: the preset's, or 40.", show_default=False),
    ] = None
    temperature: Annotated[
        float | None, typer.Option(help="Sampling temperature. Default: the preset's, or 1.", show_default=False)
    ] = None
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Set any other parameter, such as top_p=0.9 or order=temperature,top_p (repeatable).",
        ),
    ] = None
    ban: Annotated[_Phrases, typer.Option(help="Text that must not appear (repeatable).")] = None
    bias: Annotated[
        _Phrases,
        typer.Option(
            metavar="TEXT=NUMBER",
            help="Make a text likelier (above 0) or rarer (below 0); the website's numbers are from -1 to 1 (repeatable).",
        ),
    ] = None
    stop: Annotated[_Phrases, typer.Option(help="Stop sequence (repeatable).")] = None
    logprobs: Annotated[
        int | None, typer.Option(help="Show each token with this many alternatives in a table.", show_default=False)
    ] = None
    ids: Annotated[bool, typer.Option("--ids", help="Tokenize locally; send and receive token ids.")] = False

    def build_request(self) -> GenerationRequest:
        """Return the request's options; what they contain is checked when the request is built.

        Raises:
            InvalidRequestError: an option is wrong, or given twice.
            NaiError: the preset or the tokenizer cannot be loaded.
        """
        chosen = None if self.model is None else choose_story_model(self.model)
        preset = None if self.preset is None else _load_preset(self.preset, chosen)
        model = chosen or (text.Model.KAYRA if preset is None else preset.model)
        options: text.TextOptions = {"model": model}
        if preset is not None:
            options["preset"] = preset
            options["settings"] = text.GlobalSettings(num_logprobs=text.NO_LOGPROBS)
        if self.module is not None:
            options["module"] = self.module
        parameters = self._add_parameters(model, options)
        tokenizer = self._load_tokenizer(model)
        if tokenizer is not None:
            options["tokenizer"] = tokenizer
        return GenerationRequest(model, options, parameters, tokenizer if self.ids else None)

    def _load_tokenizer(self, model: text.Model) -> Tokenizer | None:
        """Return the model's tokenizer if an option needs it; an error says which does."""
        given = {"--ids": self.ids, "--ban": self.ban, "--bias": self.bias, "--stop": self.stop}
        needing = [option for option, value in given.items() if value]
        if not needing:
            return None
        try:
            return load(model)
        except (FileError, TransportError) as error:
            problem = str(error)
        need = f"{' and '.join(needing)} {'needs' if len(needing) == 1 else 'need'}"
        raise CommandFailed(f"{need} the tokenizer of {model.id}. {problem}")

    def _add_parameters(self, model: text.Model, options: text.TextOptions) -> TypedParameters:
        """Add the parameters that have options of their own, and those of ``--set``; return both."""
        named = {
            "max_length": ("--max-tokens", self.max_tokens),
            "temperature": ("--temperature", self.temperature),
            "num_logprobs": ("--logprobs", self.logprobs),
            "stop_sequences": ("--stop", self.stop),
        }
        parameters = read_parameters(self.settings or (), TEXT_PARAMETERS, named)
        _check_length(model, parameters.values.get("max_length"))
        options.update(cast("text.TextOptions", parameters.values))
        if self.ban:
            options["bans"] = text.BanList(*self.ban)
        if self.bias:
            options["biases"] = [_parse_bias(each) for each in self.bias]
        return parameters


def _check_length(model: text.Model, length: object) -> None:
    """Raise for more tokens than any tier has; the api host has no such limit.

    See docs/protocol/native.md#96-context-and-length-limits.
    """
    if isinstance(length, int) and model.host is Host.TEXT and length > (most := model.output_limit(Tier.OPUS)):
        raise InvalidRequestError(
            f"--max-tokens: {length} is too many: {model.name} writes at most {most} tokens at a time with Opus, and "
            f"{model.output_limit(Tier.TABLET)} with other tiers; --number writes several continuations",
            parameter="max_length",
        )


def _load_preset(name: str, model: text.Model | None) -> text.Preset:
    """Load the preset file at this path if there is one or it looks like one, else the official preset of this name."""
    if os.path.isfile(name) or Path(name).suffix == ".preset":
        return load_preset(name, model=model)
    return load_official_preset(name, model)


def load_official_preset(name: str, model: text.Model | None) -> text.Preset:
    """Return the official preset of a model, or of Kayra.

    Raises:
        InvalidRequestError: there is none. Names the models that have one of this name.
    """
    try:
        return text.Preset.from_official(model or text.Model.KAYRA, name)
    except InvalidRequestError as error:
        problem = explain(error)
    owners = [each.id for each in text.MODELS if name in (one.name for one in find_presets(each))]
    hint = f"; {name!r} is a preset of {' and '.join(owners)}: give --model {owners[0]}" if owners else ""
    raise InvalidRequestError(problem + hint, parameter="preset")


def _parse_bias(option: str) -> text.BiasGroup:
    phrase, _, number = option.rpartition("=")
    try:
        bias = float(number)
    except ValueError:
        raise InvalidRequestError(f"--bias is TEXT=NUMBER, such as ' swan=0.5', not {option[:60]!r}") from None
    return text.BiasGroup(bias, phrases=[phrase])
