"""Who may control an emulator: a program that has its key, and a page that the emulator itself has sent.

Any page in a browser can send requests to an address of this machine, and a name of the internet can be made to point to it
(DNS rebinding). So the key is required, the request's host must be an address or ``localhost``, and an origin must be the
emulator's own. This holds for GET as well.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import Final

from ...http import Request
from ..errors import Refused

__all__ = ["KEY_HEADER", "check_key", "check_origin"]

KEY_HEADER: Final = "X-Emulator-Key"
"The header field that holds the key."


def check_key(request: Request, key: str) -> None:
    """Check the key of a request.

    Raises:
        Refused: 401, it is missing or another one.
    """
    given = request.headers.get(KEY_HEADER)
    if given is None:
        raise Refused(401, f"the header field {KEY_HEADER} is missing; it takes the key that `nai emulate` prints")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), key.encode()):
        raise Refused(401, f"{KEY_HEADER} is not the key that `nai emulate` has printed")


def check_origin(request: Request) -> None:
    """Check that a request comes from a program, or from a page of the emulator itself.

    Raises:
        Refused: 403, its host is a name, or its origin is another one.
    """
    host = request.headers.get("host") or ""
    if not _is_address(host):
        raise Refused(403, "the emulator is controlled only at an IP address or at localhost")
    origin = request.headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
        raise Refused(403, "pages of other origins cannot control the emulator")
    if (request.headers.get("sec-fetch-site") or "none") not in ("none", "same-origin"):
        raise Refused(403, "pages of other origins cannot control the emulator")


def _is_address(host: str) -> bool:
    """Return whether a ``Host`` field is an address or ``localhost``, with or without a port."""
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        port = port.removeprefix(":") if bracket else "?"
    else:
        name, _, port = host.partition(":")
    if port and not port.isdecimal():
        return False
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
