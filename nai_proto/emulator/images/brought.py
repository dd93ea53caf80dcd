"""The images that a request for pictures brings along, or names by key.

See docs/protocol/image.md#31-transport.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from ..answers import Refused
from .bodies import Body, invalid
from .cache import ImageCache

__all__ = ["Brought", "brought"]


@dataclass(frozen=True, slots=True)
class Brought:
    """All images of a request; each is whatever bytes came."""

    image: bytes | None = field(default=None, repr=False)
    mask: bytes | None = field(default=None, repr=False)
    vibe: bytes | None = field(default=None, repr=False)
    "The single one of older clients."
    vibes: tuple[bytes, ...] = field(default=(), repr=False)
    references: tuple[bytes, ...] = field(default=(), repr=False)
    condition: bytes | None = field(default=None, repr=False)
    "Of ControlNet."


def brought(body: Body, cache: ImageCache, most: int) -> Brought:
    """Finds them all, in the body or in the cache, and remembers those that came with a key.

    Args:
        body: of the request.
        cache: of the account.
        most: bytes that the cache may hold.

    Raises:
        Refused: 400, a field names a part that there is not, or a key is not known; all such keys are named.
    """
    parameters = body.parameters
    unknown: list[str] = []

    def one(name: str) -> bytes | None:
        key = parameters.get(f"{name}_cache_secret_key")
        return known(key, parameters.get(name), name)

    def known(key: object, value: object, name: str) -> bytes | None:
        image = body.image(value, name) if value else None
        if isinstance(key, str) and key:
            if image is None:
                image = cache.get(key)
                if image is None:
                    unknown.append(key)
            else:
                cache.put(key, image, most)
        return image

    def several(name: str) -> tuple[bytes, ...]:
        cached = _list(parameters.get(f"{name}_cached"), name)
        if not cached:
            return tuple(body.image(value, name) for value in _list(parameters.get(name), name))
        found: list[bytes | None] = []
        for each in cached:
            entry: Mapping[str, object] = cast("dict[str, object]", each) if isinstance(each, dict) else {}
            found.append(known(entry.get("cache_secret_key"), entry.get("data"), name))
        return tuple(image for image in found if image is not None)

    images = Brought(
        one("image"),
        one("mask"),
        one("reference_image"),
        several("reference_image_multiple"),
        several("director_reference_images"),
        one("controlnet_condition"),
    )
    if unknown:
        raise Refused(400, "INVALID_CACHE_KEYS", details={"invalidKeys": unknown})
    return images


def _list(value: object, name: str) -> Sequence[object]:
    if value is not None and not isinstance(value, list):
        raise invalid(f"{name} is no list")
    return cast("Sequence[object]", value or ())
