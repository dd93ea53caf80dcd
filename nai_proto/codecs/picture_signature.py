"""The signature of a picture: who drew it, and that neither colours nor parameters were altered since.

Signed are the bytes of the pixels and behind them the comment without its ``signed_hash``, as Python's `json` writes it; so
numbers keep their form, and the standard library's module is used where the rest of the package has a faster one. Each copy
of the text in a picture is signed for itself.

See docs/protocol/image.md#84-signature.
"""

from __future__ import annotations

import binascii
import json
from typing import Any, Final, cast

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

from ..arguments import BYTES, TEXT, check_type
from ..errors import InvalidRequestError
from .pixels import Pixels

__all__ = ["TEST_SEED", "TEST_VERIFY_KEY", "VERIFY_KEY", "public_key", "sign", "verify"]

VERIFY_KEY: Final = binascii.a2b_base64("Y2JcQAOhLwzwSDUJPNgL04nS0Tbqm7cSRc4xk0vRMic=")
"""The service's public key, 32 bytes."""

TEST_SEED: Final = b"not secret: signs test pictures!"
"""What the emulator signs with. Everybody knows it, so it proves nothing."""

_SIGNATURE: Final = 64
_KEY: Final = 32
_NAME: Final = "signed_hash"
_NO_BIT: Final = bytes(byte & 0xFE for byte in range(256))


def public_key(seed: bytes) -> bytes:
    """Return the key that verifies what this seed of 32 bytes signs."""
    seed = BYTES.convert(seed, "seed")
    if len(seed) != _KEY:
        raise InvalidRequestError(f"a seed has {_KEY} bytes", parameter="seed")
    key: bytes = crypto_sign_seed_keypair(seed)[0]
    return key


TEST_VERIFY_KEY: Final = public_key(TEST_SEED)
"""Verifies the emulator's pictures."""


def sign(pixels: Pixels, comment: str, seed: bytes = TEST_SEED, *, alpha: bool = False) -> str:
    """Return the comment with its ``signed_hash`` as the last key.

    Args:
        pixels: as they are in the file, with or without the copy in alpha.
        comment: JSON, an object. What is signed, and returned, is its form as Python's `json` writes it.
        seed: of the private key, 32 bytes.
        alpha: sign alpha too, without its lowest bits: what V5 does.

    Raises:
        InvalidRequestError: the comment is no JSON object, or ``alpha``, and there is none.
    """
    check_type(pixels, Pixels, "pixels", "Pixels")
    TEXT.check(comment, "comment")
    seed = BYTES.convert(seed, "seed")
    document = _parse_comment(comment)
    if document is None:
        raise InvalidRequestError("the comment of a picture is a JSON object", parameter="comment")
    if len(seed) != _KEY:
        raise InvalidRequestError(f"a seed has {_KEY} bytes", parameter="seed")
    if alpha and pixels.alpha is None:
        raise InvalidRequestError("a picture without alpha has none to sign", parameter="alpha")
    document.pop(_NAME, None)
    private = crypto_sign_seed_keypair(seed)[1]
    signature = crypto_sign(_signed_pixels(pixels, alpha) + _dump_comment(document), private)[:_SIGNATURE]
    return json.dumps({**document, _NAME: binascii.b2a_base64(signature, newline=False).decode()})


def verify(pixels: Pixels, comment: str, key: bytes = VERIFY_KEY) -> bool:
    """Return whether the comment holds a signature of itself and these pixels, by the owner of this public key.

    Both rules are tried: colours alone, and colours with alpha. False also if there is no signature, or no JSON.

    Raises:
        InvalidRequestError: the key has not 32 bytes.
    """
    check_type(pixels, Pixels, "pixels", "Pixels")
    TEXT.check(comment, "comment")
    key = BYTES.convert(key, "key")
    if len(key) != _KEY:
        raise InvalidRequestError(f"a public key has {_KEY} bytes", parameter="key")
    document = _parse_comment(comment)
    signed_hash = None if document is None else document.pop(_NAME, None)
    if document is None or not isinstance(signed_hash, str):
        return False
    try:
        signature = binascii.a2b_base64(signed_hash.encode(), strict_mode=True)
    except ValueError:
        return False
    text = _dump_comment(document)
    return len(signature) == _SIGNATURE and any(
        _is_valid(signature + _signed_pixels(pixels, alpha) + text, key) for alpha in (False, True)
    )


def _signed_pixels(pixels: Pixels, alpha: bool) -> bytes:
    """Return the pixels' part of what is signed."""
    if not alpha:
        return pixels.rgb
    plane = b"\xff" * pixels.area if pixels.alpha is None else pixels.alpha.data  # WebP leaves out an opaque one
    return pixels.with_alpha(plane.translate(_NO_BIT)).data


def _dump_comment(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def _parse_comment(comment: str) -> dict[str, Any] | None:
    try:
        document: object = json.loads(comment)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", document) if isinstance(document, dict) else None


def _is_valid(signed: bytes, key: bytes) -> bool:
    try:
        crypto_sign_open(signed, key)
    except BadSignatureError:
        return False
    return True
