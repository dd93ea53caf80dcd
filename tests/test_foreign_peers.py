"""A peer that does not speak HTTP is said not to, at once, also if it never closes: a server, what is behind a proxy, or the
proxy itself. The timeouts are long, so that a driver that waits for the rest of a head fails the test.
"""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Mapping
from typing import Any, Final

import pytest

from nai_proto import text
from nai_proto.errors import NaiError, RemoteProtocolError, TimedOut, TransportError
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.http.first_bytes import check_response_start, is_tls_start
from tests.cases import for_each
from tests.connect_proxy import proxying
from tests.drivers import DRIVERS, RAW, opened, run
from tests.forked_python import forked_nai
from tests.raw_servers import RawConnection, Script, raw_server
from tests.test_tls import AUTHORITY

STORY: Final = text.generate("Once", model="kayra-v1").with_options(retry=NO_RETRY)
BANNERS: Final[Mapping[str, bytes]] = {
    "SSH": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "SMTP": b"220 mail.example ESMTP\r\n",
    "MySQL": b"\x4a\x00\x00\x00\x0a8.0.33\x00",
}
ALERT: Final = b"\x15\x03\x01\x00\x02\x02\x28"
BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
every_driver = pytest.mark.parametrize("driver", DRIVERS)
stays_or_closes = pytest.mark.parametrize("closes", [True, False], ids=["closes", "stays"])


def says(data: bytes, *, closes: bool, waits: bool = False) -> Script:
    """A peer that says something, at once or when the client has spoken, and then closes or only listens."""

    def script(connection: RawConnection) -> None:
        if waits:
            connection.socket.recv(65_536)
        connection.send(data)
        if not closes:
            connection.wait_closed()

    return script


def failure(driver: str, url: str, **options: Any) -> NaiError:
    """The error of a request to an address."""

    async def main() -> NaiError:
        async with opened(driver, Session(base_url=url), **options) as client:
            with pytest.raises(NaiError) as caught:
                await client.run(STORY)
        return caught.value

    return run(driver, main)


# On trio httpx leaves the generator of a request's body to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*ByteStream.__aiter__:ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*ByteStream.__aiter__:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("banner", BANNERS)
@stays_or_closes
@every_driver
def test_a_peer_that_does_not_speak_http_is_said_not_to(driver: str, closes: bool, banner: str) -> None:
    with raw_server(says(BANNERS[banner], closes=closes, waits=closes)) as server:
        error = failure(driver, server.url)
    assert type(error) is RemoteProtocolError
    assert str(error) == f"what answers at 127.0.0.1:{server.port} does not speak HTTP"
    assert error.excerpt


@pytest.mark.filterwarnings("ignore:.*ByteStream.__aiter__:ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*ByteStream.__aiter__:pytest.PytestUnraisableExceptionWarning")
@stays_or_closes
@every_driver
def test_a_peer_that_speaks_tls_is_said_to(driver: str, closes: bool) -> None:
    with raw_server(says(ALERT, closes=closes, waits=True)) as server:
        error = failure(driver, server.url)
    assert type(error) is RemoteProtocolError
    assert str(error) == f"what answers at 127.0.0.1:{server.port} speaks TLS: its address begins with https://"


@pytest.mark.filterwarnings("ignore:.*ByteStream.__aiter__:ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*ByteStream.__aiter__:pytest.PytestUnraisableExceptionWarning")
@every_driver
def test_a_tls_server_that_closes_without_a_word_is_named(driver: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    with raw_server(says(b"", closes=True), context) as server:
        error = failure(driver, f"http://127.0.0.1:{server.port}")
    assert isinstance(error, TransportError)
    assert not isinstance(error, TimedOut)
    assert f"127.0.0.1:{server.port}" in str(error)


@pytest.mark.parametrize("said", [*BANNERS.values(), BAD_REQUEST], ids=[*BANNERS, "HTTP"])
@stays_or_closes
@every_driver
def test_a_peer_that_does_not_speak_tls_is_a_connection_that_failed(driver: str, closes: bool, said: bytes) -> None:
    with raw_server(says(said, closes=closes, waits=True)) as server:
        error = failure(driver, f"https://127.0.0.1:{server.port}")
    assert type(error) is TransportError
    assert (error.phase, error.sent) == ("connect", False)
    assert f"127.0.0.1:{server.port}: what answers there does not speak TLS" in str(error)


@pytest.mark.parametrize("driver", RAW)
def test_one_byte_is_enough_to_see_that_a_peer_does_not_speak_tls(driver: str) -> None:
    with raw_server(says(b"S", closes=False, waits=True)) as server:
        assert "does not speak TLS" in str(failure(driver, f"https://127.0.0.1:{server.port}"))


@pytest.mark.parametrize("scheme", ["http", "https"])
@stays_or_closes
@pytest.mark.parametrize("driver", RAW)
def test_behind_a_proxy_such_a_peer_is_seen_too(driver: str, closes: bool, scheme: str) -> None:
    with raw_server(says(BANNERS["SSH"], closes=closes, waits=True)) as server, proxying() as proxy:
        error = failure(driver, f"{scheme}://127.0.0.1:{server.port}", proxy=proxy.url())
    assert f"127.0.0.1:{server.port}" in str(error)
    assert "does not speak HTTP" in str(error) if scheme == "http" else "does not speak TLS" in str(error)


@pytest.mark.parametrize("banner", BANNERS)
@stays_or_closes
@pytest.mark.parametrize("driver", [*RAW, "httpx", "httpx-asyncio", "httpx-trio"])
def test_a_proxy_that_does_not_speak_http_opens_no_tunnel(driver: str, closes: bool, banner: str) -> None:
    with raw_server(says(BANNERS[banner], closes=closes, waits=True)) as server:
        error = failure(driver, "https://text.example", proxy=server.url)
    assert type(error) is TransportError
    assert (error.phase, error.sent) == ("connect", False)
    assert str(error) == "connecting to text.example:443: the proxy opens no tunnel: it does not speak HTTP"


def test_every_beginning_of_a_response_may_be_one() -> None:
    for end in range(1, 20):
        check_response_start(b"HTTP/1.1 200 OK\r\n\r\n"[:end], "it")
    with pytest.raises(RemoteProtocolError, match="it does not speak HTTP"):
        check_response_start(b"HTTS", "it")
    assert is_tls_start(b"\x16")
    assert not is_tls_start(b"H")


@for_each(
    "variable,scheme,said",
    [
        ("NAI_URL", "http", "does not speak HTTP: it sent 'SSH-2.0-OpenSSH_9.2p1'. The address {url} is from NAI_URL"),
        (
            "NAI_URL",
            "https",
            "does not speak TLS: if it speaks HTTP, write http://127.0.0.1:{port}. The address {url}",
        ),
        ("HTTPS_PROXY", "http", "it does not speak HTTP. The proxy 127.0.0.1:{port} is from HTTPS_PROXY: correct it"),
        ("all_proxy", "http", "it does not speak HTTP. The proxy 127.0.0.1:{port} is from ALL_PROXY: correct it"),
    ],
    at_once=True,
)
def test_the_command_line_says_where_the_address_is_from(variable: str, scheme: str, said: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    with raw_server(says(BANNERS["SSH"], closes=False)) as server:
        url = f"{scheme}://127.0.0.1:{server.port}"
        environment |= {"NAI_TOKEN": "pst-" + "a" * 64, variable: url}
        command = [*forked_nai(), "generate", "Once"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert said.format(url=url, port=server.port) in done.stderr
    assert done.stderr.count("\n") == 1
