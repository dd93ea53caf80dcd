"""Set up a connection before HTTP: open a proxy's tunnel, and perform the TLS handshake.

Both receive what the peer sends while they write, and lose nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ..errors import NaiError, TransportError
from ..http import Head
from ..http.first_bytes import is_tls_start
from ..http.wire import NEED_DATA, Tunnel, Wire
from ..limits import Limits
from .client import ClientExchange
from .driving import IoSteps
from .raw_io import RawIO, Tls, TunnelProxy

__all__ = ["NO_TLS", "connection_refused", "open_tunnel", "shake_hands", "tunnel_refused"]

NO_TLS: Final = "what answers there does not speak TLS: if it speaks HTTP, its address begins with http://"
"""Why a connection of https fails whose peer speaks something else."""


def open_tunnel(
    io: RawIO, stream: Any, proxy: TunnelProxy, host: str, port: int, limits: Limits, left: Callable[[], float | None]
) -> IoSteps[None]:
    """Ask a proxy to open a tunnel. Any other response raises TransportError, phase ``connect``."""
    exchange = ClientExchange(Wire("client", limits), proxy.connect(host, port))

    def received(data: bytes) -> bool:
        exchange.receive_data(data)
        return False

    yield partial(io.write, stream, exchange.data_to_send, left(), received)
    try:
        while not isinstance(incoming := exchange.next_incoming(), Tunnel):
            if incoming is NEED_DATA:
                exchange.receive_data((yield partial(io.read, stream, left())))
            elif isinstance(incoming, Head) and not 200 <= incoming.status <= 299:
                hint = " (it needs other credentials)" if incoming.status == 407 else ""
                raise connection_refused(host, port, f"the proxy refused with status {incoming.status}{hint}")
    except TransportError as error:
        if error.phase == "connect":
            raise
        raise connection_refused(host, port, "the proxy closed the connection without a response") from None
    except NaiError as error:
        raise tunnel_refused(host, port, error) from None
    if incoming.data or stream.is_readable():
        raise connection_refused(
            host,
            port,
            "the proxy's tunnel is closed, or has bytes before the request: its end speaks neither HTTP nor TLS",
        )


def shake_hands(
    io: RawIO, stream: Any, host: str, port: int, tls: Tls, left: Callable[[], float | None]
) -> IoSteps[None]:
    """Perform the TLS handshake. If it fails, send the peer the reason before closing.

    Args:
        io: of the run.
        stream: on which nothing was sent yet.
        host, port: of the peer, for messages.
        tls: of a new connection.
        left: returns the seconds left for connecting.

    Raises:
        OSError: the handshake failed, or the connection did.
        TransportError: the peer does not speak TLS.
        LimitReached: the handshake took too long.
    """
    failure: OSError | None = None
    start = b""
    has_received = False

    def received(data: bytes) -> bool:
        nonlocal start, has_received
        start = start or data
        has_received = True
        tls.receive_data(data)
        return False

    if stream.is_readable():  # unencrypted bytes must not be taken for decrypted ones
        early = yield partial(io.read, stream, left())
        raise connection_refused(host, port, NO_TLS if early else "it closed the connection before TLS")
    while True:
        if start and not is_tls_start(start):  # such a peer may wait for ever
            raise connection_refused(host, port, NO_TLS)
        complete = has_received = False
        try:
            complete = tls.do_handshake()
        except OSError as error:
            failure = error
        if data := tls.data_to_send():
            try:
                yield partial(io.write, stream, data, left(), received)
            except OSError:
                if failure is None:
                    raise
        if failure is not None:
            raise failure
        if complete:
            return
        if not has_received:
            received((yield partial(io.read, stream, left())))


def tunnel_refused(host: str, port: int, error: NaiError) -> TransportError:
    """Return the error for a proxy whose response is not valid. It names the target: the proxy's URL may have a password."""
    return connection_refused(host, port, f"the proxy opens no tunnel: {error}")


def connection_refused(host: str, port: int, why: str) -> TransportError:
    """Return the error for a connection that fails for a reason other than the system's."""
    return TransportError(f"connecting to {host}:{port}: {why}", sent=False, phase="connect")
