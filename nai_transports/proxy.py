"""HTTP proxies of the raw drivers; httpx has its own.

Every target is reached through CONNECT, also for plain http, so that no request, and no token, is addressed to the proxy. A
proxy that allows CONNECT only to port 443 refuses http targets with its status.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes, urlsplit

from nai_proto.errors import InvalidRequestError
from nai_proto.http import Headers, Request

__all__ = ["Proxy", "ProxyChooser", "needs_no_proxy", "parse_proxy", "proxy_from_environment"]

_URL: Final = re.compile(
    r"http://(?:(?P<user>[^/?#\s]*)@)?(?P<host>[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?"
)


class Proxy:
    """The address and the credentials of a proxy; the repr shows neither.

    Args:
        url: ``http://[user[:password]@]host[:port]``; user and password percent-encoded, the port 80 by default.

    Raises:
        InvalidRequestError: ``url`` is not such a URL. The message does not quote it.
    """

    __slots__ = ("_authorization", "host", "port")

    def __init__(self, url: str) -> None:
        parts = _URL.fullmatch(url)
        port = int(parts["port"] or 80) if parts else 0
        if parts is None or not 1 <= port <= 65_535:
            raise InvalidRequestError(
                "a proxy is http://[user[:password]@]host[:port]; for SOCKS, or TLS to the proxy, use nai_transports.httpx",
                parameter="proxy",
            )
        self.host: str = parts["host"].strip("[]")
        self.port = port
        self._authorization = "" if parts["user"] is None else _basic(parts["user"])

    def __repr__(self) -> str:
        return "Proxy(…)"

    def connect(self, host: str, port: int) -> Request:
        """Return the request for a tunnel to a host and port (RFC 9110 §9.3.6)."""
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        fields = [("Host", authority)]
        if self._authorization:
            fields.append(("Proxy-Authorization", self._authorization))
        return Request("CONNECT", authority, Headers(fields))


ProxyChooser: TypeAlias = Callable[[str], Proxy | None]
"""Returns the proxy for a base URL, or None."""


def parse_proxy(text: str) -> Proxy:
    """Return the proxy of a text as environment variables have it: the URL of a `Proxy`, or the same without ``http://``.

    Raises:
        InvalidRequestError: it is neither. The message does not quote it.
    """
    return Proxy(text if "://" in text else f"http://{text}")


def _basic(credentials: str) -> str:
    user, _, password = credentials.encode("utf-8", "surrogatepass").partition(b":")
    return "Basic " + b64encode(unquote_to_bytes(user) + b":" + unquote_to_bytes(password)).decode("ascii")


def proxy_from_environment(url: str) -> Proxy | None:
    """Return the proxy for this URL by the environment variables, or None. Drivers do not call this themselves.

    The variable is HTTPS_PROXY or HTTP_PROXY by the URL's scheme, else ALL_PROXY, in upper or lower case. NO_PROXY lists
    hosts that need no proxy: see `needs_no_proxy`.

    Raises:
        InvalidRequestError: the variable is not the URL of a `Proxy`.
    """
    if needs_no_proxy(url):
        return None
    proxies = _read_environment()
    proxy = proxies.get(urlsplit(url).scheme) or proxies.get("all")
    return parse_proxy(proxy) if proxy else None


def needs_no_proxy(url: str) -> bool:
    """Return whether NO_PROXY covers the host of this URL.

    The variable lists hosts, separated by commas or blanks, as for urllib and curl: a domain, with or without ``.`` or
    ``*.`` before it; an address, or a block (``10.0.0.0/8``); each of these with a port; or ``*``.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = (parts.hostname or "").rstrip(".").lower()
    entries = _read_environment().get("no", "").lower().replace(",", " ").split()
    return any(_covers(entry, host, port) for entry in entries)


def _read_environment() -> dict[str, str]:
    from urllib.request import getproxies_environment  # loads an HTTP client: not at import

    return getproxies_environment()


def _covers(entry: str, host: str, port: int) -> bool:
    """Return whether an entry of NO_PROXY covers a host and a port."""
    if entry == "*":
        return True
    bare = _ENTRY.fullmatch(entry)
    if bare is None:
        return False
    if bare["port"] and int(bare["port"]) != port:
        return False
    name = bare["v6"] or bare["name"]
    try:
        address = ip_address(host)
    except ValueError:
        pass
    else:  # addresses have no subdomains
        try:
            return address in ip_network(name, strict=False)
        except ValueError:
            return False
    name = name.removeprefix("*").removeprefix(".").rstrip(".")
    return bool(name) and f".{host}".endswith(f".{name}")


# An IPv6 address with a port is in brackets.
_ENTRY: Final = re.compile(
    r"(?:\[(?P<v6>[0-9a-f:.]+(?:/\d+)?)\]|(?P<name>[^:\[\]]+|[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*(?:/\d+)?))(?::(?P<port>\d{1,5}))?"
)
