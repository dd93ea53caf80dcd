"""What ``nai image`` is told in words: sizes, places, characters, references, boxes."""

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


def parse_size(written: str) -> ImageResolution | tuple[int, int]:
    """``832x1216``, or what the website calls a size: ``normal_portrait``; ``portrait`` is a normal one.

    Raises:
        InvalidRequestError: it is neither.
    """
    if sides := _WIDTH_HEIGHT.fullmatch(written.strip()):
        return int(sides[1]), int(sides[2])
    name = re.sub(r"[\s-]+", "_", written.strip()).upper()
    for each in (name, f"NORMAL_{name}"):
        if each in ImageResolution.__members__:
            return ImageResolution[each]
    names = ", ".join(each.lower() for each in ImageResolution.__members__)
    raise InvalidRequestError(f"a size is WIDTHxHEIGHT or one of {names}, not {written[:60]!r}")


def parse_character(written: str) -> Character:
    """``PROMPT[;;NEGATIVE][@PLACE]``; the place is A1 to E5, or x and y from 0 to 1."""
    position: Position | None = None
    if placed := _POSITION.fullmatch(written):
        written = placed[1]
        position = placed[2] or (_parse_number(placed[3]), _parse_number(placed[4]))
    prompt, said, uc = written.partition(";;")
    return Character(prompt.strip(), uc.strip() if said else None, position)


def parse_box(written: str) -> tuple[int, int, int, int]:
    """``LEFT,TOP,RIGHT,BOTTOM`` in pixels.

    Raises:
        InvalidRequestError: it is not.
    """
    found = _BOX.fullmatch(written.strip())
    if found is None:
        raise InvalidRequestError(f"--box is LEFT,TOP,RIGHT,BOTTOM in pixels, not {written[:60]!r}")
    return cast("tuple[int, int, int, int]", tuple(map(int, found.groups())))


def parse_weighted_file(written: str) -> tuple[Path, list[float]]:
    """``FILE[=NUMBER[,NUMBER]]``, the numbers as they are there. What follows a ``=`` and is no number is of the name."""
    name, _, numbers = written.rpartition("=")
    if name and not Path(written).is_file() and _NUMBERS.fullmatch(numbers):
        return Path(name), [_parse_number(each) for each in numbers.split(",")]
    return Path(written), []


def parse_reference(written: str) -> PreciseReference:
    """``FILE[=KIND][=STRENGTH[,FIDELITY]]``, the picture made to fit.

    Raises:
        FileError: the file cannot be read.
        MissingExtra: it has to be fitted in, and there is no Pillow.
        InvalidFile: it is no picture.
    """
    path, numbers = parse_weighted_file(written)
    name, _, kind = str(path).rpartition("=")
    path, kind = (Path(name), kind) if name and kind in _KINDS else (path, "character&style")
    told = dict(zip(("strength", "fidelity"), numbers, strict=False))
    return PreciseReference(fit_reference(read_image(path)), cast("Any", kind), **told)


def _parse_number(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        pass
    raise InvalidRequestError(f"{written[:40]!r} is no number")
