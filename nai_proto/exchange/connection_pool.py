"""The pool of connections, which chooses the connection for an exchange, without I/O.

It keeps idle connections, and counts those in use. A driver acquires a `Lease`, opens a connection if the lease has none,
and releases the lease with the connection if that can be reused. While too many connections are open, a lease waits
for its turn, and wakes the driver.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeVar

from ..errors import InvalidRequestError
from ..limits import repr_changed

__all__ = ["Lease", "Pool", "PoolLimits"]

C = TypeVar("C")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """How many connections a client has, and for how long it keeps idle ones.

    Raises:
        InvalidRequestError: a number is out of range.
    """

    connections: int | None = 1000
    "In all, including idle ones; None means no limit. File descriptors are often limited to 1024."
    per_host: int | None = 250
    "For one scheme, host and port; None means no limit."
    idle: int = 16
    "Idle connections to keep for one scheme, host and port."
    keep_alive: float = 30.0
    "Seconds to keep an idle connection. Common servers close idle connections after 5 to 75."

    __repr__ = repr_changed

    def __post_init__(self) -> None:
        for name, least in (("connections", 1), ("per_host", 1), ("idle", 0), ("keep_alive", 0)):
            value: float | None = getattr(self, name)
            if value is None and name in ("connections", "per_host"):
                continue
            if value is None or not value >= least:
                raise InvalidRequestError(f"{name} is {value}; it takes {least} or more", parameter=name)


class Lease(Generic[C]):
    """The right of one exchange to one connection."""

    __slots__ = ("address", "connection", "is_granted", "wake")

    is_granted: bool
    "May the connection be used or opened?"
    connection: C | None
    "An idle connection to use, once granted; None: open a new one."

    def __init__(self, address: Hashable, wake: Callable[[], None]) -> None:
        self.address = address
        self.wake = wake
        self.is_granted = False
        self.connection = None


@dataclass(slots=True)
class _Host(Generic[C]):
    """The connections to one address."""

    idle: list[tuple[float, C]] = field(default_factory=list[tuple[float, C]])
    "With the time since which they are idle; the newest last."
    used: int = 0


class Pool(Generic[C]):
    """The connections of one client. Not thread-safe: a driver for threads holds a lock around each call.

    Args:
        limits: how many connections to keep, and for how long.
        close: closes a connection that the pool drops.
    """

    def __init__(self, limits: PoolLimits, close: Callable[[C], None]) -> None:
        self._limits = limits
        self._close = close
        self._hosts: dict[Hashable, _Host[C]] = {}
        self._waiting: deque[Lease[C]] = deque()

    @property
    def idle(self) -> int:
        """The number of idle connections."""
        return sum(len(host.idle) for host in self._hosts.values())

    @property
    def used(self) -> int:
        """The number of connections that are in use or being opened."""
        return sum(host.used for host in self._hosts.values())

    def acquire(self, address: Hashable, now: float, wake: Callable[[], None]) -> Lease[C]:
        """Return a lease, which is granted if a connection is idle or may be opened.

        Args:
            address: of the connection.
            now: seconds of a clock that only goes forward.
            wake: called when the lease is granted later.
        """
        self.close_expired(now)
        lease: Lease[C] = Lease(address, wake)
        if not self._grant(lease):
            self._waiting.append(lease)
        return lease

    def release(self, lease: Lease[C], now: float, connection: C | None = None) -> None:
        """End a lease, granted or not.

        Args:
            lease: from `acquire`.
            now: as for `acquire`.
            connection: one that can be reused; None if it is closed, or was never opened.
        """
        if not lease.is_granted:
            if lease in self._waiting:
                self._waiting.remove(lease)
            return
        lease.is_granted = False
        host = self._hosts[lease.address]
        host.used -= 1
        if connection is not None:
            host.idle.append((now, connection))
            if len(host.idle) > self._limits.idle:
                self._close(host.idle.pop(0)[1])
        self.close_expired(now)
        for waiting in [*self._waiting]:
            if self._grant(waiting):
                self._waiting.remove(waiting)
                waiting.wake()

    def close_expired(self, now: float) -> None:
        """Close the connections that have been idle for too long, and forget the addresses without connections."""
        for address, host in [*self._hosts.items()]:
            while host.idle and now - host.idle[0][0] >= self._limits.keep_alive:
                self._close(host.idle.pop(0)[1])
            if not (host.idle or host.used):
                del self._hosts[address]

    def close_idle(self) -> None:
        """Close all idle connections."""
        self.close_expired(inf)

    def _grant(self, lease: Lease[C]) -> bool:
        host = self._hosts.get(lease.address)
        if host is None:
            host = self._hosts[lease.address] = _Host()
        if host.idle:
            lease.connection = host.idle.pop()[1]
        elif not self._may_open(host.used):
            return False
        host.used += 1
        lease.is_granted = True
        return True

    def _may_open(self, used: int) -> bool:
        """Return whether a connection may be opened to a host that has so many, none of them idle."""
        per_host, connections = self._limits.per_host, self._limits.connections
        if per_host is not None and used >= per_host:
            return False
        if connections is None or self.used + self.idle < connections:
            return True
        for other in self._hosts.values():  # close an idle connection to another host
            if other.idle:
                self._close(other.idle.pop(0)[1])
                return True
        return False
