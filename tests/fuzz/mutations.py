"""Inputs of a fuzz target without a fuzzer: its seeds, changed at random, with a seed that repeats them.

What was read without an error, or with an error that was not seen before, becomes a seed too, so that changes add up.
"""

from __future__ import annotations

import random
from typing import Final

__all__ = ["mutate"]

_NUMBERS: Final = (b"0", b"-1", b"1e309", b"9" * 25, b"null", b"NaN", b'""', b"{}", b"[]", b"true", b"\\ud800")
_HOSTILE: Final = (
    *_NUMBERS,
    b"\0",
    b"\xff" * 4,
    b"\x80",
    b"\r\n",
    b"\n\n",
    b"[" * 3000,
    b'{"a":' * 300,
    b"\xe2\x80\xa8",
)


def mutate(chance: random.Random, pool: list[bytes]) -> bytes:
    """Return one of the inputs with one to four changes."""
    data = chance.choice(pool)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        data = _change(chance, data, pool)
    return data


def _change(chance: random.Random, data: bytes, pool: list[bytes]) -> bytes:
    start = chance.randrange(len(data) + 1)
    end = min(len(data), start + chance.choice((0, 1, 2, 4, 16, len(data))))
    piece = data[start:end]
    match chance.randrange(7):
        case 0:
            piece = b""
        case 1:
            piece *= chance.choice((2, 3, 50))
        case 2 if piece:
            piece = bytes((piece[0] ^ 1 << chance.randrange(8),)) + piece[1:]
        case 3:
            piece = chance.randbytes(len(piece) or 1)
        case 4:
            other = chance.choice(pool)
            piece = other[chance.randrange(len(other) + 1) :]
        case _:
            piece = chance.choice(_HOSTILE)
    return data[:start] + piece + data[end:]
