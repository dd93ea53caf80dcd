"""Parse the values of options of ``nai image``: sizes, characters, references, boxes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, cast

from nai_proto.errors import InvalidRequestError
from nai_proto.image import Character, ImageResolution, Position, PreciseReference

from .input_images import fit_reference, read_image

__all__ = ["parse_box", "parse_character", "parse_reference", "parse_size", "parse_weighted_file"]

_WIDTH_HEIGHT: Final = re.compile(r"([0-9]{1,5})\s*[x×]\s*([0-9]{1,5})", re.IGNORECASE)
_BOX: Final = re.compile(r"\s*,\s*".join([r"(-?[0-9]{1,5})"] * 4))
_POSITION: Final = re.compile(r"(.*)@\s*(?:([A-E][1-5])|([0-9.]+)\s*,\s*([0-9.]+))\s*", re.IGNORECASE | re.DOTALL)
_NUMBERS: Final = re.compile(r"-?[0-9.]+(,-?[0-9.]+)?")
_KINDS: Final = ("character", "style", "character&style", "costume", "delta")


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
    names = ", ".join(each.lower() for each in ImageResolution.__members__)
    raise InvalidRequestError(f"--size is WIDTHxHEIGHT or one of {names}, not {value[:60]!r}")


def parse_character(value: str) -> Character:
    """Parse ``PROMPT[;;NEGATIVE][@PLACE]``; the place is A1 to E5, or x and y from 0 to 1."""
    position: Position | None = None
    if positioned := _POSITION.fullmatch(value):
        value = positioned[1]
        position = positioned[2] or (_parse_number(positioned[3]), _parse_number(positioned[4]))
    prompt, separator, uc = value.partition(";;")
    return Character(prompt.strip(), uc.strip() if separator else None, position)


def parse_box(value: str) -> tuple[int, int, int, int]:
    """Parse ``LEFT,TOP,RIGHT,BOTTOM`` in pixels.

    Raises:
        InvalidRequestError: it has another form.
    """
    matched = _BOX.fullmatch(value.strip())
    if matched is None:
        raise InvalidRequestError(f"--box is LEFT,TOP,RIGHT,BOTTOM in pixels, not {value[:60]!r}")
    return cast("tuple[int, int, int, int]", tuple(map(int, matched.groups())))


def parse_weighted_file(value: str) -> tuple[Path, list[float]]:
    """Parse ``FILE[=NUMBER[,NUMBER]]`` into a path and zero to two numbers. A file's name may have other ``=``."""
    name, _, numbers = value.rpartition("=")
    if name and not Path(value).is_file() and _NUMBERS.fullmatch(numbers):
        return Path(name), [_parse_number(each) for each in numbers.split(",")]
    return Path(value), []


def parse_reference(value: str) -> PreciseReference:
    """Parse ``FILE[=KIND][=STRENGTH[,FIDELITY]]``, and read and resize the image.

    Raises:
        FileError: the file cannot be read.
        MissingExtra: the image must be resized, and Pillow is not installed.
        InvalidFile: the file is not an image.
    """
    path, numbers = parse_weighted_file(value)
    name, _, kind = str(path).rpartition("=")
    path, kind = (Path(name), kind) if name and kind in _KINDS else (path, "character&style")
    weights = dict(zip(("strength", "fidelity"), numbers, strict=False))
    return PreciseReference(fit_reference(read_image(path)), cast("Any", kind), **weights)


def _parse_number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        pass
    raise InvalidRequestError(f"{value[:40]!r} is not a number")
