"""``nai image-info``: show the metadata of images, and verify their signatures."""

from __future__ import annotations

import binascii
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from nai_proto.codecs.image_headers import detect_format, read_header_size
from nai_proto.codecs.picture_metadata import Metadata, PictureReport, examine_picture
from nai_proto.codecs.picture_signature import TEST_VERIFY_KEY, VERIFY_KEY, verify
from nai_proto.codecs.pixels import Pixels, read_pixels
from nai_proto.codecs.secret_box import write_json
from nai_proto.errors import InvalidRequestError, MissingExtra, NaiError, RemoteProtocolError
from nai_proto.image.model_hashes import find_model

from ... import files
from ..common.output import Json, escape_line, print_facts
from .input_images import name_file_in_errors

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
    pictures: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Images.", show_default=False)],
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

    Looks at text chunks, EXIF, XMP, comments, and the lowest bits of alpha and of the colours, and says what is damaged and
    what was not looked at. Also verifies the signature, which is valid if NovelAI made the image and nobody changed it.
    --json prints a list with all parameters. The exit code is 1 if a file could not be read at all.
    """
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
        InvalidFile: the file is not an image, or its header is damaged. The message names the file.
    """
    with name_file_in_errors(path):
        report = examine_picture(data)
        metadata = report.metadata
        parameters = {} if metadata is None else _parameters(metadata)
        _check_numbers(parameters)
    size = _read_size(data)
    pixels = _read_pixels(data)
    if isinstance(pixels, Pixels):
        size = pixels.width, pixels.height
    facts: dict[str, object] = {
        "file": str(path),
        "format": (detect_format(data) or "").lower(),
        "size": None if size is None else f"{size[0]} × {size[1]}",
        **_describe_origin(report, pixels, key),
    }
    if metadata is not None:
        facts |= _describe_parameters(metadata, parameters)
    return {name: value for name, value in facts.items() if value is not None}, parameters


def _check_numbers(parameters: dict[str, Any]) -> None:
    """Raise RemoteProtocolError if a comment has a number that Python writes and JSON does not allow, such as NaN."""
    try:
        write_json(parameters)
        return
    except InvalidRequestError as error:
        problem = str(error)
    raise RemoteProtocolError(problem)


def _read_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height as the header has them; None if it does not, or is damaged."""
    try:
        return read_header_size(data)
    except RemoteProtocolError:
        return None


def _read_pixels(data: bytes) -> Pixels | str:
    """Return the pixels, or why they cannot be read."""
    try:
        return read_pixels(data)
    except MissingExtra as error:
        return str(error)
    except RemoteProtocolError:
        return "the pixels cannot be read"


# ---- places and signatures


def _describe_origin(report: PictureReport, pixels: Pixels | str, key: bytes) -> dict[str, object]:
    others = [copy for copy in report.copies if not copy.is_of_service]
    copies = [copy for copy in report.copies if copy.is_of_service] or others
    nothing = "not known" if report.damaged or report.not_read else "none"
    facts: dict[str, object] = {"metadata": [copy.place.value for copy in copies] or nothing}
    if report.not_read:
        facts["not_read"] = {place.value: reason for place, reason in report.not_read.items()}
    if report.damaged:
        facts["damaged"] = list(report.damaged)
    if others:
        facts["other_programs"] = {copy.place.value: list(copy.texts) for copy in others}
    if len(copies) > 1:
        differing = _find_differences(*copies)
        facts["copies_agree"] = not differing
        if differing:
            facts["differing"] = differing
    signatures = {copy.place.value: _check_signature(copy, pixels, key) for copy in copies}
    same = len(set(signatures.values())) == 1
    return {**facts, "signature": next(iter(signatures.values())) if same else signatures or None}


def _check_signature(copy: Metadata, pixels: Pixels | str, key: bytes) -> str:
    """Return whether the signature of one copy is valid, in words."""
    if _parameters(copy).get("signed_hash") is None:
        return "none"
    if isinstance(pixels, str):
        return f"not checked: {pixels}"
    if verify(pixels, copy.comment or "", key):
        return "valid"
    if key != TEST_VERIFY_KEY and verify(pixels, copy.comment or "", TEST_VERIFY_KEY):
        return "made by an emulator, which proves nothing"
    return "invalid: changed since, or signed with another key"


def _find_differences(*copies: Metadata) -> list[str]:
    """Return the names of what differs between copies. Signatures always differ, and the copy in alpha has no title.

    See docs/protocol/image.md#83-stealth-copy-in-the-alpha-channel.
    """
    first, *others = map(_comparable, copies)
    names = dict.fromkeys(name for copy in (first, *others) for name in copy)
    return [name for name in names if any(copy.get(name) != first.get(name) for copy in others)]


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
