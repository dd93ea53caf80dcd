"""Blocking sockets: the client for synchronous programs.

The sockets themselves do not block: each wait polls the socket and the run's wake-up descriptor, so that limits are exact
and another thread can end a wait at once. Names are looked up in a thread, which is abandoned at the limit.
"""

from __future__ import annotations

import errno
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property
from typing import Any, Final, TypeAlias

from nai_proto.errors import ClosedError
from nai_proto.exchange.budget import LimitReached
from nai_proto.exchange.connection_pool import Lease

from .clients import RawClient
from .readiness import ATTEMPT_DELAY_S, Waker, interleave, is_address, is_readable, wait_ready

__all__ = ["Client"]

Ready: TypeAlias = tuple[list[int], list[int]]

_READ: Final = 65_536


class SocketStream:
    """One connection, with a socket that does not block."""

    def __init__(self, raw: socket.socket) -> None:
        self.socket = raw

    def is_readable(self) -> bool:
        return is_readable(self.socket.fileno())

    def abort(self) -> None:
        self.socket.close()


class SyncIO:
    """The I/O of one run."""

    def __init__(self, wakers: list[Waker]) -> None:
        self._wakers = wakers  # unused ones
        self._waker: Waker | None = None
        self._lock = threading.Lock()
        self._cancelled = False

    now = staticmethod(time.monotonic)
    draw = staticmethod(random.uniform)

    def key(self) -> Hashable:
        return os.getpid()  # a forked process has its parent's connections, and must not use them

    def sleep(self, seconds: float) -> None:
        try:
            self._wait_for(lambda: False, seconds)
        except LimitReached:
            pass

    def compute(self, function: Callable[[], None], limit: float | None) -> None:  # noqa: ARG002 -- it cannot be stopped
        function()

    def cancel(self) -> None:
        self._cancelled = True
        self._wake()

    def close(self) -> None:
        with self._lock:
            waker, self._waker = self._waker, None
        if waker is not None:
            self._wakers.append(waker)

    def wake(self) -> Callable[[], None]:
        return self._wake

    def wait_for(self, lease: Lease[Any], limit: float | None) -> None:
        self._wait_for(lambda: lease.is_granted, limit)

    def connect(self, host: str, port: int, limit: float | None) -> SocketStream:
        until = self._deadline(limit)
        addresses = self._look_up(host, port, limit)
        return SocketStream(self._connect_first(addresses, until))

    def read(self, stream: SocketStream, limit: float | None) -> bytes:
        self._wait([stream.socket.fileno()], (), self._deadline(limit))
        return stream.socket.recv(_READ)

    def write(self, stream: SocketStream, data: bytes, limit: float | None, received: Callable[[bytes], bool]) -> bool:
        raw, left, until = stream.socket, memoryview(data), self._deadline(limit)
        while left:
            try:
                left = left[raw.send(left) :]
                continue
            except BlockingIOError:
                readable, _ = self._wait([raw.fileno()], [raw.fileno()], until)
            if readable:
                answer = raw.recv(_READ)
                if received(answer) or not answer:
                    return False
        return True

    # ---- inside

    def _look_up(self, host: str, port: int, limit: float | None) -> list[Any]:
        if is_address(host):
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        results: list[Any] = []
        done = threading.Event()

        def look_up() -> None:
            try:
                results.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except OSError as error:
                results.append(error)
            done.set()
            self._wake()

        threading.Thread(target=look_up, name="nai look-up", daemon=True).start()
        self._wait_for(done.is_set, limit)
        if isinstance(results[0], OSError):
            raise results[0]
        return results

    def _connect_first(self, addresses: list[Any], until: float | None) -> socket.socket:
        """Return the first connection that is established; after a short wait, try the next address too (RFC 8305)."""
        waiting, attempts, failure = interleave(addresses), dict[int, socket.socket](), OSError("no address")
        try:
            while waiting or attempts:
                if waiting:
                    family, kind, protocol, _, address = waiting.pop(0)
                    try:
                        raw = socket.socket(family, kind, protocol)
                    except OSError as error:  # the system does not have this family
                        failure = error
                        continue
                    attempts[raw.fileno()] = raw
                    raw.setblocking(False)
                    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    if (number := raw.connect_ex(address)) not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
                        failure = OSError(number, "")
                        attempts.pop(raw.fileno()).close()
                        continue
                left = self._left(until)
                limit = min(left or ATTEMPT_DELAY_S, ATTEMPT_DELAY_S) if waiting else left
                for ready in self._poll((), attempts, limit)[1]:
                    raw = attempts.pop(ready)
                    if not (number := raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                        return raw
                    failure = OSError(number, "")
                    raw.close()
            raise failure
        finally:
            for raw in attempts.values():
                raw.close()

    def _wait_for(self, condition: Callable[[], bool], limit: float | None) -> None:
        """Wait until another thread makes a condition true, and calls `_wake`."""
        self._take_waker()  # before the condition is tested, so that no wake-up is missed
        until = self._deadline(limit)
        while not condition():
            self._poll((), (), self._left(until))

    def _wait(self, readers: Sequence[int], writers: Sequence[int], until: float | None) -> Ready:
        """Wait for sockets until a deadline; return those ready to read, and those ready to write."""
        while not any(ready := self._poll(readers, writers, self._left(until))):
            pass
        return ready

    def _deadline(self, limit: float | None) -> float | None:
        """Return the time at which a limit that begins now is reached."""
        return None if limit is None else self.now() + limit

    def _left(self, until: float | None) -> float | None:
        """Return the seconds left until a deadline, of which there is at least a little."""
        if until is None:
            return None
        left = until - self.now()
        if left <= 0:
            raise LimitReached
        return left

    def _poll(self, readers: Iterable[int], writers: Iterable[int], limit: float | None) -> Ready:
        """Wait once for sockets; return nothing after a wake-up, as after the limit."""
        receiver = self._take_waker().receiver
        if self._cancelled:
            raise ClosedError("the stream was cancelled")
        number = receiver.fileno()
        readable, writable = wait_ready((*readers, number), writers, limit)
        if number in readable:
            readable.remove(number)
            receiver.recv(4096)
        if self._cancelled:
            raise ClosedError("the stream was cancelled")
        return readable, writable

    def _take_waker(self) -> Waker:
        """Return the run's waker; the run cannot be woken before it has one."""
        waker = self._waker
        if waker is None:
            try:
                waker = self._wakers.pop()
            except IndexError:
                waker = Waker()
            with self._lock:
                self._waker = waker
        return waker

    def _wake(self) -> None:
        with self._lock:
            if self._waker is not None:
                self._waker.wake()


class Client(RawClient):
    """Run operations and flows over blocking sockets. Threads and forked processes may share a client."""

    @cached_property
    def _wakers(self) -> dict[int, list[Waker]]:
        """The unused wakers of each process: a forked one has its parent's as well."""
        return {}

    def _open_io(self) -> SyncIO:
        return SyncIO(self._wakers.setdefault(os.getpid(), []))

    def _settle(self) -> None:
        for unused in self._wakers.values():  # ended runs have these lists too
            unused.clear()
