"""NaCl secret boxes (XSalsa20 with Poly1305), and the base64 and JSON in which they are stored.

Each sealing draws a fresh nonce: two boxes with one nonce reveal both texts. The source of random bytes is an argument
everywhere; the default is `system_entropy`.

See:
    docs/protocol/content.md#2-keystore
    docs/protocol/content.md#3-objects
    docs/protocol/content.md#22-nonce-reuse
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, Never, TypeAlias, TypeVar

from nacl import exceptions
from nacl.bindings import (
    crypto_secretbox_KEYBYTES,
    crypto_secretbox_MACBYTES,
    crypto_secretbox_NONCEBYTES,
    crypto_secretbox_open,
    randombytes,
)

from ..arguments import BYTES, FUNCTION, check_type
from ..errors import Damaged, DecryptionFailed, InvalidRequestError
from . import accelerators

__all__ = [
    "KEY_SIZE",
    "NONCE_SIZE",
    "TAG_SIZE",
    "UUID_SIZE",
    "Entropy",
    "decode_or_none",
    "draw_bytes",
    "draw_uuid",
    "format_uuid",
    "from_base64",
    "is_utf8",
    "open_box",
    "read_json",
    "system_entropy",
    "to_base64",
    "write_json",
]

T = TypeVar("T")

Entropy: TypeAlias = Callable[[int], bytes]
"""Returns so many random bytes."""
system_entropy: Final[Entropy] = randombytes
"""libsodium's generator, which uses the system's."""

KEY_SIZE: Final = crypto_secretbox_KEYBYTES
NONCE_SIZE: Final = crypto_secretbox_NONCEBYTES
TAG_SIZE: Final = crypto_secretbox_MACBYTES
UUID_SIZE: Final = 16


def decode_or_none(decode: Callable[[bytes], T], data: bytes) -> T | None:
    """Return the decoded data, or None. The decoder's error, which may hold the document, is dropped."""
    try:
        return decode(data)
    except (ValueError, RecursionError):
        return None


def is_utf8(data: bytes) -> bool:
    """Return whether the bytes are UTF-8."""
    data = BYTES.convert(data, "data")
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def open_box(box: bytes, nonce: bytes, key: bytes, what: str) -> bytes:
    """Return the contents of a secret box.

    Raises:
        DecryptionFailed: the key is wrong, or the bytes were changed; the message begins with ``what``.
    """
    try:
        return crypto_secretbox_open(box, nonce, key)
    except exceptions.CryptoError:
        pass
    raise DecryptionFailed(f"{what}: the box does not open (wrong key, or altered)", category="authentication failed")


def draw_bytes(entropy: Entropy, size: int) -> bytes:
    """Return ``size`` bytes from an entropy source.

    Raises:
        InvalidRequestError: the source returns another number of bytes.
    """
    FUNCTION.check(entropy, "entropy", "a function that draws so many bytes")
    drawn = entropy(size)
    check_type(drawn, bytes, "entropy", "a function that draws bytes")
    if len(drawn) != size:
        raise InvalidRequestError(f"entropy returned {len(drawn)} bytes instead of {size}", parameter="entropy")
    return drawn


def draw_uuid(entropy: Entropy) -> str:
    """Return a new UUID, which metas and the ids of lorebook entries are."""
    return format_uuid(draw_bytes(entropy, UUID_SIZE))


def format_uuid(drawn: bytes) -> str:
    """Return the UUID of version 4 (RFC 9562 §5.4) that 16 bytes give."""
    number = int.from_bytes(drawn) & ~(0xF000 << 64 | 0xC000 << 48) | 0x4000 << 64 | 0x8000 << 48
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def to_base64(data: bytes) -> str:
    """Return base64 with padding."""
    data = BYTES.convert(data, "data")
    return accelerators.encode(data)


def from_base64(text: object, what: str, category: str = "bad base64") -> bytes:
    """Return the bytes of base64, strictly: the standard alphabet, with padding."""
    if isinstance(text, str):
        try:
            data = accelerators.decode(text)
        except ValueError:
            data = b""
        if len(text) == (len(data) + 2) // 3 * 4 and text.find("=", 0, len(text) - 2) < 0:
            return data
    raise Damaged(f"{what}: base64 of the standard alphabet, with padding, was expected", category=category)


def read_json(data: bytes) -> object:
    """Return JSON in UTF-8 as JavaScript writes it: with whole numbers of any size, and lone surrogates.

    Raises:
        ValueError: it is not JSON. The error holds the document: call this with `decode_or_none`.
        RecursionError: it is nested too deeply.
    """
    return json.loads(data.decode(), parse_constant=_reject_constant, parse_int=_parse_integer)


def _reject_constant(name: str) -> Never:
    raise ValueError(name)


def _parse_integer(digits: str) -> int | float:
    """Parse an integer; with thousands of digits, which Python refuses, as a float, as in JavaScript."""
    return int(digits) if len(digits) < _DIGITS else float(digits)


_DIGITS: Final = 640  # Python always reads so many


def write_json(value: object, parameter: str = "value") -> bytes:
    """Return compact JSON in UTF-8 as the website writes it, with few escapes; lone surrogates are escaped.

    Raises:
        InvalidRequestError: JSON cannot represent it. The message names types, never values.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        problem = (
            "a number that is not finite, or a value within itself" if isinstance(error, ValueError) else str(error)
        )
    else:
        return text.encode("utf-8", "backslashreplace")
    raise InvalidRequestError(f"this cannot be written as JSON: {problem}", parameter=parameter)
