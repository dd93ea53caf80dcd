"""``nai vibe``: vibe files, made and looked at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from nai_proto.codecs.box import write_json
from nai_proto.codecs.vibes import Vibe, write_vibe_file
from nai_proto.errors import InvalidRequestError
from nai_proto.image import ImageModel, Price, encoding_price
from nai_proto.image.image_files import image_type

from ... import files
from ..common.credentials import Email, UnsafePassword, Url, open_client, sign_in
from ..common.errors import exit_on_error
from ..common.output import Json, print_facts, show_progress
from ..common.output_files import Output, Overwrite, choose_path, save_file
from .cost_confirmation import CostConfirmation, MaxAnlas, Yes
from .vibe_inputs import VibeInput, build_vibe_input, encode_vibes, find_unencoded, read_vibes

__all__ = ["vibe"]


def vibe(
    file: Annotated[Path, typer.Argument(help="A vibe file, a bundle of them, or a picture.", show_default=False)],
    model: Annotated[
        str | None,
        typer.Option(help="Encode it for this model of V4 or V4.5; V4.5 Full for a picture, if not given."),
    ] = None,
    information: Annotated[
        float | None, typer.Option(min=0, max=1, help="How much is taken over; what the file says, or 1, if not given.")
    ] = None,
    strength: Annotated[float | None, typer.Option(min=-1, max=1, help="How it is meant to act.")] = None,
    output: Output = None,
    overwrite: Overwrite = False,
    yes: Yes = False,
    max_anlas: MaxAnlas = None,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Encode a picture, or a vibe file for one more model, into a vibe file; or show what a vibe file has.

    An encoding costs Anlas, which is asked for. It is kept besides, and never paid for again with the same picture, model
    and information.
    """
    with exit_on_error("vibe"):
        found = read_vibes(file)
        if model is None and image_type(files.read(file)) is None:
            if information is not None or strength is not None:
                raise InvalidRequestError("--information and --strength are for encoding, which needs --model")
            facts: dict[str, object] = {"file": str(file), "vibes": list(map(_describe_vibe, found))}
        else:
            if len(found) != 1:
                raise InvalidRequestError(f"{file} has {len(found)} vibes, and one at a time is encoded")
            chosen = ImageModel.named(model or ImageModel.V4_5_FULL)
            if chosen.family.vibes != "encoded":
                raise InvalidRequestError(f"{chosen.id} takes no encoded vibes: V4 and V4.5 do")
            wanted = build_vibe_input(file, found[0], strength, information)
            path = choose_path(output, f"{file.stem}.naiv4vibe", overwrite=overwrite)
            price = Price(encoding_price().items if find_unencoded([wanted], chosen) else ())
            if not price.free:
                with open_client(sign_in(url, email, unsafe_password)) as client:
                    CostConfirmation(client, yes=yes, max_anlas=max_anlas).confirm(price)
                    with show_progress("encoding"):
                        (wanted,) = encode_vibes(client, [wanted], chosen)
            path = save_file(path, write_vibe_file(_build_vibe(wanted, chosen)), overwrite=overwrite)
            facts = {
                "file": str(path),
                "model": chosen.id,
                "information_extracted": wanted.extracted,
                "strength": wanted.strength,
                "anlas": price.anlas,
            }
        document = write_json(facts)
    if as_json:
        typer.echo(document)
    else:
        print_facts(facts, as_json=False)


def _build_vibe(wanted: VibeInput, model: ImageModel) -> Vibe:
    """The vibe with its encoding, be it one that was kept, and with what it is meant for."""
    vibe, encoding = wanted.vibe, wanted.encoding(model)
    if encoding is not None and vibe.encoding(model.vibe_key, wanted.extracted) is None:
        vibe = vibe.with_encoding(model.vibe_key, wanted.extracted, encoding)
    meant = {"model": model.id, "information_extracted": wanted.extracted, "strength": wanted.strength}
    return Vibe({**vibe.document, "importInfo": meant})


def _describe_vibe(vibe: Vibe) -> dict[str, object]:
    created, picture = vibe.created_at, vibe.image
    facts: dict[str, object] = {
        "name": vibe.name,
        "id": vibe.id,
        "intact": vibe.intact,
        "created_at": None if created is None else created / 1000,
        "picture": None if picture is None else f"{image_type(picture) or 'unknown'}, {len(picture):,} bytes",
        "strength": vibe.strength,
        "information_extracted": vibe.information_extracted,
        "encodings": _list_encodings(vibe),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _list_encodings(vibe: Vibe) -> dict[str, list[object]]:
    """By model, the information that each was made with; None where that is unknown."""
    models: Mapping[str, Mapping[str, Mapping[str, Any]]] = vibe.document.get("encodings") or {}
    found: dict[str, list[object]] = {}
    for model, made in models.items():
        params: list[Mapping[str, object]] = [each.get("params", {}) for each in made.values()]
        found[model] = [each.get("information_extracted") for each in params]
    return found
