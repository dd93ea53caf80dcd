"""The inside of stored JSON, whatever it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

__all__ = ["items", "members"]


def members(value: object) -> Mapping[str, Any]:
    """Those of an object; none of anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def items(value: object) -> list[object]:
    """Those of a list; none of anything else."""
    return cast("list[object]", value) if isinstance(value, list) else []
