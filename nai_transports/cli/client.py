"""The client of all commands: blocking sockets, through the proxy that the environment names."""

from __future__ import annotations

from nai_proto.exchange.session import Session

from ..proxy import proxy_from_environment
from ..sync import Client

__all__ = ["open_client"]


def open_client(session: Session) -> Client:
    """Return a client for a session.

    Raises:
        InvalidRequestError: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names a proxy that is none of HTTP.
    """
    return Client(session, proxy=proxy_from_environment(session.account))
