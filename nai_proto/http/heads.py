"""Heads as they are written (RFC 9112 §3-5): a request's here, an answer's by h11; and what is wrong with one.

h11 takes four times as long for a request's head. What it refuses is refused here as well, and what goes out are the
same bytes. No error holds a value, in its text or as its context: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Final, TypeAlias

import h11

from ..errors import InvalidRequestError, excerpt

__all__ = ["ANY_REQUEST", "Pairs", "request_head", "response"]

Pairs: TypeAlias = Sequence[tuple[str, str]]
"""Header fields."""

ANY_REQUEST: Final = h11.Request(method="GET", target="/", headers=[("Host", "h")])
"""What h11 is told of a request, to have it read the answer's head: that there is one."""

_TOKEN: Final = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_VISIBLE: Final = re.compile(r"[!-~]+")
_VALUE: Final = re.compile(r"(?:[!-~\x80-\xff]+(?:[ \t]+[!-~\x80-\xff]+)*)?")


def request_head(method: str, target: str, fields: Pairs, length: int) -> tuple[bytes, bool]:
    """A request's head, and whether it says that the connection closes.

    Args:
        method: a token.
        target: printable ASCII.
        fields: all of them, Host once among them. A Content-Length may stand there twice, and goes out once.
        length: of the body that follows.

    Raises:
        InvalidRequestError: one of these is not what it has to be; the text names which.
    """
    if not _TOKEN.fullmatch(method):
        raise InvalidRequestError("method: not a token (RFC 9110 §5.6.2)")
    if not _VISIBLE.fullmatch(target):
        raise InvalidRequestError("target: not printable ASCII without blanks; percent-encode the rest")
    lines = [f"{method} {target} HTTP/1.1"]
    seen: list[str] = []
    close = False
    for name, value in fields:
        if not (_TOKEN.fullmatch(name) and _VALUE.fullmatch(value)):
            raise _fault(fields)
        known = name.lower()
        if known == "content-length":
            if value != str(length):
                raise InvalidRequestError("header field Content-Length: not the length of the body")
            if known in seen:
                continue
        elif known == "transfer-encoding":
            raise InvalidRequestError("header field Transfer-Encoding: not how the body is sent")
        elif known == "connection":
            close = close or "close" in [token.strip() for token in value.lower().split(",")]
        seen.append(known)
        lines.append(f"{name}: {value}")
    if seen.count("host") != 1:
        raise InvalidRequestError("header fields: Host is due once")
    return "\r\n".join((*lines, "", "")).encode("latin-1"), close


def response(status: int, fields: Pairs) -> h11.Response:
    """An answer's head as h11 takes it.

    Raises:
        InvalidRequestError: the status or a field cannot be sent; the text names which.
    """
    with suppress(h11.LocalProtocolError, UnicodeEncodeError):  # both hold what may be a secret
        return h11.Response(
            status_code=status,
            headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in fields],
            reason=_phrase(status),
        )
    if not 200 <= status <= 999:
        raise InvalidRequestError(f"status {status}: a final one is 200 to 999")
    raise _fault(fields)


@cache
def _phrase(status: int) -> bytes:
    """What HTTP calls a status; nobody has to, but some programs show it to people."""
    from http import HTTPStatus  # a server's: a client does without

    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""


def _fault(fields: Pairs) -> InvalidRequestError:
    """Names the field that cannot be sent."""
    for number, (name, value) in enumerate(fields, 1):
        if not _TOKEN.fullmatch(name):
            return InvalidRequestError(f"header field {number}: its name is not a token (RFC 9110 §5.6.2)")
        if not _VALUE.fullmatch(value):
            return InvalidRequestError(f"header field {excerpt(name)}: its value is not a legal one")
    return InvalidRequestError("header fields: at most one Content-Length or Transfer-Encoding is due, and a legal one")
