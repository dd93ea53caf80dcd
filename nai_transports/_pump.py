"""What turns a flow: one sync pump, one async pump, a screen each.

A pump interprets the five actions. It owns the exchange under way; transports keep none, so there is nothing to repair in
them when a pump stops half-way. Errors of a transport are thrown into the flow; cancellation, KeyboardInterrupt and the
caller's own exceptions pass through untouched, after the connection has been closed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Generic, Protocol, Self, TypeVar

from nai_proto.errors import LocalProtocolError, NaiError
from nai_proto.exchange.flow import Action, Compute, Emit, HasPartial, Incoming, Receive, Runnable, Send, Sleep
from nai_proto.exchange.session import Budget, Session
from nai_proto.http import Head, Request

__all__ = ["AsyncClient", "AsyncExchange", "AsyncStream", "AsyncTransport", "Client", "Exchange", "Stream", "Transport"]

E = TypeVar("E")
R = TypeVar("R")


class Exchange(Protocol):
    """One request on one connection."""

    @property
    def head(self) -> Head: ...
    def receive(self, budget: Budget, at_most: float | None) -> bytes: ...
    def abort(self) -> None: ...


class Transport(Protocol):
    """Sends requests; blocks while it waits."""

    def send(self, request: Request, budget: Budget) -> Exchange: ...
    def sleep(self, seconds: float) -> None: ...
    def now(self) -> float: ...
    def close(self) -> None: ...


class _Progress(Generic[E, R]):
    """What both kinds of stream remember of their flow."""

    def __init__(self, flow: Runnable[E, R], session: Session) -> None:
        self._steps = iter(flow)
        self._session = session
        self._budget = Budget(session.timeouts)
        self._call: HasPartial | None = None
        self._result: R

    @property
    def result(self) -> R:
        """What the flow returned.

        Raises:
            LocalProtocolError: the stream has not come to its end.
        """
        try:
            return self._result
        except AttributeError:
            pass
        raise LocalProtocolError("the stream has not come to its end: there is no result yet (see .partial)")

    @property
    def partial(self) -> object:
        """The result so far of the operation under way, at any moment: also after an error or a cancellation."""
        return None if self._call is None else self._call.partial

    def _sign(self, send: Send) -> Request:
        self._call = send.call
        return self._session.sign(send.request)

    def _known(self, head: Head, request: Request) -> Head:
        """The head with what the flow cannot know: where it came from, and the limits of this session."""
        return Head(head.status, head.headers, request.base + request.path, self._session.limits)

    def _pause(self, sleep: Sleep) -> float:
        seconds = random.uniform(sleep.at_least, sleep.at_most)
        left = self._budget.limit("total")
        if left is not None and seconds > left:
            self._budget.spend(left)
            raise self._budget.timed_out("total", sent=True)
        return seconds


class Stream(_Progress[E, R]):
    """A flow on its way: iterate for its events, then ask for its `result`. Leaving the block closes the connection."""

    def __init__(self, flow: Runnable[E, R], session: Session, transport: Transport) -> None:
        super().__init__(flow, session)
        self._transport = transport
        self._events = self._pump()

    def __iter__(self) -> Iterator[E]:
        return self._events  # the caller's loop runs on the generator itself

    def _pump(self) -> Generator[E, None, None]:
        steps, transport, budget = self._steps, self._transport, self._budget
        exchange: Exchange | None = None
        try:
            action: Action[E] = next(steps)
            while True:
                incoming: Incoming = None
                try:
                    match action:
                        case Emit(events):
                            yield from events
                        case Receive(at_most):
                            if exchange is None:
                                raise LocalProtocolError("Receive before Send")
                            incoming = exchange.receive(budget, at_most)
                        case Send():
                            if exchange is not None:
                                exchange.abort()
                                exchange = None
                            request = self._sign(action)
                            exchange = transport.send(request, budget)
                            incoming = self._known(exchange.head, request)
                        case Sleep():
                            seconds = self._pause(action)
                            transport.sleep(seconds)
                            budget.spend(seconds)
                        case Compute():
                            began = transport.now()
                            action.perform()
                            budget.spend(transport.now() - began)
                except NaiError as error:
                    action = steps.throw(error)
                else:
                    action = steps.send(incoming)
        except StopIteration as stop:
            self._result = stop.value
        finally:
            steps.close()
            if exchange is not None:
                exchange.abort()

    def close(self) -> None:
        """Stops the flow and closes its connection; harmless when it has ended."""
        self._events.close()
        self._steps.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Client:
    """Two verbs over one transport: `run` and `stream`."""

    def __init__(self, session: Session, transport: Transport) -> None:
        self.session = session
        self._transport = transport

    def run(self, flow: Runnable[E, R]) -> R:
        """Runs a flow or an operation to its end and gives its result; its events are dropped."""
        with Stream(flow, self.session, self._transport) as stream:
            for _ in stream:
                pass
            return stream.result

    def stream(self, flow: Runnable[E, R]) -> Stream[E, R]:
        """Starts a flow or an operation; use it as a context manager and iterate."""
        return Stream(flow, self.session, self._transport)

    def close(self) -> None:
        """Closes idle connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncExchange(Protocol):
    """One request on one connection. `abort` is synchronous, so that nothing can interrupt it."""

    @property
    def head(self) -> Head: ...
    async def receive(self, budget: Budget, at_most: float | None) -> bytes: ...
    def abort(self) -> None: ...


class AsyncTransport(Protocol):
    """Sends requests on an event loop. `compute` and `sleep` raise TimeoutError after ``limit`` seconds."""

    async def send(self, request: Request, budget: Budget) -> AsyncExchange: ...
    async def sleep(self, seconds: float) -> None: ...
    async def compute(self, function: Callable[[], None], limit: float | None) -> None: ...
    def now(self) -> float: ...
    async def close(self) -> None: ...


class AsyncStream(_Progress[E, R]):
    """A flow on its way: ``async for`` its events, or take them by `next_batch`, then ask for its `result`.

    Not an async generator: leaving the block closes the connection at once, without waiting for anything. No deadline
    is open while the caller's loop body runs.
    """

    def __init__(self, flow: Runnable[E, R], session: Session, transport: AsyncTransport) -> None:
        super().__init__(flow, session)
        self._transport = transport
        self._exchange: AsyncExchange | None = None
        self._batch: Iterator[E] = iter(())
        self._incoming: Incoming = None
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        for event in self._batch:  # the whole price of an event that is already here
            return event
        while (batch := await self.next_batch()) is not None:
            self._batch = iter(batch)
            for event in self._batch:
                return event
        raise StopAsyncIteration

    async def next_batch(self) -> Sequence[E] | None:
        """All events that one read completed, or None at the end: for loops that must be cheap."""
        if self._ended:
            return None
        steps = self._steps
        try:
            action: Action[E] = steps.send(self._incoming)
            while True:
                self._incoming = None
                incoming: Incoming = None
                try:
                    if isinstance(action, Emit):
                        return action.events
                    incoming = await self._perform(action)
                except NaiError as error:
                    action = steps.throw(error)
                else:
                    action = steps.send(incoming)
        except StopIteration as stop:
            self._result = stop.value
            self.close()
            return None
        except BaseException:
            self.close()
            raise

    async def _perform(self, action: Send | Receive | Sleep | Compute[object]) -> Incoming:
        budget, transport = self._budget, self._transport
        match action:
            case Receive(at_most):
                if self._exchange is None:
                    raise LocalProtocolError("Receive before Send")
                return await self._exchange.receive(budget, at_most)
            case Send():
                self._abort()
                request = self._sign(action)
                self._exchange = await transport.send(request, budget)
                return self._known(self._exchange.head, request)
            case Sleep():
                seconds = self._pause(action)
                await transport.sleep(seconds)
                budget.spend(seconds)
            case Compute():
                began = transport.now()
                try:
                    await transport.compute(action.perform, budget.limit("total"))
                except TimeoutError:
                    budget.spend(transport.now() - began)
                    raise budget.timed_out("total", sent=self._exchange is not None) from None
                budget.spend(transport.now() - began)
        return None

    def _abort(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abort()

    def close(self) -> None:
        """Stops the flow and closes its connection at once; harmless when it has ended, and when called twice."""
        self._ended = True
        self._batch = iter(())
        self._steps.close()
        self._abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()


class AsyncClient:
    """Two verbs over one transport: `run` and `stream`. Any number of flows may be on their way at once."""

    def __init__(self, session: Session, transport: AsyncTransport) -> None:
        self.session = session
        self._transport = transport

    async def run(self, flow: Runnable[E, R]) -> R:
        """Runs a flow or an operation to its end and gives its result; its events are dropped."""
        async with AsyncStream(flow, self.session, self._transport) as stream:
            while await stream.next_batch() is not None:
                pass
            return stream.result

    def stream(self, flow: Runnable[E, R]) -> AsyncStream[E, R]:
        """Starts a flow or an operation; use it as an async context manager and iterate."""
        return AsyncStream(flow, self.session, self._transport)

    async def close(self) -> None:
        """Closes idle connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
