"""Twice the size, and what older clients ask an older host for.

See docs/protocol/image.md#24-post-aiupscale.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...codecs.picture import Metadata, read_metadata
from ...codecs.pixels import Pixels, write_png
from ...errors import InvalidRequestError, NaiError
from ...exchange.reply import Handler
from ...http import Host
from ...image.price import Item, Price, upscale_price
from ...image.rules import MOST_PIXELS
from ..accounts import Account
from ..answers import Refused, computed
from ..asked import Asked
from ..switches import Switches
from .answering import Picture, answer_pictures
from .bodies import invalid
from .checks import known_model
from .opening import Source, opened, received, source_of
from .paying import afford, allowance, pay
from .raster import enlarged

__all__ = ["Upscaling"]

_KEPT: Final = ("Source", "Comment", "Title", "Description", "Software")
"""Texts of the source, in the order in which they were seen."""

_OLD: Final = ((262_144, 1), (409_600, 2), (524_288, 3), (786_432, 5), (1_048_576, 7))
"""Up to how many pixels, and how many Anlas, on the old host.

See docs/protocol/image.md#9-anlas-price.
"""
_OLD_FREE: Final = 409_600
"""Pixels that were free for Opus there."""


class Upscaling:
    """``POST /ai/upscale``.

    Args:
        switches: is the old form still served?
    """

    def __init__(self, switches: Switches) -> None:
        self._switches: Final = switches

    def __call__(self, asked: Asked) -> Handler:
        body = received(asked, "image")
        old = self._switches.old_routes and Host.IMAGE not in asked.base.roles and "model" not in body.document
        if not old:
            _check_model(body.document.get("model"))
        source = source_of(body, body.document.get("image"), "image")
        times = _scale(body.document) if old else 2
        price = _old_price(source, asked.owner) if old else _price(source)
        afford(asked.owner, price)
        picture = yield from computed(lambda: _enlarged(source, times))
        pay(asked.owner, price)
        yield from answer_pictures(asked, [picture])


def _check_model(named: object) -> None:
    """Refuses with the service's words: of an old body, which names none, with two blanks.

    See docs/protocol/image.md#24-post-aiupscale.
    """
    model = known_model(named)
    if not model.facts.upscales:
        raise Refused(400, f"Validation error: model {model.id} doesn't support standalone upscaling")


def _price(source: Source) -> Price:
    _check_area(source, MOST_PIXELS)
    return upscale_price(source.width, source.height)


def _old_price(source: Source, account: Account) -> Price:
    _check_area(source, _OLD[-1][0])
    pixels = source.width * source.height
    each = next(anlas for most, anlas in _OLD if pixels <= most)
    return Price((Item("upscale", 1, each, int(allowance(account).opus and pixels <= _OLD_FREE)),))


def _check_area(source: Source, most: int) -> None:
    pixels = source.width * source.height
    if pixels > most:
        raise Refused(400, f"image is too large to upscale: {pixels} pixels, maximum is {most}")


def _scale(document: Mapping[str, object]) -> int:
    scale = document.get("scale")
    if scale not in (2, 4):
        raise invalid("scale is 2 or 4")
    return 2 if scale == 2 else 4


def _enlarged(source: Source, times: int) -> Picture:
    large = enlarged(opened(source), times)
    said = _metadata(source.data)
    texts = {} if said is None else {key: said.texts[key] for key in _KEPT if key in said.texts}
    return Picture(_written(large, texts), seed=_seed(said))


def _written(pixels: Pixels, texts: Mapping[str, str]) -> bytes:
    try:
        return write_png(pixels, texts)
    except InvalidRequestError:  # others wrote what the file cannot hold
        return write_png(pixels)


def _metadata(data: bytes) -> Metadata | None:
    try:
        return read_metadata(data)
    except NaiError:
        return None


def _seed(said: Metadata | None) -> int | None:
    """What the source was drawn with."""
    if said is None:
        return None
    try:
        seed = said.parameters().get("seed")
    except NaiError:
        return None
    return seed if isinstance(seed, int) else None
