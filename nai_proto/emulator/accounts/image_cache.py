"""The images that an account has sent with keys, so that later requests need only the key.

See docs/protocol/image.md#31-transport.
"""

from __future__ import annotations

__all__ = ["ImageCache"]


class ImageCache:
    """The images of one account by key; the least recently used ones are dropped first."""

    def __init__(self) -> None:
        self._images: dict[str, bytes] = {}
        self._size = 0

    def get(self, key: str) -> bytes | None:
        """Return the image under a key; None if it is not there any more."""
        image = self._images.pop(key, None)
        if image is not None:
            self._images[key] = image
        return image

    def put(self, key: str, image: bytes, max_bytes: int) -> None:
        """Keep an image, unless it is larger than the whole cache may be.

        Args:
            key: made by the client.
            image: its bytes.
            max_bytes: of all images together.
        """
        self._size -= len(self._images.pop(key, b""))
        if len(image) <= max_bytes:
            self._images[key] = image
            self._size += len(image)
        while self._size > max_bytes:
            self._size -= len(self._images.pop(next(iter(self._images))))
