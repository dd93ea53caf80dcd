"""``nai presets``: the official presets, and what each puts into a request."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from nai_proto.errors import InvalidRequestError
from nai_proto.text.models import MODELS, Model
from nai_proto.text.preset import Preset
from nai_proto.text.request import build_parameters
from nai_proto.text.samplers import SAMPLERS

from ..common.errors import exit_on_error

__all__ = ["presets"]

presets = typer.Typer(help="The presets that the service's website offers.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]


@presets.command("list")
def list_presets(
    model: Annotated[str | None, typer.Option(help="Only this model's, by id or name.")] = None,
    as_json: _Json = False,
) -> None:
    """List the official presets of all models, or of one."""
    with exit_on_error("presets"):
        models = MODELS if model is None else (_parse_model(model),)
        found = [preset for each in models for preset in Preset.official(each)]
        if not found:
            raise InvalidRequestError(f"no official presets are known for {model!r}; models: {_model_ids()}")
    if as_json:
        typer.echo(json.dumps([_describe_preset(preset) for preset in found], ensure_ascii=False))
        return
    table = Table("model", "preset", "samplers that are on, in order")
    for preset in found:
        usual = " (default)" if preset == Preset.from_default(preset.model) else ""
        table.add_row(preset.model.name, preset.name + usual, " ".join(_sampler_names(preset)))
    Console().print(table)


@presets.command()
def show(
    name: Annotated[str, typer.Argument(help="As `nai presets list` has it.")],
    model: Annotated[str, typer.Option(help="Whose preset it is, by id or name.")],
    as_json: _Json = False,
) -> None:
    """Show a preset: its file with --json, else its settings and what a request sends of them."""
    with exit_on_error("presets"):
        preset = Preset.from_official(_parse_model(model), name)
    if as_json:
        typer.echo(json.dumps(preset.to_preset_data(), ensure_ascii=False))
        return
    sent = build_parameters(preset.model, preset=preset, settings=None)
    title = f"{preset.name}, for {preset.model.name}"
    table = Table(Column("setting", no_wrap=True), "preset", "request", title=title, title_style="bold")
    for setting in preset:
        value = " ".join(_sampler_names(preset)) if setting == "order" else str(preset[setting])
        table.add_row(setting, value, str(sent[setting]) if setting in sent else "[dim]–[/]")
    Console(highlight=False).print(table)


def _describe_preset(preset: Preset) -> dict[str, object]:
    facts = {"model": preset.model.id, "name": preset.name, "order": _sampler_names(preset)}
    return {**facts, "default": preset == Preset.from_default(preset.model)}


def _sampler_names(preset: Preset) -> list[str]:
    """The names of those that are on, in order."""
    pairs = zip(preset.order or (), preset.sampling_options, strict=True)
    return [SAMPLERS[sampler].name for sampler, enabled in pairs if enabled]


def _parse_model(name: str) -> Model:
    model = Model.named(name)
    if not model.listed:
        raise InvalidRequestError(f"no model is called {name!r}; models: {_model_ids()}")
    return model


def _model_ids() -> str:
    return ", ".join(each.id for each in MODELS)
