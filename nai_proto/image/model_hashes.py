"""Find the model that made an image: its metadata names a hash, or the model itself.

See:
    docs/protocol/image.md#81-png-text
    docs/protocol/image.md#86-reading-pictures-that-other-programs-saved
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from .models import ImageModel

__all__ = ["HASHES", "find_model"]

HASHES: Final[Mapping[str, tuple[str, ...]]] = {
    "nai-diffusion-5-full": ("657484A5", "0ADF9AB7"),
    "nai-diffusion-5-curated": ("DB276663",),
    "nai-diffusion-5-full-medium": ("93F4BD30", "70AB5786"),
    "nai-diffusion-4-5-full": ("4BDE2A90", "1229B44F", "B9F340FD", "F3D95188"),
    "nai-diffusion-4-5-curated": ("C02D4F98", "5AB81C7C", "B5A2A797"),
    "nai-diffusion-4-full": ("37442FCA", "4F49EC75", "CA4B7203", "79F47848", "F6302A9D"),
    "nai-diffusion-4-curated-preview": ("7ABFFA2A", "C1CCBA86", "770A9E12"),
    "nai-diffusion-3": ("B0BDF6C1", "C1E1DE52", "7BCCAA2C", "1120E6A9", "8BA2AF87"),
    "nai-diffusion-furry-3": ("4BE8C60C", "C8704949", "37C2B166", "F306816B", "9CC2F394"),
    "nai-diffusion-2": ("49BFAF6A", "F1022D28"),
    "nai-diffusion": ("81274D13", "3B3287AF"),
    "safe-diffusion": ("1D44365E", "F4D50568"),
    "nai-diffusion-furry": ("4CC42576", "1D09C008", "1D09D794", "F64BA557"),
}
"""By model: further training and inpainting forms have hashes of their own."""

_BY_HASH: Final = {hash_: model for model, hashes in HASHES.items() for hash_ in hashes}
_DIFFUSION: Final = re.compile(r"(?:novelai|nai|stable) diffusion\b")
_WORD: Final = re.compile(r"[\w.]+")
_VERSION: Final = re.compile(r"v\d(\.\d)?")
_VERSION_OF_XL: Final = "v3"  # whose source is "Stable Diffusion XL"


def find_model(source: str | None, comment: Mapping[str, Any]) -> ImageModel | None:
    """Return the model, the base model where an inpainting model was used; None if no known model is named.

    What is looked at is the hash in the source, then hash and model in the comment, then the model's name in the source. If
    that is only a version, it is the version's first model: V4.5 is V4.5 Full.

    Args:
        source: such as ``NovelAI Diffusion V4.5 4BDE2A90``.
        comment: the parameters.
    """
    hashes = ((source or "").rpartition(" ")[2], comment.get("model_hash"))
    for hash_ in hashes:
        if isinstance(hash_, str) and (found := _BY_HASH.get(hash_.upper())) is not None:
            return ImageModel.named(found)
    for name in (comment.get("model"), comment.get("model_name")):
        if isinstance(name, str) and (named := ImageModel.named(name)).is_listed:
            return named.base
    return _find_named(source or "")


def _find_named(source: str) -> ImageModel | None:
    """Return the model of the version in a source that has most of its name there."""
    words = set(_WORD.findall(source.casefold()))
    if not _DIFFUSION.match(source.casefold()):
        return None
    if "xl" in words:
        words.add(_VERSION_OF_XL)
    models = [(model, set(model.name.casefold().split())) for model in map(ImageModel.named, HASHES)]
    fitting = [(model, name) for model, name in models if any(map(_VERSION.fullmatch, name & words))]
    return max(fitting, key=lambda each: len(each[1] & words))[0] if fitting else None
