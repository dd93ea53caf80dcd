"""The compression mark of stored objects, and raw deflate.

Fifteen zero bytes and a one say that what follows is, or after opening its box will be, raw deflate: no zlib or gzip
wrapper, no checksum. The mark stands outside the encryption, so anybody can set or remove it; what it leads to is checked.

Deflated bytes differ between libraries and levels: compare what they inflate to, never themselves.

See:
    docs/protocol/content.md#31-encrypted-types
    docs/protocol/native.md#74-object-data-form
"""

from __future__ import annotations

from typing import Final

from ..arguments import BYTES, LIMITS
from ..errors import Damaged, LimitExceeded
from ..limits import Limits
from . import accelerators

__all__ = ["MARK", "deflate", "inflate", "pack", "split_mark", "unpack"]

MARK: Final = bytes(15) + b"\x01"
"""In front of what is compressed. A random nonce begins with it once in 2**128 times."""

_FREE: Final = 1_048_576
"""So many bytes are inflated whatever the ratio: small documents may well repeat themselves."""


def pack(payload: bytes, compressed: bool) -> bytes:
    """Return the stored form of a payload that is not encrypted: as it is, or the mark and its deflate."""
    payload = BYTES.convert(payload, "payload")
    return MARK + deflate(payload) if compressed else payload


def unpack(data: bytes, limits: Limits = Limits()) -> tuple[bytes, bool]:
    """Return the payload, and whether it was compressed. Raises what `inflate` raises."""
    LIMITS.check(limits, "limits")
    payload, compressed = split_mark(data)
    return (inflate(payload, limits) if compressed else payload), compressed


def split_mark(data: bytes) -> tuple[bytes, bool]:
    """Return what follows the mark, and whether there was one."""
    data = BYTES.convert(data, "data")
    return (data[len(MARK) :], True) if data.startswith(MARK) else (data, False)


def deflate(payload: bytes) -> bytes:
    """Return raw deflate of a payload."""
    payload = BYTES.convert(payload, "payload")
    return accelerators.deflate(payload)


def inflate(data: bytes, limits: Limits = Limits()) -> bytes:
    """Return what a whole stream of raw deflate holds. At most one byte beyond the limit is inflated.

    Raises:
        Damaged: it is no such stream, or is cut short, or bytes follow its end (category ``bad deflate``).
        LimitExceeded: it holds more than `Limits.unpacked` or, beyond 1 MiB, `Limits.unpacked_ratio` allows.
    """
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    allowed = max(_FREE, limits.unpacked_ratio * len(data))
    most, what = min((limits.unpacked, "unpacked bytes"), (allowed, "unpacked bytes for their packed size"))
    try:
        payload, whole, behind = accelerators.inflate(data, most + 1)
    except ValueError:
        problem = "not raw deflate"
    else:
        if len(payload) > most:
            raise LimitExceeded(what, limit=most, value=len(payload))
        if not whole:
            problem = "cut short"
        elif behind:
            problem = f"{behind} bytes follow its end"
        else:
            return payload
    raise Damaged(f"compressed data: {problem}", category="bad deflate")
