"""The table of what ends a connection is true on each driver: certificates, handshakes, and proxies that refuse or lie."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trustme

from nai_proto import errors
from nai_proto.exchange.session import Session
from nai_proto.limits import Timeouts
from nai_transports import httpx as httpx_driver
from nai_transports import tls_connection
from tests.connect_proxy import DENIED, GRANTED
from tests.raw_servers import RawConnection, Script, echo, raw_server
from tests.test_connections import ask, failure

DRIVERS = ("sync", "asyncio", "uvloop", "trio", "httpx", "httpx-asyncio", "httpx-trio")
PAGE = Path(__file__).parent.parent / "nai_proto" / "docs" / "connections.md"
ROW = re.compile(r"^\| (?P<peer>(?:has|speaks|sends|answers|closes|resets|is|demands) [^|]+) \| `(?P<error>\w+)` "
                 r"\| `(?P<phase>\w+)` \| (?P<sent>yes|no) \| (?P<words>[^|]*)\|$", re.MULTILINE)  # fmt: skip
TABLE = {row["peer"]: row for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))}


# ---- certificates, each made once


@cache
def authority(name: str = "trusted") -> trustme.CA:
    return trustme.CA(organization_name=name)


@cache
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


@cache
def server_context(kind: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    match kind:
        case "expired":
            authority().issue_cert("localhost", not_after=datetime(2001, 1, 1, tzinfo=UTC)).configure_cert(context)
        case "another name":
            authority().issue_cert("elsewhere.example").configure_cert(context)
        case "unknown authority":
            authority("unknown").issue_cert("localhost").configure_cert(context)
        case "signed by itself":
            own = authority("itself")
            with TemporaryDirectory() as directory:
                certificate, key = Path(directory, "certificate"), Path(directory, "key")
                own.cert_pem.write_to_path(certificate)
                own.private_key_pem.write_to_path(key)
                context.load_cert_chain(certificate, key)
        case _:
            authority().issue_cert("localhost").configure_cert(context)
            authority().configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
            context.maximum_version = ssl.TLSVersion[kind]
    return context


# ---- what servers do


def secured(kind: str) -> Script:
    """A server with a certificate."""

    def script(connection: RawConnection) -> None:
        connection.socket = server_context(kind).wrap_socket(
            connection.socket, server_side=True, do_handshake_on_connect=False
        )
        try:
            connection.socket.do_handshake()
        except ssl.SSLError:
            connection.wait(0.2)  # a reset would overtake the alert
            raise
        echo(connection)

    return script


def says(data: bytes, then: Callable[[RawConnection], None] | None = None) -> Script:
    """A server that answers the first bytes of a client with these."""

    def script(connection: RawConnection) -> None:
        connection.socket.recv(65_536)
        connection.send(data)
        if then is not None:
            then(connection)
        connection.socket.shutdown(socket.SHUT_WR)
        connection.wait_closed()

    return script


def is_silent(connection: RawConnection) -> None:
    connection.wait(10)


# A ServerHello that chooses TLS 1.0: a random number, no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
TLS_1_0 = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01" + bytes(32) + b"\0\x00\x2f\0"
HANDSHAKE_FAILURE = b"\x15\x03\x03\x00\x02\x02\x28"

SERVERS: Mapping[str, Script] = {
    "has an expired certificate": secured("expired"),
    "has a certificate for another name": secured("another name"),
    "has a certificate that it signed itself": secured("signed by itself"),
    "has a certificate of an unknown authority": secured("unknown authority"),
    "speaks TLS 1.0 only": says(TLS_1_0),
    "sends a TLS alert": says(HANDSHAKE_FAILURE),
    "answers the handshake in plain text": says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "closes during the handshake": says(b"\x16\x03\x03"),
    "resets during the handshake": says(b"\x16\x03\x03", RawConnection.reset),
    "is silent during the handshake": says(b"\x16\x03\x03", is_silent),
    "demands a client's certificate, by TLS 1.2": secured("TLSv1_2"),
    "demands a client's certificate, by TLS 1.3": secured("TLSv1_3"),
}
PROXIES: Mapping[str, Script] = {
    "is a proxy that refuses with 407": says(DENIED),
    "is a proxy that refuses with 502": says(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
    "is a proxy that grants a tunnel and sends garbage": says(GRANTED + b"garbage"),
    "is a proxy that grants a tunnel with a body": says(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"),
    "is a proxy that grants a tunnel and is silent": says(GRANTED, is_silent),
    "is a proxy that closes without a response": says(b""),
    "is a proxy that does not speak HTTP": says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "is a proxy that is silent": says(b"", is_silent),
}


def test_the_table_has_every_case() -> None:
    assert TABLE.keys() == {**SERVERS, **PROXIES}.keys()


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("peer", TABLE)
def test_a_connection_ends_as_the_table_says(driver: str, peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (tls_connection, httpx_driver):
        monkeypatch.setattr(module, "default_context", trusting)
    row = TABLE[peer]
    timeouts = Timeouts(connect=0.2 if row["error"] == "TimedOut" else 10)
    with raw_server(SERVERS.get(peer) or PROXIES[peer]) as server:
        base_url = f"https://localhost:{server.port}" if peer in SERVERS else "https://text.example"
        options = {} if peer in SERVERS else {"proxy": server.url}
        session = Session(base_url=base_url, token="pst-secret", timeouts=timeouts)
        error = failure(driver, ask("x"), session, **options)
    assert type(error) is getattr(errors, row["error"]), repr(error)
    assert isinstance(error, errors.TransportError)
    assert (error.phase, error.sent) == (row["phase"], row["sent"] == "yes"), repr(error)
    assert row["words"].strip() in str(error)
    assert "secret" not in str(error)
    assert server.requests == []
