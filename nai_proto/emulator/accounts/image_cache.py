"""Images that an account sent with a key, so that the key alone is enough another time.

See docs/protocol/image.md#31-transport.
"""

from __future__ import annotations

__all__ = ["ImageCache"]


class ImageCache:
    """The images of one account by key; those that were not used for longest go first."""

    def __init__(self) -> None:
        self._images: dict[str, bytes] = {}
        self._size = 0

    def get(self, key: str) -> bytes | None:
        """The image under a key, if it is still there."""
        image = self._images.pop(key, None)
        if image is not None:
            self._images[key] = image
        return image

    def put(self, key: str, image: bytes, most: int) -> None:
        """Remembers an image, if it fits at all.

        Args:
            key: which the client made.
            image: its bytes.
            most: how many bytes all images may have together.
        """
        self._size -= len(self._images.pop(key, b""))
        if len(image) <= most:
            self._images[key] = image
            self._size += len(image)
        while self._size > most:
            self._size -= len(self._images.pop(next(iter(self._images))))
