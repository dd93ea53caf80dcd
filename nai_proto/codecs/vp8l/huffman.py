"""Canonical prefix codes, as deflate and lossless WebP have them: how long each symbol's code is says all.

What is written are texts of ``0`` and ``1`` in the order in which they are sent; they are joined, and become bytes many bits
at once. What is read comes from tables by the next bits, whatever code they begin with: for short codes by one look, for
those longer than `ROOT` by a second one into a part behind.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import islice
from typing import Final, TypeAlias

from ...errors import RemoteProtocolError, Truncated

__all__ = ["LINK", "LONGEST", "LOW", "ROOT", "Bits", "Table", "code_lengths", "codes", "number", "packed", "table"]

LONGEST: Final = 15
"""Bits of a code, at most."""
ROOT: Final = 9
"""Bits for the first look."""
LINK: Final = 16
"""More than any length: an entry of ``LINK + n`` says where to look by the ``n`` bits behind those of the first look."""
LOW: Final = 1 << 64
"""Whoever looks at bits asks for more below this; then there are 64 at least."""

Table: TypeAlias = list[tuple[int, int]]
"""By the next bits: how many of them are the code, and its symbol's value."""

_BATCH: Final = 65_536
_STEP: Final = 24  # bytes taken at once: large integers are slow to shift


# ---- written


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


# ---- read


class Bits:
    """Bits of bytes, each byte's lowest first.

    Attributes:
        ahead: those taken from the bytes and not looked at yet, the next one lowest, and a one above all of them. Fast
            loops keep it in a variable of their own, and give back what is left.
    """

    __slots__ = ("_at", "_data", "_end", "ahead")

    def __init__(self, data: bytes) -> None:
        self.ahead = 1
        self._data = data
        self._end = len(data)
        self._at = 0

    def more(self, ahead: int) -> int:
        """The same with those that follow, at least 64; behind the end are zeros.

        Raises:
            Truncated: some were looked at that stand behind the end.
        """
        while ahead < LOW:
            if self._at - self._end >= 8:
                raise _ended()
            count = ahead.bit_length() - 1
            taken = int.from_bytes(self._data[self._at : self._at + _STEP], "little") | 1 << 8 * _STEP
            ahead ^= (1 << count) ^ (taken << count)
            self._at += _STEP
        return ahead

    def take(self, count: int) -> int:
        """The next ones as a number, the lowest first; at most 64. Raises what `more` raises."""
        if self.ahead < LOW:
            self.ahead = self.more(self.ahead)
        value = self.ahead & (1 << count) - 1
        self.ahead >>= count
        return value

    def check(self) -> None:
        """Was nothing looked at that stands behind the end? Raises `Truncated`."""
        if 8 * self._at - (self.ahead.bit_length() - 1) > 8 * self._end:
            raise _ended()


def table(lengths: Sequence[int], values: Sequence[int]) -> Table:
    """What the bits of this code mean. A symbol that is alone needs no bits.

    Args:
        lengths: of each symbol's code, at most `LONGEST`; 0 if it has none.
        values: what each symbol stands for; few in all tables together, since entries are kept and shared.

    Raises:
        RemoteProtocolError: there is no symbol, or some bits are no code, or they are two.
    """
    if lengths.count(0) == len(lengths) - 1:
        return [_entry(0, values[lengths.index(max(lengths))])]
    used = sorted((length, symbol) for symbol, length in enumerate(lengths) if length)
    if sum(1 << LONGEST - length for length, _ in used) != 1 << LONGEST:
        raise RemoteProtocolError("picture: a prefix code is not whole")
    root = min(used[-1][0], ROOT)
    # Codes in order take all places from the first to the last, shorter ones more of them.
    first: Table = []
    short = sum(length <= root for length, _ in used)
    for length, symbol in used[:short]:
        first += [_entry(length, values[symbol])] * (1 << root - length)
    behind: Table = []
    size = len(_reversed(root))
    while short < len(used):
        part: list[tuple[int, int]] = []
        room = 1 << LONGEST - root
        while room:
            part.append(used[short])
            room -= 1 << LONGEST - used[short][0]
            short += 1
        bits = part[-1][0] - root
        second: Table = []
        for length, symbol in part:
            second += [_entry(length, values[symbol])] * (1 << bits + root - length)
        first.append((LINK + bits, size + len(behind)))
        behind += [second[place] for place in _reversed(bits)]
    return [first[place] for place in _reversed(root)] + behind


@cache
def _entry(length: int, value: int) -> tuple[int, int]:
    return length, value


@cache
def _reversed(bits: int) -> list[int]:
    """All numbers of so many bits with these turned round: codes are sent from the highest on, numbers from the lowest."""
    return [int(f"{place:0{bits}b}"[::-1], 2) for place in range(1 << bits)]


def _ended() -> Truncated:
    return Truncated("picture: its pixels end too early")
