"""A part's text as it is searched and sent: placeholders filled in, comments left out (content §8.2.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..placeholders import filled

__all__ = ["prepared", "whole_characters"]

_COMMENT: Final = re.compile(r"^##[^\n]*\n?", re.MULTILINE)
_LONE: Final = re.compile("[\ud800-\udfff]")


def prepared(text: str, placeholders: Mapping[str, str]) -> str:
    """The text with these answers in the place of placeholders, and without the lines that then begin with ``##``."""
    return whole_characters(_COMMENT.sub("", filled(text, placeholders)))


def whole_characters(text: str) -> str:
    """The text with U+FFFD for lone surrogates, which JavaScript may have left and no tokenizer takes (content §3.3)."""
    return text if text.isascii() else _LONE.sub("\N{REPLACEMENT CHARACTER}", text)
