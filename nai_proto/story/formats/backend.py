"""What both formats of a text can do; `Story` knows nothing else of them."""

from __future__ import annotations

from typing import Protocol

from ..history import History
from ..sections import Origin, Section
from .work import Work

__all__ = ["Text"]


class Text(Protocol):
    """A text with its history, opened. Positions are characters; each change is a node of the history.

    Where a change raises, nothing was changed. All of them may raise

    * `Damaged` where the history is torn, or a step of it does not fit what is there;
    * `LimitExceeded` where it is too much work;
    * `InvalidRequestError` where there is no such position;
    * `LocalProtocolError` where `pending` changes are to be settled before.
    """

    step: int
    "How often it was written on; see `Story.step`."

    @property
    def changed(self) -> bool:
        """Is it another than it was?"""
        ...

    def problems(self) -> list[str]:
        """What is wrong with it although it can be read: for people, with ids and without a quote."""
        ...

    def text(self) -> str:
        """All of it."""
        ...

    def sections(self) -> list[Section]:
        """All of it, by paragraphs."""
        ...

    def pending(self) -> str | None:
        """The text with the changes that are in no node yet; None if there are none."""
        ...

    def settle(self, now: int) -> None:
        """Makes a node of these."""
        ...

    # ---- edits

    def replace(self, start: int | None, end: int | None, text: str, origin: Origin, now: int) -> None:
        """Puts a text in place of another; None is the end."""
        ...

    def insert(self, index: int, text: str, origin: Origin, kind: int, now: int) -> None:
        """Puts sections in front of one."""
        ...

    def remove(self, index: int, now: int) -> None:
        """Takes a section away."""
        ...

    # ---- history

    @property
    def current(self) -> int | None:
        """The node whose text it has."""
        ...

    def history(self) -> History:
        """All nodes."""
        ...

    def has(self, node: int) -> bool:
        """Is there such a node?"""
        ...

    def parent(self, node: int) -> int | None:
        """The node before; None for the root."""
        ...

    def onward(self, node: int) -> int | None:
        """The node that redo goes to."""
        ...

    def chained(self, node: int) -> bool:
        """Is it undone together with the node before?"""
        ...

    def back(self, work: Work) -> None:
        """Undoes the current node, which has a parent."""
        ...

    def on(self, child: int, work: Work) -> None:
        """Does a child of the current node."""
        ...

    def lead(self, parent: int, child: int) -> None:
        """Lets redo go to this child from now on."""
        ...

    # ---- the file

    def packed(self) -> object:
        """What the content has: as it was, if nothing was changed.

        Raises:
            InvalidRequestError: what was written does not replay to what is here. Nothing is handed out then.
        """
        ...
