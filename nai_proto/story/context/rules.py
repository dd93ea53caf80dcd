"""What the sources leave open about contexts, and what is done here unless told otherwise (content §8, §12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["USUAL", "ContextRules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRules:
    """Choices where the sources disagree."""

    cascade_in_range: bool = False
    "Does an entry's search range limit what is searched of other entries (content §8.2.7)?"
    cascade_in_story: bool = False
    "Is the story searched again when entries are, with its prefix and suffix (content §8.2.7)?"


USUAL: Final = ContextRules()
"""What is done unless told otherwise."""
