"""Stories: their text and history in both formats, their lorebooks, and the context that is made of them. Facts: content.

All names are found when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .context.config import ContextConfig, ContextKind, ContextUnit, TrimDirection
    from .units import characters_in, units_in
else:
    from ..lazy import finder

    _HOMES = {
        "context.config": "ContextConfig ContextKind ContextUnit TrimDirection",
        "units": "characters_in units_in",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "ContextConfig",
    "ContextKind",
    "ContextUnit",
    "TrimDirection",
    "characters_in",
    "units_in",
]
