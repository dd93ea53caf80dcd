"""What undoes the steps that led to where a document is, within a bound."""

from __future__ import annotations

from typing import Final

from .differences import text_of
from .paragraphs import Journal

__all__ = ["Journals"]

_MOST: Final = 2**26
"""Characters of old paragraphs that are kept; beyond that, what was done first is forgotten first."""


class Journals:
    """Journals by node."""

    def __init__(self) -> None:
        self._journals: dict[int, tuple[Journal, int]] = {}
        self._size = 0

    def __contains__(self, node: int) -> bool:
        return node in self._journals

    def keep(self, node: int, journal: Journal) -> None:
        """Keeps what undoes a node."""
        size = sum(len(text_of(section)) for _, section, _ in journal if section is not None)
        self._journals[node] = journal, size
        self._size += size
        while self._size > _MOST:
            self.take(next(iter(self._journals)))

    def take(self, node: int) -> Journal | None:
        """Gives it away; None if it is not known, or not any more."""
        journal, size = self._journals.pop(node, (None, 0))
        self._size -= size
        return journal
