"""What leaves a client, and where it goes: header fields, targets, cookies, and proxies of the environment."""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto import errors
from nai_proto.exchange.actions import Compute, Send, Steps, get_context
from nai_proto.exchange.flow import flow
from nai_proto.exchange.reply import Start
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Headers, Host, Request
from nai_proto.version import __version__
from nai_transports.proxy import proxy_from_environment
from nai_transports.servers.forwarding import ForwardingApp
from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each
from tests.drivers import DRIVERS
from tests.raw_servers import RawConnection, echo, raw_server, response
from tests.test_connections import answers_to, error_of, failure, with_client

on_every_driver = pytest.mark.parametrize("driver", DRIVERS)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

# ---- header fields


@flow
def _send(request: Request, *, sign: bool = True) -> Steps[Any, int]:
    context = yield from get_context()
    head = yield Send(context.session.sign(request) if sign else request)
    assert isinstance(head, Head)
    return head.status


@on_every_driver
def test_the_token_and_our_version_are_sent_once(driver: str) -> None:
    with raw_server(echo) as server:
        session = Session(base_url=server.url, token="pst-secret")
        assert with_client(driver, lambda client: answers_to(client, "one"), session) == ["one"]
    (request,) = server.requests
    assert request.fields(b"authorization") == [b"Bearer pst-secret"]
    (agent,) = request.fields(b"user-agent")
    assert agent == f"nai-proto/{__version__}".encode()
    for name in (b"host", b"content-length", b"content-type", b"accept-encoding"):
        assert len(request.fields(name)) == 1
    assert request.fields(b"accept-encoding") == [b"identity"]
    assert request.fields(b"cookie") == []


@on_every_driver
@pytest.mark.parametrize("owner", ["session", "request"])
def test_an_authorization_of_ones_own_replaces_the_token(driver: str, owner: str) -> None:
    own = Headers([("authorization", "Basic own")])
    request = Request("POST", "/x", own if owner == "request" else Headers(), b'{"input": "x"}', Host.TEXT)

    async def main(client: Any) -> int:
        return int(await client.run(_send(request)))

    with raw_server(echo) as server:
        headers = own if owner == "session" else Headers()
        session = Session(base_url=server.url, token="pst-secret", headers=headers)
        assert with_client(driver, main, session) == 200
    assert server.requests[0].fields(b"authorization") == [b"Basic own"]
    assert b"pst-secret" not in server.requests[0].head


# ---- targets

TARGETS = (
    "",
    "x",
    "@elsewhere.invalid/x",
    ".elsewhere.invalid/x",
    ":80/x",
    "http://elsewhere.invalid/x",
    "?x",
    "*",
    "/a b",
    "/a\tb",
    "/a\r\nX-Injected: 1",
    "/a\nb",
    "/a\0b",
    "/a\x7f",
    "/ä",
    " /x",
    "//elsewhere.invalid/x",
    "///elsewhere.invalid/x",
    "/\\elsewhere.invalid/x",
    "/x\\y",
    "\\\\elsewhere.invalid/x",
    "https://elsewhere.invalid/",
    "/x#fragment",
    "/x?y#fragment",
    "#",
    "/x?a b",
    "/..",
    "/../x",
    "/x/../y",
    "/x/..?y",
    "/./x",
    "/x/.",
    "/%2e%2E/x",
    "/.%2e",
    "/x%0d%0aHost:%20elsewhere.invalid",
    "/x%0Ay",
    "/%00",
    "/x%7f",
    "/x?\u2028",
    "/\u010d\u010a",
)

ALLOWED = (
    "/",
    "/x",
    "/x//y",
    "/x/",
    "/@elsewhere.invalid/x",
    "/https://elsewhere.invalid/",
    "/..x/x../...",
    "/%2F..%2F",
    "/x?",
    "/x?y=//elsewhere.invalid/..&z=%0A%0D?@\\",
    "/x%250d",
    "/~[x]{y}|'\"",
)


@on_every_driver
@pytest.mark.parametrize("signed", [False, True])
def test_a_target_that_is_no_path_never_leaves(driver: str, signed: bool) -> None:
    def check(connection: RawConnection) -> None:
        raise AssertionError("a connection was opened")

    async def main(client: Any) -> None:
        for target in TARGETS:
            request = Request("GET", target, host=Host.TEXT, base=server.url if signed else "")
            error = await error_of(client.run(_send(request, sign=not signed)))
            assert isinstance(error, errors.InvalidRequestError), target
            assert error.parameter == "target"

    with raw_server(check) as server:
        with_client(driver, main, server.url)
        assert server.connections == []


@for_each("target", ALLOWED)
def test_a_path_and_a_query_may_have_any_other_character(target: str) -> None:
    assert Session(base_url="https://a.example/x").sign(Request("GET", target, host=Host.TEXT)).target == "/x" + target


@given(st.text(st.characters(max_codepoint=0x17F)) | st.text("/\\.%2eE0aA@#? x:", max_size=12))
def test_the_standard_library_and_httpx_find_host_and_path_of_what_leaves(target: str) -> None:
    try:
        request = Session(base_url="https://a.example:8443").sign(Request("GET", target, host=Host.TEXT))
    except errors.InvalidRequestError:
        return
    parts, read = urlsplit(request.url), httpx.URL(request.url)
    assert (parts.hostname, parts.port, parts.username) == ("a.example", 8443, None) == (read.host, read.port, None)
    assert not read.userinfo
    assert (parts.path, parts.fragment) == (request.path, "")
    assert unquote(read.raw_path.decode()) == unquote(target)


def test_a_target_that_is_no_path_is_not_forwarded() -> None:
    with raw_server(echo) as server:
        forwarding = ForwardingApp(Session(base_url=server.url))
        for target in TARGETS:
            handler = forwarding(Request("GET", target))
            next(handler)
            action: Any = handler.send(b"")
            while not isinstance(action, Start):  # it may compute before it answers
                action.perform()
                action = handler.send(None)
            assert action.head.status == 400, target
            handler.close()
        forwarding.close()
    assert server.connections == []


# ---- cookies


def _with_cookies(connection: RawConnection) -> None:
    while True:
        prompt = connection.read_request().input
        cookies = ("Set-Cookie: session=secret; Path=/", "Set-Cookie: other=1; Domain=127.0.0.1")
        connection.send(response(prompt, *cookies))


@pytest.mark.parametrize("driver", [each for each in DRIVERS if "httpx2" not in each])  # that client is passed in
def test_no_cookie_is_sent_back(driver: str) -> None:
    with raw_server(_with_cookies) as server:
        with_client(driver, lambda client: answers_to(client, "one", "two", "three"), server.url)
    assert len(server.requests) == 3
    assert all(request.fields(b"cookie") == [] for request in server.requests)


def test_forwarding_passes_no_cookie_of_one_client_to_another() -> None:
    body = b'{"input": "x"}'

    def answer(url: str, cookie: bytes = b"") -> bytes:
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), 10) as client:
            client.sendall(
                b"POST /ai/generate HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n%b\r\n%b"
                % (len(body), cookie, body)
            )
            return b"".join(iter(lambda: client.recv(65_536), b""))

    with raw_server(_with_cookies) as server:
        forwarding = ForwardingApp(Session(base_url=server.url))
        with serve_in_thread(forwarding) as url:
            assert b"session=secret" in answer(url)
            assert answer(url).startswith(b"HTTP/1.1 200")
            answer(url, b"Cookie: own=2\r\n")
            answer(url)
        forwarding.close()
    assert [request.fields(b"cookie") for request in server.requests] == [[], [], [b"own=2"], []]
    assert len(server.connections) == 1  # though they share a connection


# ---- proxies of the environment


@contextmanager
def _environment(monkeypatch: pytest.MonkeyPatch, **values: str) -> Generator[None, None, None]:
    with monkeypatch.context() as patched:
        for name in (*PROXIES, "REQUEST_METHOD"):
            patched.delenv(name, raising=False)
            patched.delenv(name.lower(), raising=False)
        for name, value in values.items():
            patched.setenv(name, value)
        yield


@pytest.mark.parametrize("driver", [each for each in DRIVERS if "httpx2" not in each])  # that client is passed in
@pytest.mark.parametrize("upper", [False, True])
def test_proxies_of_the_environment_are_not_obeyed(driver: str, upper: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name if upper else name.lower() for name in PROXIES if name != "NO_PROXY"]
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        proxies = dict.fromkeys(names, f"http://127.0.0.1:{dead.getsockname()[1]}")
        with _environment(monkeypatch, **proxies), raw_server(echo) as server:
            assert with_client(driver, lambda client: answers_to(client, "one"), server.url) == ["one"]


COVERED = {
    "exact name": ("text.example", "https://text.example"),
    "name below": ("example", "https://text.example"),
    "leading dot, below": (".example", "https://text.example"),
    "leading dot, itself": (".text.example", "https://text.example"),
    "star and dot": ("*.example", "https://text.example"),
    "star and dot, itself": ("*.text.example", "https://text.example"),
    "upper case entry": ("TEXT.Example", "https://text.example"),
    "upper case host": ("text.example", "https://TEXT.example"),
    "trailing dot of the entry": ("text.example.", "https://text.example"),
    "trailing dot of the host": ("text.example", "https://text.example./path"),
    "port": ("text.example:8443", "https://text.example:8443"),
    "port by scheme": ("text.example:443", "https://text.example"),
    "port by scheme, http": ("text.example:80", "http://text.example"),
    "no port covers all": ("text.example", "https://text.example:8443"),
    "address": ("10.1.2.3", "http://10.1.2.3:80"),
    "address and port": ("10.1.2.3:8080", "http://10.1.2.3:8080"),
    "block": ("10.0.0.0/8", "http://10.1.2.3"),
    "block with host bits": ("10.1.2.3/16", "http://10.1.9.9"),
    "IPv6": ("::1", "http://[::1]:8080"),
    "IPv6 in brackets": ("[::1]", "http://[::1]"),
    "IPv6 in brackets and port": ("[::1]:8080", "http://[::1]:8080"),
    "IPv6 in another spelling": ("0:0:0:0:0:0:0:1", "http://[::1]"),
    "IPv6 block": ("fd00::/8", "http://[fd12::1]"),
    "IPv6 block in brackets": ("[fd00::/8]", "http://[fd12::1]"),
    "star": ("*", "https://text.example"),
    "star in a list": ("a.example, *", "https://text.example"),
    "commas and blanks": (" a.example ,\ttext.example , ", "https://text.example"),
    "blanks alone": ("a.example text.example", "https://text.example"),
    "commas without blanks": ("a.example,text.example", "https://text.example"),
    "localhost": ("localhost,127.0.0.1,::1", "http://localhost:8080"),
}
NOT_COVERED = {
    "end of a name": ("ample", "https://text.example"),
    "end of a name, with a label": ("xt.example", "https://text.example"),
    "name above": ("a.text.example", "https://text.example"),
    "other port": ("text.example:8443", "https://text.example"),
    "other address": ("10.1.2.3", "http://10.1.2.30"),
    "other block": ("10.0.0.0/8", "http://11.1.2.3"),
    "block of another version": ("::/0", "http://10.1.2.3"),
    "IPv6, other port": ("[::1]:8081", "http://[::1]:8080"),
    "address is no suffix": ("2.3", "http://10.1.2.3"),
    "name that looks like a block": ("10.0.0.0/8", "http://10.example"),
    "nothing": ("", "https://text.example"),
    "dots and commas": (" , .,,", "https://text.example"),
    "star inside": ("te*t.example", "https://text.example"),
    "garbage": ("[:::,]/,10.0.0.0/99,text.example:x", "https://text.example"),
}


@for_each("listed, url", COVERED.values(), ids=COVERED)
@for_each("name", ["NO_PROXY", "no_proxy"])
def test_what_no_proxy_covers_is_reached_without_one(
    listed: str, url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _environment(monkeypatch, ALL_PROXY="http://proxy.example:3128", **{name: listed}):
        assert proxy_from_environment(url) is None


@for_each("listed, url", NOT_COVERED.values(), ids=NOT_COVERED)
def test_what_no_proxy_does_not_cover_is_reached_through_one(
    listed: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _environment(monkeypatch, ALL_PROXY="http://proxy.example:3128", NO_PROXY=listed):
        found = proxy_from_environment(url)
    assert found is not None
    assert (found.host, found.port) == ("proxy.example", 3128)


# ---- forwarding


def _forward(server_url: str, request: Request) -> None:
    """Pass a request through the forwarding app, to the end of its response."""
    forwarding = ForwardingApp(Session(base_url=server_url, token="pst-own"))
    handler = forwarding(request)
    action: Any = next(handler)
    with suppress(StopIteration):
        action = handler.send(b'{"input": "x"}')
        action = handler.send(b"")
        while True:
            if isinstance(action, Compute):
                action.perform()
            action = handler.send(None)
    forwarding.close()


def test_forwarding_goes_to_the_sessions_address_whatever_the_request_says() -> None:
    fields = Headers(
        [
            ("Host", "elsewhere.invalid"),
            ("Authorization", "Bearer theirs"),
            ("Proxy-Authorization", "Basic secret"),
            ("Connection", "close, X-Hop"),
            ("X-Hop", "secret"),
            ("X-Kept", "yes"),
        ]
    )
    with raw_server(echo) as server:
        _forward(server.url, Request("POST", "/ai/generate", fields))
    (request,) = server.requests
    assert request.fields(b"host") == [server.url.removeprefix("http://").encode()]
    assert request.fields(b"authorization") == [b"Bearer theirs"]
    assert request.fields(b"x-kept") == [b"yes"]
    assert b"secret" not in request.head
    assert b"pst-own" not in request.head


# ---- where a token goes


@on_every_driver
@pytest.mark.parametrize(
    "location", ["//{other}/", "http://127.0.0.1:{port}/", "http://a:b@{other}/", "/elsewhere", "https://{other}/"]
)
def test_no_redirect_takes_a_token_anywhere(driver: str, location: str) -> None:
    with raw_server(echo) as other:
        authority = other.url.removeprefix("http://")
        leads = location.format(other=authority, port=other.port)

        statuses = iter((301, 302, 303, 307, 308))

        def redirect(connection: RawConnection) -> None:
            connection.read_request()
            connection.send(response("x", f"Location: {leads}", "Connection: close", status=f"{next(statuses)} Moved"))

        async def main(client: Any) -> list[int]:
            request = Request("POST", "/x", body=b'{"input": "x"}', host=Host.TEXT)
            return [await client.run(_send(request)) for _ in range(5)]

        with raw_server(redirect) as server:
            session = Session(base_url=server.url, token="pst-secret")
            assert with_client(driver, main, session) == [301, 302, 303, 307, 308]
        assert {request.head.split(b" ")[1] for request in server.requests} == {b"/x"}
        assert other.connections == []


@pytest.mark.parametrize("driver", ["httpx", "httpx-asyncio", "httpx-trio"])
def test_httpx_gives_no_token_to_a_proxy(driver: str) -> None:
    with raw_server(echo) as proxy:
        error = failure(driver, _send(Request("GET", "/x", host=Host.TEXT)), "http://text.example", proxy=proxy.url)
    assert isinstance(error, errors.InvalidRequestError)
    assert error.parameter == "proxy"
    assert proxy.connections == []


@on_every_driver
def test_two_hosts_are_refused(driver: str) -> None:
    with raw_server(echo) as server:
        session = Session(base_url=server.url, token="pst-secret", headers={"Host": "elsewhere.invalid"})
        error = failure(driver, _send(Request("GET", "/x", host=Host.TEXT)), session)
    assert isinstance(error, errors.InvalidRequestError)
    assert server.requests == []
