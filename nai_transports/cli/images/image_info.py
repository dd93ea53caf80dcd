"""``nai image-info``: what pictures say of how they were made, and whether it is true."""

from __future__ import annotations

import binascii
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from nai_proto.codecs.box import write_json
from nai_proto.codecs.picture import Metadata, Place, copies, read_metadata
from nai_proto.codecs.pixels import Pixels, read_pixels
from nai_proto.codecs.signature import TEST_VERIFY_KEY, VERIFY_KEY, verify
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
"""The parameters that are shown, by their names in the comment.

See docs/protocol/image.md#81-png-text.
"""
_EMULATOR: Final = "emulator"


def image_info(
    pictures: Annotated[list[Path], typer.Argument(metavar="FILE…", help="PNG or WebP.", show_default=False)],
    key: Annotated[
        str | None,
        typer.Option(
            help="Whose signature to look for: a public key of 32 bytes in base64 or hex, or `emulator` for that of nai "
            "emulate. NovelAI's published one if not given.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what pictures say of how they were made: prompt, seed and parameters, in which places of the file, and whether
    these agree; and whether the signature is NovelAI's, so that nothing was altered since.

    The exit status is 1 if one of the files could not be read. --json prints a list, with all parameters.
    """
    with exit_on_error("image-info"):
        public = _parse_key(key)
    told: list[bytes] = []
    for path in pictures:
        try:
            facts, parameters = _describe_file(path, files.read(path), public)
            told.append(write_json(facts | {"parameters": parameters}))
        except NaiError as error:
            typer.echo(f"nai image-info: {escape_line(str(error))}", err=True)
            continue
        if not as_json:
            if len(told) > 1:
                typer.echo()
            print_facts(
                {name: escape_line(fact) if isinstance(fact, str) else fact for name, fact in facts.items()},
                as_json=False,
            )
    if as_json:
        typer.echo(b"[" + b",".join(told) + b"]")
    if len(told) < len(pictures):
        raise typer.Exit(1)


def _parse_key(given: str | None) -> bytes:
    if given is None:
        return VERIFY_KEY
    if given == _EMULATOR:
        return TEST_VERIFY_KEY
    for read in (binascii.unhexlify, binascii.a2b_base64):
        try:
            key: bytes = read(given.strip())
        except ValueError:
            continue
        if len(key) == len(VERIFY_KEY):
            return key
    raise InvalidRequestError("a public key is 32 bytes, in base64 or hex")


def _describe_file(path: Path, data: bytes, key: bytes) -> tuple[dict[str, object], dict[str, Any]]:
    """What there is to be told of a picture, and all of its parameters.

    Raises:
        InvalidFile: it is no picture, or what stands around its pixels is damaged; names the file.
    """
    with name_file_in_errors(path):
        found, trouble = _read_copies(data)
        width, height = get_size(data)
        parameters = found[0].parameters() if found else {}
        _check_numbers(parameters)
    facts: dict[str, object] = {"file": str(path), "format": get_format(data), "size": f"{width} × {height}"}
    facts |= _describe_origin(found, trouble, _read_pixels(data), key)
    if found:
        facts |= _describe_parameters(found[0], parameters)
    return {name: value for name, value in facts.items() if value is not None}, parameters


def _check_numbers(parameters: dict[str, Any]) -> None:
    """Refuses a comment that has what Python writes for numbers, and JSON does not: NaN."""
    try:
        write_json(parameters)
        return
    except InvalidRequestError as error:
        problem = str(error)
    raise RemoteProtocolError(problem)


def _read_copies(data: bytes) -> tuple[list[Metadata], dict[str, str]]:
    """Return what each place says; and what is wrong with the one in alpha, if that alone cannot be read."""
    try:
        return copies(data), {}
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


# ---- the places, and what vouches for them


def _describe_origin(
    found: list[Metadata], trouble: dict[str, str], pixels: Pixels | str, key: bytes
) -> dict[str, object]:
    places = [copy.place.value for copy in found]
    if not found:
        return {"metadata": "none", **trouble}
    facts: dict[str, object] = {"metadata": places, **trouble}
    if len(found) > 1:
        differing = _find_differences(*found)
        facts["copies_agree"] = not differing
        if differing:
            facts["differing"] = differing
    signatures = {copy.place.value: _check_signature(copy, pixels, key) for copy in found}
    same = len(set(signatures.values())) == 1
    return {**facts, "signature": signatures[places[0]] if same else signatures}


def _check_signature(copy: Metadata, pixels: Pixels | str, key: bytes) -> str:
    """What the signature of one copy is worth."""
    if "signed_hash" not in _parameters(copy):
        return "none"
    if isinstance(pixels, str):
        return f"not checked: {pixels}"
    if verify(pixels, copy.comment or "", key):
        return "valid"
    if key != TEST_VERIFY_KEY and verify(pixels, copy.comment or "", TEST_VERIFY_KEY):
        return "an emulator's, which proves nothing"
    return "invalid: altered since, or signed with another key"


def _find_differences(one: Metadata, other: Metadata) -> list[str]:
    """What two copies say differently. Each has a signature of its own, and that in alpha no title.

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


# ---- what it says


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
    """Their prompts, whatever the comment may hold there.

    See docs/protocol/image.md#54-v4-prompts-and-characters.
    """
    found: object = parameters.get("v4_prompt")
    for name in ("caption", "char_captions"):
        found = cast("dict[str, object]", found).get(name) if isinstance(found, dict) else None
    captions = [cast("dict[str, object]", each) for each in _as_list(found) if isinstance(each, dict)]
    return [text for each in captions if isinstance(text := each.get("char_caption"), str)]


def _as_list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
