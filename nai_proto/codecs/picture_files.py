"""Picture files with metadata, written as the service writes them.

See docs/protocol/image.md#8-files-and-metadata.
"""

from __future__ import annotations

from typing import Literal

from ..arguments import BYTES, LIMITS, check_type
from ..errors import InvalidRequestError
from ..limits import Limits
from .exif import write_exif
from .metadata_forms import dump_object, tags_from_texts
from .picture_metadata import Metadata, read_metadata
from .pixels import Pixels, read_pixels, write_jpeg, write_png, write_webp
from .png_text import with_png_text
from .stealth import with_stealth
from .webp import is_webp, with_webp_text

__all__ = ["to_jpeg", "with_metadata", "write_picture"]


def with_metadata(data: bytes, metadata: Metadata, limits: Limits = Limits()) -> bytes:
    """Return the same PNG or WebP with this in place of its own text. A copy in alpha stays as it is.

    Raises:
        InvalidRequestError: a text has no form there.
        RemoteProtocolError: what is to be changed is damaged.
    """
    data = BYTES.convert(data, "data")
    check_type(metadata, Metadata, "metadata", "Metadata")
    LIMITS.check(limits, "limits")
    if is_webp(data):
        return with_webp_text(data, tags_from_texts(metadata.texts), limits)
    return with_png_text(data, metadata.texts, limits)


def to_jpeg(data: bytes, limits: Limits = Limits()) -> bytes:
    """Return a picture as a JPEG of quality 95, with the service's text in EXIF. Alpha, and what is hidden in it, is lost.

    Raises:
        MissingExtra: Pillow is not installed.
        RemoteProtocolError: the picture is damaged.
        InvalidRequestError: a side is longer than a JPEG can be, or a text has no form in EXIF.
    """
    pixels, metadata = read_pixels(data, limits), read_metadata(data, limits)
    exif = b"" if metadata is None else write_exif(tags_from_texts(metadata.texts))
    return write_jpeg(pixels, 95, exif)


def write_picture(
    pixels: Pixels, metadata: Metadata, *, transparent: bool = False, image_format: Literal["png", "webp"] = "png"
) -> bytes:
    """Return a file as the service makes them: RGBA, with the text around the pixels and, if it fits, in alpha.

    See:
        docs/protocol/image.md#83-stealth-copy-in-the-alpha-channel
        docs/protocol/image.md#82-webp

    Args:
        pixels: RGB or RGBA.
        transparent: keep alpha but for its lowest bits; else it becomes opaque.
        image_format: PNG, with the text in chunks, or lossless WebP, with the text in EXIF.

    Raises:
        MissingExtra: a WebP is to be written, and Pillow is not installed.
        InvalidRequestError: a text has no form there; or ``transparent``, and there is no alpha.
    """
    check_type(pixels, Pixels, "pixels", "Pixels")
    check_type(metadata, Metadata, "metadata", "Metadata")
    if image_format not in ("png", "webp"):
        raise InvalidRequestError("image_format is 'png' or 'webp'", parameter="image_format")
    content = dump_object({keyword: text for keyword, text in metadata.texts.items() if keyword != "Title"}).encode()
    try:
        drawn = with_stealth(pixels, content, transparent=transparent)
    except InvalidRequestError:
        if transparent and pixels.alpha is None:
            raise
        drawn = pixels if transparent else pixels.with_alpha(b"\xff" * pixels.area)
    return (
        write_webp(drawn, tags_from_texts(metadata.texts))
        if image_format == "webp"
        else write_png(drawn, metadata.texts)
    )
