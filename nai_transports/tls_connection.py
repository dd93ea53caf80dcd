"""TLS for all raw drivers, on bytes, without a socket.

It trusts the certificate authorities of the operating system, as Python's `ssl` finds them, or those in SSL_CERT_FILE and
SSL_CERT_DIR. For other certificates, pass ``ssl_context=`` to a client.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import Final

__all__ = ["TlsClient", "default_context"]

_READ: Final = 65_536


@cache
def default_context() -> ssl.SSLContext:
    """Return the context of all clients of this process: reading all authorities can take longer than a request."""
    return ssl.create_default_context()


class TlsClient:
    """The client's side of one TLS connection. Send the bytes that ``data_to_send`` returns.

    Methods raise ssl.SSLError, an OSError, if the peer violates the protocol or its certificate does not verify.

    Args:
        context: trusted authorities, and TLS versions.
        host: the name or address for which the certificate must be valid.
    """

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._received = ssl.MemoryBIO()
        self._to_send = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._to_send, server_hostname=host)

    @property
    def version(self) -> str | None:
        """The version of TLS, such as ``TLSv1.3``; None before the handshake is complete."""
        return self._tls.version()

    def data_to_send(self) -> bytes:
        """Return the bytes to send, and forget them."""
        return self._to_send.read()

    def receive_data(self, data: bytes) -> None:
        """Receive bytes of the peer for the handshake; ``b""`` at the end of the connection."""
        if data:
            self._received.write(data)
        else:
            self._received.write_eof()

    def do_handshake(self) -> bool:
        """Continue the handshake; return whether it is complete."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def encrypt(self, data: bytes) -> bytes:
        """Return the encrypted bytes to send."""
        left = memoryview(data)
        while left:
            left = left[self._tls.write(left) :]
        return self._to_send.read()

    def decrypt(self, data: bytes) -> list[bytes]:
        """Return the decrypted pieces of the peer's bytes; pass ``b""`` at the end of the connection.

        The list is empty while a record is incomplete, and ends with ``b""`` if the peer has closed. A close without
        close_notify is no error: HTTP's framing shows whether something is missing.
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
