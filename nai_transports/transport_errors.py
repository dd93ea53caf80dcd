"""Convert errors of the operating system and of TLS to transport errors with host, port and the system's reason."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Mapping
from typing import Final, cast

from nai_proto.errors import LocalProtocolError, Phase, TransportError, excerpt
from nai_proto.exchange.connection_setup import NO_TLS

__all__ = ["failure_reason", "transport_error", "wrong_runtime"]

_DOING: Final[Mapping[Phase, str]] = {
    "pool": "waiting for a connection to",
    "connect": "connecting to",
    "write": "sending the request to",
    "read": "waiting for the response of",
    "idle": "reading the response of",
    "total": "the exchange with",
}
# The numbers of errors that event loops raise without a number.
_NUMBERS: Final[tuple[tuple[type[OSError], int], ...]] = (
    (ConnectionResetError, errno.ECONNRESET),
    (BrokenPipeError, errno.EPIPE),
    (ConnectionRefusedError, errno.ECONNREFUSED),
    (ConnectionAbortedError, errno.ECONNABORTED),
    (TimeoutError, errno.ETIMEDOUT),
)


_NO_TLS_REASONS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
"""What OpenSSL calls bytes that are no record of TLS."""


def transport_error(phase: Phase, error: BaseException, host: str, port: int, sent: bool) -> TransportError:
    """Return the transport error for an error of the system.

    Args:
        phase: of the exchange.
        error: of the system, TLS or the name look-up.
        host, port: of the peer.
        sent: may the service have acted on the request?
    """
    return TransportError(f"{_DOING[phase]} {host}:{port}: {failure_reason(error)}", sent=sent, phase=phase)


def wrong_runtime(runtime: str) -> LocalProtocolError:
    """Return the error for a client whose runtime is not running."""
    return LocalProtocolError(
        f"nai_transports.{runtime}.Client needs {runtime}, which is not running; use the Client of "
        "nai_transports.asyncio, .trio or .sync"
    )


def failure_reason(error: BaseException) -> str:
    """Return the system's reason for an error, or for its first cause that has one."""
    import ssl  # needed only when something is wrong

    seen = error
    while True:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"its certificate does not verify: {excerpt(seen.verify_message)}"
        if isinstance(seen, ssl.SSLError) and seen.reason in _NO_TLS_REASONS:
            return NO_TLS
        if isinstance(seen, ssl.SSLError):
            return f"TLS failed: {excerpt((seen.reason or seen.strerror or str(seen)).replace('_', ' ').lower())}"
        if isinstance(seen, socket.gaierror):
            return f"no address is known for this name ({excerpt(seen.strerror or 'look-up failed')})"
        if isinstance(seen, OSError):
            if seen.errno:
                return os.strerror(seen.errno)
            for kind, number in _NUMBERS:
                if isinstance(seen, kind):
                    return os.strerror(number)
        following = _first_of(seen) or seen.__cause__ or seen.__context__
        if following is None:
            return excerpt(str(seen)) or "the connection was lost"
        seen = following


def _first_of(error: BaseException) -> BaseException | None:
    """Return the first error of a group; None if this is not a group."""
    if not isinstance(error, BaseExceptionGroup):
        return None
    return cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
