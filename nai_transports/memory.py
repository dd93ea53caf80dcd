"""Client and server in one process, over real HTTP bytes, in virtual time: for tests and experiments."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from contextlib import nullcontext
from typing import Any, Final, TypeVar

from anyio.lowlevel import checkpoint, checkpoint_if_cancelled

from nai_proto.arguments import takes
from nai_proto.emulator.clock import Clock
from nai_proto.exchange.budget import LimitReached
from nai_proto.exchange.connection_pool import Lease, PoolLimits
from nai_proto.exchange.connections import RawTransport
from nai_proto.exchange.reply import App
from nai_proto.exchange.session import Session
from nai_proto.testing.connection import MemoryConnection, uncut

from . import clients
from .events import Event
from .streams import CancellableStream
from .transport_errors import transport_error

__all__ = ["AsyncClient", "Client"]

E = TypeVar("E")
R = TypeVar("R")
P_co = TypeVar("P_co", covariant=True)

_NOWHERE: Final = Session(base_url="http://emulator.invalid")


class _MemoryClient(clients.BaseClient):
    """The base of clients in memory, with their arguments."""

    @takes()
    def __init__(
        self,
        app: App,
        session: Session = _NOWHERE,
        *,
        clock: Clock | None = None,
        pieces: Callable[[bytes], Iterable[bytes]] = uncut,
        store: Callable[[object], None] | None = None,
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        """Make a client.

        Args:
            app: the server's logic, such as an `nai_proto.emulator.Emulator`.
            session: token, limits, timeouts. The app responds at all addresses.
            clock: the virtual time. None is the app's own ``clock``, as an `Emulator` has one, or a new one.
            pieces: cuts the bytes that the server writes into the reads of the client.
            store: makes the app's changes durable.
            on_event: called with each `events.Event`.
        """
        super().__init__(session, None, None, on_event)
        own = getattr(app, "clock", None)
        time = clock or (own if isinstance(own, Clock) else Clock())

        def connect() -> MemoryStream:
            return MemoryStream(MemoryConnection(app, time, pieces=pieces, store=store))

        def open_io() -> Any:
            return self._adapt(MemoryIO(time, connect))

        self._transport = RawTransport(
            open_io, self._settle, PoolLimits(), None, lambda _: None, self._log, transport_error, nullcontext()
        )

    def _adapt(self, io: MemoryIO) -> Any:
        """Return the I/O of a run in the form that the client needs."""
        return io

    def _settle(self) -> Any:
        """Wait until aborted connections are closed."""


class Client(_MemoryClient, clients.Client):
    """Run operations and flows against an app in this process. Waits take no time: they advance the clock."""


class _AsyncMemoryStream(CancellableStream[E, R, P_co]):
    _checkpoint = staticmethod(checkpoint)
    _check_cancelled = staticmethod(checkpoint_if_cancelled)


class AsyncClient(_MemoryClient, clients.AsyncClient):
    """`Client` for programs on asyncio or trio. Each wait of theirs is a checkpoint, so that other tasks run."""

    _stream_type = _AsyncMemoryStream

    def _adapt(self, io: MemoryIO) -> Any:
        return AsyncMemoryIO(io)

    async def _settle(self) -> None:
        await checkpoint()


class MemoryStream:
    """One connection to the app."""

    def __init__(self, connection: MemoryConnection) -> None:
        self.connection = connection

    def is_readable(self) -> bool:
        return not self.connection.is_idle()

    def abort(self) -> None:
        self.connection.close()


class MemoryIO:
    """One run, in virtual time."""

    def __init__(self, clock: Clock, connect: Callable[[], MemoryStream]) -> None:
        self.now = clock
        self._connect = connect

    def key(self) -> Hashable:
        return None

    def draw(self, at_least: float, at_most: float) -> float:  # noqa: ARG002 -- not random
        return at_least

    def cancel(self) -> None:
        """Do nothing: there is no wait to end."""

    def close(self) -> None:
        """Do nothing: the run holds no resources."""

    def wake(self) -> Callable[[], None]:
        return self.cancel

    def wait_for(self, lease: Lease[Any], limit: float | None) -> None:  # noqa: ARG002 -- no other run releases one
        raise LimitReached

    def sleep(self, seconds: float) -> None:
        self.now.advance(seconds)

    def compute(self, function: Callable[[], None], limit: float | None) -> None:  # noqa: ARG002 -- takes no time
        function()

    def connect(self, host: str, port: int, limit: float | None) -> MemoryStream:  # noqa: ARG002 -- the app is at every address
        return self._connect()

    def read(self, stream: MemoryStream, limit: float | None) -> bytes:
        try:
            return stream.connection.receive_some(limit)
        except TimeoutError:
            raise LimitReached from None

    def write(
        self,
        stream: MemoryStream,
        data: bytes,
        limit: float | None,  # noqa: ARG002 -- the app takes all bytes
        received: Callable[[bytes], bool],  # noqa: ARG002 -- it writes only when read from
    ) -> bool:
        stream.connection.send_all(data)
        return True


class AsyncMemoryIO:
    """`MemoryIO` for an async client."""

    def __init__(self, io: MemoryIO) -> None:
        self._io = io
        self.now = io.now
        self.draw, self.key, self.wake = io.draw, io.key, io.wake
        self.cancel, self.close = io.cancel, io.close

    async def wait_for(self, lease: Lease[Any], limit: float | None) -> None:
        await checkpoint()
        self._io.wait_for(lease, limit)

    async def sleep(self, seconds: float) -> None:
        await checkpoint()
        self._io.sleep(seconds)

    async def compute(self, function: Callable[[], None], limit: float | None) -> None:
        await checkpoint()
        self._io.compute(function, limit)

    async def connect(self, host: str, port: int, limit: float | None) -> MemoryStream:
        await checkpoint()
        return self._io.connect(host, port, limit)

    async def read(self, stream: MemoryStream, limit: float | None) -> bytes:
        await checkpoint()
        return self._io.read(stream, limit)

    async def write(
        self, stream: MemoryStream, data: bytes, limit: float | None, received: Callable[[bytes], bool]
    ) -> bool:
        await checkpoint()
        return self._io.write(stream, data, limit, received)
