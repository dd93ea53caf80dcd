"""Stories: their text and history in both formats, their lorebooks, and the context that is made of them. Facts: content.

All names are found when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .context.config import ContextConfig, ContextKind, ContextUnit, TrimDirection
    from .entries import Category, Entry
    from .keys import Key, KeyMatch, KeySearch
    from .lorebook import Lorebook
    from .units import characters_in, units_in
else:
    from ..lazy import finder

    _HOMES = {
        "context.config": "ContextConfig ContextKind ContextUnit TrimDirection",
        "entries": "Category Entry",
        "keys": "Key KeyMatch KeySearch",
        "lorebook": "Lorebook",
        "units": "characters_in units_in",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "Category",
    "ContextConfig",
    "ContextKind",
    "ContextUnit",
    "Entry",
    "Key",
    "KeyMatch",
    "KeySearch",
    "Lorebook",
    "TrimDirection",
    "characters_in",
    "units_in",
]
