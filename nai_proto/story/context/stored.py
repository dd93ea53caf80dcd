"""Values of stored JSON, read with patience: None is what is not of the type (content §4.6: treat each field as optional)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

__all__ = ["flag", "mapping", "number", "sequence", "text", "whole"]


def text(value: object) -> str | None:
    """A text."""
    return value if isinstance(value, str) else None


def flag(value: object) -> bool | None:
    """True or false."""
    return value if isinstance(value, bool) else None


def number(value: object) -> float | None:
    """A number that is finite; a flag is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -math.inf < value < math.inf else None


def whole(value: object) -> int | None:
    """A number without its fraction."""
    known = number(value)
    return None if known is None else int(known)


def mapping(value: object) -> Mapping[str, object]:
    """An object; an empty one for anything else."""
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def sequence(value: object) -> list[object]:
    """A list; an empty one for anything else."""
    return cast("list[object]", value) if isinstance(value, list) else []
