"""Hides what an error message quotes from the request that it answers."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["Quotations", "fill", "hide_text"]

_QUOTE_BYTES: Final = 12
"How many bytes of a content count as a quotation of it; of a shorter one all."
_MOST_ALIKE: Final = 4
"How many contents with the same beginning are compared with a quotation, so that many alike cost no more."
_FEW: Final = 64
"Beginnings of contents that are searched one after the other, to see whether there is any."
_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class Quotations:
    """The contents of a request, and what a response quotes of them."""

    def __init__(self) -> None:
        self._contents: dict[bytes, list[bytes]] = {}
        "The contents by their beginnings."
        self._sizes: set[int] = set()
        "How long the beginnings are."

    def add(self, content: bytes) -> None:
        """Add a content, which is not empty."""
        start = content[:_QUOTE_BYTES]
        alike = self._contents.setdefault(start, [])
        self._sizes.add(len(start))
        if len(alike) < _MOST_ALIKE and content not in alike:
            alike.append(content)

    def clear(self) -> None:
        """Forget all contents."""
        self._contents.clear()
        self._sizes.clear()

    def hide(self, message: bytes) -> bytes:
        """Return a message with as many bytes without meaning for each quotation; it is read once."""
        if len(self._contents) <= _FEW and not any(start in message for start in self._contents):
            return message
        shown, at, copied = bytearray(), 0, 0
        while at < len(message):
            quoted = self._find_quotation(message, at)
            if quoted:
                shown += message[copied:at] + hide_text(quoted)
                copied = at + len(quoted)
            at += len(quoted) or 1
        return bytes(shown + message[copied:])

    def _find_quotation(self, message: bytes, at: int) -> bytes:
        """Return the longest quotation at a position; empty if there is none."""
        quoted = b""
        for size in self._sizes:
            for content in self._contents.get(message[at : at + size], ()):
                common = _find_common_prefix(content, message, at)
                quoted = common if len(common) > len(quoted) else quoted
        return quoted


def _find_common_prefix(content: bytes, message: bytes, at: int) -> bytes:
    if message.startswith(content, at):
        return content
    pairs = enumerate(zip(content, message[at : at + len(content)], strict=False))
    return content[: next((number for number, (one, other) in pairs if one != other), len(message) - at)]


def hide_text(value: bytes) -> bytes:
    """Return as many bytes without meaning, in Base64 if the value is."""
    if _BASE64.fullmatch(value):
        return re.sub(rb"[^=]", b"A", value)
    return fill(len(value))


def fill(size: int) -> bytes:
    """Return so many bytes without meaning."""
    return (b"redacted" * (size // 8 + 1))[:size]
