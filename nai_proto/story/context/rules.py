"""What the sources leave open about contexts, and what is done here unless told otherwise (content §8, §12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ..lore.conditions import COMBINATION

__all__ = ["USUAL", "ContextRules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRules:
    """Choices where the sources disagree."""

    cascade_in_range: bool = False
    "Does an entry's search range limit what is searched of other entries (content §8.2.7)?"
    cascade_in_story: bool = False
    "Is the story searched again when entries are, with its prefix and suffix (content §8.2.7)?"
    conditions: Literal["any", "all"] = "any"
    "Which of an entry's advanced conditions have to hold (content §4.6)? When they do, it is active, as by a key."

    def __post_init__(self) -> None:
        COMBINATION.convert(self.conditions, "conditions")


USUAL: Final = ContextRules()
"""What is done unless told otherwise."""
