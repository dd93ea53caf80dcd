"""Serve an app on asyncio sockets, in this thread or in a thread of its own."""

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
from nai_proto.exchange.reply import App, Cut, StoreState, Write
from nai_proto.exchange.server import NeedData, server_connection

__all__ = ["StoreChanges", "run_on_selector_loop", "serve", "serve_in_thread", "system_entropy"]

StoreChanges: TypeAlias = Callable[[object], "Future[None]"]
"""Start to make changes durable, in the order of the calls: `nai_transports.servers.state.StateFile.store`."""

_READ_BYTES = 65_536
_LONGEST_TURN_S = 0.02
"How long a response that never waits keeps the event loop to itself."
_ACCEPT_PAUSE_S = 0.5
"How long no connection is accepted after the system has refused one: it has no file descriptors or memory left."


def system_entropy(size: int) -> bytes:
    """Return ``size`` random bytes of the operating system, for an `Emulator`."""
    return os.urandom(size)


def run_on_selector_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on an event loop with a selector, which `serve` needs."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main)


@asynccontextmanager
async def serve(
    app: App, host: str = "127.0.0.1", port: int = 0, *, store: StoreChanges | None = None
) -> AsyncGenerator[str, None]:
    """Serve an app on asyncio while the block runs; yield the base URL.

    This uses plain sockets, not asyncio's streams: a connection that is half accepted or half closed when the block ends
    is still ours, and is closed. The event loop must have a selector, as asyncio's default has everywhere but on Windows;
    `run_on_selector_loop` makes one.

    Args:
        app: the server's logic.
        host: the address to listen on. The default is loopback: nobody else should reach an emulator.
        port: the port to listen on, 0 to 65535; 0 takes a free one.
        store: stores each change that the app wants to be durable, before the app acknowledges it.

    Raises:
        OSError: the address is in use, or not one of this machine.
    """
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def accept() -> None:
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:  # clients wait in the backlog; to try again at once would keep the loop busy
            loop.remove_reader(listener)
            loop.call_later(_ACCEPT_PAUSE_S, resume)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.create_task(_serve_connection(app, connection, store))
        tasks.add(task)
        task.add_done_callback(partial(close, connection))

    def resume() -> None:
        if listener.fileno() >= 0:  # the block has not ended
            loop.add_reader(listener, accept)

    def close(connection: socket.socket, task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        connection.close()  # not in the task: one that is cancelled before it starts runs no code of its own
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
            for task in (unfinished := [*tasks]):
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)


async def _serve_connection(app: App, connection: socket.socket, store: StoreChanges | None) -> None:
    """Perform the actions of the server's side of one connection until it ends."""
    loop = asyncio.get_running_loop()
    actions = server_connection(app, time.monotonic)
    turn_began = time.monotonic()
    try:
        action = next(actions)
        while True:
            data: bytes | None = None
            match action:
                case NeedData(seconds):
                    with suppress(TimeoutError):
                        async with asyncio.timeout(seconds):
                            data = await loop.sock_recv(connection, _READ_BYTES)
                    turn_began = time.monotonic()
                case Write(out):
                    await loop.sock_sendall(connection, out)  # does not suspend if the system takes all of it
                    if time.monotonic() - turn_began > _LONGEST_TURN_S:
                        await asyncio.sleep(0)
                        turn_began = time.monotonic()
                case Compute():
                    await _compute_in_thread(action.perform)
                case StoreState(change):
                    if store is not None:  # called at once, which keeps the order of the changes
                        await _wait_for(store(change))
                case Cut():
                    return
            action = actions.send(data)
    except (StopIteration, ConnectionError):
        pass  # the connection has ended
    finally:
        actions.close()


async def _compute_in_thread(work: Callable[[], None]) -> None:
    """Run ``work`` in a daemon thread, so that a server that is stopped does not wait for it."""
    finished: Future[None] = Future()

    def run() -> None:
        work()
        finished.set_result(None)

    threading.Thread(target=run, name="nai-emulator-work", daemon=True).start()
    await _wait_for(finished)


async def _wait_for(future: Future[None]) -> None:
    """Wait for a future. Cancelling the wait does not cancel the future."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def wake() -> None:
        if not done.cancelled():
            done.set_result(None)

    def wake_loop(_: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(wake)

    future.add_done_callback(wake_loop)
    await done
    future.result()


@contextmanager
def serve_in_thread(
    app: App, host: str = "127.0.0.1", port: int = 0, *, store: StoreChanges | None = None
) -> Generator[str, None, None]:
    """Serve an app in a thread of its own while the block runs; yield the base URL. For demos and tests.

    Args:
        app, host, port, store: as for `serve`.

    Raises:
        OSError: the address is in use, or not one of this machine.
    """
    ready = threading.Event()
    started: list[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = []
    errors: list[BaseException] = []

    async def main() -> None:
        stop = asyncio.Event()
        async with serve(app, host, port, store=store) as url:
            started.append((url, asyncio.get_running_loop(), stop))
            ready.set()
            await stop.wait()

    def work() -> None:
        try:
            run_on_selector_loop(main())
        except BaseException as error:
            errors.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work, name="nai-emulator", daemon=True)
    thread.start()
    ready.wait()
    if not started:
        raise errors[0]
    url, loop, stop = started[0]
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        if errors:
            raise errors[0]
