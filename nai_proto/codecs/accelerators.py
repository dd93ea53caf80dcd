"""Base64, raw deflate and CRC-32, by the packages of the extra ``fast`` if they are installed, else by the standard library.

Results are equal, except that ISA-L deflates to a few per cent more bytes, in a fifth of the time.

See docs/protocol/content.md#33-details-that-matter.
"""

from __future__ import annotations

import binascii
import zlib
from typing import Any, Final

__all__ = [
    "crc32",
    "decode",
    "deflate",
    "encode",
    "inflate",
    "plain_crc32",
    "plain_decode",
    "plain_deflate",
    "plain_encode",
    "plain_inflate",
]

_PIECE: Final = 262_144
"""Characters of base64 decoded at once, a multiple of four. Other threads wait for a millisecond meanwhile."""
_RAW: Final = -zlib.MAX_WBITS
_LEVEL: Final = 9


def plain_decode(text: str) -> bytes:
    """Return the bytes of base64; the caller checks the length. ValueError: a character is not of its alphabet."""
    pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
    return b"".join(binascii.a2b_base64(piece, strict_mode=True) for piece in pieces)


def plain_encode(data: bytes) -> str:
    """Return base64 with padding, without line ends."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def plain_inflate(data: bytes | memoryview, most: int) -> tuple[bytes, bool, int]:
    """Return at most ``most`` bytes, whether that is all, and how many bytes follow. ValueError: not raw deflate."""
    stream = zlib.decompressobj(_RAW)
    try:
        payload = stream.decompress(data, most)
    except zlib.error:
        pass
    else:
        return payload, stream.eof, len(stream.unused_data)
    raise ValueError


def plain_deflate(payload: bytes) -> bytes:
    """Return raw deflate, at zlib's highest level."""
    return zlib.compress(payload, _LEVEL, _RAW)


def plain_crc32(data: bytes | memoryview) -> int:
    """Return the checksum of ZIP and PNG."""
    return zlib.crc32(data)


decode, encode, inflate, deflate = plain_decode, plain_encode, plain_inflate, plain_deflate
crc32 = plain_crc32

try:
    import pybase64
except ImportError:
    pass
else:

    def decode(text: str) -> bytes:
        return pybase64.b64decode(text, validate=True)

    def encode(data: bytes) -> str:
        return pybase64.b64encode_as_string(data)


try:
    from isal import isal_zlib
except ImportError:
    pass
else:
    _isal: Any = isal_zlib  # its type stubs are not complete

    def inflate(data: bytes | memoryview, most: int) -> tuple[bytes, bool, int]:
        stream = _isal.decompressobj(_RAW)
        try:
            payload = stream.decompress(data, most)
        except _isal.error:
            pass
        else:
            return payload, stream.eof, len(stream.unused_data)
        raise ValueError

    def deflate(payload: bytes) -> bytes:
        deflated: bytes = _isal.compress(payload, _isal.ISAL_BEST_COMPRESSION, _RAW)
        return deflated

    def crc32(data: bytes | memoryview) -> int:
        checksum: int = _isal.crc32(data)
        return checksum
