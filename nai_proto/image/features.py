"""What an image can be made of besides a prompt: characters, vibes, references, control.

See docs/protocol/image.md#5-features.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from ..arguments import BYTES, FLAG, NUMBER, TEXT, convert_fields, member, one_of, tuple_of
from ..errors import InvalidRequestError
from .choices import ControlNetModel
from .families import Family

__all__ = [
    "Character",
    "ControlNet",
    "EncodedVibe",
    "Position",
    "PreciseReference",
    "Vibe",
    "find_center",
    "normalize_strengths",
    "strip_count",
]

Position: TypeAlias = str | tuple[float, float]
"""A cell of the grid, from ``"A1"`` at the top left to ``"E5"`` at the bottom right; or x and y from 0 to 1."""

ReferenceKind: TypeAlias = Literal["character", "style", "character&style", "costume", "delta"]
REFERENCE_KINDS: Final[tuple[ReferenceKind, ...]] = get_args(ReferenceKind)

POSITION: Final = TEXT | tuple_of("x and y", NUMBER, NUMBER)

_GRID: Final = (0.1, 0.3, 0.5, 0.7, 0.9)
_CELL: Final = re.compile(r"([A-Ea-e])([1-5])")
_COUNT: Final = re.compile(r"\b1(girl|boy)\b")
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Character:
    """A character with a prompt of its own; for V4 and later. A mapping of these fields is taken in its place.

    See docs/protocol/image.md#54-v4-prompts-and-characters.
    """

    prompt: str = field(repr=False)
    "What is wanted of it."
    uc: str | None = field(default=None, repr=False)
    "What is not wanted of it; None for the text that the website begins with."
    position: Position | None = None
    "Where it is: V4 and V4.5 round it to the grid. None leaves it to the model."
    enabled: bool = True
    "False leaves it out."

    def __post_init__(self) -> None:
        convert_fields(self, prompt=TEXT, uc=TEXT | None, position=POSITION | None, enabled=FLAG)


@dataclass(frozen=True, slots=True)
class Vibe:
    """An image whose look is taken over, raw, for V3; for V4 and V4.5 `encode_vibe` makes an `EncodedVibe` of it.

    See docs/protocol/image.md#51-vibe-transfer.
    """

    image: bytes = field(repr=False)
    "PNG; the website fits it into 448 × 448 pixels."
    strength: float = 0.6
    "How strongly it counts, -1 to 1."
    information_extracted: float = 1.0
    "How much is taken over, 0.01 to 1."

    def __post_init__(self) -> None:
        convert_fields(self, image=BYTES, strength=NUMBER, information_extracted=NUMBER)


@dataclass(frozen=True, slots=True)
class EncodedVibe:
    """A vibe encoded by `encode_vibe` for one model, V4 or V4.5. It may be kept and used again.

    See docs/protocol/image.md#51-vibe-transfer.
    """

    encoding: bytes = field(repr=False)
    "As the service gave it."
    strength: float = 0.6
    "How strongly it counts, -1 to 1."
    information_extracted: float | None = None
    "How much was taken over when it was encoded, 0 to 1; None if that is not known."
    key: str | None = None
    "`ImageModel.vibe_key` of the model that it is for; None is not checked."

    def __post_init__(self) -> None:
        convert_fields(self, encoding=BYTES, strength=NUMBER, information_extracted=NUMBER | None, key=TEXT | None)


@dataclass(frozen=True, slots=True)
class PreciseReference:
    """An image that a character or a style is taken from; for V4.5.

    See docs/protocol/image.md#52-precise-character--style-reference-v45-only.
    """

    image: bytes = field(repr=False)
    "PNG of 1024 × 1536, 1536 × 1024 or 1472 × 1472 pixels: scale the image to fit, and fill up with black."
    kind: ReferenceKind = "character&style"
    "What is taken from it. The last two are known from one client alone."
    strength: float = 1.0
    "How strongly it counts, 0 to 1 on the website; other numbers are sent."
    fidelity: float = 1.0
    "How exactly it is kept, 0 to 1 on the website; other numbers are sent."

    def __post_init__(self) -> None:
        convert_fields(self, image=BYTES, kind=one_of(*REFERENCE_KINDS), strength=NUMBER, fidelity=NUMBER)


@dataclass(frozen=True, slots=True)
class ControlNet:
    """An image made by `annotate`, and what it guides; for V1 and V2.

    See docs/protocol/image.md#27-post-aiannotate-image-controlnet-conditions-v1v2.
    """

    condition: bytes = field(repr=False)
    "The image."
    model: ControlNetModel
    "What it guides: a `ControlNetModel` or its word."
    strength: float = 1.0
    "How strongly it counts, 0.1 to 2."

    def __post_init__(self) -> None:
        convert_fields(self, condition=BYTES, model=member(ControlNetModel), strength=NUMBER)


def find_center(position: Position | None, family: Family) -> dict[str, float]:
    """Return where a character is, as it is sent: a cell of the grid, or for V5 any place with three decimals.

    Raises:
        InvalidRequestError: it is no position.
    """
    if position is None:
        x = y = 0.5
    elif isinstance(position, str):
        cell = _CELL.fullmatch(position)
        if cell is None:
            raise InvalidRequestError(
                f"a character's position is A1 to E5, or x and y from 0 to 1, not {position!r}", parameter="position"
            )
        x, y = _GRID["ABCDE".index(cell[1].upper())], _GRID[int(cell[2]) - 1]
    else:
        x, y = position
        if not (math.isfinite(x) and math.isfinite(y) and 0 <= x <= 1 and 0 <= y <= 1):
            raise InvalidRequestError(
                f"a character's position is x and y from 0 to 1, not {x:g} and {y:g}", parameter="position"
            )
    if family.free_positions:
        return {"x": round(x, 3), "y": round(y, 3)}
    return {"x": _GRID[min(4, math.floor(5 * x))], "y": _GRID[min(4, math.floor(5 * y))]}


def strip_count(prompt: str) -> str:
    """Return a character's prompt as the website sends it: its first ``1girl`` becomes ``girl``."""
    return _COUNT.sub(r"\1", prompt, count=1)


def normalize_strengths(strengths: Sequence[float]) -> list[float]:
    """Return the strengths of several vibes, scaled down to 1 together where they are more.

    See docs/protocol/image.md#51-vibe-transfer.
    """
    total = sum(map(abs, strengths))
    return [each / total for each in strengths] if len(strengths) > 1 and total > 1 + _ROUNDING else list(strengths)
