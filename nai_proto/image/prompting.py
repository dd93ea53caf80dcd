"""Ready-made texts put where they belong: tags for quality into a prompt, others before what is not wanted.

The service expands no presets: what a request names by ``qualityPresetId`` and ``ucPresetId`` stands in its texts already.

See docs/protocol/image.md#62-where-presets-go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ..arguments import FLAG, TEXT, takes
from .choices import QualityPreset, UCPreset
from .generations import Generation
from .models import IMAGE_MODEL, QUALITY, UC, ImageModel
from .prompts import segments

__all__ = ["DRAWN", "TRANSPARENT", "with_quality_tags", "with_uc_preset"]

TRANSPARENT: Final = "transparent background"
"""The words that V5 draws without a background for.

See docs/protocol/image.md#57-v5-particulars.
"""

_WEIGHT: Final = re.compile(r"\s*:-?\d+(?:\.\d+)?\s*\Z")
"""Behind a part of a prompt for V1 to V3."""
DRAWN: Final = re.compile(r"(?:^|\s|[,.:\[\]{}、。])(text:)(?!:)", re.IGNORECASE)
"""Begins the words that V4 and later draw."""


@takes(prompt=TEXT, model=IMAGE_MODEL, preset=QUALITY, transparent=FLAG)
def with_quality_tags(
    prompt: str, model: ImageModel | str, preset: QualityPreset | str, *, transparent: bool = False
) -> str:
    """The prompt with the model's tags for quality: behind its first part, before any words that are to be drawn.

    V1 and V2 have them in front, and V1 to V3 in every part. What has them already stays as it is.

    Args:
        prompt: as people write it.
        model: whose tags.
        preset: which of them.
        transparent: with the words for no background before them; for V5.

    Raises:
        InvalidRequestError: the model's tags are not known.
    """
    model = ImageModel.named(model)
    tags = "" if preset is QualityPreset.NONE else model.quality_tags(preset)
    tags = _joined(TRANSPARENT if transparent and TRANSPARENT not in prompt.lower() else "", tags)
    if not tags:
        return prompt
    if model.generation in (Generation.V1, Generation.V2):
        return _everywhere(prompt, lambda part: part if part.startswith(tags) else _joined(tags, part))
    if model.generation is Generation.V3:
        return _everywhere(prompt, lambda part: _behind(part, tags))
    first = _first(prompt)
    return _before_drawn(first, tags) + prompt[len(first) :]


@takes(negative=TEXT, model=IMAGE_MODEL, preset=UC, prompt=TEXT)
def with_uc_preset(negative: str, model: ImageModel | str, preset: UCPreset | str, prompt: str) -> str:
    """What is not wanted, with the model's ready-made text before it.

    Args:
        negative: as people write it.
        model: whose text.
        preset: which of them. That of ``none``, where there is one, counts only if ``negative`` is empty.
        prompt: the whole prompt: where it has ``nsfw``, that is not put among what is not wanted.

    Raises:
        InvalidRequestError: the model has no such text, or it is not known.
    """
    model = ImageModel.named(model)
    if preset is UCPreset.NONE and negative:
        return negative
    text = model.uc_text(preset)
    if preset is not UCPreset.NONE and model.nsfw_prefix and "nsfw" not in prompt.lower():
        text = f"nsfw, {text}"
    if model.family.structured:  # in front of all is in front of the first part
        return _joined(text, negative)
    return _everywhere(negative, lambda part: _joined(text, part))


def _joined(*texts: str) -> str:
    return ", ".join(text for text in texts if text.strip())


def _first(prompt: str) -> str:
    return segments(prompt)[0]


def _everywhere(prompt: str, change: Callable[[str], str]) -> str:
    return "|".join(map(change, segments(prompt)))


def _behind(part: str, tags: str) -> str:
    weight = _WEIGHT.search(part)
    text, end = (part[: weight.start()], weight[0]) if weight else (part, "")
    return part if text.rstrip().endswith(tags) else _joined(text, tags) + end


def _before_drawn(part: str, tags: str) -> str:
    found = DRAWN.search(part)
    text = part[: found.start(1)].rstrip() if found else part
    if text.rstrip().endswith(tags):
        return part
    rest = part[len(text) :]
    return _joined(text, tags) + (rest if rest[:1].isspace() or not rest else f" {rest}")
