"""Texts in UTF-8, and short texts that are bundled into long ones.

JavaScript's texts are UTF-16 units, and may have half a surrogate pair, which is written as if it were a character.

See docs/protocol/content.md#63-bundled-strings.
"""

from __future__ import annotations

from .value_headers import FORMS, ValueKind, cut_short_error, damage_error

__all__ = ["Bundle", "decode_text", "encode_text"]


def decode_text(data: bytes, start: int, size: int) -> str:
    """Return the text of so many bytes.

    Raises:
        Damaged: the bytes are not a text, or the data ends before them.
    """
    encoded = data[start : start + size]
    if len(encoded) < size:
        raise cut_short_error()
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        pass
    try:
        return _join_surrogates(encoded.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        pass
    raise damage_error("bad utf-8", "a text is not UTF-8")


def encode_text(text: str) -> bytes:
    """Return the UTF-8 of a text. Both halves of a surrogate pair become their character, as in JavaScript."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _join_surrogates(text).encode("utf-8", "surrogatepass")


def _join_surrogates(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


class Bundle:
    """Two long texts, from which short ones are cut in order.

    Args:
        data: the document.
        start: where the first text begins; the other follows it.

    Raises:
        Damaged: there are not two texts.
        IndexError: the document ends before them.
    """

    def __init__(self, data: bytes, start: int) -> None:
        self.start = start
        wide, end = _read_text_at(data, start)
        narrow, self.end = _read_text_at(data, end)
        self._wide, self._narrow = _Strand(wide), _Strand(narrow)

    @classmethod
    def read_announced(cls, data: bytes, body: bytes, start: int, earliest: int) -> Bundle:
        """Return the bundle that an extension announces.

        Args:
            data: the document.
            body: its first four bytes are the distance of the bundle from the beginning of the body.
            start: where the body begins.
            earliest: where the bundle may begin.

        Raises:
            Damaged: there is no bundle.
        """
        position = start + int.from_bytes(body[:4])
        if len(body) < 4 or not earliest <= position < len(data):
            raise damage_error("bad bundle offset", "a bundle is where it cannot be")
        return cls(data, position)

    def cut(self, units: int) -> str:
        """Return the next text of so many UTF-16 units; a negative number takes it from the first text. Raises Damaged."""
        return self._narrow.cut(units) if units > 0 else self._wide.cut(-units)


class _Strand:
    """One long text, as UTF-16 unless it is ASCII."""

    def __init__(self, text: str) -> None:
        self._ascii = text if text.isascii() else None
        self._units = b"" if text.isascii() else text.encode("utf-16-le", "surrogatepass")
        self._size = max(len(self._ascii or ""), len(self._units) // 2)
        self._at = 0

    def cut(self, units: int) -> str:
        start = self._at
        end = self._at = start + units
        if end > self._size:
            raise damage_error("bundle overrun", "a bundle has less text than is taken from it")
        if self._ascii is not None:
            return self._ascii[start:end]
        return self._units[2 * start : 2 * end].decode("utf-16-le", "surrogatepass")


def _read_text_at(data: bytes, start: int) -> tuple[str, int]:
    """Return the text whose head is here, and where it ends."""
    kind, width, count = FORMS.get(data[start], (None, 0, 0))
    if kind is not ValueKind.TEXT:
        raise damage_error("bad bundle offset", "a bundle is two texts")
    start += 1 + width
    if start > len(data):
        raise cut_short_error()
    size = int.from_bytes(data[start - width : start]) if width else count
    return decode_text(data, start, size), start + size
