"""``nai image-info``: show the metadata of images, and verify their signatures."""

from __future__ import annotations

import binascii
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from nai_proto.codecs.picture_metadata import Metadata, Place, read_copies, read_metadata
from nai_proto.codecs.picture_signature import TEST_VERIFY_KEY, VERIFY_KEY, verify
from nai_proto.codecs.pixels import Pixels, read_pixels
from nai_proto.codecs.secret_box import write_json
from nai_proto.errors import InvalidRequestError, MissingExtra, NaiError, RemoteProtocolError
from nai_proto.image.model_hashes import find_model

from ... import files
from ..common.errors import exit_on_error
from ..common.output import Json, escape_line, print_facts
from .input_images import get_format, get_size, name_file_in_errors

__all__ = ["image_info"]

_SHOWN_PARAMETERS: Final = {
    "prompt": "prompt",
    "uc": "negative_prompt",
    **{
        name: name
        for name in (
            *("seed", "steps", "sampler", "noise_schedule", "scale", "cfg_rescale", "uncond_scale"),
            *("width", "height", "n_samples", "strength", "noise", "sm", "sm_dyn", "dynamic_thresholding"),
            *("skip_cfg_above_sigma", "request_type", "req_type", "defry"),
        )
    },
}
"""The names under which parameters are shown, by their names in the image's comment.

See docs/protocol/image.md#81-png-text.
"""
_EMULATOR: Final = "emulator"


def image_info(
    pictures: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Images: PNG or WebP.", show_default=False)],
    key: Annotated[
        str | None,
        typer.Option(
            help="Public key to verify signatures with: 32 bytes in base64 or hex, or `emulator` for the key of "
            "nai emulate. Default: NovelAI's key.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the metadata of images: prompt, seed and parameters, where the file has them, and whether the copies agree.

    Also verifies the signature, which is valid if NovelAI made the image and nobody changed it. --json prints a list with
    all parameters. The exit code is 1 if a file could not be read.
    """
    with exit_on_error("image-info"):
        public = _parse_key(key)
    documents: list[bytes] = []
    for path in pictures:
        try:
            facts, parameters = _describe_file(path, files.read(path), public)
            documents.append(write_json(facts | {"parameters": parameters}))
        except NaiError as error:
            typer.echo(f"nai image-info: {escape_line(str(error))}", err=True)
            continue
        if not as_json:
            if len(documents) > 1:
                typer.echo()
            print_facts(
                {name: escape_line(fact) if isinstance(fact, str) else fact for name, fact in facts.items()},
                as_json=False,
            )
    if as_json:
        typer.echo(b"[" + b",".join(documents) + b"]")
    if len(documents) < len(pictures):
        raise typer.Exit(1)


def _parse_key(option: str | None) -> bytes:
    if option is None:
        return VERIFY_KEY
    if option == _EMULATOR:
        return TEST_VERIFY_KEY
    for decode in (binascii.unhexlify, binascii.a2b_base64):
        try:
            key: bytes = decode(option.strip())
        except ValueError:
            continue
        if len(key) == len(VERIFY_KEY):
            return key
    raise InvalidRequestError("--key is 32 bytes in base64 or hex, or `emulator`")


def _describe_file(path: Path, data: bytes, key: bytes) -> tuple[dict[str, object], dict[str, Any]]:
    """Return the facts of an image by name, and all parameters of its metadata.

    Raises:
        InvalidFile: the file is not an image, or is damaged elsewhere than in its pixels. The message names the file.
    """
    with name_file_in_errors(path):
        found, problem = _read_copies(data)
        width, height = get_size(data)
        parameters = found[0].parameters() if found else {}
        _check_numbers(parameters)
    facts: dict[str, object] = {"file": str(path), "format": get_format(data), "size": f"{width} × {height}"}
    facts |= _describe_origin(found, problem, _read_pixels(data), key)
    if found:
        facts |= _describe_parameters(found[0], parameters)
    return {name: value for name, value in facts.items() if value is not None}, parameters


def _check_numbers(parameters: dict[str, Any]) -> None:
    """Raise RemoteProtocolError if a comment has a number that Python writes and JSON does not allow, such as NaN."""
    try:
        write_json(parameters)
        return
    except InvalidRequestError as error:
        problem = str(error)
    raise RemoteProtocolError(problem)


def _read_copies(data: bytes) -> tuple[list[Metadata], dict[str, str]]:
    """Return the metadata of each place, and the problem of the copy in the alpha channel if only that cannot be read."""
    try:
        return read_copies(data), {}
    except MissingExtra as error:
        found = read_metadata(data)
        return [] if found is None else [found], {"not_read": f"alpha: {error}"}
    except RemoteProtocolError as error:
        found = read_metadata(data)
        if found is None or found.place is Place.ALPHA:
            raise
        return [found], {"damaged": str(error).removeprefix("picture: ")}


def _read_pixels(data: bytes) -> Pixels | str:
    """Return the pixels, or why they cannot be read."""
    try:
        return read_pixels(data)
    except MissingExtra as error:
        return str(error)
    except RemoteProtocolError:
        return "the pixels cannot be read"


# ---- places and signatures


def _describe_origin(
    found: list[Metadata], problem: dict[str, str], pixels: Pixels | str, key: bytes
) -> dict[str, object]:
    places = [copy.place.value for copy in found]
    if not found:
        return {"metadata": "none", **problem}
    facts: dict[str, object] = {"metadata": places, **problem}
    if len(found) > 1:
        differing = _find_differences(*found)
        facts["copies_agree"] = not differing
        if differing:
            facts["differing"] = differing
    signatures = {copy.place.value: _check_signature(copy, pixels, key) for copy in found}
    same = len(set(signatures.values())) == 1
    return {**facts, "signature": signatures[places[0]] if same else signatures}


def _check_signature(copy: Metadata, pixels: Pixels | str, key: bytes) -> str:
    """Return whether the signature of one copy is valid, in words."""
    if "signed_hash" not in _parameters(copy):
        return "none"
    if isinstance(pixels, str):
        return f"not checked: {pixels}"
    if verify(pixels, copy.comment or "", key):
        return "valid"
    if key != TEST_VERIFY_KEY and verify(pixels, copy.comment or "", TEST_VERIFY_KEY):
        return "made by an emulator, which proves nothing"
    return "invalid: changed since, or signed with another key"


def _find_differences(one: Metadata, other: Metadata) -> list[str]:
    """Return the names of what differs between two copies. Signatures always differ, and the copy in alpha has no title.

    See docs/protocol/image.md#83-stealth-copy-in-the-alpha-channel.
    """
    mine, theirs = _comparable(one), _comparable(other)
    return [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]


def _comparable(copy: Metadata) -> dict[str, object]:
    texts = {name.replace("_", " "): text for name, text in copy.texts.items() if name not in ("Title", "Comment")}
    parameters = {name: value for name, value in _parameters(copy).items() if name != "signed_hash"}
    return {**texts, **(parameters or {"Comment": copy.comment})}


def _parameters(copy: Metadata) -> dict[str, Any]:
    try:
        return copy.parameters()
    except RemoteProtocolError:
        return {}


# ---- the metadata's content


def _describe_parameters(metadata: Metadata, parameters: dict[str, Any]) -> dict[str, object]:
    model = find_model(metadata.source, parameters)
    facts: dict[str, object] = {
        "title": metadata.title,
        "software": metadata.software,
        "source": metadata.source,
        "model": None if model is None else model.id,
        "seconds": metadata.seconds,
    }
    facts |= {
        shown: parameters[name] for name, shown in _SHOWN_PARAMETERS.items() if parameters.get(name) not in (None, "")
    }
    if "prompt" not in facts and metadata.description:
        facts["prompt"] = metadata.description
    if characters := _character_prompts(parameters):
        facts["characters"] = characters
    for name, shown in (("reference_strength_multiple", "vibes"), ("director_reference_strengths", "references")):
        if strengths := _as_list(parameters.get(name)):
            facts[shown] = len(strengths)
    return facts


def _character_prompts(parameters: dict[str, Any]) -> list[str]:
    """Return the characters' prompts, whatever the comment has in their place.

    See docs/protocol/image.md#54-v4-prompts-and-characters.
    """
    found: object = parameters.get("v4_prompt")
    for name in ("caption", "char_captions"):
        found = cast("dict[str, object]", found).get(name) if isinstance(found, dict) else None
    captions = [cast("dict[str, object]", each) for each in _as_list(found) if isinstance(each, dict)]
    return [text for each in captions if isinstance(text := each.get("char_caption"), str)]


def _as_list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
