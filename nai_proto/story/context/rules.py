"""What the sources leave open about contexts, and what is done here unless told otherwise.

See:
    docs/protocol/content.md#8-building-the-context
    docs/protocol/content.md#12-open-questions
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ..lore.conditions import COMBINATION

__all__ = ["USUAL", "ContextRules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRules:
    """Choices where the sources disagree."""

    cascade_in_range: bool = False
    """Does an entry's search range limit what is searched of other entries?

    See docs/protocol/content.md#82-which-entries-take-part.
    """
    cascade_in_story: bool = False
    """Is the story searched again when entries are, with its prefix and suffix?

    See docs/protocol/content.md#82-which-entries-take-part.
    """
    conditions: Literal["any", "all"] = "any"
    """Which of an entry's advanced conditions have to hold? When they do, it is active, as by a key.

    See docs/protocol/content.md#46-lorebook.
    """

    def __post_init__(self) -> None:
        COMBINATION.convert(self.conditions, "conditions")


USUAL: Final = ContextRules()
"""What is done unless told otherwise."""
