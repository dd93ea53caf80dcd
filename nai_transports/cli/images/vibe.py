"""``nai vibe``: create vibe files, and show what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from nai_proto.codecs.vibe_files import StoredVibe, write_vibe_file
from nai_proto.errors import InvalidRequestError
from nai_proto.image import ImageModel, Price, encoding_price
from nai_proto.image.image_files import image_type

from ... import files
from ..common.account_options import AccountOptions
from ..common.cost_confirmation import CostConfirmation, MaxAnlas, Yes
from ..common.json_document import to_time
from ..common.output import Json, print_facts
from ..common.output_files import OutputFiles, OutputPath, Overwrite, build_output_option, choose_paths
from .option_errors import find_image_model
from .price_report import PriceOnly, describe_price, print_price
from .vibe_inputs import VibeInput, build_vibe_input, encode_vibes, find_unencoded, read_vibes

__all__ = ["vibe"]

_SUFFIX: Final = ".naiv4vibe"


def vibe(
    file: Annotated[Path, typer.Argument(help="Vibe file, vibe bundle, or image.", show_default=False)],
    model: Annotated[
        str | None,
        typer.Option(help="Encode for this model of V4 or V4.5. Default for an image: V4.5 Full."),
    ] = None,
    information: Annotated[
        float | None, typer.Option(min=0, max=1, help="Information extracted, 0 to 1. Default: the file's, or 1.")
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(min=-1, max=1, help="Strength to store in the file, -1 to 1. Default: the file's, or 0.6."),
    ] = None,
    output: Annotated[OutputPath | None, build_output_option(_SUFFIX)] = None,
    overwrite: Overwrite = False,
    price_only: PriceOnly = False,
    yes: Yes = False,
    max_anlas: MaxAnlas = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Encode an image as a vibe file, add an encoding for another model, or show what a vibe file contains.

    An encoding costs Anlas; asks for confirmation. Encodings are cached: the same image, model and information never cost
    twice.
    """
    vibes_in_file = read_vibes(file)
    if model is None and image_type(files.read(file)) is None:
        if information is not None or strength is not None or price_only:
            raise InvalidRequestError("--information, --strength and --price need --model")
        vibes = [_describe_vibe(each) for each in vibes_in_file]
        facts: dict[str, object] = {"file": str(file), "vibes": vibes}
    else:
        if len(vibes_in_file) != 1:
            raise InvalidRequestError(f"{file} has {len(vibes_in_file)} vibes; give a file with one vibe to encode it")
        chosen_model = ImageModel.V4_5_FULL if model is None else find_image_model(model)
        if chosen_model.family.vibes != "encoded":
            raise InvalidRequestError(f"{chosen_model.id} takes no encoded vibes; V4 and V4.5 do")
        vibe_input = build_vibe_input(file, vibes_in_file[0], strength, information)
        price = Price(encoding_price().items if find_unencoded([vibe_input], chosen_model) else ())
        if price_only:
            print_price(describe_price(lambda _: price), as_json)
            return
        (path,) = choose_paths(output, file.stem, (_SUFFIX,))
        costs = None
        with OutputFiles([path], overwrite=overwrite) as outputs:
            if not price.is_free:
                with account.log_in() as client:
                    costs = CostConfirmation(client, yes=yes, max_anlas=max_anlas)
                    costs.confirm(price)
                    with account.show_progress("encoding"), costs.paying():
                        (vibe_input,) = encode_vibes(client, [vibe_input], chosen_model, outputs)
            path = outputs.write(path, write_vibe_file(_build_vibe(vibe_input, chosen_model)), _SUFFIX)
        facts = {
            "file": str(path),
            "model": chosen_model.id,
            "information_extracted": vibe_input.extracted,
            "strength": vibe_input.strength,
        }
        if as_json:
            facts |= {"anlas": price.anlas, "price": str(price)}
        elif costs is not None:
            costs.print_paid()
    print_facts(facts, as_json)


def _build_vibe(vibe_input: VibeInput, model: ImageModel) -> StoredVibe:
    """Return the vibe with its encoding, taken from the cache if needed, and with its model, information and strength."""
    vibe, encoding = vibe_input.vibe, vibe_input.get_encoding(model)
    if encoding is not None and vibe.encoding(model.vibe_key, vibe_input.extracted) is None:
        vibe = vibe.with_encoding(model.vibe_key, vibe_input.extracted, encoding)
    import_info = {"model": model.id, "information_extracted": vibe_input.extracted, "strength": vibe_input.strength}
    return StoredVibe({**vibe.document, "importInfo": import_info})


def _describe_vibe(vibe: StoredVibe) -> dict[str, object]:
    """Return the facts of a vibe by name: always the same names, with None where nothing is known."""
    picture = vibe.image
    return {
        "name": vibe.name,
        "id": vibe.id,
        "intact": vibe.intact,
        "created_at": to_time(vibe.created_at),
        "picture_format": None if picture is None else image_type(picture),
        "picture_bytes": None if picture is None else len(picture),
        "strength": vibe.strength,
        "information_extracted": vibe.information_extracted,
        "encodings": _list_encodings(vibe),
    }


def _list_encodings(vibe: StoredVibe) -> dict[str, list[object]]:
    """Return the information extracted of each encoding by model; None where it is unknown."""
    models: Mapping[str, Mapping[str, Mapping[str, Any]]] = vibe.document.get("encodings") or {}
    encodings: dict[str, list[object]] = {}
    for model, by_id in models.items():
        params: list[Mapping[str, object]] = [each.get("params", {}) for each in by_id.values()]
        encodings[model] = [each.get("information_extracted") for each in params]
    return encodings
