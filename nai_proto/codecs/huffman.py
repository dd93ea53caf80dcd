"""Canonical prefix codes, as deflate and lossless WebP have them: how long each symbol's code is says all.

Codes are texts of ``0`` and ``1`` in the order in which they are sent, so what is written is joined, and becomes bytes many
bits at once.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from itertools import islice

__all__ = ["code_lengths", "codes", "number", "packed"]

_BATCH = 65_536


def code_lengths(counts: Sequence[int], longest: int) -> bytes:
    """Bits of each symbol's code, which are best for these counts, and at most so many; 0 for what does not occur.

    A symbol that is alone has one bit here, though none is sent for it.
    """
    least = 1
    while True:
        lengths = _unlimited([max(count, least) if count else 0 for count in counts])
        if max(lengths, default=0) <= longest:
            return bytes(lengths)
        least *= 2  # rare symbols count for more, until the tree is flat enough


def codes(lengths: Sequence[int]) -> list[str]:
    """Every symbol's code: shorter before longer, then by symbol; an empty one for what is alone or does not occur."""
    used = sorted((length, symbol) for symbol, length in enumerate(lengths) if length)
    found = [""] * len(lengths)
    code = before = 0
    for length, symbol in used if len(used) > 1 else []:
        code <<= length - before
        found[symbol] = f"{code:0{length}b}"
        code, before = code + 1, length
    return found


def number(value: int, bits: int) -> str:
    """A number of so many bits, the lowest first."""
    return f"{value:0{bits}b}"[::-1] if bits else ""


def packed(words: Iterable[str]) -> bytes:
    """The bits of all words, each byte's lowest first; the last byte is filled up with zeros."""
    out, bits = bytearray(), ""
    stream = iter(words)
    while batch := list(islice(stream, _BATCH)):
        bits += "".join(batch)
        whole = len(bits) // 8
        out += int(bits[: 8 * whole][::-1] or "0", 2).to_bytes(whole, "little")
        bits = bits[8 * whole :]
    return bytes(out) + int(bits[::-1] or "0", 2).to_bytes(len(bits) > 0, "little")


def _unlimited(counts: list[int]) -> list[int]:
    """The lengths of Huffman's tree: the two rarest are joined until one is left."""
    lengths = [0] * len(counts)
    trees = [(count, symbol, [symbol]) for symbol, count in enumerate(counts) if count]
    if len(trees) == 1:
        lengths[trees[0][1]] = 1
    heapq.heapify(trees)
    while len(trees) > 1:
        rarest, first, below = heapq.heappop(trees)
        second, _, others = trees[0]
        joined = below + others
        for symbol in joined:
            lengths[symbol] += 1
        heapq.heapreplace(trees, (rarest + second, first, joined))
    return lengths
