"""What the first bytes of a file say: its format, and for PNG, WebP and JPEG its size."""

from __future__ import annotations

import re
from typing import Final

from ..arguments import BYTES, LIMITS
from ..errors import LimitExceeded, RemoteProtocolError
from ..limits import Limits
from .jpeg import is_jpeg, read_jpeg_size
from .png import SIGNATURE, read_png_header
from .webp import is_webp, read_webp_size

__all__ = ["describe_file", "detect_format", "read_header_size"]

_AVIF_BRANDS: Final = (b"avif", b"avis", b"mif1", b"msf1")
_LOOKED_AT: Final = 1024
"""How many bytes tell what a file is."""
_UNBOUNDED: Final = Limits(pixels=1 << 62)
_IMAGES: Final = {
    "PNG": "a PNG",
    "WEBP": "a WebP",
    "JPEG": "a JPEG",
    "GIF": "a GIF",
    "BMP": "a BMP",
    "TIFF": "a TIFF",
    "AVIF": "an AVIF",
}
# Python 3.11.2 does not match a repeated group as it should that is possessive, and holds what may go back.
_WEB_PAGE: Final = (
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]*+>\s*+)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s++html|html|head|body)\b"
)
_OTHERS: Final = (
    (rb"\Z", "an empty file"),
    (rb"PK\x03\x04.{26}mimetypeapplication/epub", "an EPUB"),
    (rb"PK\x03\x04.{26}(?:mimetypeapplication/vnd\.oasis|\[Content_Types\])", "an office document"),
    (rb"\xd0\xcf\x11\xe0", "an office document"),
    (rb"PK[\x03\x05]", "a ZIP archive"),
    (rb"\x1f\x8b", "a gzip file"),
    (rb"8BPS", "a Photoshop file"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL"),
    (rb"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (rb"....ftyp", "a HEIC or an MP4"),
    (rb"\xff\xfe\0\0|\0\0\xfe\xff|\0\0\0[\t-\r {\[]|[\t-\r {\[]\0\0\0", "text in UTF-32"),
    (rb"\xff\xfe|\xfe\xff|\0[\t-\r {\[]|[\t-\r {\[]\0", "text in UTF-16"),
    (rb"(?:\xef\xbb\xbf)?\s*%PDF-", "a PDF"),
    (rb"(?:\xef\xbb\xbf)?\s*%!PS", "PostScript"),
    (rb"(?:\xef\xbb\xbf)?\s*\{\\rtf", "an RTF document"),
    (_WEB_PAGE, "a web page"),
    (rb"(?:\xef\xbb\xbf)?\s*<(?:svg|\?xml|!doctype)\b", "XML"),
)
"""What other files begin with."""


def detect_format(data: bytes) -> str | None:
    """Return Pillow's name for the format that a file begins as, None for one that is not read here."""
    data = BYTES.convert(data, "data")
    if data.startswith(SIGNATURE):
        return "PNG"
    if is_webp(data):
        return "WEBP"
    if is_jpeg(data):
        return "JPEG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"BM") and data[6:10] == bytes(4):  # a text may begin with BM
        return "BMP"
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    return "AVIF" if data[4:8] == b"ftyp" and data[8:12] in _AVIF_BRANDS else None


def read_header_size(data: bytes, limits: Limits = Limits()) -> tuple[int, int] | None:
    """Return width and height in pixels as the header of a PNG, WebP or JPEG has them; None for other files.

    Raises:
        LimitExceeded: there are more than `Limits.pixels`.
        RemoteProtocolError: the header is damaged.
    """
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    match detect_format(data):
        case "PNG":
            header = read_png_header(data, limits)
            return header.width, header.height
        case "WEBP":
            return read_webp_size(data, limits)
        case "JPEG":
            width, height = read_jpeg_size(data)
            if width * height > limits.pixels:
                raise LimitExceeded("pixels", limit=limits.pixels, value=width * height)
            return width, height
        case _:
            return None


def describe_file(data: bytes) -> str | None:
    """Return what a file is by its first bytes, for an error message; None if that is not known, and for JSON and text.

    ``a JPEG of 832 × 1216 pixels``, say, or ``a ZIP archive``.
    """
    data = BYTES.convert(data, "data")
    image_format = detect_format(data)
    if image_format is not None:
        try:
            size = read_header_size(data, _UNBOUNDED)
        except RemoteProtocolError:
            return f"{_IMAGES[image_format]}, damaged"
        return _IMAGES[image_format] + ("" if size is None else f" of {size[0]} × {size[1]} pixels")
    for pattern, name in _OTHERS:
        if re.match(pattern, data[:_LOOKED_AT], re.IGNORECASE | re.DOTALL):
            return name
    return None
