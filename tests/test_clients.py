"""Clients: where their token comes from, which loop they run on, and what a stream is after it was cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio

import nai_proto as nai
from nai_proto import errors
from nai_proto.exchange import Run
from nai_proto.exchange.retry import NO_RETRY
from nai_transports import asyncio as on_asyncio
from nai_transports import httpx as on_httpx
from nai_transports import sync as on_sockets
from nai_transports import trio as on_trio
from nai_transports.proxy import Proxy
from tests.cases import for_each
from tests.drivers import ASYNCHRONOUS, BLOCKING, make_client, opened, run
from tests.raw_servers import RawConnection, raw_server
from tests.support import token
from tests.test_connections import STREAM_HEAD, chunk, stream

CLIENTS = (on_sockets.Client, on_asyncio.Client, on_trio.Client, on_httpx.Client, on_httpx.AsyncClient)


def send_all_at_once(connection: RawConnection) -> None:
    connection.read_request()
    pieces = [chunk(token(f" {number}", number, final=number == 9)) for number in range(10)]
    connection.send(STREAM_HEAD + b"".join(pieces) + b"0\r\n\r\n")
    connection.wait_closed()


# ---- after a cancellation


@pytest.mark.parametrize("driver", BLOCKING)
@pytest.mark.parametrize("end", ["cancel", "close"])
def test_a_stream_that_was_ended_never_looks_finished_even_if_all_had_come(driver: str, end: str) -> None:
    with raw_server(send_all_at_once) as server:
        client = make_client(driver, nai.Session(base_url=server.url))
        story = client.stream(stream())
        first = next(iter(story))
        getattr(story, end)()
        with pytest.raises(errors.ClosedError):
            list(story)
        with pytest.raises(errors.LocalProtocolError):
            _ = story.result
        assert first.text == " 0"
        assert story.partial.text.startswith(" 0")
        client.close()
        if driver == "httpx2":
            client._transport._http.close()


@pytest.mark.parametrize("driver", BLOCKING)
def test_a_loop_over_a_stream_ends_with_the_event_at_which_it_was_cancelled(driver: str) -> None:
    seen = []
    with raw_server(send_all_at_once) as server:
        client = make_client(driver, nai.Session(base_url=server.url))
        story = client.stream(stream())
        with pytest.raises(errors.ClosedError):
            for event in story:
                seen.append(event.text)
                if len(seen) == 3:
                    story.cancel()
        client.close()
        if driver == "httpx2":
            client._transport._http.close()
    assert seen == [" 0", " 1", " 2"]


@pytest.mark.parametrize("driver", ASYNCHRONOUS)
def test_an_async_stream_is_closed_in_its_own_thread_only(driver: str) -> None:
    problems: list[BaseException] = []

    async def main() -> str:
        async with opened(driver, nai.Session(base_url=server.url)) as client, client.stream(stream()) as story:
            await anext(story)

            def close() -> None:
                try:
                    story.close()
                except BaseException as error:
                    problems.append(error)

            thread = threading.Thread(target=close)
            thread.start()
            thread.join()
            async for _ in story:
                pass
            return str(story.result.text)

    with raw_server(send_all_at_once) as server:
        assert run(driver, main).startswith(" 0 1 2")
    (problem,) = problems
    assert isinstance(problem, errors.LocalProtocolError)
    assert "call_soon_threadsafe" in str(problem)


# ---- on another runtime


def test_a_client_of_asyncio_says_so_on_trio_and_without_a_loop() -> None:
    async def main() -> None:
        async with on_asyncio.Client(base_url="http://127.0.0.1:9") as client:
            await client.run(nai.account.get_subscription())

    with pytest.raises(errors.LocalProtocolError, match="needs asyncio, which is not running"):
        trio.run(main)
    with pytest.raises(errors.LocalProtocolError):
        on_asyncio.Client(base_url="http://127.0.0.1:9").stream(nai.account.get_subscription())


def test_a_client_of_trio_says_so_on_asyncio() -> None:
    async def main() -> None:
        async with on_trio.Client(base_url="http://127.0.0.1:9") as client:
            await client.run(nai.account.get_subscription())

    with pytest.raises(errors.LocalProtocolError, match="needs trio, which is not running"):
        asyncio.run(main())


# ---- arguments


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("variable", "value"), [("NAI_TOKEN", "pst-secret\n"), ("NAI_TOKEN", "pst-é"), ("NAI_URL", "nonsense")]
)
def test_a_wrong_variable_of_the_environment_is_named_and_its_value_is_not(
    client: Callable[..., Any], variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(errors.InvalidRequestError, match=f"^the environment variable {variable}: ") as caught:
        client()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_token_that_is_empty_is_refused_and_not_taken_from_the_environment(
    client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-of-another-account")
    with pytest.raises(errors.InvalidRequestError) as caught:
        client(token="")
    assert "NAI_TOKEN" not in str(caught.value)


@for_each("client", CLIENTS)
def test_what_cannot_be_called_is_no_observer(client: Callable[..., Any]) -> None:
    with pytest.raises(errors.InvalidTypeError, match="on_event takes a callable"):
        client(on_event="print")


@for_each("driver", ["sync", "asyncio", "trio"])
def test_an_error_of_connecting_to_a_proxy_names_the_proxy(driver: str) -> None:
    async def main() -> errors.NaiError:
        session = nai.Session(base_url="http://service.example:8080")
        async with opened(driver, session, proxy=Proxy("http://127.0.0.1:1")) as client:
            with pytest.raises(errors.TransportError) as caught:
                await client.run(nai.account.get_subscription().with_options(retry=NO_RETRY))
            return caught.value

    assert "connecting to the proxy 127.0.0.1:1: Connection refused" in str(run(driver, main))


# ---- the message face


def test_a_call_has_the_options_of_its_operation() -> None:
    session = nai.Session(base_url="http://127.0.0.1", token="pst-session")
    operation = nai.text.generate("x").with_options(token="pst-operation", limits=nai.Limits(body=3))
    call = nai.Call(operation, session=session)
    assert dict(call.send().fields())["Authorization"] == "Bearer pst-operation"
    call.receive_head(nai.Head(200, nai.Headers([("content-type", "application/json")])))
    with pytest.raises(errors.LimitExceeded):
        call.receive_data(b'{"output": "four"}')
    with pytest.raises(errors.InvalidRequestError, match="give session="):
        nai.Call(operation).send()


@for_each(
    "operation, advice",
    [
        (
            nai.account.login("a@example.com", "password"),
            "a Flow may perform several: run it by a client",
        ),
        ("x", "such as nai.text.generate"),
        (None, "of type NoneType"),
        (nai.text.generate, r"write generate\(…\)"),
    ],
)
def test_a_call_of_something_else_says_what_to_write(operation: Any, advice: str) -> None:
    with pytest.raises(errors.InvalidTypeError, match=advice) as caught:
        nai.Call(operation)
    assert caught.value.parameter == "operation"


def test_a_session_is_asked_for_by_name() -> None:
    operation = nai.text.generate("x")
    for make in (
        lambda: nai.Call(operation, session="pst-x"),  # type: ignore[arg-type]
        lambda: Run(operation, "pst-x", now=float, entropy=bytes),  # type: ignore[arg-type]
    ):
        with pytest.raises(errors.InvalidTypeError, match=r"session takes a nai\.Session"):
            make()


@for_each(
    "make",
    [
        lambda: nai.RetryPolicy(attempts="3"),  # type: ignore[arg-type]
        lambda: nai.RetryPolicy(max_delay="3"),  # type: ignore[arg-type]
        lambda: nai.Limits(body="x"),  # type: ignore[arg-type]
        lambda: nai.Limits(head=1.5),  # type: ignore[arg-type]
        lambda: nai.Timeouts(total="5"),  # type: ignore[arg-type]
        lambda: nai.Timeouts(read=True),
    ],
)
def test_settings_of_a_wrong_type_are_refused_at_once(make: Callable[[], object]) -> None:
    with pytest.raises(errors.InvalidTypeError):
        make()


@pytest.mark.parametrize("make", [lambda: nai.Limits(body=-1), lambda: nai.Timeouts(idle=-1.0)])
def test_settings_out_of_range_are_refused_at_once(make: Callable[[], object]) -> None:
    with pytest.raises(errors.InvalidRequestError):
        make()


def test_settings_show_only_what_was_changed() -> None:
    assert repr(nai.Limits()) == "Limits()"
    assert repr(nai.Limits(body=5)) == "Limits(body=5)"
    assert repr(nai.Timeouts(read=None)) == "Timeouts(read=None)"
    assert repr(nai.PoolLimits(idle=0)) == "PoolLimits(idle=0)"
    assert repr(nai.RetryPolicy()) == "RetryPolicy()"
