"""How deep JSON is nested, measured without reading it: linear, and without a step per byte.

A document with few brackets is not deep, so that this costs little in small documents; in large ones it takes about as long
as decoding.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final

from ..errors import LimitExceeded

__all__ = ["check_depth"]

_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # +1 and -1 as signed bytes
_NO_STEPS: Final = bytes(set(range(256)) - set(b'[{]}"'))
_TEXTS: Final = re.compile(rb'"[^"]*"?')


def check_depth(data: bytes | bytearray, most: int) -> None:
    """Raise LimitExceeded (``what`` is ``"JSON depth"``) for a document of more than ``most`` levels."""
    if len(data) > most and _count_up_to(data, b"[", most) + _count_up_to(data, b"{", most) > most:
        levels = _measure_depth(data)
        if levels > most:
            raise LimitExceeded("JSON depth", limit=most, value=levels)


def _count_up_to(data: bytes | bytearray, mark: bytes, most: int) -> int:
    """Return how often a byte occurs, at most ``most`` + 1."""
    at = -1
    for count in range(most + 1):
        at = data.find(mark, at + 1)
        if at < 0:
            return count
    return most + 1


def _measure_depth(data: bytes | bytearray) -> int:
    """Return how deep arrays and objects are nested; for anything but JSON, some number."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    quotes_and_steps = data.translate(_STEPS, _NO_STEPS).replace(b'""', b"")  # nearly all texts hold no brackets
    steps = _TEXTS.sub(b"", quotes_and_steps)
    return max(accumulate(memoryview(steps).cast("b")), default=0)
