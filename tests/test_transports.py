"""One suite for every transport: the same operations and flows, the same events, results and errors."""

from __future__ import annotations

import asyncio
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import anyio
import httpx
import pytest
import trio

from nai_proto import account, errors, text
from nai_proto.exchange.actions import Action, Runnable, Send, Sleep, Steps, compute
from nai_proto.exchange.connections import RawTransport
from nai_proto.exchange.flow import flow, map_actions
from nai_proto.exchange.reply import Cut, Handler, RawWrite, Start, Wait, Write
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Headers, Request
from nai_proto.limits import Limits, Timeouts
from nai_proto.secret import AccessKey, AccessToken, PersistentToken
from nai_transports import httpx as on_httpx
from nai_transports import memory as on_memory
from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.support import (
    ALL,
    ASYNC,
    EMAIL,
    PASSWORD,
    SOCKETS,
    SYNC,
    WIRED,
    Outcome,
    all_on,
    an_emulator,
    answers,
    at,
    connecting,
    counting,
    cuts,
    on,
    opened,
    reading,
    running,
    session_at,
    stalls,
    streams,
    switched,
    token,
    with_token,
)

every_transport = pytest.mark.parametrize("transport", ALL)
over_sockets = pytest.mark.parametrize("transport", SOCKETS)
on_a_loop = pytest.mark.parametrize("transport", ASYNC)
on_all_at_once = for_each("transport", ALL, at_once=True)  # what waits, waits together

SECRET_TOKEN = "pst-" + "Sec" * 20 + "ret7"
PROMPT = "a prompt that nobody else may read"
STORY = text.generate_stream(PROMPT, max_length=5).with_options(retry=NO_RETRY)
WHOLE = text.generate(PROMPT, max_length=5).with_options(retry=NO_RETRY)


@flow
def tell(password: str = PASSWORD) -> Steps[text.Token, text.Completion]:
    """Logs in and streams."""
    granted = yield from account.login(EMAIL, password)
    return (yield from with_token(granted, text.generate_stream("Once upon a time", max_length=12, extra={"seed": 3})))


def session(timeouts: Timeouts = Timeouts(), **options: Any) -> Callable[[str], Session]:
    return partial(session_at, token=PersistentToken(SECRET_TOKEN), timeouts=timeouts, **options)


def seen(outcome: Outcome) -> tuple[object, ...]:
    """What has to be equal everywhere."""
    error = outcome.error
    fields = () if error is None else (type(error), getattr(error, "sent", None), getattr(error, "phase", None))
    return (*fields, outcome.events, outcome.result, outcome.partial)


def assert_keeps_secrets(outcome: Outcome) -> None:
    """Nothing that was entrusted stands in anything that is printed."""
    assert outcome.error is not None
    message = ""
    chain: BaseException | None = outcome.error
    while chain is not None:
        message += "".join(traceback.format_exception_only(chain)) + repr(chain)
        chain = chain.__context__
    for secret in (SECRET_TOKEN, PASSWORD, PROMPT):
        assert secret not in message


# ---- what works


@every_transport
def test_one_flow_logs_in_and_streams_on_every_transport(transport: str) -> None:
    outcome = on(transport, an_emulator()[0], tell)
    reference = on("memory", an_emulator()[0], tell)
    assert outcome.error is None
    assert len(outcome.events) == 12
    assert outcome.result.text == "".join(event.text for event in outcome.events)
    assert outcome.result.finish_reason == "length"
    assert seen(outcome) == seen(reference)


@every_transport
def test_one_operation_value_runs_any_number_of_times(transport: str) -> None:
    emulator, owner = an_emulator()
    operation = text.generate("The sea", max_length=8, extra={"seed": 1})
    outcomes = all_on(transport, emulator, [lambda: operation] * 3, partial(session_at, token=owner.persistent_token))
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert len({outcome.result.text for outcome in outcomes}) == 1


@every_transport
def test_a_login_by_key_gives_a_token(transport: str) -> None:
    emulator, owner = an_emulator()
    outcome = on(transport, emulator, lambda: account.login_with_key(owner.key))
    assert isinstance(outcome.result, AccessToken)


@every_transport
def test_one_connection_serves_one_exchange_after_the_other(transport: str) -> None:
    emulator, owner = an_emulator()
    connections = []

    def app(request: Request) -> Handler:
        connections.append(request)
        yield from emulator(request)

    operations = [text.generate_stream("Once", max_length=3), text.generate("Once", max_length=3)] * 3
    flows = [partial(_same, operation) for operation in operations]
    if transport in WIRED:
        with serve_in_thread(app) as url:
            pool = _pool_after(transport, Session(base_url=url, token=owner.persistent_token), operations)
        assert pool.opened == 1
    else:
        outcomes = all_on(transport, app, flows, partial(session_at, token=owner.persistent_token))
        assert all(outcome.error is None for outcome in outcomes)
    assert len(connections) == 6


def _same(operation: Runnable[Any, Any]) -> Runnable[Any, Any]:
    return operation


def _pool_after(transport: str, session: Session, operations: list[Any]) -> RawTransport:
    async def main() -> RawTransport:
        async with connecting(transport, session) as client:
            for operation in operations:
                await client.run(operation)
            pool = client._transport
        assert isinstance(pool, RawTransport)
        return pool

    return running(transport, main)


@over_sockets
def test_a_connection_that_the_server_has_closed_is_not_used_again(transport: str) -> None:
    body = b'{"output":"x"}'

    def app(request: Request) -> Handler:
        yield from reading(request)
        yield RawWrite(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        yield Cut()  # without having said so

    @flow
    def pause() -> Steps[Any, None]:
        yield Sleep(0.05, 0.05)

    outcomes = all_on(transport, app, [lambda: WHOLE, pause, lambda: WHOLE], session())
    assert [outcome.error for outcome in outcomes] == [None] * 3


@every_transport
def test_computing_and_sleeping_are_part_of_a_flow(transport: str) -> None:
    @flow
    def program() -> Steps[str, int]:
        number = yield from compute(lambda: 41)
        yield Sleep(0.0, 0.001)
        return number + 1

    assert on(transport, an_emulator()[0], program).result == 42


@every_transport
def test_what_a_computation_raises_is_raised_in_the_flow(transport: str) -> None:
    @flow
    def program() -> Steps[str, str]:
        try:
            yield from compute(lambda: 1 // 0)
        except ZeroDivisionError:
            return "caught"
        return "nothing"

    assert on(transport, an_emulator()[0], program).result == "caught"


@on_all_at_once
def test_an_answer_without_end_is_over_when_its_last_word_is_said(transport: str) -> None:
    def silence() -> Handler:
        yield Wait(None)

    app = streams(token("The", 0), token(" end", 1, final=True), then=silence)
    outcome = on(transport, app, lambda: STORY, session(Timeouts(idle=1.0)))
    assert outcome.error is None
    assert outcome.result.text == "The end"


# ---- what goes wrong


@every_transport
def test_a_wrong_password_is_an_authentication_error(transport: str) -> None:
    outcome = on(transport, an_emulator()[0], partial(tell, "wrong " + PASSWORD))
    assert isinstance(outcome.error, errors.AuthenticationError)
    assert outcome.error.status == 401
    assert "/user/login" in str(outcome.error)
    assert_keeps_secrets(outcome)


@every_transport
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, errors.StatusError),
        (400, errors.RejectedRequestError),
        (401, errors.AuthenticationError),
        (402, errors.PaymentRequiredError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (408, errors.RequestTimeoutError),
        (409, errors.ConflictError),
        (429, errors.RateLimitError),
        (500, errors.ServerError),
        (503, errors.ServerError),
    ],
)
def test_a_refusal_has_its_class_and_says_what_the_service_said(
    transport: str, status: int, kind: type[errors.StatusError]
) -> None:
    said = b'{"statusCode":%d,"message":"not like this, %b"}' % (status, SECRET_TOKEN.encode())
    app = answers(status, said, content_type="application/json", retry_after="7", location="http://example.com/")
    outcome = on(transport, app, lambda: STORY, session())
    error = outcome.error
    assert type(error) is kind
    assert isinstance(error, errors.StatusError)
    assert (error.status, error.retry_after) == (status, 7.0)
    assert "not like this" in str(error)
    assert_keeps_secrets(outcome)


@every_transport
def test_a_running_generation_is_a_lock_of_its_own_class(transport: str) -> None:
    app = answers(
        429, b'{"statusCode":429,"message":"Concurrent generation is locked"}', content_type="application/json"
    )
    assert isinstance(on(transport, app, lambda: WHOLE).error, errors.ConcurrentGenerationError)


@every_transport
def test_a_page_of_a_gateway_is_called_one(transport: str) -> None:
    page = b"<!doctype html><title>502 Bad Gateway</title><p>cloud"
    refused = on(transport, answers(502, page, content_type="text/html"), lambda: STORY)
    assert isinstance(refused.error, errors.ServerError)
    assert "HTML page" in str(refused.error)
    assert "502 Bad Gateway" in str(refused.error)
    accepted = on(transport, answers(200, page, content_type="text/html; charset=utf-8"), lambda: STORY)
    assert type(accepted.error) is errors.RemoteProtocolError
    assert "HTML page" in str(accepted.error)


@every_transport
@pytest.mark.parametrize("garbage", [b"", b"{", b'{"output":7}', b"[]", b"\xff\xfe", b"null", b"[" * 5000])
def test_garbage_instead_of_json_is_told_with_where_and_what(transport: str, garbage: bytes) -> None:
    outcome = on(transport, answers(200, garbage, content_type="application/json"), lambda: WHOLE, session())
    assert isinstance(outcome.error, errors.RemoteProtocolError)
    assert "POST /ai/generate" in str(outcome.error) or isinstance(outcome.error, errors.LimitExceeded)
    assert_keeps_secrets(outcome)


@every_transport
def test_an_error_inside_a_success_is_an_error(transport: str) -> None:
    app = answers(201, b'{"error":"node is down"}', content_type="application/json")
    outcome = on(transport, app, lambda: WHOLE)
    assert isinstance(outcome.error, errors.StreamError)
    assert outcome.error.message == "node is down"


@every_transport
def test_an_error_inside_a_stream_keeps_what_came_before(transport: str) -> None:
    app = streams(token("Once", 0), token(" upon", 1), b'event: error\ndata: {"error": "node is down"}\n\n')
    outcome = on(transport, app, lambda: STORY)
    assert isinstance(outcome.error, errors.StreamError)
    assert isinstance(outcome.error.partial, text.Completion)
    assert outcome.error.partial.text == "Once upon"


@every_transport
def test_a_stream_that_ends_early_is_truncated_and_keeps_its_text(transport: str) -> None:
    outcome = on(transport, streams(token("Once", 0), token(" upon", 1)), lambda: STORY)
    assert isinstance(outcome.error, errors.Truncated)
    assert [event.text for event in outcome.events] == ["Once", " upon"]
    assert isinstance(outcome.error.partial, text.Completion)
    assert outcome.error.partial.text == "Once upon"


CHUNKS = (token("Once", 0), token(" upon a", 1), token(" time", 2, final=True))
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in CHUNKS)
    + b"0\r\n\r\n"
)


def cuts_tried(transport: str) -> range:
    """The lengths at which the answer is cut: all, or with few examples every third one, not the same everywhere."""
    every = 1 if transport in ("memory", "sync") else 3 // scale_examples(3)
    return range(SOCKETS.index(transport) % every if every > 1 else 0, len(ANSWER) + 1, every)


@cache
def cut_anywhere(transport: str) -> dict[int, Outcome]:
    """How the answer ends that is cut after so many bytes."""
    tried = cuts_tried(transport)
    lengths = iter(tried)

    def app(request: Request) -> Handler:
        yield from cuts(ANSWER[: next(lengths)])(request)

    return dict(zip(tried, all_on(transport, app, [lambda: STORY] * len(tried), session()), strict=True))


@pytest.mark.parametrize("transport", [*SYNC, *WIRED, "httpx-asyncio", "httpx2-trio"])
def test_a_connection_cut_at_any_byte_ends_alike_everywhere(transport: str) -> None:
    for end, outcome in cut_anywhere(transport).items():
        assert seen(outcome) == seen(cut_anywhere("memory")[end]), end
        whole = ANSWER.find(b'"final":true}\n\n') + len(b'"final":true}\n\n') <= end
        assert (outcome.error is None) is whole, end
        if not whole:
            assert isinstance(outcome.error, errors.Truncated | errors.TransportError), end
            assert_keeps_secrets(outcome)


@every_transport
def test_bytes_that_are_not_http_are_the_servers_fault(transport: str) -> None:
    outcome = on(transport, cuts(b"SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n"), lambda: STORY, session())
    assert isinstance(outcome.error, errors.RemoteProtocolError)
    assert_keeps_secrets(outcome)


@every_transport
def test_a_malformed_chunk_is_the_servers_fault(transport: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    outcome = on(transport, cuts(head + b"zz\r\nOnce"), lambda: STORY, session())
    # httpx tells a broken chunk from an early end in words only: there both are Truncated, which is a RemoteProtocolError
    assert isinstance(outcome.error, errors.RemoteProtocolError)
    assert transport.startswith("httpx") or not isinstance(outcome.error, errors.Truncated)


@on_all_at_once
@pytest.mark.parametrize(
    ("said", "phase", "texts"),
    [
        (b"", "read", None),
        (ANSWER[:20], "read", None),
        (ANSWER[: ANSWER.index(b" time")], "idle", "Once upon a"),
    ],
)
def test_a_stall_ends_with_its_phase_and_the_text_so_far(
    transport: str, said: bytes, phase: str, texts: str | None
) -> None:
    quick = session(Timeouts(read=0.6, idle=0.6))
    outcome = on(transport, stalls(said), lambda: STORY, quick)
    error = outcome.error
    assert isinstance(error, errors.TimedOut)
    assert isinstance(error, TimeoutError)
    assert (error.phase, error.sent) == (phase, True)
    assert getattr(error.partial, "text", None) == texts
    assert_keeps_secrets(outcome)


@on_all_at_once
def test_each_wait_has_its_limit_anew(transport: str) -> None:
    def slow() -> Handler:
        for ptr in range(5):
            yield Wait(0.2)
            yield Write(token("drip ", ptr))
        yield Wait(None)

    outcome = on(transport, streams(then=slow), lambda: STORY, session(Timeouts(read=5.0, idle=0.8)))
    assert isinstance(outcome.error, errors.TimedOut)
    assert (outcome.error.phase, len(outcome.events)) == ("idle", 5)


@on_all_at_once
def test_the_total_ends_a_server_that_drips(transport: str) -> None:
    def drip() -> Handler:
        for ptr in range(1000):
            yield Wait(0.03)
            yield Write(token("drip ", ptr))

    impatient = session(Timeouts(idle=5.0, total=0.4))
    outcome = on(transport, streams(then=drip), lambda: STORY, impatient)
    assert isinstance(outcome.error, errors.TimedOut)
    assert outcome.error.phase == "total"
    assert outcome.events


@over_sockets
def test_nobody_listening_is_an_error_that_was_not_sent(transport: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        port = taken.getsockname()[1]
        outcome = at(transport, session()(f"http://127.0.0.1:{port}"), [lambda: STORY])[0]
    assert type(outcome.error) is errors.TransportError
    assert (outcome.error.sent, outcome.error.phase) == (False, "connect")
    assert_keeps_secrets(outcome)


@every_transport
def test_a_coding_that_was_not_asked_for_is_refused(transport: str) -> None:
    app = answers(200, b"\x1f\x8b", content_type="application/json", content_encoding="gzip")
    assert type(on(transport, app, lambda: WHOLE).error) is errors.RemoteProtocolError


@every_transport
def test_the_sessions_limits_bound_what_is_read(transport: str) -> None:
    small = session(limits=Limits(line=100, event=100))
    outcome = on(transport, streams(b"data: " + b"x" * 200), lambda: STORY, small)
    assert isinstance(outcome.error, errors.LimitExceeded)


@every_transport
def test_what_cannot_be_sent_is_refused_before_it_is_sent(transport: str) -> None:
    secret = "a value\r\nwith a line end"
    spoiled = session(headers=Headers([("X-Gateway-Key", secret)]))
    outcome = on(transport, an_emulator()[0], lambda: STORY, spoiled)
    assert isinstance(outcome.error, errors.InvalidRequestError)
    assert secret not in repr(outcome.error)
    assert_keeps_secrets(outcome)


@every_transport
def test_one_generation_runs_at_a_time_and_the_next_waits(transport: str) -> None:
    emulator, owner = an_emulator()
    owner.generating = True
    outcome = on(transport, emulator, lambda: STORY, partial(session_at, token=owner.persistent_token))
    assert isinstance(outcome.error, errors.ConcurrentGenerationError)


# ---- stopping half-way


@every_transport
def test_leaving_after_any_event_tells_the_server_at_once(transport: str) -> None:
    emulator, owner = an_emulator(pace=0.002, **switched(strict_limits=False))
    operation = text.generate_stream("Once", max_length=2000)
    with counting(emulator) as (app, at_work):
        if transport == "memory":
            with on_memory.Client(app, Session(base_url="http://x", token=owner.persistent_token)) as client:
                _leave_everywhere(client, operation, lambda: at_work[0])
            return
        with serve_in_thread(app) as url:
            session = Session(base_url=url, token=owner.persistent_token)
            if transport in ASYNC:
                _leave_everywhere_async(transport, session, operation, lambda: at_work[0])
                return
            with opened(transport, session) as client:
                _leave_everywhere(client, operation, lambda: at_work[0])


def _leave_everywhere(client: Any, operation: Any, at_work: Callable[[], int]) -> None:
    for count in range(5):
        with client.stream(operation) as story:
            for seen, _ in enumerate(story, 1):
                if seen > count:
                    break
        story.close()
        assert _soon(lambda: at_work() == 0)
        with pytest.raises(errors.ClosedError):
            list(story)
        with pytest.raises(errors.LocalProtocolError):
            _ = story.result
        assert isinstance(story.partial, text.Completion)


def _leave_everywhere_async(transport: str, session: Session, operation: Any, at_work: Callable[[], int]) -> None:
    async def main() -> None:
        async with connecting(transport, session, slots=1) as client:
            for count in range(5):
                seen = 0
                async with client.stream(operation) as story:
                    async for _ in story:
                        seen += 1
                        if seen > count:
                            break
                story.close()
                while at_work():
                    await anyio.sleep(0.002)
                with pytest.raises(errors.ClosedError):
                    await anext(story)
                assert isinstance(story.partial, text.Completion)

    running(transport, main)


def _soon(holds: Callable[[], bool]) -> bool:
    for _ in range(2000):
        if holds():
            return True
        time.sleep(0.002)
    return False


def _tripped(flow: Runnable[Any, Any], at: int, trip: Callable[[], None]) -> Steps[Any, Any]:
    """``flow``, with ``trip`` called just before its action number ``at``."""
    steps = iter(flow)
    incoming: Any = None
    try:
        for number in range(1_000_000):
            action = steps.send(incoming)
            if number == at:
                trip()
            try:
                incoming = yield action
            except errors.NaiError as error:  # the flows here do not catch errors
                steps.throw(error)
    except StopIteration as stop:
        return stop.value
    finally:
        steps.close()


MOMENTS = range(14)


@pytest.mark.parametrize("transport", ["memory", "sync", "httpx", "httpx2"])
def test_an_interrupt_at_any_action_passes_through_and_leaves_nothing_behind(transport: str) -> None:
    emulator, owner = an_emulator(pace=0.001)

    def interrupt() -> None:
        raise KeyboardInterrupt

    def flows(client: Any, at_work: list[int]) -> None:
        for moment in MOMENTS:
            with pytest.raises(KeyboardInterrupt):
                client.run(_tripped(tell(), moment, interrupt))
            assert _soon(lambda: at_work[0] == 0)
            assert not owner.generating
        assert client.run(tell()).finish_reason == "length"

    with counting(emulator) as (app, at_work):
        if transport == "memory":
            with on_memory.Client(app) as client:
                flows(client, at_work)
            return
        with serve_in_thread(app) as url, opened(transport, Session(base_url=url)) as blocking:
            flows(blocking, at_work)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("transport", [name for name in ASYNC if name.endswith("asyncio")])
def test_asyncio_cancelled_at_any_action_twice_leaves_nothing_behind(transport: str, turns: int) -> None:
    emulator, owner = an_emulator(pace=0.004)

    async def main(url: str, at_work: list[int]) -> None:
        async with connecting(transport, Session(base_url=url), slots=1) as client:
            pool = client._transport
            for moment in MOMENTS:
                task: asyncio.Task[Any] | None = None
                tripped = asyncio.Event()

                def trip() -> None:
                    assert task is not None
                    task.cancel()
                    tripped.set()

                task = asyncio.ensure_future(client.run(_tripped(tell(), moment, trip)))
                task.add_done_callback(lambda _: tripped.set())
                await tripped.wait()
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                while at_work[0]:
                    await asyncio.sleep(0.001)
                assert not owner.generating
                assert not isinstance(pool, RawTransport) or pool.pool.idle <= 1
            assert (await client.run(tell())).finish_reason == "length"

    with counting(emulator) as (app, at_work), serve_in_thread(app) as url:
        asyncio.run(main(url, at_work))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("transport", [name for name in ASYNC if name.endswith("trio")])
def test_trio_cancelled_at_any_action_twice_leaves_nothing_behind(transport: str, turns: int) -> None:
    emulator, owner = an_emulator(pace=0.004)

    async def main(url: str, at_work: list[int]) -> None:
        async with connecting(transport, Session(base_url=url), slots=1) as client:
            for moment in MOMENTS:
                async with trio.open_nursery() as nursery:
                    outer, inner, tripped = trio.CancelScope(), trio.CancelScope(), trio.Event()

                    def trip() -> None:
                        inner.cancel()
                        tripped.set()

                    async def run(outer: trio.CancelScope, inner: trio.CancelScope, moment: int) -> None:
                        with outer, inner:
                            await client.run(_tripped(tell(), moment, trip))
                            await trio.lowlevel.checkpoint()  # all had come already, there was nothing to wait for
                            raise AssertionError("not cancelled")

                    nursery.start_soon(run, outer, inner, moment)
                    await tripped.wait()
                    for _ in range(turns):
                        await trio.lowlevel.checkpoint()
                    outer.cancel()
                while at_work[0]:
                    await trio.sleep(0.001)
                assert not owner.generating
            assert (await client.run(tell())).finish_reason == "length"

    with counting(emulator) as (app, at_work), serve_in_thread(app) as url:
        trio.run(main, url, at_work)


@on_a_loop
def test_a_deadline_of_the_callers_passes_through_and_keeps_the_text(transport: str) -> None:
    emulator, owner = an_emulator(pace=0.02, **switched(strict_limits=False))
    operation = text.generate_stream("Once", max_length=2000)

    async def main() -> None:
        async with connecting(transport, Session(base_url=url, token=owner.persistent_token)) as client:
            stream = client.stream(operation)
            if transport.endswith("asyncio"):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(None) as deadline, stream:
                        async for _ in stream:  # the first event starts the clock, however slow the machine is
                            if deadline.when() is None:
                                deadline.reschedule(asyncio.get_running_loop().time() + 0.2)
            else:
                with trio.CancelScope() as scope:
                    async with stream:
                        async for _ in stream:
                            scope.deadline = min(scope.deadline, trio.current_time() + 0.2)
                assert scope.cancelled_caught
            assert isinstance(stream.partial, text.Completion)

    with serve_in_thread(emulator) as url:
        running(transport, main)


@on_a_loop
def test_thirty_streams_at_once_do_not_mix(transport: str) -> None:
    def app(request: Request) -> Handler:
        yield from reading(request)
        yield Start(Head(200, Headers.of(content_type="text/event-stream")))
        for ptr in range(20):
            yield Wait(0.001)
            yield Write(token(request.headers.get("x-name") or "?", ptr, final=ptr == 19))

    @flow
    def named(name: str) -> Steps[text.Token, text.Completion]:
        def named(action: Action[text.Token]) -> Action[text.Token]:
            if isinstance(action, Send):
                return replace(action, request=action.request.adding([("X-Name", name)]))
            return action

        return (yield from map_actions(STORY, named))

    names = [f"<{number}>" for number in range(30)]
    results: dict[str, str] = {}

    async def one(client: Any, name: str) -> None:
        results[name] = (await client.run(named(name))).text

    async def main() -> None:
        async with connecting(transport, Session(base_url=url)) as client, anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(one, client, name)

    with serve_in_thread(app) as url:
        running(transport, main)
    assert results == {name: name * 20 for name in names}


@for_each("transport", ASYNC, at_once=True)
def test_heavy_work_does_not_hold_up_the_event_loop(transport: str) -> None:
    ticks = 0

    @flow
    def program() -> Steps[Any, int]:
        before = ticks
        yield from compute(lambda: time.sleep(0.3))
        return ticks - before

    async def ticking() -> None:
        nonlocal ticks
        while True:
            await anyio.sleep(0.005)
            ticks += 1

    async def main() -> int:
        async with connecting(transport, Session()) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(ticking)
            counted = await client.run(program())
            tasks.cancel_scope.cancel()
        return counted

    assert running(transport, main) >= 1


@for_each("transport", ASYNC, at_once=True)
def test_work_that_outlasts_the_total_behind_a_request_may_have_been_acted_on(transport: str) -> None:
    @flow
    def program() -> Steps[Any, None]:
        yield from WHOLE
        yield from compute(lambda: time.sleep(0.5))

    app = answers(200, b'{"output":"x"}', content_type="application/json")
    outcome = on(transport, app, program, lambda url: Session(base_url=url, timeouts=Timeouts(total=0.3)))
    assert isinstance(outcome.error, errors.TimedOut)
    assert (outcome.error.phase, outcome.error.sent) == ("total", True)


@over_sockets
def test_a_redirect_to_another_host_is_a_refusal_and_the_token_stays(transport: str) -> None:
    strangers: list[Request] = []

    def elsewhere(request: Request) -> Handler:
        strangers.append(request)
        yield from answers(200, b'{"output":"x"}', content_type="application/json")(request)

    with serve_in_thread(elsewhere) as there:
        for status in (301, 302, 303, 307, 308):
            outcome = on(transport, answers(status, b"", location=f"{there}/ai/generate"), lambda: WHOLE, session())
            assert type(outcome.error) is errors.StatusError
            assert outcome.error.status == status
            assert_keeps_secrets(outcome)
    assert strangers == []


@pytest.mark.parametrize("transport", [name for name in ASYNC if name not in WIRED])
def test_a_slot_that_a_stream_has_left_is_free_for_who_waits_for_it(transport: str) -> None:
    emulator, owner = an_emulator(pace=0.01, **switched(strict_limits=False))
    story = text.generate_stream("Once", max_length=2000).with_options(retry=NO_RETRY)

    async def main() -> None:
        async with connecting(transport, Session(base_url=url, token=owner.persistent_token), slots=1) as client:
            results = []

            async def waiting() -> None:
                results.append(await client.run(text.generate("Once", max_length=3)))

            async with anyio.create_task_group() as tasks, client.stream(story) as stream:
                await anext(stream)
                tasks.start_soon(waiting)
                await anyio.sleep(0.05)
                assert not results
            assert results[0].text

    with serve_in_thread(emulator) as url:
        running(transport, main)


def test_an_answer_that_comes_after_the_cancellation_is_closed() -> None:
    closed: list[str] = []

    class Late:
        """A client whose `send` cannot be stopped; called httpx's, so that it gets a task of its own."""

        __module__ = "httpx"
        status_code = 200
        headers = httpx.Headers()

        def build_request(self, method: str, url: str, **fields: Any) -> httpx.Request:
            return httpx.Request(method, url, **fields)

        async def send(self, *arguments: Any, **options: Any) -> Any:
            assert arguments
            assert options == {"stream": True, "follow_redirects": False}
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.05)
            return self

        def aiter_raw(self) -> Any:
            raise AssertionError("nobody reads")

        async def aclose(self) -> None:
            closed.append("aclose")

    async def main() -> None:
        async with on_httpx.AsyncClient(Session(base_url="http://localhost"), Late()) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await client.run(WHOLE)
            assert not closed
            await asyncio.sleep(0.1)
            assert closed == ["aclose"]

    asyncio.run(main())


@pytest.mark.parametrize("runtime", ["asyncio", "trio"])
def test_a_client_of_httpx_is_made_where_none_is_given(runtime: str) -> None:
    emulator, owner = an_emulator()

    async def main() -> None:
        async with on_httpx.AsyncClient(Session(base_url=url, token=owner.persistent_token)) as client:
            assert (await client.run(text.generate("Once", max_length=3))).text
        with pytest.raises(errors.ClosedError):
            await client.run(WHOLE)

    with serve_in_thread(emulator) as url:
        running(runtime, main)


def test_a_key_that_is_none_never_leaves() -> None:
    with pytest.raises(errors.InvalidRequestError):
        account.login_with_key(AccessKey("too short"))
