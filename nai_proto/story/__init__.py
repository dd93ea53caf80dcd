"""Stories: their text and history in both formats, their lorebooks, and the context that is made of them. Facts: content.

All names are found when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .context.config import ContextConfig, ContextKind, ContextUnit, TrimDirection
    from .entries import Category, Entry
    from .history import Change, History, Node
    from .keys import Key, KeyMatch, KeySearch
    from .lorebook import Lorebook
    from .sections import Kind, Origin, Section, Span
    from .settings import Settings
    from .story import Story
    from .units import characters_in, units_in
else:
    from ..lazy import finder

    _HOMES = {
        "context.config": "ContextConfig ContextKind ContextUnit TrimDirection",
        "entries": "Category Entry",
        "history": "Change History Node",
        "keys": "Key KeyMatch KeySearch",
        "lorebook": "Lorebook",
        "sections": "Kind Origin Section Span",
        "settings": "Settings",
        "story": "Story",
        "units": "characters_in units_in",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "Category",
    "Change",
    "ContextConfig",
    "ContextKind",
    "ContextUnit",
    "Entry",
    "History",
    "Key",
    "KeyMatch",
    "KeySearch",
    "Kind",
    "Lorebook",
    "Node",
    "Origin",
    "Section",
    "Settings",
    "Span",
    "Story",
    "TrimDirection",
    "characters_in",
    "units_in",
]
