"""Structs of JSON that hold secrets as plain texts, because that is how they are sent or stored."""

from __future__ import annotations

import msgspec

__all__ = ["PrivateStruct"]


class PrivateStruct(msgspec.Struct):
    """A struct whose repr has its name only."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"
