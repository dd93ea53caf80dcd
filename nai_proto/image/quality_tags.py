"""Put ready-made texts into prompts: tags for quality into the prompt, others before the undesired content.

The service does not expand presets: the texts that ``qualityPresetId`` and ``ucPresetId`` name are in the prompts already.

See docs/protocol/image.md#62-where-presets-go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ..arguments import FLAG, TEXT, takes
from .choices import QualityPreset, UCPreset
from .emphasis import split_segments
from .families import Generation
from .models import IMAGE_MODEL, QUALITY, UC, ImageModel

__all__ = ["TEXT_MARK", "TRANSPARENT", "with_quality_tags", "with_uc_preset"]

TRANSPARENT: Final = "transparent background"
"""The words that make V5 draw no background.

See docs/protocol/image.md#57-v5-particulars.
"""

_WEIGHT: Final = re.compile(r"\s*:-?\d+(?:\.\d+)?\s*\Z")
"""The weight at the end of a segment of a prompt, for V1 to V3."""
TEXT_MARK: Final = re.compile(r"(?:^|\s|[,.:\[\]{}、。])(text:)(?!:)", re.IGNORECASE)
"""Begins the words that V4 and later draw into the image."""


@takes(prompt=TEXT, model=IMAGE_MODEL, preset=QUALITY, transparent=FLAG)
def with_quality_tags(
    prompt: str, model: ImageModel | str, preset: QualityPreset | str, *, transparent: bool = False
) -> str:
    """Return the prompt with the model's tags for quality: behind its first segment, before words that are to be drawn.

    V1 and V2 have them in front, and V1 to V3 in every segment. A segment that has them already is not changed.

    Args:
        prompt: as people write it.
        model: that the tags are for.
        preset: which tags.
        transparent: put the words for no background before them; for V5.

    Raises:
        InvalidRequestError: the model's tags are not known.
    """
    model = ImageModel.named(model)
    tags = "" if preset is QualityPreset.NONE else model.quality_tags(preset)
    tags = _join(TRANSPARENT if transparent and TRANSPARENT not in prompt.lower() else "", tags)
    if not tags:
        return prompt
    if model.generation in (Generation.V1, Generation.V2):
        return _change_segments(prompt, lambda part: part if part.startswith(tags) else _join(tags, part))
    if model.generation is Generation.V3:
        return _change_segments(prompt, lambda part: _append_tags(part, tags))
    first = _first_segment(prompt)
    return _insert_before_text(first, tags) + prompt[len(first) :]


@takes(negative=TEXT, model=IMAGE_MODEL, preset=UC, prompt=TEXT)
def with_uc_preset(negative: str, model: ImageModel | str, preset: UCPreset | str, prompt: str) -> str:
    """Return the undesired content with the model's ready-made text before it.

    Args:
        negative: as people write it.
        model: that the text is for.
        preset: which text. That of ``none``, where there is one, counts only if ``negative`` is empty.
        prompt: the whole prompt: where it has ``nsfw``, that is not added.

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
        return _join(text, negative)
    return _change_segments(negative, lambda part: _join(text, part))


def _join(*texts: str) -> str:
    return ", ".join(text for text in texts if text.strip())


def _first_segment(prompt: str) -> str:
    return split_segments(prompt)[0]


def _change_segments(prompt: str, change: Callable[[str], str]) -> str:
    return "|".join(map(change, split_segments(prompt)))


def _append_tags(part: str, tags: str) -> str:
    weight = _WEIGHT.search(part)
    text, end = (part[: weight.start()], weight[0]) if weight else (part, "")
    return part if text.rstrip().endswith(tags) else _join(text, tags) + end


def _insert_before_text(part: str, tags: str) -> str:
    found = TEXT_MARK.search(part)
    text = part[: found.start(1)].rstrip() if found else part
    if text.rstrip().endswith(tags):
        return part
    rest = part[len(text) :]
    return _join(text, tags) + (rest if rest[:1].isspace() or not rest else f" {rest}")
