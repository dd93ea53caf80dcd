"""Read the images that a command gets, and resize or crop them to what a request needs.

Resizing needs Pillow (the extra ``image``). An image that fits already is sent unchanged, and does not need it.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from nai_proto.codecs.image_headers import describe_file, read_header_size
from nai_proto.codecs.pillow_images import fit_image, pad_image, scale_image
from nai_proto.codecs.png import check_png
from nai_proto.codecs.webp import iter_webp_chunks
from nai_proto.errors import InvalidFile, RemoteProtocolError
from nai_proto.image.compatibility import CANVASES
from nai_proto.image.image_files import image_type, png_size
from nai_proto.image.masks import BLOCK, align_mask

from ... import files

__all__ = [
    "fit_mask",
    "fit_reference",
    "fit_source",
    "fit_v3_vibe",
    "get_format",
    "get_size",
    "name_file_in_errors",
    "read_image",
]

# Pillow logs what it finds damaged, and Python prints a log without a handler. Our errors say it, with the name of the file.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_VIBE: Final = (448, 448)


def get_format(data: bytes) -> str:
    """Return the format of an image: ``png``, ``webp`` or ``jpeg``.

    Raises:
        RemoteProtocolError: it is none of these.
    """
    kind = image_type(data)
    if kind is None:
        other = describe_file(data)
        raise RemoteProtocolError(f"picture: {f'this is {other}, and ' if other else ''}not a PNG, WebP or JPEG")
    return kind


def get_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels.

    Raises:
        LimitExceeded: there are more pixels than `Limits.pixels`.
        RemoteProtocolError: the data is not an image, or is damaged.
    """
    get_format(data)  # raises for other files
    return cast("tuple[int, int]", read_header_size(data))


def read_image(path: Path) -> bytes:
    """Return the content of an image's file, after a check of all but the pixels.

    Raises:
        FileError: the file cannot be read.
        InvalidFile: the file is not an image, is damaged, or is too large. The message names the file.
    """
    data = files.read(path)
    with name_file_in_errors(path):
        get_size(data)
        _check_whole(data)
    return data


def _check_whole(data: bytes) -> None:
    """Raise an error for a PNG or WebP that is truncated, or whose chunks are damaged."""
    match get_format(data):
        case "png":
            check_png(data)
        case "webp":
            for _ in iter_webp_chunks(data):
                pass
        case _:
            pass


@contextmanager
def name_file_in_errors(path: Path) -> Generator[None, None, None]:
    """Raise an error about the content of a file as InvalidFile, whose message names the file."""
    try:
        yield
    except RemoteProtocolError as error:
        problem = str(error).removeprefix("picture: ")
        raise InvalidFile(f"{path}: {problem}", path=str(path)) from None


# ---- resizing. All raise MissingExtra if Pillow is needed and not installed, and InvalidFile for damaged pixels


def fit_source(data: bytes, size: tuple[int, int]) -> bytes:
    """Return the image as a PNG of this size, cropped to the size's aspect ratio."""
    return data if png_size(data) == size else _crop(data, size)


def fit_mask(data: bytes, size: tuple[int, int], source_size: tuple[int, int]) -> bytes:
    """Return the mask for an image of this size, with one pixel for each block.

    A mask of another size than its source is scaled to it, and then cropped as the source is.

    See docs/protocol/image.md#53-img2img-enhance-inpaint.
    """
    if png_size(data) == (size[0] // BLOCK, size[1] // BLOCK):
        return data
    if png_size(data) != size and source_size != size:
        with _replace_errors():
            data = _crop(scale_image(data, *source_size), size)
    return align_mask(data, *size)


def fit_reference(data: bytes) -> bytes:
    """Return the image as a PNG, padded to the canvas whose aspect ratio is closest.

    See docs/protocol/image.md#52-precise-character--style-reference-v45-only.
    """
    if png_size(data) in CANVASES:
        return data
    width, height = get_size(data)
    canvas = min(CANVASES, key=lambda canvas: abs(canvas[0] / canvas[1] - width / height))
    return _pad(data, canvas)


def fit_v3_vibe(data: bytes) -> bytes:
    """Return the image as a PNG, padded as the website sends it to V3.

    See docs/protocol/image.md#51-vibe-transfer.
    """
    return data if png_size(data) == _VIBE else _pad(data, _VIBE)


def _crop(data: bytes, size: tuple[int, int]) -> bytes:
    with _replace_errors():
        return fit_image(data, *size)


def _pad(data: bytes, size: tuple[int, int]) -> bytes:
    with _replace_errors():
        return pad_image(data, *size)


@contextmanager
def _replace_errors() -> Generator[None, None, None]:
    """Raise the error of damaged pixels as InvalidFile."""
    try:
        yield
        return
    except RemoteProtocolError:
        pass  # and raise below, without that error as the context
    raise InvalidFile("the image's pixels cannot be read")
