"""Image files decoded, resized and encoded by Pillow, which the extra ``image`` brings: the only module that imports it.

Files are bytes in memory. Pillow is told the one format that a file begins as, and only formats that it decodes by itself:
never one for which it would start a program. Each function checks the size in the file's header against `Limits.pixels`
before anything is decoded, and reads the first frame of a file with several. Whatever Pillow raises becomes an error of this
library; what Pillow warns of is not shown.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

from ..arguments import BYTES, INTEGER, LIMITS
from ..errors import InvalidRequestError, LimitExceeded, MissingExtra, RemoteProtocolError, Truncated
from ..limits import Limits
from .image_headers import detect_format
from .png import SIGNATURE, build_png_chunk, read_pixel_chunks, read_png_header
from .webp import build_webp, iter_webp_chunks

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "ImageData",
    "decode_colours",
    "decode_grey",
    "encode_image",
    "fit_image",
    "has_pillow",
    "pad_image",
    "scale_image",
]

T = TypeVar("T")

_PNG_CHUNKS: Final = (b"IHDR", b"PLTE", b"IDAT", b"eXIf", b"IEND")
"""What Pillow is given of a PNG; texts, profiles and further frames do not change its pixels."""


class ImageData(NamedTuple):
    """Decoded samples, a byte each: rows from the top, in each row pixel by pixel."""

    width: int
    height: int
    data: bytes


def has_pillow() -> bool:
    """Return whether Pillow can be imported. The first call that finds it loads it."""
    try:
        from PIL import Image
    except ImportError:
        return False
    return hasattr(Image, "open")  # an empty folder of that name can be imported too


def decode_colours(data: bytes, limits: Limits) -> ImageData:
    """Return the pixels as RGB, or as RGBA if there is any alpha.

    Args:
        data: a file: PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF.
        limits: `Limits.pixels` is what its header may claim.

    Raises:
        MissingExtra: Pillow is not installed.
        LimitExceeded: the header claims more than `Limits.pixels`, or more than Pillow decodes.
        RemoteProtocolError: the file is damaged, or has none of these formats.
    """
    return _decode(data, limits, lambda image: _take_samples(_convert_to_colours(image)))


def decode_grey(data: bytes, limits: Limits) -> ImageData:
    """Return the brightness of each pixel; of an image with colours, its red.

    Takes and raises what `decode_colours` does.
    """
    return _decode(data, limits, lambda image: _take_samples(_convert_to_grey(image)))


def fit_image(data: bytes, width: int, height: int, limits: Limits = Limits()) -> bytes:
    """Return a PNG of this size: the image turned as its EXIF says and scaled, and cut off at two sides to keep its shape.

    Args:
        data: a file that `decode_colours` reads.
        width: in pixels, 1 and up.
        height: in pixels, 1 and up.
        limits: `Limits.pixels` is what the file's header may claim.

    Raises:
        InvalidRequestError: a side has no pixels. And what `decode_colours` raises.
    """
    return _resize(data, (width, height), limits, lambda pillow, image: pillow.ImageOps.fit(image, (width, height)))


def pad_image(data: bytes, width: int, height: int, limits: Limits = Limits()) -> bytes:
    """Return an RGB PNG of this size: the image turned as its EXIF says and scaled, with black at two sides.

    So it keeps its shape and loses nothing. Takes and raises what `fit_image` does.
    """

    def pad(pillow: _Pillow, image: Image) -> Image:
        padded: Image = pillow.ImageOps.pad(image.convert("RGB"), (width, height), color="black")
        return padded

    return _resize(data, (width, height), limits, pad)


def scale_image(data: bytes, width: int, height: int, limits: Limits = Limits()) -> bytes:
    """Return a PNG of this size: the image turned as its EXIF says, and each pixel the nearest one of it.

    So it keeps its colours, and not its shape. Takes and raises what `fit_image` does.
    """

    def scale(
        pillow: _Pillow, image: Any
    ) -> Image:  # Pillow's type of `resize` is incomplete where numpy is not installed
        scaled: Image = image.resize((width, height), pillow.Image.Resampling.NEAREST)
        return scaled

    return _resize(data, (width, height), limits, scale)


def encode_image(
    image: ImageData, mode: Literal["L", "RGB", "RGBA"], image_format: Literal["WEBP", "JPEG"], **options: Any
) -> bytes:
    """Return a file with these pixels.

    Args:
        image: samples as ``mode`` has them; the caller has checked that the format can be so wide and high.
        mode: Pillow's name for the channels.
        image_format: Pillow's name for the format.
        options: Pillow's, of that format.

    Raises:
        MissingExtra: Pillow is not installed.
    """
    pillow = _import_pillow(f"writing {image_format}")
    return _save(pillow.Image.frombytes(mode, (image.width, image.height), image.data), image_format, **options)


class _Pillow(NamedTuple):
    """The modules of Pillow in use."""

    Image: Any
    ImageOps: Any
    plugins: tuple[object, ...]
    "Each has registered its format when it was imported; else Pillow would load those of all formats that it knows."


def _import_pillow(purpose: str) -> _Pillow:
    """Return Pillow, with the plugins of all formats that are read.

    Raises:
        MissingExtra: it is not installed; the message says for which purpose it is needed.
    """
    try:
        from PIL import (
            AvifImagePlugin,
            BmpImagePlugin,
            GifImagePlugin,
            Image,
            ImageOps,
            JpegImagePlugin,
            PngImagePlugin,
            TiffImagePlugin,
            WebPImagePlugin,
        )
    except ImportError:
        pass  # and raise below, without that error as the context
    else:
        common = (BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin)
        return _Pillow(Image, ImageOps, (*common, AvifImagePlugin, TiffImagePlugin, WebPImagePlugin))
    raise MissingExtra(f"{purpose} needs Pillow (the extra 'image')", extra="image")


def _decode(data: bytes, limits: Limits, convert: Callable[[Image], T]) -> T:
    """Return what ``convert`` makes of the first frame. Raises what `decode_colours` raises."""
    image_format = detect_format(data)
    if image_format is None:
        raise RemoteProtocolError("picture: no PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF")
    pillow = _import_pillow(f"reading the pixels of this {image_format}")
    if image_format == "PNG":
        data = _strip_png(data, limits)
    elif image_format == "WEBP":
        data = _mend_webp(data, limits)
    area = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", pillow.Image.DecompressionBombWarning)
        try:
            with pillow.Image.open(io.BytesIO(data), formats=(image_format,)) as image:
                area = image.width * image.height
                if area <= limits.pixels:
                    image.load()
                    return convert(image)
        except (pillow.Image.DecompressionBombWarning, pillow.Image.DecompressionBombError):
            area = pillow.Image.MAX_IMAGE_PIXELS + 1
        except Exception:  # of any type, as Pillow and its plugins raise them for damaged files
            area = 0
    if area > limits.pixels:
        raise LimitExceeded("pixels", limit=limits.pixels, value=area)
    if area:
        raise LimitExceeded("pixels", limit=area - 1, value=area)
    raise RemoteProtocolError(f"picture: the pixels of this {image_format} cannot be decoded")


def _resize(data: bytes, size: tuple[int, int], limits: Limits, change: Callable[[_Pillow, Image], Image]) -> bytes:
    data = BYTES.convert(data, "data")
    for name, side in zip(("width", "height"), size, strict=True):
        INTEGER.check(side, name)
        if side < 1:
            raise InvalidRequestError(f"{name} is 1 pixel and up", parameter=name)
    LIMITS.check(limits, "limits")
    pillow = _import_pillow("scaling an image")

    def resized(image: Image) -> bytes:
        return _save(change(pillow, _convert_to_colours(pillow.ImageOps.exif_transpose(image))), "PNG")

    return _decode(data, limits, resized)


def _strip_png(data: bytes, limits: Limits) -> bytes:
    """Return the PNG with only the chunks that its pixels depend on. Raises what `read_pixel_chunks` raises.

    A transparent colour of 16 bits a sample, which Pillow compares with samples of 8, is left out.
    """
    kept = (*_PNG_CHUNKS, b"tRNS") if read_png_header(data, limits).depth <= 8 else _PNG_CHUNKS
    chunks = read_pixel_chunks(data, limits)
    return SIGNATURE + b"".join(build_png_chunk(kind, bytes(content)) for kind, content in chunks if kind in kept)


def _mend_webp(data: bytes, limits: Limits) -> bytes:
    """Return the WebP; of one that is cut off behind its pixels only what is whole.

    Its size is checked here, because opening a WebP takes memory for its pixels. Raises what `iter_webp_chunks` raises.
    """
    whole: list[tuple[bytes, memoryview]] = []
    try:
        for chunk in iter_webp_chunks(data, limits):
            whole.append(chunk)
    except Truncated:
        if not any(kind in (b"VP8 ", b"VP8L") for kind, _ in whole):
            raise
        return build_webp([(kind, bytes(content)) for kind, content in whole])
    return data


def _convert_to_colours(image: Image) -> Image:
    """Return the image as RGB, or as RGBA if it has any alpha."""
    if image.mode == "RGBA":
        return image
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode == "RGB":
        return image
    return _reduce_to_8_bits(image).convert("RGB")


def _convert_to_grey(image: Image) -> Image:
    if image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I"):
        return _reduce_to_8_bits(image).convert("L")
    return _convert_to_colours(image).getchannel("R")


def _reduce_to_8_bits(image: Image) -> Image:
    """Return an image of 16-bit grey by the upper half of each sample; any other as it is."""
    if not image.mode.startswith("I;16"):
        return image

    def upper_half(sample: Any) -> Any:
        return sample * (1 / 256)

    samples: Any = image.convert("I")  # Pillow's types are incomplete where numpy is not installed
    grey: Image = samples.point(upper_half).convert("L")
    return grey


def _take_samples(image: Image) -> ImageData:
    return ImageData(image.width, image.height, image.tobytes())


def _save(image: Image, image_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, image_format, **options)
    return out.getvalue()
