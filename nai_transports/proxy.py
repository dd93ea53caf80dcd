"""HTTP proxies of the asyncio and trio transports; httpx brings its own.

Every target is reached through CONNECT, plain http too: one way for all, and a proxy is never asked to read a request, so
no token is ever addressed to it. A proxy that allows CONNECT to port 443 only refuses http targets with its status.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from nai_proto.errors import LocalProtocolError
from nai_proto.http import Headers, Request

__all__ = ["Proxy", "proxy_from_environment"]

_URL: Final = re.compile(
    r"http://(?:(?P<who>[^/?#\s]*)@)?(?P<host>[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?"
)


class Proxy:
    """Where a proxy listens, and who asks it. Shows nothing of either.

    Args:
        url: ``http://[user[:password]@]host[:port]``; user and password percent-encoded, port 80 if not said.

    Raises:
        LocalProtocolError: it is not such a URL. The text does not quote it.
    """

    __slots__ = ("_authorization", "host", "port")

    def __init__(self, url: str) -> None:
        found = _URL.fullmatch(url)
        port = int(found["port"] or 80) if found else 0
        if found is None or not 1 <= port <= 65_535:
            raise LocalProtocolError(
                "a proxy is http://[user[:password]@]host[:port]; SOCKS, and TLS to the proxy itself, are left to httpx"
            )
        self.host: str = found["host"].strip("[]")
        self.port = port
        self._authorization = "" if found["who"] is None else _basic(found["who"])

    def __repr__(self) -> str:
        return "Proxy(…)"

    def connect(self, host: str, port: int) -> Request:
        """The request for a tunnel to this host and port (RFC 9110 §9.3.6)."""
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        fields = [("Host", authority)]
        if self._authorization:
            fields.append(("Proxy-Authorization", self._authorization))
        return Request("CONNECT", authority, Headers(fields))


def _basic(who: str) -> str:
    user, _, password = who.encode("utf-8", "surrogatepass").partition(b":")
    return "Basic " + b64encode(unquote_to_bytes(user) + b":" + unquote_to_bytes(password)).decode("ascii")


def proxy_from_environment(url: str) -> Proxy | None:
    """The proxy that the environment names for this URL, or None. No transport looks for it by itself.

    HTTPS_PROXY or HTTP_PROXY by the URL's scheme, else ALL_PROXY, in either case; unless NO_PROXY has the host, a domain
    that it belongs to, or ``*``.

    Raises:
        LocalProtocolError: what the environment names is not a `Proxy`.
    """
    from urllib.request import getproxies_environment

    named = getproxies_environment()
    parts = urlsplit(url)
    host = parts.hostname or ""
    for name in named.get("no", "").lower().replace(" ", "").split(","):
        if name == "*" or (name and f".{host}".endswith("." + name.removeprefix("."))):
            return None
    found = named.get(parts.scheme) or named.get("all")
    if not found:
        return None
    return Proxy(found if "://" in found else f"http://{found}")
