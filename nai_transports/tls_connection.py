"""TLS as all raw drivers speak it: on bytes, without a socket; and the certificate authorities that are trusted.

They are the operating system's, as Python's `ssl` finds them; SSL_CERT_FILE and SSL_CERT_DIR name others. Pass
``ssl_context=`` to a client for certificates of your own.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import Final

__all__ = ["TlsClient", "default_context"]

_READ: Final = 65_536


@cache
def default_context() -> ssl.SSLContext:
    """Return the context of all clients of this process: to read all authorities takes longer than many a request."""
    return ssl.create_default_context()


class TlsClient:
    """The client's side of one TLS connection. What ``data_to_send`` returns goes to the peer.

    Methods raise ssl.SSLError, an OSError, where the peer breaks the rules or its certificate does not verify.

    Args:
        context: what is trusted, and which versions are spoken.
        host: whose certificate it must be; a name or an address.
    """

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._received = ssl.MemoryBIO()
        self._to_send = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._to_send, server_hostname=host)

    def data_to_send(self) -> bytes:
        """Return, once, the bytes that wait for being sent."""
        return self._to_send.read()

    def receive_data(self, data: bytes) -> None:
        """Take bytes of the peer for the handshake; ``b""`` at the end of the connection."""
        if data:
            self._received.write(data)
        else:
            self._received.write_eof()

    def do_handshake(self) -> bool:
        """Go on with the handshake; return whether it is complete."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def encrypt(self, data: bytes) -> bytes:
        """Return what is to be sent for these bytes."""
        left = memoryview(data)
        while left:
            left = left[self._tls.write(left) :]
        return self._to_send.read()

    def decrypt(self, data: bytes) -> list[bytes]:
        """Take bytes of the peer, ``b""`` at the end of the connection, and return what they say.

        That is nothing while a record is incomplete, and ends with ``b""`` when the peer has closed: HTTP's own framing
        tells whether something is missing, so a close without a goodbye is no error.
        """
        self.receive_data(data)
        pieces: list[bytes] = []
        try:
            while piece := self._tls.read(_READ):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            return [b"".join(pieces)] if pieces else []
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass
        return [b"".join(pieces), b""] if pieces else [b""]
