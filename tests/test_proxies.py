"""HTTP proxies: tunnels to http and https targets, and proxies that refuse, lie or hang."""

from __future__ import annotations

import asyncio
import traceback
from base64 import b64encode
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
import httpx2
import pytest
import trio

from nai_proto import account, text
from nai_proto.errors import InvalidRequestError, TimedOut, TransportError
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.limits import Limits, Timeouts
from nai_proto.secret import PersistentToken
from nai_transports import asyncio as on_asyncio
from nai_transports import httpx as on_httpx
from nai_transports import trio as on_trio
from nai_transports.proxy import Proxy, proxy_from_environment
from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each
from tests.connect_proxy import GRANTED, Proxied, proxying
from tests.support import an_emulator
from tests.test_tls import AUTHORITY, secured, trusting

OURS = ("asyncio", "trio")
ALL = (*OURS, "httpx", "httpx2")
STORY = text.generate("Once", max_length=5).with_options(retry=NO_RETRY)
TOKEN = PersistentToken("pst-" + "Sec" * 8 + "ret7")
WHO = "writer:p%40ss%3Aword"
BASIC = b"Basic " + b64encode(b"writer:p@ss:word")


def run(transport: str, session: Session, proxy: Proxy | str, times: int = 1, trust: Any = AUTHORITY) -> list[Any]:
    """Runs an operation through a proxy, several times on one client."""
    context = trusting(trust)

    async def on_loop(client: Any) -> list[Any]:
        async with client:
            return [await client.run(STORY) for _ in range(times)]

    match transport:
        case "asyncio":
            return asyncio.run(on_loop(on_asyncio.Client(session, ssl_context=context, proxy=proxy)))
        case "trio":
            return trio.run(on_loop, on_trio.Client(session, ssl_context=context, proxy=proxy))
        case "httpx":
            with httpx.Client(verify=context, trust_env=False, proxy=str(proxy)) as http:
                return [on_httpx.Client(session, http).run(STORY) for _ in range(times)]
        case _:
            with httpx2.Client(verify=context, trust_env=False, proxy=str(proxy)) as http2:
                return [on_httpx.Client(session, http2).run(STORY) for _ in range(times)]


@contextmanager
def served(tls: bool, *names: str) -> Generator[Session, None, None]:
    """An emulator, and a session that asks it as its account."""
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as plain:
        if not tls:
            yield Session(base_url=plain, token=owner.persistent_token)
            return
        with secured(plain, *(names or ("localhost",))) as url:
            yield Session(base_url=url, token=owner.persistent_token)


def failing(transport: str, proxy: Proxied, session: Session, who: str = "") -> TransportError:
    """The error of a run through a proxy that gets nowhere."""
    with pytest.raises(TransportError) as caught:
        run(transport, session, proxy.url(who))
    error = caught.value
    assert (error.sent, error.phase) == (False, "connect")
    assert_keeps_secrets(error, proxy)
    return error


def assert_keeps_secrets(error: BaseException, proxy: Proxied) -> None:
    message = "".join(traceback.format_exception(error))
    chain: BaseException | None = error
    while chain is not None:
        message += repr(chain) + repr(vars(chain))
        chain = chain.__context__
    for secret in ("pst-", "writer", "p%40ss", "p@ss", BASIC.decode().removeprefix("Basic "), str(proxy.port)):
        assert secret not in message


def nowhere(timeouts: Timeouts = Timeouts(), limits: Limits = Limits()) -> Session:
    return Session(base_url="https://text.example", token=TOKEN, timeouts=timeouts, limits=limits)


# ---- tunnels


@pytest.mark.parametrize("transport", OURS)
@pytest.mark.parametrize("tls", [False, True])
def test_every_target_is_reached_through_one_tunnel_that_is_kept(transport: str, tls: bool) -> None:
    with served(tls) as session, proxying(wants=BASIC) as proxy:
        results = run(transport, session, proxy.url(WHO), times=3)
    assert all(result.text for result in results)
    authority = session.text.partition("://")[2].encode()
    (head,) = proxy.heads
    assert head.startswith(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n" % (authority, authority))
    assert b"\r\nAuthorization" not in head
    assert b"pst-" not in head
    assert BASIC not in proxy.tunnelled
    assert proxy.tunnelled


@pytest.mark.parametrize("transport", ["httpx", "httpx2"])
def test_httpx_uses_its_own_proxies(transport: str) -> None:
    with served(True) as session, proxying(wants=BASIC) as proxy:
        (result,) = run(transport, session, proxy.url(WHO))
    assert result.text
    (head,) = proxy.heads
    assert b"pst-" not in head


@pytest.mark.parametrize("transport", OURS)
def test_a_proxy_may_be_a_value_and_none_is_none(transport: str) -> None:
    with served(False) as session, proxying() as proxy:
        run(transport, session, Proxy(proxy.url()))
        assert len(proxy.heads) == 1
        assert b"Proxy-Authorization" not in proxy.heads[0]
        made = on_asyncio.Client if transport == "asyncio" else on_trio.Client

        async def directly() -> None:
            async with made(session, proxy=None) as client:
                await client.run(STORY)

        asyncio.run(directly()) if transport == "asyncio" else trio.run(directly)
        assert len(proxy.heads) == 1


@pytest.mark.parametrize("transport", OURS)
def test_a_function_chooses_the_proxy_of_each_host(transport: str) -> None:
    with served(False) as session, proxying() as proxy:
        urls: list[str] = []

        def choose(url: str) -> Proxy | None:
            urls.append(url)
            return Proxy(proxy.url()) if url == session.text else None

        on_both = Session(
            text=session.text, account=session.text.replace("127.0.0.1", "localhost"), token=session.token
        )
        made = on_asyncio.Client if transport == "asyncio" else on_trio.Client

        async def run_both() -> None:
            async with made(on_both, proxy=choose) as client:
                await client.run(STORY)
                await client.run(account.get_subscription())

        asyncio.run(run_both()) if transport == "asyncio" else trio.run(run_both)
    assert urls == [on_both.text, on_both.account]
    assert len(proxy.heads) == 1


@pytest.mark.parametrize("transport", ALL)
@pytest.mark.parametrize(("names", "authority"), [(("localhost",), None), (("elsewhere.example",), AUTHORITY)])
def test_a_certificate_inside_a_tunnel_has_to_be_the_targets(transport: str, names: Any, authority: Any) -> None:
    with served(True, *names) as session, proxying() as proxy, pytest.raises(TransportError) as caught:
        run(transport, session, proxy.url(), trust=authority)
    assert (caught.value.sent, caught.value.phase) == (False, "connect")
    assert "certificate" in str(caught.value).lower()
    assert len(proxy.heads) == 1


# ---- proxies that do not


@pytest.mark.parametrize("transport", ALL)
def test_wrong_credentials_are_told_by_their_status_and_not_shown(transport: str) -> None:
    with proxying(wants=b"Basic other") as proxy:
        error = failing(transport, proxy, nowhere(), WHO)
    if transport in OURS:
        assert "the proxy refused with status 407" in str(error)


@pytest.mark.parametrize("transport", OURS)
@pytest.mark.parametrize("status", [302, 400, 403, 502, 503])
def test_a_refusal_names_its_status_and_nothing_that_the_proxy_says(transport: str, status: int) -> None:
    page = b"pst-leaked writer"
    says = b"HTTP/1.1 %d No\r\nLocation: http://a.example\r\nContent-Length: %d\r\n\r\n%b" % (status, len(page), page)
    with proxying(says, tunnels=False) as proxy:
        assert f"status {status}" in str(failing(transport, proxy, nowhere(), WHO))


@pytest.mark.parametrize("transport", OURS)
@pytest.mark.parametrize("base", ["http://text.example", "https://text.example"])
@pytest.mark.parametrize(
    ("says", "message"),
    [
        (b"", "without a response"),
        (b"HTTP/1.1 200", "closed the connection without a response"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "malformed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x28\r\n\r\n", "the proxy opens no tunnel: it speaks TLS"),
        (GRANTED + b"<html>", "bytes before the request"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "bytes before the request"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2000 + b"\r\n\r\n", "head"),
    ],
)
def test_a_lie_is_a_connection_that_failed(transport: str, base: str, says: bytes, message: str) -> None:
    session = Session(base_url=base, token=TOKEN, limits=Limits(head=1000))
    with proxying(says, tunnels=False) as proxy:
        error = failing(transport, proxy, session, WHO)
    assert message in str(error)
    assert not proxy.tunnelled


@pytest.mark.parametrize("transport", OURS)
def test_interim_answers_come_before_the_tunnel(transport: str) -> None:
    with served(False) as session, proxying(b"HTTP/1.1 103 Early Hints\r\n\r\n" + GRANTED) as proxy:
        assert run(transport, session, proxy.url())


@pytest.mark.parametrize("transport", OURS)
@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 200 OK\r\n"])
def test_a_proxy_that_hangs_is_a_limit_of_connecting(transport: str, says: bytes) -> None:
    with proxying(says, hangs=True) as proxy:
        error = failing(transport, proxy, nowhere(Timeouts(connect=0.15)), WHO)
    assert isinstance(error, TimedOut)


@pytest.mark.parametrize("transport", OURS)
def test_tls_inside_a_tunnel_has_what_is_left_of_the_limit(transport: str) -> None:
    with proxying(deaf=True) as proxy:
        error = failing(transport, proxy, nowhere(Timeouts(connect=0.5)))
    assert isinstance(error, TimedOut)
    assert proxy.tunnelled.startswith(b"\x16\x03")  # a ClientHello came; the answer did not
    assert b"text.example" in proxy.tunnelled
    assert b"pst-" not in proxy.tunnelled


@for_each("transport", OURS)
@for_each("moment", ["answer", "tls"])
def test_a_cancellation_while_connecting_closes_the_connection(transport: str, moment: str) -> None:
    def reached(proxy: Proxied) -> bool:
        return bool(proxy.heads if moment == "answer" else proxy.tunnelled)

    async def on_loop(proxy: Proxied) -> None:
        async with on_asyncio.Client(nowhere(), proxy=proxy.url()) as client:
            task = asyncio.ensure_future(client.run(STORY))
            while not reached(proxy):
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    async def on_the_other(proxy: Proxied) -> None:
        async with on_trio.Client(nowhere(), proxy=proxy.url()) as client, trio.open_nursery() as nursery:
            nursery.start_soon(client.run, STORY)
            while not reached(proxy):
                await trio.sleep(0.005)
            nursery.cancel_scope.cancel()

    with proxying(b"" if moment == "answer" else GRANTED, hangs=moment == "answer", deaf=True) as proxy:
        asyncio.run(on_loop(proxy)) if transport == "asyncio" else trio.run(on_the_other, proxy)
    assert bool(proxy.tunnelled) is (moment == "tls")


# ---- the value


@for_each(
    "url",
    [
        "",
        "proxy.example:8080",
        "https://user:secret@proxy.example",
        "socks5://user:secret@proxy.example",
        "http://user:secret@",
        "http://user:secret@proxy.example:0",
        "http://user:secret@proxy.example:65536",
        "http://user:secret@proxy.example/path",
        "http://user:secret@proxy.example:80\r\nX: y",
        "http://user:secret\n@proxy.example",
    ],
)
def test_what_is_no_proxy_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        on_asyncio.Client(Session(), proxy=url)
    assert "secret" not in repr(caught.value)
    assert caught.value.__context__ is None


def test_a_proxy_shows_nothing_of_itself() -> None:
    proxy = Proxy("http://user:secret@proxy.example:8080")
    assert (proxy.host, proxy.port) == ("proxy.example", 8080)
    assert repr(proxy) == "Proxy(…)"
    assert b64encode(b"user:secret").decode() not in repr(proxy.connect("text.example", 443))


@for_each(
    "url, credentials",
    [
        ("http://u:p@h", b"u:p"),
        ("http://u@h", b"u:"),
        ("http://:@h", b":"),
        ("http://a%3Ab:c:d@h", b"a:b:c:d"),
        ("http://u:@:@h", b"u:@:"),
        ("http://u:käse@h", "u:käse".encode()),
        ("http://u:\udcff@h", b"u:\xed\xb3\xbf"),
    ],
)
def test_credentials_are_decoded_once(url: str, credentials: bytes) -> None:
    fields = Proxy(url).connect("::1", 443)
    assert fields.target == "[::1]:443"
    assert fields.headers.get("proxy-authorization") == "Basic " + b64encode(credentials).decode()


def test_the_environment_is_asked_only_by_who_wants_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    assert proxy_from_environment("https://text.novelai.net") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@secure.example:3128")
    monkeypatch.setenv("all_proxy", "rest.example")
    monkeypatch.setenv("NO_PROXY", "localhost, .internal.example,other.example")

    def host(url: str) -> str | None:
        found = proxy_from_environment(url)
        return None if found is None else found.host

    assert host("https://text.novelai.net/path") == "secure.example"
    assert host("http://text.novelai.net:8080") == "rest.example"
    for near in (
        "https://localhost:1",
        "https://a.internal.example",
        "http://other.example",
        "http://an.other.example",
    ):
        assert host(near) is None
    assert host("https://another.example") == "secure.example"
    monkeypatch.setenv("NO_PROXY", "*")
    assert host("https://text.novelai.net") is None
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:secret@h")
    with pytest.raises(InvalidRequestError) as caught:
        proxy_from_environment("https://text.novelai.net")
    assert "secret" not in repr(caught.value)

    with served(False) as session:  # http, for which the environment names a proxy that is not there

        async def main() -> None:
            async with on_asyncio.Client(session) as client:
                await client.run(STORY)

        asyncio.run(main())
