"""Token ids in the form of the native API: little-endian unsigned integers of one width, in base64.

``struct`` packs a whole list in one call, in a byte order that does not depend on the host; ``array`` is hardly faster and
needs swapping. `binascii` is strict: ``base64.b64decode`` would read a text of another alphabet as other tokens.

The width depends on the model. Ids of four bytes that are read as two become twice as many, every other one 0 or 1; nothing
here can notice that.

See docs/protocol/native.md#111-packing.
"""

from __future__ import annotations

import binascii
import operator
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, SupportsIndex

from ..arguments import INTEGER, LIST, check_type
from ..errors import InvalidRequestError, RemoteProtocolError, excerpt

__all__ = ["pack", "unpack"]

_CODES: Final = {2: "H", 4: "I"}
_NOT_BASE64: Final = "not base64 of the standard alphabet, with padding"


def pack(tokens: Iterable[int], width: int) -> str:
    """Return token ids in base64, with padding.

    Args:
        tokens: from 0 to ``256 ** width - 1``.
        width: bytes per token, 2 or 4.

    Raises:
        InvalidRequestError: a token is out of range or not an integer, or ``width`` is not 2 or 4.
    """
    code = _struct_code(width)
    if not isinstance(tokens, list | tuple):
        LIST.check(tokens, "tokens", "a list of int")
        tokens = list(tokens)
    try:
        return binascii.b2a_base64(_struct(len(tokens), code).pack(*tokens), newline=False).decode("ascii")
    except struct.error:
        pass
    raise InvalidRequestError(_describe_first_fault(tokens, width), parameter="tokens")


def unpack(text: str | bytes, width: int) -> list[int]:
    """Return the token ids in a text of base64.

    Args:
        text: base64 of the standard alphabet, with padding.
        width: bytes per token, 2 or 4.

    Raises:
        RemoteProtocolError: the text is not base64, or does not have a whole number of tokens.
        InvalidRequestError: ``width`` is not 2 or 4.
    """
    if not isinstance(text, str):
        check_type(text, bytes, "text", "a str or bytes")
    code = _CODES[width] if type(width) is int and width in _CODES else _struct_code(width)
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
        size = len(data)
        if len(text) != (size + 2) // 3 * 4:  # which strict_mode accepts after a whole group of four
            problem = _NOT_BASE64
        elif size % width:
            problem = f"{size} bytes are no whole number of tokens of {width}"
        else:
            return [*_struct(size // width, code).unpack(data)]
    except ValueError:  # binascii.Error is one
        problem = _NOT_BASE64
    raise RemoteProtocolError(f"packed tokens: {problem}", excerpt=excerpt(text[:80]))


def _struct_code(width: int) -> str:
    INTEGER.check(width, "width")
    if width not in _CODES:
        raise InvalidRequestError(f"a token takes 2 or 4 bytes, depending on the model, not {width}", parameter="width")
    return _CODES[width]


@lru_cache(256)  # a stream has one token in each text, and compiling the form of one takes longer than unpacking it
def _struct(count: int, code: str) -> struct.Struct:
    return struct.Struct(f"<{count}{code}")


def _describe_first_fault(tokens: Sequence[object], width: int) -> str:
    """Return why these tokens cannot be packed, by the first one that does not fit."""
    return next(filter(None, (_describe_fault(index, token, width) for index, token in enumerate(tokens))))


def _describe_fault(index: int, token: object, width: int) -> str | None:
    """Return what is wrong with one token, or None."""
    if not isinstance(token, SupportsIndex):
        return f"token {index} is a {type(token).__name__}, not an int"
    number = operator.index(token)
    if 0 <= number < 256**width:
        return None
    shown = str(number) if number.bit_length() <= 64 else f"a number of {number.bit_length()} bits"
    return f"token {index} is {shown}, which {width} bytes cannot hold"
