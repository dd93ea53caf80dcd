"""Vibes, encoded: bytes that mean nothing, and are the same whenever the same is asked for.

See docs/protocol/image.md#25-post-aiencode-vibe-v4-v45.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from hashlib import sha256, shake_256
from typing import Final

from ...exchange.reply import Handler
from ...image.models import ImageModel
from ...image.price import encoding_price
from ..answers import Refused
from ..asked import Asked
from ..switches import Switches
from .answering import answer_file
from .bodies import Body, invalid
from .checks import known_model
from .opening import received, source_of
from .paying import pay

__all__ = ["Encoding"]

_LENGTH: Final = 48_916
"""Bytes, as they were seen.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""
_LETTERS: Final = string.ascii_letters + string.digits
_SEEDS: Final = ("focus_seed", "info_extract_seed")


class Encoding:
    """``POST /ai/encode-vibe``.

    Args:
        switches: which status it is answered with.
    """

    def __init__(self, switches: Switches) -> None:
        self._switches: Final = switches

    def __call__(self, asked: Asked) -> Handler:
        body = received(asked, "image", "mask")
        model = _model(body.document.get("model"))
        seal = _seal(body, model)
        pay(asked.owner, encoding_price())
        name = "".join(_LETTERS[byte % len(_LETTERS)] for byte in sha256(seal).digest()[:8])
        data = shake_256(seal).digest(_LENGTH)
        yield from answer_file(data, f"{name}.vibe40", "application/binary", self._switches.drawn)


def _model(named: object) -> ImageModel:
    """The model that a vibe is for; one that inpaints has those of its base."""
    model = known_model(named)
    if model.family.vibes != "encoded":
        raise Refused(400, f"Model {model.id} doesn't support encoded vibes")
    return model.base


def _seal(body: Body, model: ImageModel) -> bytes:
    """What decides the encoding, in few bytes: whatever differs in what is asked for, it differs."""
    document = body.document
    image = source_of(body, document.get("image"), "image").data
    mask = source_of(body, document["mask"], "mask").data if "mask" in document else b""
    numbers = [_number(document, "information_extracted", 1.0), *(_number(document, name, -1.0) for name in _SEEDS)]
    if not 0 <= numbers[0] <= 1:
        raise invalid("information_extracted is from 0 to 1")
    cropped = bool(mask and document.get("crop_to_mask"))
    said = "\n".join([model.id, *map(repr, numbers), str(cropped)])
    return sha256(image).digest() + sha256(mask).digest() + said.encode()


def _number(document: Mapping[str, object], name: str, otherwise: float) -> float:
    value = document.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"{name} is no number")
    return float(value)
