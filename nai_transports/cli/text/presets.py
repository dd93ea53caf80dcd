"""``nai presets``: list the official presets, and show what each sends."""

from __future__ import annotations

from typing import Annotated

import typer

from nai_proto.errors import InvalidRequestError
from nai_proto.text.models import MODELS, Model, find_listed_model
from nai_proto.text.preset import Preset
from nai_proto.text.request import build_parameters
from nai_proto.text.samplers import SAMPLERS

from ..common.command import CommandGroup
from ..common.json_document import print_json
from ..common.notes import print_remark
from ..common.output import Json
from ..common.tables import Column, print_table
from .generation_options import load_official_preset

__all__ = ["presets"]

presets = CommandGroup(help="List and show the official presets.", no_args_is_help=True)


@presets.command("list")
def list_presets(
    model: Annotated[str | None, typer.Option(help="Only the presets of this model (id or name).")] = None,
    as_json: Json = False,
) -> None:
    """List the official presets."""
    models = MODELS if model is None else (find_listed_model(model),)
    selected = [preset for each in models for preset in Preset.official(each)]
    if not selected:
        having = ", ".join(each.id for each in MODELS if Preset.official(each))
        raise InvalidRequestError(f"{models[0].id} has no official presets; {having} have them", parameter="model")
    if as_json:
        print_json([_describe_preset(preset) for preset in selected])
        return
    print_table(("model", "preset", "enabled samplers, in order"), map(_describe_row, selected))


@presets.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of the preset (see `nai presets list`).")],
    model: Annotated[
        str | None, typer.Option(help=f"Model id or name. Default: {Model.KAYRA.name}, as of `nai generate`.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the settings of a preset, and what a request sends of them. --json prints the .preset file."""
    preset = load_official_preset(name, None if model is None else find_listed_model(model))
    if model is None:
        print_remark(f"of {preset.model.name}, since no --model is given")
    if as_json:
        print_json(preset.to_preset_data())
        return
    sent = build_parameters(preset.model, preset=preset, settings=None)
    rows = [
        (
            setting,
            " ".join(_sampler_names(preset)) if setting == "order" else _format_value(preset[setting]),
            _format_value(sent[setting]) if setting in sent else "–",
        )
        for setting in preset
    ]
    print_table((Column("setting", is_whole=True), "preset", "request"), rows)


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _describe_row(preset: Preset) -> tuple[str, str, str]:
    default = " (default)" if preset == Preset.from_default(preset.model) else ""
    return preset.model.name, preset.name + default, " ".join(_sampler_names(preset))


def _describe_preset(preset: Preset) -> dict[str, object]:
    facts = {"model": preset.model.id, "name": preset.name, "order": _sampler_names(preset)}
    return {**facts, "default": preset == Preset.from_default(preset.model)}


def _sampler_names(preset: Preset) -> list[str]:
    """Return the names of the enabled samplers, in order."""
    pairs = zip(preset.order or (), preset.sampling_options, strict=True)
    return [SAMPLERS[sampler].name for sampler, enabled in pairs if enabled]
