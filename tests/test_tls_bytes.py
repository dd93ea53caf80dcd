"""TLS on bytes: what one side encrypts the other decrypts, however the network cuts it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.exchange.connection_setup import open_tunnel, shake_hands
from nai_proto.exchange.driving import run_steps
from nai_proto.limits import Limits
from nai_transports.proxy import Proxy
from nai_transports.tls_connection import TlsClient
from tests.hypothesis_profiles import scale_examples

AUTHORITY = trustme.CA()
SERVER = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
AUTHORITY.issue_cert("localhost").configure_cert(SERVER)
CLIENT = ssl.create_default_context()
AUTHORITY.configure_trust(CLIENT)


class Server:
    """The other side."""

    def __init__(self) -> None:
        self.received, self.to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = SERVER.wrap_bio(self.received, self.to_send, server_side=True)

    def shake_hands(self, data: bytes) -> bytes:
        self.received.write(data)
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self.to_send.read()

    def encrypt(self, data: bytes) -> bytes:
        left = memoryview(data)
        while left:
            left = left[self.tls.write(left) :]
        return self.to_send.read()

    def decrypt(self, data: bytes) -> bytes:
        self.received.write(data)
        pieces = []
        try:
            while True:
                pieces.append(self.tls.read(65_536))
        except ssl.SSLWantReadError:
            return b"".join(pieces)

    def say_goodbye(self) -> bytes:
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        return self.to_send.read()


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def connected(size: int = 100_000) -> tuple[TlsClient, Server]:
    """Both sides after a handshake whose bytes come in pieces of this size."""
    client, server = TlsClient(CLIENT, "localhost"), Server()
    while not client.do_handshake():
        for piece in cut(client.data_to_send(), size):
            for part in cut(server.shake_hands(piece), size):
                client.receive_data(part)
                client.do_handshake()
    for piece in cut(client.data_to_send(), size):
        for part in cut(server.shake_hands(piece), size):
            assert client.decrypt(part) == []  # tickets: they say nothing
    return client, server


@settings(deadline=None, max_examples=scale_examples(30))
@given(st.integers(1, 3_000), st.binary(max_size=40_000), st.binary(max_size=40_000))
def test_what_is_sent_arrives_however_it_is_cut(size: int, up: bytes, down: bytes) -> None:
    client, server = connected(size)
    assert b"".join(server.decrypt(piece) for piece in cut(client.encrypt(up), size)) == up
    pieces = [each for piece in cut(server.encrypt(down), size) for each in client.decrypt(piece)]
    assert b"".join(pieces) == down
    assert b"" not in pieces


def test_the_end_of_the_connection_is_the_end_with_a_goodbye_or_without() -> None:
    client, server = connected()
    assert client.decrypt(server.encrypt(b"last") + server.say_goodbye()) == [b"last", b""]
    client, server = connected()
    assert client.decrypt(server.encrypt(b"last")) == [b"last"]
    assert client.decrypt(b"") == [b""]


def test_bytes_that_were_changed_on_the_way_are_an_error() -> None:
    client, server = connected()
    record = bytearray(server.encrypt(b"text"))
    record[-1] ^= 1
    with pytest.raises(ssl.SSLError):
        client.decrypt(bytes(record))


def test_a_peer_that_does_not_speak_tls_is_an_error() -> None:
    client = TlsClient(CLIENT, "localhost")
    assert not client.do_handshake()
    client.receive_data(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ssl.SSLError):
        client.do_handshake()


def test_a_connection_that_ends_within_the_handshake_is_an_error() -> None:
    client = TlsClient(CLIENT, "localhost")
    assert not client.do_handshake()
    client.receive_data(b"")
    with pytest.raises(ssl.SSLError):
        client.do_handshake()


def test_a_certificate_that_does_not_verify_is_an_error_and_the_peer_is_told() -> None:
    client, server = TlsClient(ssl.create_default_context(), "localhost"), Server()
    assert not client.do_handshake()
    client.receive_data(server.shake_hands(client.data_to_send()))
    with pytest.raises(ssl.SSLCertVerificationError):
        client.do_handshake()
    with pytest.raises(ssl.SSLError):
        server.shake_hands(client.data_to_send())


class TalkativeIO:
    """A connection on which the peer answers while it is written to, and has nothing to say afterwards."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def is_readable(self) -> bool:
        return False

    def write(self, stream: object, data: bytes, limit: float | None, received: Callable[[bytes], bool]) -> bool:
        if answer := self.server.shake_hands(data):
            assert received(answer) is False
        return True

    def read(self, stream: object, limit: float | None) -> bytes:
        raise AssertionError("what the peer had to say has been said")


def test_what_comes_while_the_handshake_is_written_is_not_lost() -> None:
    client, server = TlsClient(CLIENT, "localhost"), Server()
    io: Any = TalkativeIO(server)
    run_steps(shake_hands(io, io, "localhost", 443, client, lambda: None))
    assert server.decrypt(client.encrypt(b"request")) == b"request"


class ImpatientIO:
    """A connection whose peer has said what it has to say, and refuses to be written to."""

    def __init__(self, said: bytes, error: OSError | None) -> None:
        self.said, self.error = said, error

    def is_readable(self) -> bool:
        return False

    def write(self, stream: object, data: bytes, limit: float | None, received: Callable[[bytes], bool]) -> bool:
        if self.error is not None:
            raise self.error
        assert received(self.said) is False
        return True

    def read(self, stream: object, limit: float | None) -> bytes:
        raise AssertionError("what the peer had to say has been said")


def test_a_peer_that_closes_while_the_handshake_is_written_is_the_reason() -> None:
    io: Any = ImpatientIO(b"", BrokenPipeError("gone"))
    with pytest.raises(BrokenPipeError, match="gone"):
        run_steps(shake_hands(io, io, "localhost", 443, TlsClient(CLIENT, "localhost"), lambda: None))


def test_a_certificate_is_the_reason_even_if_the_peer_cannot_be_told() -> None:
    """It is received while the connection is written to, and the alert meets a closed connection."""

    class ClosingIO(TalkativeIO):
        def write(self, stream: object, data: bytes, limit: float | None, received: Callable[[bytes], bool]) -> bool:
            if not (answer := self.server.shake_hands(data)):
                raise BrokenPipeError("gone")
            received(answer)
            return True

    class Closed(Server):
        def shake_hands(self, data: bytes) -> bytes:
            try:
                return super().shake_hands(data)
            except ssl.SSLError:
                return b""

    io: Any = ClosingIO(Closed())
    with pytest.raises(ssl.SSLCertVerificationError):
        run_steps(
            shake_hands(io, io, "localhost", 443, TlsClient(ssl.create_default_context(), "localhost"), lambda: None)
        )


def test_a_proxy_that_grants_the_tunnel_while_it_is_asked_for_it_has_granted_it() -> None:
    io: Any = ImpatientIO(b"HTTP/1.1 200 Connection established\r\n\r\n", None)
    run_steps(open_tunnel(io, io, Proxy("http://proxy.example:3128"), "localhost", 443, Limits(), lambda: None))
