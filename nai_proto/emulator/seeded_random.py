"""Chance that can be told in advance: uniform numbers from a seed, the same on every machine and in every release.

BLAKE2b in counter mode instead of the `random` module: its output is fixed by a standard, a seed may be any text or
bytes, and a fork is a stream of its own however much its parent has drawn, so that one request more or less does not
move the luck of the others. Eight numbers cost one hash.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Final, TypeAlias

__all__ = ["Seed", "SeededRandom"]

Seed: TypeAlias = bytes | int | str

_BLOCK: Final = struct.Struct("<8Q")
_UNIT: Final = 2.0**-53


class SeededRandom:
    """A stream of uniform numbers. Equal seeds give equal streams; ``1``, ``"1"`` and ``b"1"`` are three seeds."""

    __slots__ = ("_blocks", "_key", "_waiting")

    def __init__(self, seed: Seed) -> None:
        self._start(_digest(seed, b""))

    def _start(self, key: bytes) -> None:
        self._key = key
        self._blocks = 0
        self._waiting: list[int] = []

    def uniform(self) -> float:
        """The next number, at least 0 and less than 1: a multiple of 2⁻⁵³, each as likely as the others."""
        if not self._waiting:
            block = blake2b(self._blocks.to_bytes(8, "little"), key=self._key, person=b"uniform").digest()
            self._blocks += 1
            self._waiting.extend(reversed(_BLOCK.unpack(block)))
        return (self._waiting.pop() >> 11) * _UNIT

    def fork(self, label: Seed) -> SeededRandom:
        """A stream decided by this one's seed and the label alone; this one stays where it is."""
        child = object.__new__(SeededRandom)
        child._start(_digest(label, self._key))
        return child


def _digest(seed: Seed, key: bytes) -> bytes:
    """64 bytes that stand for the seed, under the key of the stream that it was forked from."""
    match seed:
        case bytes():
            kind, content = b"bytes", seed
        case str():
            kind, content = b"str", seed.encode("utf-8", "surrogatepass")
        case _:
            kind, content = b"int", b"%d" % seed
    return blake2b(content, key=key, person=kind).digest()
