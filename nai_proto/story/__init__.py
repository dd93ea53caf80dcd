"""Stories: their text and history in both formats, their lorebooks, and the context that is made of them. Facts: content.

All names are found when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .history import Change, History, Node
    from .sections import Kind, Origin, Section, Span
    from .settings import Settings
    from .story import Story
    from .units import characters_in, units_in
else:
    from ..lazy import finder

    _HOMES = {
        "history": "Change History Node",
        "sections": "Kind Origin Section Span",
        "settings": "Settings",
        "story": "Story",
        "units": "characters_in units_in",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "Change",
    "History",
    "Kind",
    "Node",
    "Origin",
    "Section",
    "Settings",
    "Span",
    "Story",
    "characters_in",
    "units_in",
]
