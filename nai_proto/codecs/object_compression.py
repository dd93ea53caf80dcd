"""The compression mark of stored objects, and raw deflate.

The mark, fifteen zero bytes and a one, means that the rest (of an encrypted object: its plaintext) is raw deflate, without
zlib or gzip wrapper and checksum. It is outside the encryption, so anybody can set or remove it; the result is checked.

Deflated bytes differ between libraries and levels: compare only what they inflate to.

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
"""Precedes compressed data. A random nonce begins with it once in 2**128 times."""

_FREE: Final = 1_048_576
"""Bytes that are inflated whatever the ratio, since small documents may repeat themselves."""


def pack(payload: bytes, compressed: bool) -> bytes:
    """Return the stored form of a payload that is not encrypted: unchanged, or the mark and raw deflate."""
    payload = BYTES.convert(payload, "payload")
    return MARK + deflate(payload) if compressed else payload


def unpack(data: bytes, limits: Limits = Limits()) -> tuple[bytes, bool]:
    """Return the payload, and whether it was compressed. Errors as for `inflate`."""
    LIMITS.check(limits, "limits")
    payload, compressed = split_mark(data)
    return (inflate(payload, limits) if compressed else payload), compressed


def split_mark(data: bytes) -> tuple[bytes, bool]:
    """Return the data after the mark, and whether there was one."""
    data = BYTES.convert(data, "data")
    return (data[len(MARK) :], True) if data.startswith(MARK) else (data, False)


def deflate(payload: bytes) -> bytes:
    """Return raw deflate of a payload."""
    payload = BYTES.convert(payload, "payload")
    return accelerators.deflate(payload)


def inflate(data: bytes, limits: Limits = Limits()) -> bytes:
    """Return the contents of raw deflate. At most one byte beyond the limit is inflated.

    Raises:
        Damaged: the data is not raw deflate, is cut short, or bytes follow its end (category ``bad deflate``).
        LimitExceeded: it inflates to more than `Limits.unpacked` or, beyond 1 MiB, `Limits.unpacked_ratio` allows.
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
