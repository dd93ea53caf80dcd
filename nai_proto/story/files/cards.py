"""Cards: pictures that carry a file, as people hand them around.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

from typing import Final

from ...arguments import BYTES, LIMITS, TEXT
from ...codecs import png
from ...codecs.box import from_base64, to_base64
from ...errors import Damaged, InvalidFile, LimitExceeded, RemoteProtocolError
from ...limits import Limits

__all__ = ["CARD_KEYWORD", "read_card", "write_card"]

CARD_KEYWORD: Final = "naidata"
"""The keyword of the text chunk."""


def read_card(picture: bytes, *, where: str = "card", limits: Limits = Limits()) -> bytes:
    """The file that a PNG carries, whatever it is.

    Args:
        picture: the whole PNG.
        where: what it is, to begin a message with.
        limits: for texts in pictures.

    Raises:
        InvalidFile: the picture is no PNG, is damaged, or carries nothing.
        LimitExceeded: its texts are too long.
    """
    picture = BYTES.convert(picture, "picture")
    TEXT.check(where, "where")
    LIMITS.check(limits, "limits")
    text = _read_texts(picture, where, limits).get(CARD_KEYWORD)
    if text is None:
        raise InvalidFile(f"{where}: the picture carries nothing: it has no text {CARD_KEYWORD}")
    try:
        return from_base64(text.strip(), f"{where}: the text {CARD_KEYWORD}")
    except Damaged as error:
        problem = str(error)
    raise InvalidFile(problem)


def write_card(picture: bytes, data: bytes, limits: Limits = Limits()) -> bytes:
    """The same PNG, carrying a file; what it carried before is gone, its other texts stay.

    Raises:
        InvalidFile: the picture is no PNG, or is damaged.
        LimitExceeded: its texts are too long.
    """
    picture, data = BYTES.convert(picture, "picture"), BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    return png.with_text(picture, {**_read_texts(picture, "card", limits), CARD_KEYWORD: to_base64(data)}, limits)


def _read_texts(picture: bytes, where: str, limits: Limits) -> dict[str, str]:
    """Return the texts of a PNG; raise InvalidFile where it is none."""
    try:
        return png.read_text(picture, limits)
    except LimitExceeded:
        raise
    except RemoteProtocolError as error:
        problem = str(error)
    raise InvalidFile(f"{where}: {problem}")
