"""``nai image-info``: show the metadata of images, and verify their signatures."""

from __future__ import annotations

import binascii
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from nai_proto.codecs.image_headers import detect_format, read_header_size
from nai_proto.codecs.picture_metadata import Metadata, PictureReport, examine_picture
from nai_proto.codecs.picture_signature import TEST_VERIFY_KEY, VERIFY_KEY, verify
from nai_proto.codecs.pixels import Pixels, read_pixels
from nai_proto.codecs.secret_box import write_json
from nai_proto.codecs.webp import find_webp_channels
from nai_proto.errors import InvalidRequestError, MissingExtra, NaiError, RemoteProtocolError
from nai_proto.image.model_hashes import find_model

from ... import files
from ..common.error_messages import explain
from ..common.json_document import print_json
from ..common.notes import print_remark
from ..common.output import Json, escape_line, format_duration, print_facts
from .input_images import name_file_in_errors

__all__ = ["image_info"]

_PARAMETER_NAMES: Final = {
    "seed": "seed",
    "steps": "steps",
    "sampler": "sampler",
    "noise_schedule": "noise schedule",
    "scale": "prompt guidance",
    "cfg_rescale": "guidance rescale",
    "uncond_scale": "undesired content strength",
    "n_samples": "images of the request",
    "strength": "strength",
    "noise": "noise",
    "sm": "SMEA",
    "sm_dyn": "SMEA DYN",
    "dynamic_thresholding": "decrisper",
    "skip_cfg_above_sigma": "Variety+ above sigma",
    "request_type": "kind of request",
    "req_type": "director tool",
    "defry": "defry",
}
"""What a person calls the parameters that are shown, by their names in the image's comment, which are those of the JSON.

See docs/protocol/image.md#81-png-text.
"""
_LINE_NAMES: Final = {
    **_PARAMETER_NAMES,
    "metadata": "metadata in",
    "not_read": "not looked at",
    "other_programs": "of other programs",
    "differing": "differences",
    "seconds": "time to generate",
    "negative_prompt": "undesired content",
}
_REQUEST_TYPES: Final = {
    "PromptGenerateRequest": "from a prompt",
    "Img2ImgRequest": "from another image",
    "NativeInfillingRequest": "a part drawn anew",
}
"""What a person is told of a kind of request.

See docs/protocol/image.md#81-png-text.
"""
_SIGNATURES: Final = {
    "none": "none",
    "valid": "valid",
    "emulator": "made by an emulator, which proves nothing",
    "invalid": "invalid: changed since, or signed with another key",
    "lost": "lost: this format cannot keep it, so nothing says whether the picture was changed",
    "not_checked": "not checked",
}
"""What a person is told of a signature, by the word for it in the JSON."""
_LOSSY: Final = ("JPEG", "GIF", "AVIF")
"""The formats that seldom store the colours as they were signed. A WebP may be of either kind."""
_MINUTE: Final = 60
_EMULATOR: Final = "emulator"


def image_info(
    pictures: Annotated[list[Path], typer.Argument(metavar="FILE", help="Images.", show_default=False)],
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
    documents: list[dict[str, object]] = []
    for path in pictures:
        try:
            facts = _describe_file(path, files.read(path), public)
            documents.append(facts)
        except NaiError as error:
            print_remark(escape_line(explain(error)))
            continue
        if not as_json:
            if len(documents) > 1:
                typer.echo()
            print_facts(_to_lines(facts), as_json=False)
    if as_json:
        print_json(documents)
    if len(documents) < len(pictures):
        raise typer.Exit(1)


def _to_lines(facts: Mapping[str, object]) -> dict[str, object]:
    """Return the facts of an image as lines by their names, without what is not known, empty or switched off."""
    width, height = facts["width"], facts["height"]
    shown = {
        **{name: facts[name] for name in ("file", "format")},
        "size": None if width is None else f"{width} × {height}",
        **facts,
        "differing": ", ".join(cast("list[str]", facts["differing"])),
        "metadata": ", ".join(cast("list[str]", facts["metadata"]))
        or ("not known" if facts["damaged"] or facts["not_read"] else "none"),
        **{name: facts[name] or None for name in ("vibes", "references")},
        "copies_agree": "no" if facts["copies_agree"] is False else facts["copies_agree"],
        "signature": _describe_signatures(facts),
    }
    hidden = ("width", "height", "parameters", "signatures", "signature_problem")
    return {
        _LINE_NAMES.get(name, name): _to_readable(name, fact)
        for name, fact in shown.items()
        if name not in hidden and not _is_empty(fact)
    }


def _to_readable(name: str, fact: object) -> object:
    """Return a fact as a person reads it: with its unit, without needless digits, and in words."""
    match fact:
        case float() if name == "seconds":
            return f"{fact:.1f} s" if fact < _MINUTE else format_duration(fact)
        case float():
            return f"{fact:.6g}"
        case str():
            return escape_line(_REQUEST_TYPES.get(fact, fact) if name == "request_type" else fact)
        case _:
            return fact


def _is_empty(fact: object) -> bool:
    """Return whether a fact is not known, empty or switched off; a number never is."""
    return fact is None or fact is False or (isinstance(fact, str | list | dict) and not fact)


def _describe_signatures(facts: Mapping[str, object]) -> object:
    signatures = cast("dict[str, str]", facts["signatures"])
    problem = facts["signature_problem"]
    texts = {
        place: f"{_SIGNATURES[state]}: {problem}" if state == "not_checked" else _SIGNATURES[state]
        for place, state in signatures.items()
    }
    return (texts if len(set(texts.values())) > 1 else next(iter(texts.values()), None)) or None


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


def _describe_file(path: Path, data: bytes, key: bytes) -> dict[str, object]:
    """Return the facts of an image by name: always the same names, with None, or nothing in them, where nothing is known.

    Raises:
        InvalidFile: the file is not an image, or its header is damaged. The message names the file.
    """
    with name_file_in_errors(path):
        report = examine_picture(data)
        metadata = report.metadata
        parameters = {} if metadata is None else _parameters(metadata)
        _check_numbers(parameters)
    pixels = _read_pixels(data)
    size = (pixels.width, pixels.height) if isinstance(pixels, Pixels) else _read_size(data)
    return {
        "file": str(path),
        "format": (detect_format(data) or "").lower(),
        **dict(zip(("width", "height"), size or (None, None), strict=True)),
        **_describe_origin(report, pixels, key, is_lossy=_is_lossy(data)),
        **_describe_parameters(metadata, parameters),
        "parameters": parameters,
    }


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
        return explain(error)
    except RemoteProtocolError:
        return "the pixels cannot be read"


def _is_lossy(data: bytes) -> bool:
    """Return whether the file's format seldom stores the colours as they were signed."""
    image_format = detect_format(data)
    if image_format != "WEBP":
        return image_format in _LOSSY
    try:
        return not find_webp_channels(data)[1]
    except RemoteProtocolError:
        return False


# ---- places and signatures


def _describe_origin(report: PictureReport, pixels: Pixels | str, key: bytes, *, is_lossy: bool) -> dict[str, object]:
    others = [copy for copy in report.copies if not copy.is_of_service]
    copies = [copy for copy in report.copies if copy.is_of_service] or others
    differing = _find_differences(*copies) if len(copies) > 1 else []
    signatures = {copy.place.value: _check_signature(copy, pixels, key, is_lossy=is_lossy) for copy in copies}
    return {
        "metadata": [copy.place.value for copy in copies],
        "not_read": {place.value: reason for place, reason in report.not_read.items()},
        "damaged": list(report.damaged),
        "other_programs": {copy.place.value: list(copy.texts) for copy in others},
        "copies_agree": not differing if len(copies) > 1 else None,
        "differing": differing,
        "signature": _summarize(signatures.values()),
        "signatures": signatures,
        "signature_problem": pixels if isinstance(pixels, str) and "not_checked" in signatures.values() else None,
    }


def _summarize(states: Collection[str]) -> str:
    """Return the word for the signatures of all copies."""
    return "differing" if len({*states}) > 1 else next(iter(states), "none")


def _check_signature(copy: Metadata, pixels: Pixels | str, key: bytes, *, is_lossy: bool) -> str:
    """Return whether the signature of one copy is valid, in one of the words of `_SIGNATURES`."""
    if _parameters(copy).get("signed_hash") is None:
        return "none"
    if isinstance(pixels, str):
        return "not_checked"
    if verify(pixels, copy.comment or "", key):
        return "valid"
    if key != TEST_VERIFY_KEY and verify(pixels, copy.comment or "", TEST_VERIFY_KEY):
        return "emulator"
    return "lost" if is_lossy else "invalid"


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


def _describe_parameters(metadata: Metadata | None, parameters: dict[str, Any]) -> dict[str, object]:
    model = None if metadata is None else find_model(metadata.source, parameters)
    lengths = {
        shown: len(_as_list(parameters.get(name)))
        for name, shown in (("reference_strength_multiple", "vibes"), ("director_reference_strengths", "references"))
    }
    return {
        "title": None if metadata is None else metadata.title,
        "software": None if metadata is None else metadata.software,
        "source": None if metadata is None else metadata.source,
        "model": None if model is None else model.id,
        "seconds": None if metadata is None else metadata.seconds,
        "prompt": parameters.get("prompt") or (None if metadata is None else metadata.description),
        "negative_prompt": parameters.get("uc"),
        "characters": _character_prompts(parameters),
        **lengths,
        **{name: parameters.get(name) for name in _PARAMETER_NAMES},
    }


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
