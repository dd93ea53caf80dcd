"""Structs that hold secrets or stories as plain values, because that is how they are sent or stored."""

from __future__ import annotations

import msgspec

__all__ = ["PrivateStruct"]


class PrivateStruct(msgspec.Struct, frozen=True):
    """A frozen struct whose repr has its name only."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"
