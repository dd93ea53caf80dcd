"""Pixels of images, out of files and into them: RGB, RGBA and grey, 8 bits a sample.

PNGs with 8 bits a sample, without a palette or interlacing, are read and written by the standard library alone. All other
pixels need Pillow, the extra ``image``: those of JPEG, WebP, GIF, BMP, TIFF and AVIF, and of any other PNG. If it is
installed, Pillow also reads an ordinary PNG whose filters would take long without it. EXIF's orientation is not applied, and
of files with several frames the first is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ..arguments import BYTES, INTEGER, LIMITS, check_type
from ..errors import InvalidRequestError
from ..limits import Limits
from .jpeg import is_jpeg
from .pillow_images import ImageData, decode_colours, decode_grey, encode_image, has_pillow
from .png import COLOURED, SIGNATURE, has_png_alpha, read_png_header
from .png_rows import FilteredRows, encode_png, has_plain_rows, read_rows
from .png_text import with_png_text
from .webp import find_webp_channels, is_webp, with_webp_text

__all__ = [
    "ExactChannels",
    "Pixels",
    "Plane",
    "find_exact_channels",
    "read_grey",
    "read_pixels",
    "write_jpeg",
    "write_png",
    "write_webp",
]

_WITHOUT_ALPHA: Final = (0, 2)  # types of colour (PNG §11.2.1)
_SLOW: Final = 500_000
"""Bytes restored one by one, a tenth of a second: above that, loading Pillow is quicker."""
_LARGEST_WEBP: Final = 16_383
_LARGEST_JPEG: Final = 65_535


@dataclass(frozen=True, slots=True)
class Pixels:
    """A picture: its rows from the top, in each three bytes a pixel for red, green and blue, or four with alpha."""

    width: int
    height: int
    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_size(self.width, self.height, self.data)
        if self.width < 1 or self.height < 1 or len(self.data) not in (3 * self.area, 4 * self.area):
            raise InvalidRequestError(
                "pixels are three or four bytes each, and as many as width and height say", parameter="data"
            )

    @property
    def area(self) -> int:
        """How many pixels there are."""
        return self.width * self.height

    @property
    def channels(self) -> int:
        """3 for RGB, 4 for RGBA."""
        return len(self.data) // self.area

    @property
    def rgb(self) -> bytes:
        """The colours without alpha."""
        if self.channels == 3:
            return self.data
        out = bytearray(3 * self.area)
        for channel in range(3):
            out[channel::3] = self.data[channel::4]
        return bytes(out)

    @property
    def alpha(self) -> Plane | None:
        """Alpha alone, if there is one."""
        return Plane(self.width, self.height, self.data[3::4]) if self.channels == 4 else None

    def with_alpha(self, alpha: bytes) -> Pixels:
        """Return the same colours with this alpha."""
        alpha = BYTES.convert(alpha, "alpha")
        if len(alpha) != self.area:
            raise InvalidRequestError(f"alpha has a byte for each of {self.area} pixels", parameter="alpha")
        out = bytearray(4 * self.area)
        for channel in range(3):
            out[channel::4] = self.data[channel :: self.channels]
        out[3::4] = alpha
        return Pixels(self.width, self.height, bytes(out))


@dataclass(frozen=True, slots=True)
class Plane:
    """One channel of a picture: a byte a pixel, rows from the top."""

    width: int
    height: int
    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_size(self.width, self.height, self.data)
        if len(self.data) != self.width * self.height:
            raise InvalidRequestError("a plane has a byte a pixel, as many as width and height say", parameter="data")


def read_pixels(data: bytes, limits: Limits = Limits()) -> Pixels:
    """Return the pixels of an image file, as RGB or RGBA; what is grey has three equal channels.

    Args:
        data: a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF.
        limits: `Limits.pixels` is what its header may claim.

    Raises:
        MissingExtra: this is no PNG of 8 bits without palette and interlacing, and Pillow is not installed.
        LimitExceeded: the header claims too many pixels.
        RemoteProtocolError: the file is damaged, or has none of these formats.
    """
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    rows = _read_plain_rows(data, limits)
    if rows is None:
        return Pixels(*decode_colours(data, limits))
    width, height, restored = rows.header.width, rows.header.height, rows.restore()
    if rows.channels > 2:
        return Pixels(width, height, restored)
    grey = restored[:: rows.channels]
    out = bytearray((2 + rows.channels) * len(grey))
    for channel in range(3):
        out[channel :: 2 + rows.channels] = grey
    if rows.channels == 2:
        out[3::4] = restored[1::2]
    return Pixels(width, height, bytes(out))


class ExactChannels(NamedTuple):
    """Which channels a file may have that are stored without losses, as far as its header says."""

    alpha: bool
    colours: bool
    "Colours that differ from one another, which those of a grey picture do not."


def find_exact_channels(data: bytes, limits: Limits = Limits()) -> ExactChannels:
    """Return which channels of an image file are stored without losses. Pillow is not needed.

    Raises what `read_pixels` raises for a damaged header.
    """
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    if is_jpeg(data):
        return ExactChannels(alpha=False, colours=False)
    if is_webp(data):
        return ExactChannels(*find_webp_channels(data, limits))
    if data.startswith(SIGNATURE):
        return ExactChannels(has_png_alpha(data, limits), bool(read_png_header(data, limits).colour & COLOURED))
    return ExactChannels(alpha=True, colours=True)


def read_grey(data: bytes, limits: Limits = Limits()) -> Plane:
    """Return the brightness of each pixel of a grey image; of one in colours its red. Takes and raises what `read_pixels`
    does.
    """
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    rows = _read_plain_rows(data, limits)
    if rows is None:
        return Plane(*decode_grey(data, limits))
    return Plane(rows.header.width, rows.header.height, rows.restore_channel(0))


def write_png(pixels: Pixels, texts: Mapping[str, str] | None = None) -> bytes:
    """Return a PNG with these pixels and texts. Raises what `with_png_text` raises."""
    check_type(pixels, Pixels, "pixels", "Pixels")
    file = encode_png(pixels.width, pixels.height, pixels.data)
    return with_png_text(file, texts, Limits(pixels=pixels.area)) if texts else file


def write_webp(pixels: Pixels, texts: Mapping[str, str] | None = None) -> bytes:
    """Return a lossless WebP with these pixels, and in EXIF these texts by the names of their tags.

    Raises:
        MissingExtra: Pillow is not installed.
        InvalidRequestError: a side has more than 16,383 pixels; and what `write_exif` raises.
    """
    check_type(pixels, Pixels, "pixels", "Pixels")
    _check_sides(pixels, _LARGEST_WEBP, "WebP")
    # The least effort: the next one takes four times as long, and flat drawings become a third smaller.
    options = {"lossless": True, "exact": True, "quality": 0, "method": 0}
    image = ImageData(pixels.width, pixels.height, pixels.data)
    file = encode_image(image, "RGBA" if pixels.channels == 4 else "RGB", "WEBP", **options)
    return with_webp_text(file, texts, Limits(pixels=pixels.area)) if texts else file


def write_jpeg(pixels: Pixels | Plane, quality: int = 90, exif: bytes = b"") -> bytes:
    """Return a JPEG with these pixels: of RGBA without alpha, of a plane in grey.

    Args:
        pixels: at most 65,535 each way.
        quality: 1 to 95.
        exif: a TIFF of `exif.write_exif`; none if it is empty.

    Raises:
        MissingExtra: Pillow is not installed.
        InvalidRequestError: a side is too long, or ``quality`` out of its range.
    """
    check_type(pixels, (Pixels, Plane), "pixels", "Pixels or a Plane")
    INTEGER.check(quality, "quality")
    if not 1 <= quality <= 95:
        raise InvalidRequestError("quality is 1 to 95", parameter="quality")
    _check_sides(pixels, _LARGEST_JPEG, "JPEG")
    options: dict[str, Any] = {"quality": quality, **({"exif": b"Exif\0\0" + exif} if exif else {})}
    if isinstance(pixels, Plane):
        return encode_image(ImageData(pixels.width, pixels.height, pixels.data), "L", "JPEG", **options)
    return encode_image(ImageData(pixels.width, pixels.height, pixels.rgb), "RGB", "JPEG", **options)


def _check_size(width: object, height: object, data: object) -> None:
    INTEGER.check(width, "width")
    INTEGER.check(height, "height")
    check_type(data, bytes, "data", "bytes")


def _check_sides(pixels: Pixels | Plane, largest: int, image_format: str) -> None:
    if max(pixels.width, pixels.height) > largest:
        raise InvalidRequestError(f"a {image_format} has sides of at most {largest} pixels", parameter="pixels")


def _read_plain_rows(data: bytes, limits: Limits) -> FilteredRows | None:
    """Return the rows of a PNG that the standard library is to restore, None of what is left to Pillow.

    Raises what `read_rows` raises.
    """
    if not data.startswith(SIGNATURE):
        return None
    head = read_png_header(data, limits)
    if not has_plain_rows(head) or (head.colour in _WITHOUT_ALPHA and has_png_alpha(data, limits)):
        return None
    rows = read_rows(data, head, limits)
    return None if rows.slow_bytes > _SLOW and has_pillow() else rows
