"""Scripted I/O in virtual time for a `RawTransport`: how each wait goes, and what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest

from nai_proto.errors import NaiError, Phase, TransportError
from nai_proto.exchange.actions import Send
from nai_proto.exchange.budget import Budget, LimitReached
from nai_proto.exchange.connection_pool import Lease, PoolLimits
from nai_proto.exchange.connections import RawExchange, RawTransport
from nai_proto.exchange.driving import run_steps
from nai_proto.exchange.observation import ConnectionDiscarded, ConnectionOpened, ConnectionReused, Event
from nai_proto.http import Request
from nai_proto.limits import Limits, Timeouts
from nai_proto.testing import Clock

__all__ = ["GET", "TIMEOUTS", "DescribedError", "Log", "Proxy", "Rig", "Script", "Stream", "Wait", "read_body"]

GET = Request("GET", "/x", base="http://h:81")
TIMEOUTS = Timeouts(pool=11, connect=10, write=7, read=5, idle=3)


class Stream:
    def __init__(self) -> None:
        self.readable = self.is_aborted = False

    def is_readable(self) -> bool:
        return self.readable

    def abort(self) -> None:
        self.is_aborted = True


@dataclass
class Wait:
    """How one wait goes: for so many seconds, then this comes, or is raised."""

    result: Any = None
    seconds: float = 0.0


class Script:
    """The I/O of a run: the waits of each kind go as they are scripted, in their order."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock
        self.loop = "a loop"
        self.waits: dict[str, Iterator[Any]] = {}
        self.calls: list[tuple[Any, ...]] = []
        "Each wait: its kind, what it was asked for, and its limit."
        self.streams: list[Stream] = []
        self.written: list[bytes] = []
        self.ready_after = 0
        "The number of the write after which there is something to read."
        self.stopped = 0
        "How often a write was stopped by what came meanwhile."

    def key(self) -> Hashable:
        return self.loop

    def wake(self) -> Callable[[], None]:
        return lambda: None

    def draw(self, at_least: float, _: float) -> float:
        return at_least

    def _wait(self, kind: str, limit: float | None, *details: Any) -> Any:
        self.calls.append((kind, *details, limit))
        wait = next(self.waits.get(kind, iter(())), None)
        wait = wait if isinstance(wait, Wait) else Wait(wait)
        if limit is not None and wait.seconds >= limit:
            self.now.advance(limit)
            raise LimitReached
        self.now.advance(wait.seconds)
        if isinstance(wait.result, BaseException):
            raise wait.result
        return wait.result

    def connect(self, host: str, port: int, limit: float | None) -> Stream:
        self._wait("connect", limit, host, port)
        self.streams.append(Stream())
        return self.streams[-1]

    def write(self, stream: Stream, data: bytes, limit: float | None, received: Callable[[bytes], bool]) -> bool:
        assert not stream.is_aborted
        self.written.append(data)
        stream.readable = len(self.written) == self.ready_after
        came = self._wait("write", limit, len(data))
        is_stopped = bool(came) and received(came)
        self.stopped += is_stopped
        return not is_stopped

    def read(self, stream: Stream, limit: float | None) -> bytes:
        assert not stream.is_aborted
        data = self._wait("read", limit)
        return b"" if data is None else data

    def wait_for(self, lease: Lease[Any], limit: float | None) -> None:
        then = self._wait("wait_for", limit)
        if then is not None:
            then(lease)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody asks for {name}")


@dataclass
class Log:
    """An observer that keeps the events of connections."""

    is_watching: bool = True
    events: list[Event] = field(default_factory=list[Event])

    def tell(self, event: Event) -> None:
        assert self.is_watching
        if isinstance(event, ConnectionOpened | ConnectionReused | ConnectionDiscarded):
            self.events.append(event)


@dataclass
class Proxy:
    host: str = "p"
    port: int = 3128

    def connect(self, host: str, port: int) -> Request:
        return Request("CONNECT", f"{host}:{port}", base=f"http://{host}:{port}")


class Tls:
    """TLS whose bytes are marked, and whose handshake is one message from each side."""

    version = "TLSv1.3"

    def __init__(self, host: str) -> None:
        self.host = host
        self._to_send = b""
        self._is_greeted = self._is_begun = False

    def data_to_send(self) -> bytes:
        data, self._to_send = self._to_send, b""
        return data

    def receive_data(self, data: bytes) -> None:
        self._is_greeted = data == b"\x16hello"

    def do_handshake(self) -> bool:
        if not self._is_begun:
            self._to_send, self._is_begun = f"hello {self.host}".encode(), True
        return self._is_greeted

    def encrypt(self, data: bytes) -> bytes:
        return b"sealed " + data

    def decrypt(self, data: bytes) -> list[bytes]:
        if data == b"new keys":
            self._to_send = b"new keys too"
            return []
        opened = data.removeprefix(b"sealed ")
        return [opened[:9], opened[9:]] if opened else [b""]


class DescribedError(TransportError):
    """An error of the system, with what it was described by."""

    def __init__(self, phase: Phase, error: BaseException, host: str, port: int, sent: bool) -> None:
        super().__init__("described", sent=sent, phase=phase)
        self.described = (phase, error, host, port, sent)


class Rig:
    """A transport, and runs on it."""

    def __init__(
        self, pool: PoolLimits = PoolLimits(), *, tls: bool = False, proxy: Proxy | None = None, log: Log | None = None
    ) -> None:
        self.clock = Clock(1000.0)
        self.log = log or Log()
        self.bases: list[str] = []
        "The addresses whose proxy was asked for."

        def choose(base: str) -> Proxy | None:
            self.bases.append(base)
            return proxy

        self.transport = RawTransport(
            lambda: Script(self.clock),
            lambda: "settled",
            pool,
            Tls if tls else None,
            choose,
            self.log,
            DescribedError,
            nullcontext(),
        )

    def script(self, *reads: Any, **waits: Iterable[Any]) -> Script:
        """Return the I/O of a new run, whose waits go so."""
        script = self.transport.open_io()
        assert isinstance(script, Script)
        script.waits = {kind: iter(each) for kind, each in {"read": reads, **waits}.items()}
        return script

    def send(
        self, script: Script, request: Request = GET, timeouts: Timeouts = TIMEOUTS, limits: Limits | None = None
    ) -> RawExchange:
        send = Send(request, limits=limits)
        return run_steps(self.transport.send(send, Budget(timeouts), script))

    def run(self, script: Script, request: Request = GET, timeouts: Timeouts = TIMEOUTS) -> tuple[int, bytes]:
        """Send a request, and return the status and the body of its response."""
        exchange = self.send(script, request, timeouts)
        return exchange.head.status, b"".join(read_body(exchange))

    def fail(self, script: Script, request: Request = GET, timeouts: Timeouts = TIMEOUTS) -> NaiError:
        """Return the error of a run, which leaves no connection behind."""
        with pytest.raises(NaiError) as caught:
            self.run(script, request, timeouts)
        assert (self.transport.pool.used, self.transport.pool.idle) == (0, 0)
        assert all(stream.is_aborted for stream in script.streams)
        return caught.value


def read_body(exchange: RawExchange, at_most: float | None = None) -> Iterator[bytes]:
    try:
        while data := run_steps(exchange.receive(at_most)):
            yield data
    except BaseException:
        exchange.abort()
        raise
