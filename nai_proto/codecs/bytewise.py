"""Arithmetic on many bytes at once, each modulo 256: they are the digits of one large integer.

Without their highest bits no sum carries into the next byte, and a difference from a byte with its highest bit set borrows
from none; the highest bits themselves are set right by exclusive or.
"""

from __future__ import annotations

__all__ = ["added", "subtracted", "summed"]


def added(a: bytes, b: bytes) -> bytes:
    """Each byte of one with that of the other; both are equally long."""
    high = int.from_bytes(b"\x80" * len(a))
    return _sum(int.from_bytes(a), int.from_bytes(b), high).to_bytes(len(a))


def subtracted(a: bytes, b: bytes) -> bytes:
    """From each byte of the first that of the second; both are equally long."""
    high = int.from_bytes(b"\x80" * len(a))
    x, y = int.from_bytes(a), int.from_bytes(b)
    return (((x | high) - (y & ~high)) ^ ((x ^ ~y) & high)).to_bytes(len(a))


def summed(row: bytes) -> bytes:
    """Each byte with all before it: first those one before, then of what came out those two before, four, eight."""
    high = int.from_bytes(b"\x80" * len(row), "little")
    all_bits = (1 << 8 * len(row)) - 1
    total, step = int.from_bytes(row, "little"), 1
    while step < len(row):
        total = _sum(total, total << 8 * step & all_bits, high)
        step *= 2
    return total.to_bytes(len(row), "little")


def _sum(x: int, y: int, high: int) -> int:
    return ((x & ~high) + (y & ~high)) ^ ((x ^ y) & high)
