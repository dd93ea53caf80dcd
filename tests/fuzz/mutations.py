"""Inputs of a fuzz target without a fuzzer: its seeds, changed at random, with a seed that repeats them.

Most targets take some microseconds, and a change must not take more: it draws few random numbers, and copies little.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final, TypeVar

__all__ = ["mutate"]

T = TypeVar("T")

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
_CHANGES: Final = (1, 1, 1, 2, 4)
_LENGTHS: Final = (0, 1, 2, 4, 16, 1 << 30)
"""Bytes that a change replaces; the last is all that follow."""
_REPEATS: Final = (2, 3, 50)


def mutate(chance: random.Random, pool: Sequence[bytes], largest: int) -> bytes:
    """Return one of the inputs with one to four changes, cut to a number of bytes."""
    data = _choose(chance, pool)
    for _ in range(_choose(chance, _CHANGES)):
        data = _change(chance, data, pool)[:largest]
    return data


def _change(chance: random.Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    start = int(chance.random() * (len(data) + 1))
    end = start + _choose(chance, _LENGTHS)
    piece = data[start:end]
    match int(chance.random() * 7):
        case 0:
            piece = b""
        case 1:
            piece *= _choose(chance, _REPEATS)
        case 2 if piece:
            piece = bytes((piece[0] ^ 1 << int(chance.random() * 8),)) + piece[1:]
        case 3:
            piece = chance.randbytes(len(piece) or 1)
        case 4:
            other = _choose(chance, pool)
            piece = other[int(chance.random() * (len(other) + 1)) :]
        case _:
            piece = _choose(chance, _HOSTILE)
    return data[:start] + piece + data[end:]


def _choose(chance: random.Random, choices: Sequence[T]) -> T:
    """Return one of the choices, in a quarter of the time that `random.Random.choice` takes."""
    return choices[int(chance.random() * len(choices))]
