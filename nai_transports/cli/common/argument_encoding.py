"""Texts on the command line are UTF-8 in every locale; Python decodes by the locale, with lone surrogates for the rest."""

from __future__ import annotations

import os
import re
from typing import Final, cast

from .errors import WrongUsage

__all__ = ["decode_argument"]

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def decode_argument(name: str, value: object) -> object:
    """Return the value of an argument or option, with its texts decoded as UTF-8.

    A text that is not UTF-8 stays as the locale has decoded it, and so does one that begins with the name of a file, which
    the system takes only so.

    Args:
        name: of the argument or option, for the message.
        value: that was given; only texts, and lists of them, are changed.

    Raises:
        WrongUsage: a text is not UTF-8, and nothing in the locale either. Names the first byte that is not.
    """
    if isinstance(value, list):
        return [decode_argument(name, each) for each in cast("list[object]", value)]
    return _decode(name, value) if type(value) is str and not _is_file(value) else value  # an enum's member stays one


def _decode(name: str, text: str) -> str:
    raw = _get_bytes(text)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode()
        wrong = f"byte {error.start} is 0x{raw[error.start]:02x}{f', after {before[-40:]!r}' if before else ''}"
    if _SURROGATE.search(text):
        raise WrongUsage(f"{name} is not UTF-8: {wrong}", parameter=name.lstrip("-"))
    return text


def _get_bytes(text: str) -> bytes:
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:  # it is from no command line in this locale
        return text.encode("utf-8", "surrogatepass")


def _is_file(text: str) -> bool:
    """Return whether a text is the name of a file, perhaps with ``=`` and what an option takes behind it."""
    try:
        return os.path.exists(text) or os.path.isfile(text.partition("=")[0])
    except (OSError, ValueError):
        return False
