"""The interfaces that drivers of sockets implement: byte streams, TLS, a proxy, a lock."""

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
        """Return whether there is something to read, or an end. An idle connection must then be closed."""
        ...

    def abort(self) -> None:
        """Close at once, without waiting. May be called again."""


class RawIO(IO, Protocol):
    """The I/O of one run. Waits raise `LimitReached` after ``limit`` seconds, and the system's OSError."""

    def key(self) -> Hashable:
        """Return the key of connections that this run can use, which differs between event loops."""
        ...

    def connect(self, host: str, port: int, limit: float | None) -> Any: ...
    def write(self, stream: Any, data: bytes, limit: float | None, received: Callable[[bytes], bool]) -> Any:
        """Write ``data``, and return whether all of it was written.

        ``received`` is called with bytes that are received meanwhile, and returns True to stop writing. It does not
        extend ``limit``.
        """

    def read(self, stream: Any, limit: float | None) -> Any:
        """Return some bytes; ``b""`` if the peer has closed."""

    def wait_for(self, lease: Lease[Any], limit: float | None) -> Any:
        """Wait until the lease is granted."""

    def wake(self) -> Callable[[], None]:
        """Return a function that wakes `wait_for`, from any task or thread."""
        ...


class Tls(Protocol):
    """The client's side of TLS, on bytes. Methods raise OSError if the peer violates the protocol."""

    @property
    def version(self) -> str | None:
        """The version of TLS, such as ``TLSv1.3``; None before the handshake is complete."""
        ...

    def data_to_send(self) -> bytes:
        """Return the bytes to send, and forget them."""
        ...

    def receive_data(self, data: bytes) -> None:
        """Receive bytes of the peer for the handshake; ``b""`` at the end of the connection."""

    def do_handshake(self) -> bool:
        """Continue the handshake; return whether it is complete."""
        ...

    def encrypt(self, data: bytes) -> bytes:
        """Return the encrypted bytes to send."""
        ...

    def decrypt(self, data: bytes) -> list[bytes]:
        """Return the decrypted pieces of the peer's bytes; ``b""`` at the end."""
        ...


class TunnelProxy(Protocol):
    """A proxy through which connections are opened."""

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
