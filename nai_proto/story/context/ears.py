"""The keys of an entry while a context is built.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ..lore.keys import Key

__all__ = ["Ears"]

_PLAIN: Final = re.compile(r"[^&$\x80-\U0010ffff]*").fullmatch
"""Is a plain key found as it is written, but for large and small letters?"""


class Ears:
    """What an entry listens with.

    A key whose search takes too many steps is not searched for again, so that what it costs has a bound however often the
    others speak.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        known = [*keys]
        self.problems: Final = [f'"{key.text}": {key.problem}' for key in known if key.problem is not None]
        "What is wrong with keys."
        self._keys: Final = [key for key in known if key.problem is None]

    def __bool__(self) -> bool:
        """Is there a key that can match?"""
        return bool(self._keys)

    def hear(self, heard: str) -> bool:
        """May a key be in texts that are given together, in small letters?

        Most keys are plain words that are in none of them, and this tells so soon.
        """
        return any(
            key.kind != "plain" or not _PLAIN(key.text) or key.text.strip().lower() in heard for key in self._keys
        )

    def furthest(self, text: str, start: int = 0) -> tuple[int, int, str] | None:
        """The match of any key that begins furthest down, from a place on: where it is, and the key."""
        best: tuple[int, int, str] | None = None
        for key in [*self._keys]:
            found = key.search(text, start)
            if found.problem is not None:
                self.problems.append(f'"{key.text}": {found.problem}')
                self._keys.remove(key)
            elif found.match is not None and (best is None or found.match.start > best[0]):
                best = (found.match.start, found.match.end, key.text)
        return best

    def place(self, text: str) -> tuple[int, int] | None:
        """The same, without the key."""
        found = self.furthest(text)
        return found and found[:2]
