"""HTTP proxies of the raw drivers; httpx brings its own.

Every target is reached through CONNECT, plain http too: one way for all, and a proxy is never asked to read a request, so
no token is ever addressed to it. A proxy that allows CONNECT to port 443 only refuses http targets with its status.
"""

from __future__ import annotations

import re
from base64 import b64encode
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from nai_proto.errors import InvalidRequestError
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
        InvalidRequestError: it is not such a URL. The text does not quote it.
    """

    __slots__ = ("_authorization", "host", "port")

    def __init__(self, url: str) -> None:
        found = _URL.fullmatch(url)
        port = int(found["port"] or 80) if found else 0
        if found is None or not 1 <= port <= 65_535:
            raise InvalidRequestError(
                "a proxy is http://[user[:password]@]host[:port]; SOCKS, and TLS to the proxy itself, are left to httpx",
                parameter="proxy",
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
    """Return the proxy that the environment names for this URL, or None. No driver looks for it by itself.

    HTTPS_PROXY or HTTP_PROXY by the URL's scheme, else ALL_PROXY, in either case. NO_PROXY lists what is reached without
    one, between commas or blanks, as urllib and curl read it: a name and all below it, with or without ``.`` or ``*.`` in
    front; an address, or a block of them (``10.0.0.0/8``); each of these with a port; or ``*``.

    Raises:
        InvalidRequestError: what the environment names is not a `Proxy`.
    """
    from urllib.request import getproxies_environment

    named = getproxies_environment()
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = (parts.hostname or "").rstrip(".").lower()
    if any(_covers(entry, host, port) for entry in named.get("no", "").lower().replace(",", " ").split()):
        return None
    found = named.get(parts.scheme) or named.get("all")
    if not found:
        return None
    return Proxy(found if "://" in found else f"http://{found}")


def _covers(entry: str, host: str, port: int) -> bool:
    """Does an entry of NO_PROXY cover a host and a port?"""
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
    else:  # there is nothing below an address, as there is below a name
        try:
            return address in ip_network(name, strict=False)
        except ValueError:
            return False
    name = name.removeprefix("*").removeprefix(".").rstrip(".")
    return bool(name) and f".{host}".endswith(f".{name}")


# An address of IPv6 has a port only behind brackets.
_ENTRY: Final = re.compile(
    r"(?:\[(?P<v6>[0-9a-f:.]+(?:/\d+)?)\]|(?P<name>[^:\[\]]+|[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*(?:/\d+)?))(?::(?P<port>\d{1,5}))?"
)
