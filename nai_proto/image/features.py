"""What a picture can be made of besides words: characters, vibes, references, control.

See docs/protocol/image.md#5-features.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from ..arguments import BYTES, FLAG, NUMBER, TEXT, convert_fields, member, tuple_of
from ..errors import InvalidRequestError
from .choices import ControlNetModel
from .generations import Family

__all__ = ["Character", "ControlNet", "EncodedVibe", "Position", "Reference", "Vibe", "alone", "center", "normalized"]

Position: TypeAlias = str | tuple[float, float]
"""A place on the grid, from ``"A1"`` above on the left to ``"E5"``; or x and y from 0 to 1."""

POSITION: Final = TEXT | tuple_of("x and y", NUMBER, NUMBER)

_GRID: Final = (0.1, 0.3, 0.5, 0.7, 0.9)
_CELL: Final = re.compile(r"([A-Ea-e])([1-5])")
_ONE: Final = re.compile(r"\b1(girl|boy)\b")
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Character:
    """A character with words of its own; for V4 and later.

    See docs/protocol/image.md#54-v4-prompts-and-characters.
    """

    prompt: str = field(repr=False)
    uc: str | None = field(default=None, repr=False)
    "What is not wanted of it; None for what the website begins with."
    position: Position | None = None
    "Where it stands: V4 and V4.5 round it to the grid. None leaves it to the model."
    enabled: bool = True

    def __post_init__(self) -> None:
        convert_fields(self, prompt=TEXT, uc=TEXT | None, position=POSITION | None, enabled=FLAG)


@dataclass(frozen=True, slots=True)
class Vibe:
    """A picture whose mood is taken over, as V3 takes it: raw. For V4 and V4.5 `encode_vibe` it.

    See docs/protocol/image.md#51-vibe-transfer.
    """

    image: bytes = field(repr=False)
    "PNG; the website fits it into 448 × 448."
    strength: float = 0.6
    information_extracted: float = 1.0

    def __post_init__(self) -> None:
        convert_fields(self, image=BYTES, strength=NUMBER, information_extracted=NUMBER)


@dataclass(frozen=True, slots=True)
class EncodedVibe:
    """A vibe as `encode_vibe` gave it, good for one model; for V4 and V4.5. It may be kept and used again.

    See docs/protocol/image.md#51-vibe-transfer.
    """

    encoding: bytes = field(repr=False)
    strength: float = 0.6
    information_extracted: float | None = None
    "What it was encoded with."
    key: str | None = None
    "`ImageModel.vibe_key` of the model that it is for; None is not looked at."

    def __post_init__(self) -> None:
        convert_fields(self, encoding=BYTES, strength=NUMBER, information_extracted=NUMBER | None, key=TEXT | None)


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture that a character or a style is taken from, precisely; for V4.5.

    See docs/protocol/image.md#52-precise-character--style-reference-v45-only.
    """

    image: bytes = field(repr=False)
    "PNG of 1024 × 1536, 1536 × 1024 or 1472 × 1472 pixels: fit it in, and fill up with black."
    kind: Literal["character", "style", "character&style", "costume", "delta"] = "character&style"
    "The last two are known from one client alone."
    strength: float = 1.0
    fidelity: float = 1.0

    def __post_init__(self) -> None:
        convert_fields(self, image=BYTES, kind=TEXT, strength=NUMBER, fidelity=NUMBER)


@dataclass(frozen=True, slots=True)
class ControlNet:
    """A picture made by `annotate`, and what it guides; for V1 and V2.

    See docs/protocol/image.md#27-post-aiannotate-image-controlnet-conditions-v1v2.
    """

    condition: bytes = field(repr=False)
    model: ControlNetModel
    strength: float = 1.0

    def __post_init__(self) -> None:
        convert_fields(self, condition=BYTES, model=member(ControlNetModel), strength=NUMBER)


def center(position: Position | None, family: Family) -> dict[str, float]:
    """Where a character stands, as it is sent: a place on the grid, or for V5 any with three decimals.

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


def alone(prompt: str) -> str:
    """A character's prompt as the website sends it: one character is no count, so its first ``1girl`` is a ``girl``."""
    return _ONE.sub(r"\1", prompt, count=1)


def normalized(strengths: Sequence[float]) -> list[float]:
    """Strengths of several vibes, made smaller where they are more than 1 together; what was, stays so.

    See docs/protocol/image.md#51-vibe-transfer.
    """
    total = sum(map(abs, strengths))
    return [each / total for each in strengths] if len(strengths) > 1 and total > 1 + _ROUNDING else list(strengths)
