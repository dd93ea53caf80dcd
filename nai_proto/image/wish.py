"""What may be wished for a picture besides parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Final

from .choices import QualityPreset, UCPreset
from .features import Character, ControlNet, EncodedVibe, Reference, Vibe

__all__ = ["WISHES", "Wish"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What `Options` has that is no parameter, with what holds where nothing is said."""

    negative_prompt: str = field(default="", repr=False)
    uc_preset: UCPreset | str | None = None
    quality: QualityPreset | str = QualityPreset.STANDARD
    variety_plus: bool = False
    transparent: bool = False
    auto_text: bool = False
    characters: Sequence[Character] = ()
    as_typed: bool = False
    vibes: Sequence[Vibe | EncodedVibe] = ()
    references: Sequence[Reference] = ()
    controlnet: ControlNet | None = None
    entropy: Callable[[int], bytes] | None = None


WISHES: Final = tuple(each.name for each in fields(Wish))
"""Their names."""
