"""Format heads (RFC 9112 §3-5): a request's here, a response's with h11.

For a request's head, h11 takes four times as long; this module refuses what h11 refuses, and formats the same bytes. No
error has a field's value in its text or context: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Final, TypeAlias

import h11

from ..errors import InvalidRequestError, excerpt

__all__ = ["ANY_REQUEST", "Pairs", "build_response", "format_request_head"]

Pairs: TypeAlias = Sequence[tuple[str, str]]
"""Header fields."""

ANY_REQUEST: Final = h11.Request(method="GET", target="/", headers=[("Host", "h")])
"""h11 reads a response's head only after a request, whichever it was: this one."""

_TOKEN: Final = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_VISIBLE: Final = re.compile(r"[!-~]+")
_VALUE: Final = re.compile(r"(?:[!-~\x80-\xff]+(?:[ \t]+[!-~\x80-\xff]+)*)?")


def format_request_head(method: str, target: str, fields: Pairs, length: int) -> tuple[bytes, bool]:
    """Return a request's head, and whether it asks to close the connection.

    Args:
        method: a token.
        target: printable ASCII.
        fields: all fields, with one Host. A second Content-Length is dropped.
        length: of the body that follows.

    Raises:
        InvalidRequestError: one of the arguments is not valid; the message names it, or the field.
    """
    if not _TOKEN.fullmatch(method):
        raise InvalidRequestError("method: not a token")
    if not _VISIBLE.fullmatch(target):
        raise InvalidRequestError("target: not printable ASCII without blanks; percent-encode the rest")
    lines = [f"{method} {target} HTTP/1.1"]
    seen: list[str] = []
    close = False
    for name, value in fields:
        if not (_TOKEN.fullmatch(name) and _VALUE.fullmatch(value)):
            raise _field_error(fields)
        known = name.lower()
        if known == "content-length":
            if value != str(length):
                raise InvalidRequestError("header field Content-Length: differs from the length of the body")
            if known in seen:
                continue
        elif known == "transfer-encoding":
            raise InvalidRequestError("header field Transfer-Encoding: a request's body is sent with Content-Length")
        elif known == "connection":
            close = close or "close" in [token.strip() for token in value.lower().split(",")]
        seen.append(known)
        lines.append(f"{name}: {value}")
    if seen.count("host") != 1:
        raise InvalidRequestError("header fields: there must be one Host")
    return "\r\n".join((*lines, "", "")).encode("latin-1"), close


def build_response(status: int, fields: Pairs) -> h11.Response:
    """Return a response's head for h11.

    Raises:
        InvalidRequestError: the status or a field cannot be sent; the message names it.
    """
    with suppress(h11.LocalProtocolError, UnicodeEncodeError):  # their texts may have secrets
        return h11.Response(
            status_code=status,
            headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in fields],
            reason=_phrase(status),
        )
    if not 200 <= status <= 999:
        raise InvalidRequestError(f"status {status}: the status of a response is 200 to 999")
    raise _field_error(fields)


@cache
def _phrase(status: int) -> bytes:
    """Return the reason phrase of a status, which some programs show to people."""
    from http import HTTPStatus  # for servers only: a client imports faster without it

    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""


def _field_error(fields: Pairs) -> InvalidRequestError:
    """Return an error that names the field that cannot be sent."""
    for number, (name, value) in enumerate(fields, 1):
        if not _TOKEN.fullmatch(name):
            return InvalidRequestError(f"header field {number}: its name is not a token")
        if not _VALUE.fullmatch(value):
            return InvalidRequestError(f"header field {excerpt(name)}: its value is not valid")
    return InvalidRequestError("header fields: there may be one valid Content-Length or Transfer-Encoding")
