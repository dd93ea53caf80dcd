"""Help drivers of sockets: wait until a socket is ready, wake a waiting thread, and order a host's addresses."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable
from contextlib import suppress
from math import ceil
from typing import Any, Final

__all__ = ["ATTEMPT_DELAY_S", "Waker", "interleave", "is_address", "is_readable", "wait_ready"]

ATTEMPT_DELAY_S: Final = 0.25
"""Seconds until the next address of a host is tried (RFC 8305 §5)."""
_HAS_POLL: Final = hasattr(select, "poll")  # not on Windows, where select takes sockets of any number


def is_address(host: str) -> bool:
    """Return whether a host is an address, not a name to be looked up."""
    return ":" in host or host.replace(".", "").isdigit()


def is_readable(fileno: int) -> bool:
    """Return whether reading would not block: there are bytes, an end or an error, or the socket is closed."""
    return fileno < 0 or bool(wait_ready((fileno,), (), 0.0)[0])


def wait_ready(readers: Iterable[int], writers: Iterable[int], seconds: float | None) -> tuple[list[int], list[int]]:
    """Wait, and return the descriptors ready to read, and those ready to write; none if the time is over.

    A descriptor with an error is ready.

    Args:
        readers, writers: descriptors.
        seconds: None waits without a limit.
    """
    if not _HAS_POLL:
        readable, writable, _ = select.select([*readers], [*writers], [*readers, *writers], seconds)
        return readable, writable
    wanted = dict.fromkeys(readers, select.POLLIN)
    for number in writers:
        wanted[number] = wanted.get(number, 0) | select.POLLOUT
    poll = select.poll()
    for number, events in wanted.items():
        poll.register(number, events)
    readable, writable = list[int](), list[int]()
    for number, events in poll.poll(None if seconds is None else ceil(seconds * 1000)):
        if events & ~select.POLLOUT and wanted[number] & select.POLLIN:
            readable.append(number)
        if events & ~select.POLLIN and wanted[number] & select.POLLOUT:
            writable.append(number)
    return readable, writable


def interleave(addresses: list[Any]) -> list[Any]:
    """Return the addresses, alternating between both families, beginning with the first address (RFC 8305 §4)."""
    first = [each for each in addresses if each[0] == addresses[0][0]]
    others = [each for each in addresses if each[0] != addresses[0][0]]
    turns = [pair for both in zip(first, others, strict=False) for pair in both]
    return turns + first[len(others) :] + others[len(first) :]


class Waker:
    """Ends the wait of another thread. Runs reuse it, so a late byte may wake a run without a reason."""

    def __init__(self) -> None:
        self.receiver, self._sender = socket.socketpair()
        self.receiver.setblocking(False)
        self._sender.setblocking(False)

    def wake(self) -> None:
        with suppress(OSError):  # it is full, and wakes anyway
            self._sender.send(b"\0")

    def __del__(self) -> None:
        for end in vars(self).values():  # empty if no descriptor was free
            end.close()
