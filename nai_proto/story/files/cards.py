"""Cards: PNG pictures that contain a file, as users share them.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from ...arguments import BYTES, LIMITS, TEXT
from ...codecs.forgiving_base64 import decode_base64
from ...codecs.image_headers import describe_file, detect_format
from ...codecs.picture_texts import describe_problem
from ...codecs.png_text import read_png_text, with_png_text
from ...codecs.secret_box import to_base64
from ...errors import InvalidFile, InvalidRequestError, LimitExceeded, RemoteProtocolError
from ...limits import Limits
from ..foreign_formats import CHARACTER_CARD, CHARACTER_CARD_KEYWORDS

__all__ = ["CARD_KEYWORD", "read_card", "write_card"]

CARD_KEYWORD: Final = "naidata"
"""The keyword of the PNG text chunk with the file."""


def read_card(picture: bytes, *, where: str = "card", limits: Limits = Limits()) -> bytes:
    """Return the file in a card, whatever kind of file it is.

    Args:
        picture: the whole PNG.
        where: the name of the picture, to begin an error message with.
        limits: for texts in pictures.

    Raises:
        InvalidFile: the picture is no PNG, is damaged, or contains no file that `Limits.picture_text` allows.
        LimitExceeded: the picture has more than `Limits.pixels`.
    """
    picture = BYTES.convert(picture, "picture")
    TEXT.check(where, "where")
    LIMITS.check(limits, "limits")
    with _card_errors(picture, where):
        texts, damaged = read_png_text(picture, limits)
    text = texts.get(CARD_KEYWORD)
    if text is None:
        foreign = [f"it is {CHARACTER_CARD}"] if any(name in texts for name in CHARACTER_CARD_KEYWORDS) else []
        problems = "; ".join(("it contains no file of NovelAI", *foreign, *damaged))
        raise InvalidFile(f"{where}: the picture is no card: {problems}")
    try:
        data = decode_base64(text)
    except ValueError:
        data = None  # and raise below, without that error as the context
    if data is None:
        raise InvalidFile(f"{where}: the picture is a damaged card: the file in it is no base64")
    if not data:
        raise InvalidFile(f"{where}: the picture is an empty card: it contains no file of NovelAI")
    return data


def write_card(picture: bytes, data: bytes, limits: Limits = Limits()) -> bytes:
    """Return a PNG with a file in it. It replaces the file that the picture contained; all else stays.

    Args:
        picture: the whole PNG.
        data: the file.
        limits: for pixels.

    Raises:
        InvalidRequestError: the file is empty.
        InvalidFile: the picture is no PNG, or is damaged.
        LimitExceeded: the picture has more than `Limits.pixels`.
    """
    picture, data = BYTES.convert(picture, "picture"), BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    if not data:
        raise InvalidRequestError("data takes a file that is not empty", parameter="data")
    with _card_errors(picture, "card"):
        return with_png_text(picture, {CARD_KEYWORD: to_base64(data)}, limits, keep_others=True)


@contextmanager
def _card_errors(picture: bytes, where: str) -> Generator[None, None, None]:
    """Raise InvalidFile for what is no PNG, and for a damaged one."""
    if detect_format(picture) != "PNG":
        raise InvalidFile(f"{where}: this is {describe_file(picture)}, and a card is a PNG")
    try:
        yield
    except LimitExceeded:
        raise
    except RemoteProtocolError as error:
        problem = describe_problem(error)
    else:
        return
    raise InvalidFile(f"{where}: {problem}")
