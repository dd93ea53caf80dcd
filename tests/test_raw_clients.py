"""What real clients send is understood, over a socket: requests as they were seen on the wire, and curl's.

See docs/protocol/native.md#171-general-behaviour.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each
from tests.support import an_emulator

STORY = b'{"input": "Once upon a time", "model": "kayra-v1", "parameters": {"use_string": true, "max_length": 5}}'
LOGIN = b'{"key": "<KEY>"}'


class Server:
    """An emulator on a socket, and who may log in."""

    def __init__(self, url: str, token: str, key: str) -> None:
        self.url = url
        self.token = token.encode()
        self.login = LOGIN.replace(b"<KEY>", key.encode())

    def filled(self, head: bytes, body: bytes = b"") -> bytes:
        """A head with what stands in angle brackets filled in, as lines end on the wire."""
        for name, value in ((b"HOST", self.host), (b"TOKEN", self.token), (b"length", b"%d" % len(body))):
            head = head.replace(b"<%b>" % name, value)
        return head.replace(b"\n", b"\r\n")

    @property
    def host(self) -> bytes:
        return urlsplit(self.url).netloc.encode()

    def connected(self) -> socket.socket:
        parts = urlsplit(self.url)
        return socket.create_connection((parts.hostname, parts.port), 10)

    def send(self, request: bytes, *, by: int = 1 << 20) -> bytes:
        """All that comes for these bytes, sent so many at a time, until the server closes."""
        with self.connected() as connection:
            for start in range(0, len(request), by):
                connection.sendall(request[start : start + by])
            return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.fixture(scope="module")
def served() -> Iterator[Server]:
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        yield Server(url, owner.persistent_token.reveal(), owner.key.reveal())


def parse_statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


# `Connection: close` is added to each, so that there is an end.
REQUESTS = {
    "a health check without any header but the host's": (b"GET / HTTP/1.1\nHost: <HOST>\n", b"", 200),
    "a GET with a stray body, as novelai-api's for tags": (
        b"GET /user/subscription HTTP/1.1\nHost: <HOST>\nAuthorization: Bearer <TOKEN>\n"
        b"Content-Type: text/plain; charset=utf-8\nContent-Length: 25\n",
        b"https://image.novelai.net",
        200,
    ),
    "a GET that offers h2c, as curl's and novelai-python's": (
        b"GET /user/information HTTP/1.1\nHost: <HOST>\nAuthorization: Bearer <TOKEN>\n"
        b"Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__\n",
        b"",
        200,
    ),
    "a POST that offers h2c": (
        b"POST /ai/generate HTTP/1.1\nHost: <HOST>\nAuthorization: Bearer <TOKEN>\nConnection: Upgrade, HTTP2-Settings\n"
        b"Upgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__\nContent-Length: <length>\n",
        STORY,
        200,
    ),
    "names of headers in small letters": (
        b"post /ai/generate HTTP/1.1\nhost: <HOST>\nauthorization: bearer <TOKEN>\ncontent-length: <length>\n",
        STORY,
        200,
    ),
    "names of headers in capitals": (
        b"POST /ai/generate HTTP/1.1\nHOST: <HOST>\nAUTHORIZATION: BEARER <TOKEN>\nCONTENT-LENGTH: <length>\n",
        STORY,
        200,
    ),
    "blanks around values, and none": (
        b"GET /user/priority HTTP/1.1\nHost:<HOST>\nAuthorization:  Bearer <TOKEN>  \nAccept:*/*\nX-Empty:\n",
        b"",
        200,
    ),
    "a body in chunks, as of who streams it": (
        b"POST /user/login HTTP/1.1\nHost: <HOST>\nTransfer-Encoding: chunked\nContent-Type: application/json\n",
        LOGIN,
        201,
    ),
    "JSON without a content type": (
        b"POST /user/login HTTP/1.1\nHost: <HOST>\nContent-Length: <length>\n",
        LOGIN,
        201,
    ),
    "JSON that says it is text": (
        b"POST /user/login HTTP/1.1\nHost: <HOST>\nContent-Type: text/plain;charset=UTF-8\nContent-Length: <length>\n",
        LOGIN,
        201,
    ),
    "slashes at the end of a path": (
        b"GET /user/subscription// HTTP/1.1\nHost: <HOST>\nAuthorization: Bearer <TOKEN>\n",
        b"",
        200,
    ),
    "a query that nobody asked for": (b"GET /?cache=1700000000 HTTP/1.1\nHost: <HOST>\n", b"", 200),
    "an address in full, as to a proxy": (b"GET http://<HOST>/ HTTP/1.1\nHost: <HOST>\n", b"", 200),
    "a HEAD": (b"HEAD / HTTP/1.1\nHost: <HOST>\n", b"", 200),
    "the preflight of a browser": (
        b"OPTIONS /ai/generate-stream HTTP/1.1\nHost: <HOST>\nOrigin: https://novelai.net\n"
        b"Access-Control-Request-Method: POST\nAccess-Control-Request-Headers: authorization,content-type,x-stainless-os\n",
        b"",
        204,
    ),
    "the headers of a browser": (
        b"GET /user/data HTTP/1.1\nHost: <HOST>\nAuthorization: Bearer <TOKEN>\nOrigin: https://novelai.net\n"
        b"Referer: https://novelai.net/\nSec-Fetch-Mode: cors\nCookie: a=b; c=d\nAccept-Encoding: gzip, deflate, br, zstd\n"
        b"X-Correlation-Id: aBc123\nX-Initiated-At: 2026-11-22T06:00:00.000Z\nDNT: 1\nPriority: u=1, i\nTE: trailers\n",
        b"",
        200,
    ),
}
"""By what is special about them: head, body, status of the answer."""


def encode_chunked(body: bytes) -> bytes:
    """A body in chunks of seven bytes, sizes in either case and with leading zeros, an extension and a trailer."""
    pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
    return b"".join(b"%03X;a=b\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nX-Trailer: 1\r\n\r\n"


def build_request(served: Server, name: str) -> bytes:
    head, body, _ = REQUESTS[name]
    body = served.login if body is LOGIN else body
    sent = encode_chunked(body) if b"chunked" in head else body
    return served.filled(head, body) + b"Connection: close\r\n\r\n" + sent


@for_each("by", [1 << 20, 1], ids=["at once", "byte by byte"])
@for_each("name", REQUESTS)
def test_unusual_requests_are_understood(served: Server, name: str, by: int) -> None:
    answer = served.send(build_request(served, name), by=by)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert parse_statuses(answer) == [REQUESTS[name][2]]
    assert b"access-control-allow-origin: *" in head.lower()
    assert b"upgrade" not in head.lower()
    assert bool(body) is not name.startswith(("a HEAD", "the preflight"))


def test_a_client_that_expects_100_gets_it_before_it_sends_the_body(served: Server) -> None:
    head = b"POST /user/login HTTP/1.1\nHost: <HOST>\nExpect: 100-continue\nContent-Length: <length>\nConnection: close\n\n"
    with served.connected() as connection:
        connection.sendall(served.filled(head, served.login))
        assert parse_statuses(connection.recv(65_536)) == [100]
        connection.sendall(served.login)
        assert parse_statuses(b"".join(iter(lambda: connection.recv(65_536), b""))) == [201]


def test_http_1_0_is_answered_without_chunks_and_to_the_end_of_the_connection(served: Server) -> None:
    head = b"POST /ai/generate-stream HTTP/1.0\nAuthorization: Bearer <TOKEN>\nContent-Length: <length>\n\n"
    answer, _, body = served.send(served.filled(head, STORY) + STORY).partition(b"\r\n\r\n")
    assert parse_statuses(answer) == [200]
    assert b"chunked" not in answer.lower()
    assert body.startswith(b"event:newToken")
    assert body.endswith(b"\n\n")


def test_requests_sent_without_a_wait_are_answered_in_their_order(served: Server) -> None:
    names = [name for name in REQUESTS if "HEAD" not in name]
    requests = [build_request(served, name).replace(b"Connection: close\r\n", b"") for name in names[:-1]]
    answers = served.send(b"".join([*requests, build_request(served, names[-1])]))
    assert parse_statuses(answers) == [REQUESTS[name][2] for name in names]


@pytest.mark.parametrize(
    ("target", "says"),
    [("http://other.example/", b"OK"), ("HTTP://other.example", b"OK"), ("http://other.example?a=/b", b"OK")],
)
def test_an_absolute_request_target_is_its_path(served: Server, target: str, says: bytes) -> None:
    answer = served.send(b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target.encode())
    assert parse_statuses(answer) == [200]
    assert answer.endswith(says)


# ---- clients that are there anyway


def test_the_standard_library_s_client_sends_chunks_and_keeps_its_connection(served: Server) -> None:
    connection = http.client.HTTPConnection(served.host.decode(), timeout=10)
    try:
        for _ in range(2):
            pieces = iter((served.login[:20], served.login[20:]))
            connection.request(
                "POST", "/user/login", pieces, encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
            )
            with connection.getresponse() as response:
                assert response.status == 201
                token = json.load(response)["accessToken"]
        connection.request("GET", "/user/keystore", headers={"Authorization": f"Bearer {token}"})
        assert json.load(connection.getresponse())["keystore"]
    finally:
        connection.close()


# What curl is told; it sends `Connection: Upgrade` with --http2, and waits for 100 when it is told to expect it.
CURL = {
    "as it comes": (),
    "HTTP/1.0": ("--http1.0",),
    "offering h2c": ("--http2",),
    "waiting for 100": ("--expect100-timeout", "30", "--header", "Expect: 100-continue"),
    "in chunks": ("--header", "Transfer-Encoding: chunked"),
    "asking to compress": ("--compressed",),
    "with a slash more": ("--path-as-is",),
}


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("how", CURL)
def test_curl_gets_a_story_and_a_stream(served: Server, how: str) -> None:
    slash = "/" if "slash" in how else ""
    for path, expected in (("/ai/generate", b'{"output":'), ("/ai/generate-stream", b"event:newToken")):
        said = curl(
            *CURL[how],
            *("--request", "POST", "--data-binary", STORY.decode(), "--header", "Content-Type: application/json"),
            *("--header", f"Authorization: Bearer {served.token.decode()}", served.url + path + slash),
        )
        assert said.partition(b"\n")[0].startswith(expected)
        assert said.endswith(b"\n200")


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_sends_head_and_options_requests(served: Server) -> None:
    assert b"HTTP/1.1 200" in curl("--head", served.url + "/")
    assert curl("--request", "OPTIONS", served.url + "/ai/generate") == b"\n204"


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_with_http_2_only_is_refused_at_once(served: Server) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        curl("--http2-prior-knowledge", served.url + "/")


def curl(*arguments: str) -> bytes:
    """What curl prints, and the status behind it."""
    command = ["curl", "--disable", "--silent", "--noproxy", "*", "--max-time", "20", "--write-out", "\\n%{http_code}"]
    return subprocess.run([*command, *arguments], capture_output=True, check=True, timeout=30).stdout
