"""A part's text as it is searched and sent: placeholders filled in, comments left out (content §8.2.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["prepared", "tail", "whole_characters"]

_COMMENT: Final = re.compile(r"^##[^\n]*\n?", re.MULTILINE)
_LONE: Final = re.compile("[\ud800-\udfff]")


def prepared(text: str, placeholders: Mapping[str, str]) -> str:
    """The text, with these answers in the place of placeholders, and without lines that begin with ``##``."""
    return whole_characters(_COMMENT.sub("", text))


def whole_characters(text: str) -> str:
    """The text with U+FFFD for lone surrogates, which JavaScript may have left and no tokenizer takes (content §3.3)."""
    return text if text.isascii() else _LONE.sub("\N{REPLACEMENT CHARACTER}", text)


def tail(text: str, units: int) -> str:
    """The last so many UTF-16 units of a text; of a character that would be cut, nothing."""
    end = text[-units:] if units > 0 else ""
    if end.isascii():
        return end
    return end.encode("utf-16-le")[-2 * units :].decode("utf-16-le", "ignore")
