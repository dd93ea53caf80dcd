"""Bytes on the command line that are not UTF-8: Python gives lone surrogates, which no text of a request can have."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import cast

from nai_proto.errors import excerpt

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
        at = len(text[: error.start].encode())
        code = ord(text[error.start])
    wrong = f"{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else "a lone surrogate"
    raise WrongUsage(
        f"{name}: {excerpt(text, 40)!r} is not UTF-8: at byte {at} it has {wrong}", parameter=name.lstrip("-")
    )


def _is_file(text: str) -> bool:
    """Return whether a text is the name of a file, perhaps with ``=`` and what an option takes behind it."""
    try:
        return os.path.exists(text) or os.path.isfile(text.partition("=")[0])
    except (OSError, ValueError):
        return False
