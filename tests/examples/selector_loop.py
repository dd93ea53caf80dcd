"""An event loop of your own: several stories in one thread, over `selectors`.

A task is a generator that yields what it waits for: a socket, or a time. `drive` makes
a task of any operation or flow; the core's ``Run`` and ``ClientExchange`` decide what
is done next. Run it with NAI_TOKEN set, and in NAI_URL the http address of an emulator,
as ``nai emulate`` prints them (for https, wrap the sockets by `ssl`)::

    python selector_loop.py "Once upon a time" "The sea was calm"
"""

from __future__ import annotations

import math
import os
import random
import selectors
import socket
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, TypeAlias

import nai_proto as nai
from nai_proto.exchange import NEED_DATA, ClientExchange, LimitReached, Run, Wire

Wait: TypeAlias = tuple[socket.socket | None, int, float | None]
"""A socket, the events to wait for, and at most how long; a pause without a socket."""
Task: TypeAlias = Generator[Wait, bool, Any]
"""Is sent whether its socket is ready; False means that the time is over."""


def run_all(*tasks: Task) -> None:
    """Run tasks, all of them at once, until the last one has ended."""
    waits: dict[Task, tuple[socket.socket | None, int, float]] = {}

    def resume(task: Task, is_ready: bool | None) -> None:
        waits.pop(task, None)
        try:
            file, events, seconds = (
                next(task) if is_ready is None else task.send(is_ready)
            )
        except StopIteration:
            return
        waits[task] = (
            file,
            events,
            math.inf if seconds is None else time.monotonic() + seconds,
        )

    for task in tasks:
        resume(task, None)
    while waits:
        first = min(until for _, _, until in waits.values())
        with selectors.DefaultSelector() as selector:
            for task, (file, events, _) in waits.items():
                if file is not None:
                    selector.register(file, events, task)
            ready = {
                key.data
                for key, _ in selector.select(
                    None if first == math.inf else first - time.monotonic()
                )
            }
        for task, (_, _, until) in [*waits.items()]:
            if task in ready or until <= time.monotonic():
                resume(task, task in ready)


class Connection:
    """One request, on a connection of its own."""

    def __init__(self, send: nai.Send, budget: Any) -> None:
        self.budget, self.socket = budget, socket.socket()
        self.close = self.socket.close
        self.socket.setblocking(False)
        self.exchange = ClientExchange(Wire("client"), send.request, send.limits)
        host, _, port = send.request.authority.partition(":")
        self.address = host, int(port or 80)

    @contextmanager
    def within(
        self, phase: Any, at_most: float | None = None
    ) -> Generator[Callable[[int], Task]]:
        """Give a phase its deadline and its errors; yield what waits for the socket."""

        def wait(events: int) -> Task:
            if not (yield self.socket, events, deadline.left()):
                raise LimitReached

        try:
            with self.budget.begin(phase, time.monotonic, at_most) as deadline:
                yield wait
        except (OSError, LimitReached) as error:
            raise self.budget.failed(phase, error, sent=phase != "connect") from error

    def send(self) -> Task:
        """Connect, and write the request."""
        with self.within("connect") as wait:
            self.socket.connect_ex(self.address)
            yield from wait(selectors.EVENT_WRITE)
            if code := self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(code, os.strerror(code))
        data = memoryview(self.exchange.data_to_send)
        while data:
            with self.within("write") as wait:
                yield from wait(selectors.EVENT_WRITE)
                data = data[self.socket.send(data[:65536]) :]
        self.exchange.request_written()

    def receive(self, phase: Any, at_most: float | None = None) -> Task:
        """Return the head of the response, or the next piece of its body."""
        with self.within(phase, at_most) as wait:
            while (incoming := self.exchange.next_incoming()) is NEED_DATA:
                yield from wait(selectors.EVENT_READ)
                self.exchange.receive_data(self.socket.recv(65536))
        return incoming


def drive(flow: Any, session: nai.Session, on_event: Callable[[Any], object]) -> Task:
    """Run an operation or a flow as a task, which returns its result."""
    run: Run[Any, Any] = Run(flow, session, now=time.time, entropy=os.urandom)
    with ExitStack() as connections:
        action = run.start()
        while action is not None:
            incoming = None
            try:
                match action:
                    case nai.Send():
                        connections.close()  # that of the request before
                        connection = connections.enter_context(
                            closing(Connection(action, run.budget_for(action)))
                        )
                        yield from connection.send()
                        incoming = yield from connection.receive("read")
                    case nai.Receive(at_most):
                        incoming = yield from connection.receive("idle", at_most)
                    case nai.Sleep(least, most):
                        yield None, 0, random.uniform(least, most)
                    case nai.Emit(events):
                        for event in events:
                            on_event(event)
                    case nai.Compute():
                        action.perform()
            except nai.NaiError as error:
                action = run.throw(error)
            else:
                action = run.send(incoming)
    return run.result


def tell(prompt: str, session: nai.Session) -> Task:
    """Stream a story, and print it when it is whole."""
    texts: list[str] = []
    yield from drive(
        nai.text.generate_stream(prompt),
        session,
        lambda token: texts.append(token.text),
    )
    print(prompt + "".join(texts))


def main() -> None:
    """Continue all prompts of the command line at once."""
    session = nai.Session(base_url=os.environ["NAI_URL"], token=os.environ["NAI_TOKEN"])
    run_all(*(tell(prompt, session) for prompt in sys.argv[1:]))


if __name__ == "__main__":
    main()
