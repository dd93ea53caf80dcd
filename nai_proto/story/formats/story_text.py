"""The protocol of both text formats, and the bound on the cost of a replay.

A step of a history costs about as much as what it changes, with one exception: a change of a paragraph copies the
paragraph. A history that changes one long paragraph again and again is therefore quadratic, and a small file could keep a
reader busy for hours. `ReplayWork` limits that.
"""

from __future__ import annotations

from typing import Final, Protocol

from ...errors import LimitExceeded
from ..history import History
from ..sections import Origin, Section

__all__ = ["RUN_COST", "ReplayWork", "StoryText", "estimate_copy_cost"]

_MAX_CHARACTERS: Final = 2**31
"""The characters that one replay may copy: seconds. A megabyte without a line feed, written in 2,500 steps, takes 2**30."""
_NON_ASCII_FACTOR: Final = 8
RUN_COST: Final = 32
"""The cost of copying a run, in characters."""


def estimate_copy_cost(text: str) -> int:
    """Return the cost of copying a text, in characters; more if its UTF-16 units may have to be counted."""
    return len(text) if text.isascii() else _NON_ASCII_FACTOR * len(text)


class ReplayWork:
    """The work of one replay, which is bounded."""

    def __init__(self, maximum: int = _MAX_CHARACTERS) -> None:
        self._maximum = maximum
        self._done = 0

    def spend(self, characters: int) -> None:
        """Count copied characters.

        Raises:
            LimitExceeded: the replay has copied more than the maximum.
        """
        self._done += characters
        if self._done > self._maximum:
            raise LimitExceeded("characters copied in a replay", limit=self._maximum, value=self._done)


class StoryText(Protocol):
    """A text with its history. Positions are characters; each change is a node of the history.

    Times are milliseconds since 1970 here, as the formats store them; `Story` takes and returns seconds.

    If a method raises, nothing was changed. Each method may raise

    * `Damaged` if the history is torn, or one of its steps does not fit the text;
    * `LimitExceeded` if the replay takes too much work;
    * `InvalidRequestError` if there is no such position;
    * `LocalProtocolError` if pending changes have to be committed first.
    """

    step: int
    "The counter of edits; see `Story.step`."

    @property
    def is_changed(self) -> bool:
        """Whether the text or its history differs from the file."""
        ...

    def find_problems(self) -> list[str]:
        """Return what is wrong with a text that can be read, as sentences with ids and without quotes."""
        ...

    def get_text(self) -> str:
        """Return the whole text."""
        ...

    def get_sections(self) -> list[Section]:
        """Return the whole text as sections."""
        ...

    def build_pending_text(self) -> str | None:
        """Return the text with the changes that are in no node yet; None if there are none."""
        ...

    def commit_pending(self, now: int) -> None:
        """Make a node of the changes that are in no node yet."""
        ...

    # ---- edits

    def replace(self, start: int | None, end: int | None, text: str, origin: Origin, now: int) -> None:
        """Replace a piece of the text; None is the end."""
        ...

    def insert(self, index: int, text: str, origin: Origin, kind: int, now: int) -> None:
        """Insert sections in front of one."""
        ...

    def remove(self, index: int, now: int) -> None:
        """Remove a section."""
        ...

    # ---- history

    @property
    def current(self) -> int | None:
        """The node whose text this is."""
        ...

    def build_history(self) -> History:
        """Return all nodes."""
        ...

    def has_node(self, node: int) -> bool:
        """Return whether there is such a node."""
        ...

    def get_parent(self, node: int) -> int | None:
        """Return the node before a node; None for the root."""
        ...

    def get_next(self, node: int) -> int | None:
        """Return the node that redo goes to."""
        ...

    def is_chained(self, node: int) -> bool:
        """Return whether a node is undone together with its parent."""
        ...

    def undo_node(self, work: ReplayWork) -> None:
        """Undo the current node, which has a parent."""
        ...

    def redo_node(self, child: int, work: ReplayWork) -> None:
        """Apply a child of the current node."""
        ...

    def set_next(self, parent: int, child: int) -> None:
        """Make redo go from a node to this child."""
        ...

    # ---- the file

    def to_data(self) -> object:
        """Return what the story's content stores; the original value if nothing was changed.

        Raises:
            InvalidRequestError: a replay of what was written does not give this text. Nothing is returned then.
        """
        ...
