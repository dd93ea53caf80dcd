"""Bytes on the command line that are not UTF-8: Python gives lone surrogates, which no text of a request can have."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import cast

from .errors import WrongUsage

__all__ = ["check_encoding"]


def check_encoding(name: str, value: object) -> None:
    """Raise for an argument or an option whose text is not UTF-8, unless it begins with the name of a file.

    Args:
        name: of the argument or option, for the message.
        value: that was given; only texts, and lists of them, are looked at.

    Raises:
        WrongUsage: a text is not UTF-8. Names the first byte that is not.
    """
    texts = cast("Sequence[object]", value) if isinstance(value, list | tuple) else (value,)
    for text in texts:
        if isinstance(text, str) and not _is_file(text):
            _check_text(name, text)


def _check_text(name: str, text: str) -> None:
    try:
        text.encode().decode()
        return
    except UnicodeEncodeError as error:
        before = text[: error.start]
        code = ord(text[error.start])
    wrong = f"0x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else "a lone surrogate"
    place = f", after {before[-40:]!r}" if before else ""
    raise WrongUsage(f"{name} is not UTF-8: byte {len(before.encode())} is {wrong}{place}", parameter=name.lstrip("-"))


def _is_file(text: str) -> bool:
    """Return whether a text is the name of a file, perhaps with ``=`` and what an option takes behind it."""
    try:
        return os.path.exists(text) or os.path.isfile(text.partition("=")[0])
    except (OSError, ValueError):
        return False
