"""The data of the protocol documents: vectors, tables, and official presets."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["DATA"]

DATA: Final = Path(__file__).parent.parent / "nai_proto" / "docs" / "protocol" / "data"
