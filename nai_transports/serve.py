"""A server behind a socket: all the I/O there is to the emulator."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, TypeAlias

from nai_proto.exchange.actions import Compute
from nai_proto.exchange.reply import App, Cut, Store, Write
from nai_proto.exchange.server import NeedData, server_connection

__all__ = ["Keep", "entropy", "listening", "run", "serving"]

Keep: TypeAlias = Callable[[object], "Future[None]"]
"""Begins to make a change durable, in the order of the calls: `nai_transports.state.State.store`."""

_READ = 65_536


def entropy(size: int) -> bytes:
    """Random bytes of the system, for an `Emulator`."""
    return os.urandom(size)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a program on a loop that `listening` can use."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main)


@asynccontextmanager
async def listening(
    app: App, host: str = "127.0.0.1", port: int = 0, *, store: Keep | None = None
) -> AsyncGenerator[str, None]:
    """Serves ``app`` on asyncio while the block runs; gives the base URL.

    Plain sockets instead of asyncio's streams: what is half accepted or half closed when the block ends belongs to us,
    and is closed. The loop has to be one with a selector, which is the default everywhere but on Windows; `run` makes one.

    Args:
        app: the server's logic.
        host: where to listen. Loopback by default: an emulator has no business elsewhere.
        port: 0 takes a free one.
        store: gets each change that the app wants to be durable, before it is acknowledged.

    Raises:
        OSError: the address cannot be had.
    """
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def accept() -> None:
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.create_task(_serve(app, connection, store))
        tasks.add(task)
        task.add_done_callback(partial(over, connection))

    def over(connection: socket.socket, task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        connection.close()  # here, since a task that is cancelled before it begins runs no code of its own
        if not task.cancelled() and (error := task.exception()) is not None:
            loop.call_exception_handler({"message": "an app failed", "exception": error, "task": task})

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=1024) as listener:
        listener.setblocking(False)
        name, number, *_ = listener.getsockname()
        loop.add_reader(listener, accept)
        try:
            yield f"http://{f'[{name}]' if ':' in name else name}:{number}"
        finally:
            loop.remove_reader(listener)
            for task in (ending := [*tasks]):
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)


async def _serve(app: App, connection: socket.socket, store: Keep | None) -> None:
    loop = asyncio.get_running_loop()
    steps = server_connection(app, time.monotonic)
    try:
        step = next(steps)
        while True:
            data: bytes | None = None
            match step:
                case NeedData(seconds):
                    with suppress(TimeoutError):
                        async with asyncio.timeout(seconds):
                            data = await loop.sock_recv(connection, _READ)
                case Write(out):
                    await loop.sock_sendall(connection, out)
                case Compute():
                    await _computed(step.perform)
                case Store(change):
                    if store is not None:  # handed over at once, which keeps the order
                        await _over(store(change))
                case Cut():
                    return
            step = steps.send(data)
    except (StopIteration, ConnectionError):
        pass  # the connection is over, for us as well
    finally:
        steps.close()


async def _computed(work: Callable[[], None]) -> None:
    """Done in a thread that nobody waits for in the end: a server that is told to stop does."""
    finished: Future[None] = Future()

    def run() -> None:
        work()
        finished.set_result(None)

    threading.Thread(target=run, name="nai-emulator-work", daemon=True).start()
    await _over(finished)


async def _over(future: Future[None]) -> None:
    """Waits for the future; whoever stops waiting does not stop what it is of."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def tell() -> None:
        if not done.cancelled():
            done.set_result(None)

    def finished(_: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell)

    future.add_done_callback(finished)
    await done
    future.result()


@contextmanager
def serving(
    app: App, host: str = "127.0.0.1", port: int = 0, *, store: Keep | None = None
) -> Generator[str, None, None]:
    """Serves ``app`` on a thread of its own while the block runs; gives the base URL. For demos and tests."""
    ready = threading.Event()
    found: list[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = []
    failed: list[BaseException] = []

    async def main() -> None:
        stop = asyncio.Event()
        async with listening(app, host, port, store=store) as url:
            found.append((url, asyncio.get_running_loop(), stop))
            ready.set()
            await stop.wait()

    def work() -> None:
        try:
            run(main())
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work, name="nai-emulator", daemon=True)
    thread.start()
    ready.wait()
    if not found:
        raise failed[0]
    url, loop, stop = found[0]
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        if failed:
            raise failed[0]
