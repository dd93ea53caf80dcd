"""Parse the values of options of ``nai image``: sizes, characters, references, boxes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final, cast

from nai_proto.errors import InvalidRequestError
from nai_proto.image import Character, ImageResolution, Position, PreciseReference
from nai_proto.image.features import REFERENCE_KINDS
from nai_proto.unknown_names import unknown_choice

from .input_images import fit_reference, read_image

__all__ = ["parse_box", "parse_character", "parse_reference", "parse_size", "parse_weighted_file"]

_WIDTH_HEIGHT: Final = re.compile(r"([0-9]{1,9})\s*[x×*]\s*([0-9]{1,9})", re.IGNORECASE)
_BOX: Final = re.compile(r"\s*,\s*".join([r"(-?[0-9]{1,9})"] * 4))
_POSITION: Final = re.compile(r"(.*)@\s*(?:([A-E][1-5])|([0-9.]+)\s*,\s*([0-9.]+))\s*", re.IGNORECASE | re.DOTALL)
_NUMBER: Final = r"[-+]?(?:[0-9.]+(?:e[-+]?[0-9]+)?|nan|inf(?:inity)?)"
_NO_POSITION: Final = re.compile(
    rf"@\s*(?:[A-Z]?[0-9]+|[-0-9.,\s]+|{_NUMBER}\s*,[^@,]*|[^@,\s]+\s*,\s*{_NUMBER}|)\s*\Z", re.IGNORECASE
)
"""What looks like a place behind a prompt and is none."""
_EMOTICON: Final = "@_@"
"""A tag that ends like the mark of a place."""
_NUMBERS: Final = re.compile(r"-?[0-9.]+(,-?[0-9.]+)?")


def parse_size(value: str) -> ImageResolution | tuple[int, int]:
    """Parse ``832x1216`` or a size of the website, such as ``large_portrait``; ``portrait`` is ``normal_portrait``.

    Raises:
        InvalidRequestError: it is neither.
    """
    if sides := _WIDTH_HEIGHT.fullmatch(value.strip()):
        return int(sides[1]), int(sides[2])
    name = re.sub(r"[\s-]+", "_", value.strip()).upper()
    for each in (name, f"NORMAL_{name}"):
        if each in ImageResolution.__members__:
            return ImageResolution[each]
    names = [each.lower().removeprefix("normal_") for each in ImageResolution.__members__ if not each.endswith("_V1")]
    error = unknown_choice(value, "size", names, parameter="size")
    raise InvalidRequestError(f"--size: {error}; any other is WIDTHxHEIGHT in pixels", parameter="size")


def parse_character(value: str) -> Character:
    """Parse ``PROMPT[;;NEGATIVE][@PLACE]``; the place is A1 to E5, or x and y from 0 to 1.

    Raises:
        InvalidRequestError: there is no prompt, or more than one negative prompt, or the place is none.
    """
    text, position = value, None
    if positioned := _POSITION.fullmatch(value):
        text = positioned[1]
        position = positioned[2] or (_parse_number(positioned[3]), _parse_number(positioned[4]))
    elif _NO_POSITION.search(value) and not value.rstrip().endswith(_EMOTICON):
        raise _invalid_character(value, "PLACE behind the @ is A1 to E5, or X,Y from 0 to 1")
    prompt, *negatives = (part.strip() for part in text.split(";;"))
    if not prompt:
        raise _invalid_character(value, "the PROMPT is missing")
    if len(negatives) > 1:
        raise _invalid_character(value, "only one NEGATIVE can follow the PROMPT")
    return Character(prompt, negatives[0] if negatives else None, cast("Position | None", position))


def _invalid_character(value: str, problem: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"--character is PROMPT[;;NEGATIVE][@PLACE], and in {value[:60]!r} {problem}", parameter="characters"
    )


def parse_box(value: str) -> tuple[int, int, int, int]:
    """Parse ``LEFT,TOP,RIGHT,BOTTOM`` in pixels.

    Raises:
        InvalidRequestError: it has another form, or no area.
    """
    matched = _BOX.fullmatch(value.strip())
    if matched is None:
        raise InvalidRequestError(f"--box is LEFT,TOP,RIGHT,BOTTOM in pixels, not {value[:60]!r}", parameter="box")
    left, top, right, bottom = map(int, matched.groups())
    if left >= right or top >= bottom:
        raise InvalidRequestError(
            f"--box is LEFT,TOP,RIGHT,BOTTOM, and {value} has no area: RIGHT is more than LEFT, and BOTTOM more than TOP",
            parameter="box",
        )
    return left, top, right, bottom


def parse_weighted_file(value: str) -> tuple[Path, list[float]]:
    """Parse ``FILE[=NUMBER[,NUMBER]]`` into a path and zero to two numbers. A file's name may have other ``=``."""
    name, _, numbers = value.rpartition("=")
    if name and not os.path.isfile(value) and _NUMBERS.fullmatch(numbers):
        return Path(name), [_parse_number(each) for each in numbers.split(",")]
    return Path(value), []


def parse_reference(value: str) -> PreciseReference:
    """Parse ``FILE[=KIND][=STRENGTH[,FIDELITY]]``, and read and resize the image.

    Raises:
        UnknownChoiceError: there is no such kind.
        FileError: the file cannot be read.
        MissingExtra: the image must be resized, and Pillow is not installed.
        InvalidFile: the file is not an image.
    """
    path, numbers = parse_weighted_file(value)
    name, _, kind = str(path).rpartition("=")
    if kind not in REFERENCE_KINDS and os.path.isfile(name) and not os.path.isfile(path):
        raise unknown_choice(kind, "kind of reference", REFERENCE_KINDS, parameter="references")
    path, kind = (Path(name), kind) if name and kind in REFERENCE_KINDS else (path, "character&style")
    weights = dict(zip(("strength", "fidelity"), numbers, strict=False))
    return PreciseReference(fit_reference(read_image(path)), cast("Any", kind), **weights)


def _parse_number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        pass
    raise InvalidRequestError(f"{value[:40]!r} is not a number")
