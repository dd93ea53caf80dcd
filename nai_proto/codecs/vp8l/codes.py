"""Prefix codes as they stand in lossless WebP before what is coded by them, written and read (RFC 9649 §3, "Entropy Code").

One or two symbols below 256 are named; else there are the lengths of all codes, themselves coded.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from ...errors import RemoteProtocolError
from .huffman import LONGEST, LOW, Bits, code_lengths, codes, number, table

__all__ = ["DISTANCES", "GREENS", "SAMPLES", "read_code", "write_code"]

SAMPLES: Final = 256
"""Symbols of red, blue and alpha."""
GREENS: Final = SAMPLES + 24
"""Symbols of green: its samples, and behind them lengths. If there is a cache of colours, its places follow."""
DISTANCES: Final = 40
"""Symbols of distances."""

_ORDER: Final = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
_LONGEST_OF_LENGTHS: Final = 7
_ZEROS: Final = re.compile(rb"\0{11,138}|\0{3,10}|.", re.DOTALL)
_REPEATED: Final = {16: (3, 2), 17: (3, 3), 18: (11, 7)}  # how often at least, and the bits of what is added to that
_FIRST: Final = 8  # what the first "as before" repeats


def write_code(counts: Counter[int], size: int) -> tuple[str, list[str]]:
    """A code for these symbols, of so many that there are: as it stands before the image, and every symbol's word in it."""
    used = sorted(counts) or [0]
    if len(used) <= 2 and used[-1] < SAMPLES:
        wide = used[0] > 1
        named = number(used[0], 8 if wide else 1) + "".join(number(symbol, 8) for symbol in used[1:])
        words = codes(bytes(symbol in used for symbol in range(size)))
        return "1" + number(len(used) - 1, 1) + number(wide, 1) + named, words
    lengths = code_lengths([counts[symbol] for symbol in range(size)], LONGEST)
    return "0" + _written_lengths(lengths), codes(lengths)


def _written_lengths(lengths: bytes) -> str:
    """Lengths of codes, sent by a code of their own that has symbols for many zeros."""
    tokens = [_token(found[0]) for found in _ZEROS.finditer(lengths)]
    counts = Counter(symbol for symbol, _ in tokens)
    inner = code_lengths([counts[symbol] for symbol in range(len(_ORDER))], _LONGEST_OF_LENGTHS)
    words = codes(inner)
    head = number(len(_ORDER) - 4, 4) + "".join(number(inner[symbol], 3) for symbol in _ORDER)
    return head + "0" + "".join(words[symbol] + extra for symbol, extra in tokens)


def _token(lengths: bytes) -> tuple[int, str]:
    if len(lengths) == 1:
        return lengths[0], ""
    return (17, number(len(lengths) - 3, 3)) if len(lengths) <= 10 else (18, number(len(lengths) - 11, 7))


def read_code(bits: Bits, size: int) -> bytes:
    """The lengths of the codes of so many symbols.

    Raises:
        Truncated: the bits end before.
        RemoteProtocolError: it has symbols that there are not, or cannot be read.
    """
    if not bits.take(1):
        return _read_lengths(bits, size)
    lengths = bytearray(max(size, SAMPLES))
    both = bits.take(1)
    lengths[bits.take(8 if bits.take(1) else 1)] = 1
    if both:
        lengths[bits.take(8)] = 1
    return bytes(lengths[:size])  # a symbol that there is not has no code: so the format's own library takes it


def _read_lengths(bits: Bits, size: int) -> bytes:
    inner = bytearray(len(_ORDER))
    for symbol in _ORDER[: 4 + bits.take(4)]:
        inner[symbol] = bits.take(3)
    bits.check()
    words = table(inner, range(len(_ORDER)))
    mask = len(words) - 1
    tokens = 2 + bits.take(2 + 2 * bits.take(3)) if bits.take(1) else size
    lengths = bytearray()
    before = _FIRST
    ahead = bits.ahead
    while tokens and len(lengths) < size:
        tokens -= 1
        if ahead < LOW:
            ahead = bits.more(ahead)
        length, symbol = words[ahead & mask]
        ahead >>= length
        if symbol < 16:
            lengths.append(symbol)
            before = symbol or before
        else:
            least, extra = _REPEATED[symbol]
            repeated = bytes((before if symbol == 16 else 0,))
            lengths += repeated * (least + (ahead & (1 << extra) - 1))
            ahead >>= extra
    bits.ahead = ahead
    bits.check()
    if len(lengths) > size:
        raise RemoteProtocolError("picture: a prefix code has more symbols than there are")
    return bytes(lengths.ljust(size, b"\0"))
