"""What drivers of sockets share: whether they are ready, waiting for that, ending the wait, and a host's addresses."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable
from contextlib import suppress
from math import ceil
from typing import Any, Final

__all__ = ["ATTEMPT_DELAY_S", "Waker", "interleave", "is_address", "is_readable", "wait_ready"]

ATTEMPT_DELAY_S: Final = 0.25
"""Between two addresses of a host that are tried (RFC 8305 §5)."""
_HAS_POLL: Final = hasattr(select, "poll")  # not on Windows; where it is missing, select takes any number of a socket


def is_address(host: str) -> bool:
    """Say whether a host is an address, and no name that has to be looked up."""
    return ":" in host or host.replace(".", "").isdigit()


def is_readable(fileno: int) -> bool:
    """Say whether reading would not wait: bytes, the end of the connection or an error are there, or it is closed."""
    return fileno < 0 or bool(wait_ready((fileno,), (), 0.0)[0])


def wait_ready(readers: Iterable[int], writers: Iterable[int], seconds: float | None) -> tuple[list[int], list[int]]:
    """Return the descriptors that are ready for reading, and those that are for writing; none when the time is over.

    An error on a descriptor makes it ready for whatever it was asked for.

    Args:
        readers, writers: descriptors.
        seconds: None waits for ever.
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
    """Return addresses of both families in turn, the first one's family first (RFC 8305 §4)."""
    first = [each for each in addresses if each[0] == addresses[0][0]]
    others = [each for each in addresses if each[0] != addresses[0][0]]
    turns = [pair for both in zip(first, others, strict=False) for pair in both]
    return turns + first[len(others) :] + others[len(first) :]


class Waker:
    """Ends the wait of another thread. One run after the other uses it: a byte that comes too late wakes for nothing."""

    def __init__(self) -> None:
        self.receiver, self._sender = socket.socketpair()
        self.receiver.setblocking(False)
        self._sender.setblocking(False)

    def wake(self) -> None:
        with suppress(OSError):  # full: it wakes anyway
            self._sender.send(b"\0")

    def __del__(self) -> None:
        for end in vars(self).values():  # none, if there were no descriptors left
            end.close()
