"""What comes back: images, in whichever of the forms the service chooses.

See docs/protocol/image.md#21-post-aigenerate-image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import msgspec

from ..codecs.json import JsonDecoder, service_error
from ..codecs.zipped import unzip
from ..errors import RemoteProtocolError, excerpt
from ..exchange.readers import BodyReader
from ..http import Head
from ..limits import Limits
from .sources import image_type

__all__ = ["IMAGE_TYPES", "Image", "Picture", "Pictures"]

Format: TypeAlias = Literal["png", "webp", "jpeg"]

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
"""The content types that images come with. Which of them it is says little: the bytes do."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image, as a file has it."""

    data: bytes = field(repr=False)
    name: str
    "As the service named it, ``image_0.png`` for example."
    seed: int | None = None
    "What it was made with, where it was made with one."
    sample: int = 0
    "Which of several it is."

    @property
    def format(self) -> Format | None:
        """What its bytes are; None if nothing that is known."""
        return image_type(self.data)


class _Entry(msgspec.Struct):
    image: bytes  # base64 in JSON
    index: int | None = None
    seed: int | None = None


class _Listed(msgspec.Struct):
    images: list[_Entry]


_LISTED: Final = JsonDecoder(_Listed)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Reads images from an archive, from JSON, or one as it is.

    See docs/protocol/image.md#21-post-aigenerate-image.

    Args:
        seed: of the first; each further one has one more. JSON says it itself.
    """

    seed: int | None = None

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[tuple[Image, ...]]:  # noqa: ARG002 -- a ReaderFactory
        return BodyReader(lambda body: self.images(body, where, limits), limits)

    def images(self, body: bytes, where: str, limits: Limits) -> tuple[Image, ...]:
        """The images in a body.

        Raises:
            RemoteProtocolError: it holds none; LimitExceeded, or Truncated, says so of an archive.
            StreamError: it says what went wrong.
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
        if (error := service_error(body)) is not None:
            raise error
        entries = _LISTED.decode(body, where=where, depth=limits.json_depth).images
        images: list[Image] = []
        for place, entry in enumerate(entries):
            at = place if entry.index is None else entry.index
            name = f"image_{at}.{image_type(entry.image) or 'bin'}"
            images.append(Image(entry.image, name, self._seed(at) if entry.seed is None else entry.seed, at))
        return images

    def _seed(self, sample: int) -> int | None:
        return None if self.seed is None else self.seed + sample


@dataclass(frozen=True, slots=True)
class Picture:
    """Reads one image, in any of these forms; of several the first."""

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[Image]:  # noqa: ARG002 -- a ReaderFactory
        return BodyReader(lambda body: Pictures().images(body, where, limits)[0], limits)
