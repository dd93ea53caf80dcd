"""Images as files: their type and size, and how responses hold them.

Type and size are read from a file's header, without its pixels. A response has images in an archive, in JSON, or as they
are, in whichever form the service chooses.

See docs/protocol/image.md#21-post-aigenerate-image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import msgspec

from ..codecs.jpeg import read_jpeg_size
from ..codecs.json import JsonDecoder, parse_service_error
from ..codecs.webp import read_webp_size
from ..codecs.zip_archive import unzip
from ..errors import RemoteProtocolError, excerpt
from ..exchange.readers import BodyReader
from ..http import Head
from ..limits import Limits

__all__ = [
    "IMAGE_TYPES",
    "FirstImageReaderFactory",
    "Image",
    "ImagesReaderFactory",
    "image_size",
    "image_type",
    "png_size",
]

Format: TypeAlias = Literal["png", "webp", "jpeg"]

_PNG: Final = b"\x89PNG\r\n\x1a\n"


def image_type(data: bytes) -> Literal["png", "webp", "jpeg"] | None:
    """Return the type of an image file by its first bytes; None if it is none that the service knows."""
    if data.startswith(_PNG):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return "jpeg" if data.startswith(b"\xff\xd8\xff") else None


def png_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG in pixels, by its header; None if it has none."""
    if not data.startswith(_PNG) or data[12:16] != b"IHDR" or len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def image_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG, WebP or JPEG in pixels, by its header; None if that is missing or damaged."""
    try:
        match image_type(data):
            case "webp":
                return read_webp_size(data)
            case "jpeg":
                return read_jpeg_size(data)
            case _:
                return png_size(data)
    except RemoteProtocolError:
        return None


# ---- responses

IMAGE_TYPES: Final = (
    "binary/octet-stream",
    "application/json",
    "application/octet-stream",
    "application/zip",
    "application/x-zip-compressed",
    "image/png",
    "image/webp",
    "image/jpeg",
)
"""The content types that images come with. The bytes decide what they are, not the content type."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image, as a file."""

    data: bytes = field(repr=False)
    "The file's bytes."
    name: str
    "As the service named it, ``image_0.png`` for example."
    seed: int | None = None
    "Its seed, where it was made with one."
    sample: int = 0
    "Its place among several, from 0."

    @property
    def format(self) -> Format | None:
        """Return its type by its bytes; None if it is none that is known."""
        return image_type(self.data)


class _Entry(msgspec.Struct):
    image: bytes  # base64 in JSON
    index: int | None = None
    seed: int | None = None


class _ImageList(msgspec.Struct):
    images: list[_Entry]


_LIST: Final = JsonDecoder(_ImageList)


@dataclass(frozen=True, slots=True)
class ImagesReaderFactory:
    """Make a reader of images: in an archive, in JSON, or one as it is.

    Args:
        seed: of the first image; each further image has one more. JSON has seeds itself.
    """

    seed: int | None = None

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[tuple[Image, ...]]:  # noqa: ARG002 -- a ReaderFactory
        return BodyReader(lambda body: self.images(body, where, limits), limits)

    def images(self, body: bytes, where: str, limits: Limits) -> tuple[Image, ...]:
        """Return the images in a body.

        Raises:
            RemoteProtocolError: it holds none; LimitExceeded or Truncated for an archive.
            StreamError: it is an error of the service's.
        """
        if body.startswith(b"PK"):
            members = enumerate(unzip(body, limits))
            images = [Image(bytes(one.data), one.name, self._seed(at), at) for at, one in members]
        elif image_type(body):
            images = [Image(body, f"image_0.{image_type(body)}", self.seed)]
        elif body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            images = self._listed(body.removeprefix(b"\xef\xbb\xbf"), where, limits)
        else:
            raise RemoteProtocolError(f"{where}: expected an archive or an image", excerpt=excerpt(body[:200]))
        if not images:
            raise RemoteProtocolError(f"{where}: an answer without images")
        return tuple(images)

    def _listed(self, body: bytes, where: str, limits: Limits) -> list[Image]:
        if (error := parse_service_error(body)) is not None:
            raise error
        entries = _LIST.decode(body, where=where, depth=limits.json_depth).images
        images: list[Image] = []
        for place, entry in enumerate(entries):
            at = place if entry.index is None else entry.index
            name = f"image_{at}.{image_type(entry.image) or 'bin'}"
            images.append(Image(entry.image, name, self._seed(at) if entry.seed is None else entry.seed, at))
        return images

    def _seed(self, sample: int) -> int | None:
        return None if self.seed is None else self.seed + sample


@dataclass(frozen=True, slots=True)
class FirstImageReaderFactory:
    """Make a reader of one image, in any of these forms; of several the first."""

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[Image]:  # noqa: ARG002 -- a ReaderFactory
        return BodyReader(lambda body: ImagesReaderFactory().images(body, where, limits)[0], limits)
