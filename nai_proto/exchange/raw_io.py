"""What the drivers of sockets give, and what connections are made of: byte streams, TLS, a proxy, a lock."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Protocol

from ..http import Request
from .connection_pool import Lease
from .driving import IO

__all__ = ["ByteStream", "PoolLock", "RawIO", "Tls", "TunnelProxy"]


class ByteStream(Protocol):
    """One connection."""

    def is_readable(self) -> bool:
        """Ask the socket whether there is anything to read; of an idle connection that is goodbye, or worse."""
        ...

    def abort(self) -> None:
        """Close at once, without waiting; may be called twice."""


class RawIO(IO, Protocol):
    """What one run needs of its runtime. Waits raise `LimitReached` after ``limit`` seconds, OSError if the system does."""

    def key(self) -> Hashable:
        """Connections of another key cannot be used here: those of another event loop."""
        ...

    def connect(self, host: str, port: int, limit: float | None) -> Any: ...
    def write(self, stream: Any, data: bytes, limit: float | None, received: Callable[[bytes], bool]) -> Any:
        """Write all of ``data``, or until ``received``, which gets what comes meanwhile, says that it is enough.

        ``limit`` is for each piece that the peer takes. Returns whether all was written.
        """

    def read(self, stream: Any, limit: float | None) -> Any:
        """Return some bytes; ``b""`` when the peer has closed."""

    def wait_for(self, lease: Lease[Any], limit: float | None) -> Any:
        """Wait until the lease is granted."""

    def wake(self) -> Callable[[], None]:
        """Return what wakes `wait_for`, from any task or thread."""
        ...


class Tls(Protocol):
    """The client's side of TLS, on bytes. Methods raise OSError where the peer breaks its rules."""

    def data_to_send(self) -> bytes:
        """Return, once, the bytes that wait for being sent."""
        ...

    def receive_data(self, data: bytes) -> None:
        """Take bytes of the peer for the handshake; ``b""`` at the end of the connection."""

    def do_handshake(self) -> bool:
        """Go on with the handshake; return whether it is complete."""
        ...

    def encrypt(self, data: bytes) -> bytes:
        """Return what is to be sent for these bytes."""
        ...

    def decrypt(self, data: bytes) -> list[bytes]:
        """Take bytes of the peer and return what they say, ``b""`` at the end."""
        ...


class TunnelProxy(Protocol):
    """What connections go through."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    def connect(self, host: str, port: int) -> Request:
        """Return the request for a tunnel (RFC 9110 §9.3.6)."""
        ...


class PoolLock(Protocol):
    """Guards the pool: a real lock where threads share a client."""

    def __enter__(self) -> object: ...
    def __exit__(self, kind: Any, error: Any, traceback: Any, /) -> object: ...
