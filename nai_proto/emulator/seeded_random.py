"""Random numbers from a seed: uniform, and the same on every machine and in every release.

This is BLAKE2b in counter mode instead of the `random` module: a standard fixes its output, a seed may be any text or
bytes, and a fork does not depend on how many numbers its parent has given, so that one request more or less does not
change the others. One hash gives eight numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import blake2b
from itertools import count
from typing import Final, TypeAlias

__all__ = ["Seed", "SeededRandom", "seeded_entropy"]

Seed: TypeAlias = bytes | int | str

_BLOCK: Final = struct.Struct("<8Q")
_UNIT: Final = 2.0**-53


class SeededRandom:
    """A stream of uniform numbers. Equal seeds give equal streams; ``1``, ``"1"`` and ``b"1"`` are three seeds."""

    __slots__ = ("_blocks", "_key", "_ready")

    def __init__(self, seed: Seed) -> None:
        self._start(_digest(seed, b""))

    def _start(self, key: bytes) -> None:
        self._key = key
        self._blocks = 0
        self._ready: list[int] = []

    def uniform(self) -> float:
        """Return the next number, at least 0 and less than 1: a multiple of 2⁻⁵³, each equally likely."""
        if not self._ready:
            block = blake2b(self._blocks.to_bytes(8, "little"), key=self._key, person=b"uniform").digest()
            self._blocks += 1
            self._ready.extend(reversed(_BLOCK.unpack(block)))
        return (self._ready.pop() >> 11) * _UNIT

    def fork(self, label: Seed) -> SeededRandom:
        """Return a stream that depends on this one's seed and the label alone; this stream does not advance."""
        child = object.__new__(SeededRandom)
        child._start(_digest(label, self._key))
        return child


def _digest(seed: Seed, key: bytes) -> bytes:
    """Return 64 bytes for a seed or label, keyed by the stream that it forks from; no key for a new stream."""
    match seed:
        case bytes():
            kind, content = b"bytes", seed
        case str():
            kind, content = b"str", seed.encode("utf-8", "surrogatepass")
        case _:
            kind, content = b"int", b"%d" % seed
    return blake2b(content, key=key, person=kind).digest()


def seeded_entropy(seed: Seed) -> Callable[[int], bytes]:
    """Return a function that returns so many bytes: other ones at each call, the same ones for the same seed."""
    key, calls = _digest(seed, b""), count()

    def entropy(size: int) -> bytes:
        call = next(calls)
        blocks = range(-(-size // blake2b.MAX_DIGEST_SIZE))
        parts = (blake2b(b"%d/%d" % (call, block), key=key, person=b"entropy").digest() for block in blocks)
        return b"".join(parts)[:size]

    return entropy
