"""What the first bytes of a peer say about its protocol.

A peer that does not speak HTTP may never end what it says: an SSH server sends its version and waits. So it is judged by its
first bytes, before the rest of a head comes.
"""

from __future__ import annotations

import re
from typing import Final

from ..errors import RemoteProtocolError, excerpt

__all__ = ["LONGEST_START", "check_response_start", "is_tls_start"]

_RESPONSE_START: Final = b"HTTP/"
LONGEST_START: Final = len(_RESPONSE_START)
"""Bytes that are looked at."""
_TLS_RECORD: Final = re.compile(rb"[\x14-\x17]\x03")
_TLS_RECORDS_OF_A_SERVER: Final = (0x15, 0x16)
"""An alert, and a part of the handshake."""


def check_response_start(received: bytes, peer: str) -> None:
    """Check that a response begins as one of HTTP/1.

    Args:
        received: the first bytes of the peer, at least one.
        peer: the subject of the message.

    Raises:
        RemoteProtocolError: it does not; ``excerpt`` has what came instead.
    """
    if received.startswith(_RESPONSE_START[: len(received)]):
        return
    if _TLS_RECORD.match(received):
        raise RemoteProtocolError(f"{peer} speaks TLS: its address begins with https://")
    raise RemoteProtocolError(f"{peer} does not speak HTTP", excerpt=excerpt(received))


def is_tls_start(received: bytes) -> bool:
    """Return whether the first bytes of a server, at least one, can be those of TLS."""
    return received[0] in _TLS_RECORDS_OF_A_SERVER
