"""What a server knows of the changes that it stores: whether all that were made are on the disk."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Self, TypeAlias

__all__ = ["OrderedStore", "StoreChanges"]

StoreChanges: TypeAlias = Callable[[object], "Future[None]"]
"""Start to make changes durable, in the order of the calls: `nai_transports.servers.state.StateFile.store`."""


class OrderedStore:
    """Stores changes, and knows whether all are stored.

    A server sends nothing while they are not: another client's request may already have read a change that is not on the
    disk. After a failure it sends nothing at all, since what the app has in memory is no longer what is on the disk.

    Args:
        store: starts to store changes.
    """

    def __init__(self, store: StoreChanges) -> None:
        self._store = store
        self._last: Future[None] | None = None
        "Of the last change; it is done after those of all changes before."

    @classmethod
    def of(cls, store: StoreChanges | None) -> Self | None:
        """Return what stores changes as an ordered store, which several servers of an app share; None if there is none."""
        return store if store is None or isinstance(store, cls) else cls(store)

    def __call__(self, change: object) -> Future[None]:
        """Start to store a change. Its future is done when it is stored."""
        self._last = self._store(change)
        return self._last

    @property
    def pending(self) -> Future[None] | None:
        """The future of the last change, while it is not done, or if it has failed; None if all changes are stored."""
        last = self._last
        return None if last is None or (last.done() and last.exception() is None) else last
