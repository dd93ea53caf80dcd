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
from typing import Any

from nai_proto.errors import NaiError
from nai_proto.exchange.actions import Compute
from nai_proto.exchange.reply import App, Cut, StoreState, Write
from nai_proto.exchange.server import NeedData, server_connection
from nai_proto.limits import Limits, ServerTimeouts

from .ordered_store import OrderedStore, StoreChanges

__all__ = ["run_on_selector_loop", "serve", "serve_in_thread", "system_entropy"]

_READ_BYTES = 65_536
_LONGEST_TURN_S = 0.02
"How long a response that never waits keeps the event loop to itself."
_ACCEPT_PAUSE_S = 0.5
"How long no connection is accepted after the system has refused one: it has no file descriptors or memory left."
_WRITE_BYTES = 65_536
"The piece of a response that a client has `ServerTimeouts.write` seconds to take."
_LAST_WORK_S = 2.0
"""How long a server that stops waits for work in threads. A thread that is in a native library when the process ends may
end it with a segmentation fault; the longest that the emulator does there is to load a tokenizer, half a second."""


def system_entropy(size: int) -> bytes:
    """Return ``size`` random bytes of the operating system, for an `Emulator`."""
    return os.urandom(size)


def run_on_selector_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on an event loop with a selector, which `serve` needs."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main)


@asynccontextmanager
async def serve(
    app: App,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    store: StoreChanges | None = None,
    timeouts: ServerTimeouts = ServerTimeouts(),
) -> AsyncGenerator[str, None]:
    """Serve an app on asyncio while the block runs; yield the base URL.

    This uses plain sockets, not asyncio's streams: a connection that is half accepted or half closed when the block ends
    is still ours, and is closed. The event loop must have a selector, as asyncio's default has everywhere but on Windows;
    `run_on_selector_loop` makes one.

    Without file descriptors for more connections, clients wait until some are free; the loop's exception handler is told
    so, once. A change that cannot be stored ends the block: nothing is answered from a state that would be lost.

    Args:
        app: the server's logic.
        host: the address to listen on. The default is loopback: nobody else should reach an emulator.
        port: the port to listen on, 0 to 65535; 0 takes a free one.
        store: stores each change that the app wants to be durable. Nothing is sent to any client while a change that was
            made before is not stored yet.
        timeouts: how long a client may be idle, and take to send a request or to receive a response.

    Raises:
        OSError: the address is in use, or not one of this machine.
        NaiError: a change could not be stored. The block is cancelled.
    """
    loop = asyncio.get_running_loop()
    block = asyncio.current_task()
    tasks: set[asyncio.Task[None]] = set()
    works: set[Future[None]] = set()
    stored = OrderedStore.of(store)
    store_failure: NaiError | None = None
    has_complained = False

    def accept() -> None:
        nonlocal has_complained
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:  # clients wait in the backlog; to try again at once would keep the loop busy
            loop.remove_reader(listener)
            loop.call_later(_ACCEPT_PAUSE_S, resume)
            if not has_complained:
                has_complained = True
                why = f"more connections have to wait until others are closed: {error.strerror}"
                loop.call_exception_handler({"message": why})
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.create_task(_serve_connection(app, connection, stored, timeouts, works))
        tasks.add(task)
        task.add_done_callback(partial(close, connection))

    def resume() -> None:
        if listener.fileno() >= 0:  # the block has not ended
            loop.add_reader(listener, accept)

    def close(connection: socket.socket, task: asyncio.Task[None]) -> None:
        nonlocal store_failure
        tasks.discard(task)
        connection.close()  # not in the task: one that is cancelled before it starts runs no code of its own
        error = None if task.cancelled() else task.exception()
        if isinstance(error, StoreFailedError):
            if store_failure is None:
                store_failure = error.reason
                assert block is not None
                block.cancel()
        elif error is not None:
            loop.call_exception_handler({"message": "an app failed", "exception": error, "task": task})

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=1024) as listener:
        listener.setblocking(False)
        name, number, *_ = listener.getsockname()
        loop.add_reader(listener, accept)
        try:
            yield f"http://{f'[{name}]' if ':' in name else name}:{number}"
        except asyncio.CancelledError:
            if store_failure is None or block is None or block.uncancel():
                raise
        finally:
            loop.remove_reader(listener)
            for task in (unfinished := [*tasks]):
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORK_S):
                    for work in [*works]:
                        await _wait_for(work)
    if store_failure is not None:
        raise store_failure


class StoreFailedError(Exception):
    """A change could not be stored: what the app has in memory is no longer what is on the disk."""

    def __init__(self, reason: NaiError) -> None:
        super().__init__(str(reason))
        self.reason = reason


async def _settle(store: OrderedStore | None) -> None:
    """Wait until all changes are stored; raise StoreFailedError if one cannot be."""
    while store is not None and (pending := store.pending) is not None:
        try:
            await _wait_for(pending)
        except NaiError as error:
            reason = error
        else:
            continue
        raise StoreFailedError(reason)


async def _serve_connection(
    app: App,
    connection: socket.socket,
    store: OrderedStore | None,
    timeouts: ServerTimeouts,
    works: set[Future[None]],
) -> None:
    """Perform the actions of the server's side of one connection until it ends; work in threads is added to ``works``."""
    loop = asyncio.get_running_loop()
    actions = server_connection(app, time.monotonic, Limits(), timeouts)
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
                    await _settle(store)
                    await _send_all(connection, out, timeouts.write)
                    if time.monotonic() - turn_began > _LONGEST_TURN_S:
                        await asyncio.sleep(0)
                        turn_began = time.monotonic()
                case Compute():
                    await _compute_in_thread(action.perform, works)
                case StoreState(change):
                    if store is not None:  # at once, which keeps the order of the changes
                        store(change)
                        await _settle(store)
                case Cut():
                    return
            action = actions.send(data)
    except (StopIteration, ConnectionError, TimeoutError):
        pass  # the connection has ended, or the client does not read
    finally:
        actions.close()


async def _send_all(connection: socket.socket, data: bytes, seconds: float | None) -> None:
    """Send all of the data; do not suspend if the system takes it. Raise TimeoutError if the client is too slow."""
    try:
        sent = connection.send(data)
    except BlockingIOError:
        sent = 0
    for start in range(sent, len(data), _WRITE_BYTES):
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_sendall(connection, memoryview(data)[start : start + _WRITE_BYTES])


async def _compute_in_thread(work: Callable[[], None], works: set[Future[None]]) -> None:
    """Run ``work`` in a daemon thread, so that a server that is stopped need not wait for its end.

    Until it has ended, it is one of ``works``.
    """
    finished: Future[None] = Future()
    works.add(finished)
    finished.add_done_callback(works.discard)

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
    app: App,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    store: StoreChanges | None = None,
    timeouts: ServerTimeouts = ServerTimeouts(),
) -> Generator[str, None, None]:
    """Serve an app in a thread of its own while the block runs; yield the base URL. For demos and tests.

    Args:
        app, host, port, store, timeouts: as for `serve`.

    Raises:
        OSError: the address is in use, or not one of this machine.
        NaiError: a change could not be stored. The server has stopped by itself; this is raised when the block ends.
    """
    ready = threading.Event()
    started: list[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = []
    errors: list[BaseException] = []

    async def main() -> None:
        stop = asyncio.Event()
        async with serve(app, host, port, store=store, timeouts=timeouts) as url:
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
        with suppress(RuntimeError):  # the loop is closed: the server has stopped by itself
            loop.call_soon_threadsafe(stop.set)
        thread.join()
        if errors:
            raise errors[0]
