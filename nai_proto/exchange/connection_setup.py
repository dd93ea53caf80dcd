"""Set up a connection before HTTP: open a proxy's tunnel, and perform the TLS handshake.

Both receive what the peer sends while they write, and lose nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import NaiError, TransportError
from ..http import Head
from ..http.wire import NEED_DATA, Tunnel, Wire
from ..limits import Limits
from .client import ClientExchange
from .driving import IoSteps
from .raw_io import RawIO, Tls, TunnelProxy

__all__ = ["connection_refused", "open_tunnel", "shake_hands"]


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
        raise connection_refused(host, port, f"the proxy's response: {error}") from None
    if incoming.data or stream.is_readable():
        raise connection_refused(host, port, "the proxy granted a tunnel, but closed it or sent bytes of its own")


def shake_hands(io: RawIO, stream: Any, tls: Tls, left: Callable[[], float | None]) -> IoSteps[None]:
    """Perform the TLS handshake. If it fails, send the peer the reason before closing.

    Args:
        io: of the run.
        stream: on which nothing was sent yet.
        tls: of a new connection.
        left: returns the seconds left for connecting.

    Raises:
        OSError: the handshake failed, or the connection did.
        LimitReached: the handshake took too long.
    """
    failure: OSError | None = None
    has_received = False

    def received(data: bytes) -> bool:
        nonlocal has_received
        has_received = True
        tls.receive_data(data)
        return False

    while True:
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
            tls.receive_data((yield partial(io.read, stream, left())))


def connection_refused(host: str, port: int, why: str) -> TransportError:
    """Return the error for a connection that fails for a reason other than the system's."""
    return TransportError(f"connecting to {host}:{port}: {why}", sent=False, phase="connect")
