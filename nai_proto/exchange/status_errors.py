"""Make the error for a response that is not 2xx. This never fails.

See:
    docs/protocol/native.md#4-errors-and-limits-all-endpoints
    docs/protocol/openai.md#9-errors
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from ..codecs.json import read_error_message
from ..errors import StatusError, excerpt
from ..http import Head, Headers, Request
from .endpoints import match

__all__ = ["error_from_response", "parse_retry_after"]

_SECONDS: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")
# The only form of a date that HTTP still sends (RFC 9110 §5.6.7).
_DATE: Final = re.compile(r"\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT", re.ASCII)
_MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_PHRASES: Final = {301: "moved", 302: "found elsewhere", 303: "see other", 307: "moved for now", 308: "moved for good"}


_UNAUTHORIZED: Final = 401
_NO_TOKEN: Final = (
    "the request had no token: give the client one, as nai.Session(token=…) or Client(token=…), or set NAI_TOKEN, which "
    "Client() reads if it gets neither a session nor an address"
)
_TOKEN_REFUSED: Final = (
    "the service refused the token: it may have expired or have been replaced, or be one of another service; "
    "client.run(nai.account.login(…)) and the website's account settings give a new one"
)


def error_from_response(request: Request, sent: Request, head: Head, body: bytes) -> StatusError:
    """Return the error for a response: its class by the status, its message from the body, in any known form.

    Args:
        request: the operation's.
        sent: the same, as it was signed and sent.
        head: of the response.
        body: the beginning of the response's body.
    """
    message = read_error_message(body.removeprefix(b"\xef\xbb\xbf"), head.content_type) or _PHRASES.get(
        head.status, "no explanation given"
    )
    return StatusError.kind(head.status, message)(
        head.status,
        message,
        method=sent.method,
        url=sent.base + sent.path,
        request_id=_first(head.headers, "x-request-id", "x-correlation-id", "cf-ray"),
        retry_after=parse_retry_after(head.headers),
        body=body,
        advice=_advise_on_token(request, sent) if head.status == _UNAUTHORIZED else None,
    )


def _advise_on_token(request: Request, sent: Request) -> str | None:
    """Return what to do about a 401; None if the request needs no token, as a login, whose e-mail or password is wrong."""
    matched = match(request.method, request.host, request.path)
    if matched is not None and not matched[0].auth:
        return None
    has_token = sent.token is not None or sent.headers.get("authorization") is not None
    return _TOKEN_REFUSED if has_token else _NO_TOKEN


def parse_retry_after(headers: Headers) -> float | None:
    """Return the seconds to wait by ``retry-after-ms`` or ``Retry-After``, or None.

    A date is compared with the response's own ``Date``, so that no clock is needed.
    """
    if (ms := headers.get("retry-after-ms")) is not None and _SECONDS.fullmatch(ms):
        return float(ms) / 1000
    value = headers.get("retry-after")
    if value is None:
        return None
    if _SECONDS.fullmatch(value):
        return float(value)
    then, now = parse_date(value), parse_date(headers.get("date") or "")
    return None if then is None or now is None else max(0.0, (then - now).total_seconds())


def parse_date(text: str) -> datetime | None:
    """Return the time of a field such as ``Date``, in UTC; None if it is none."""
    parts = _DATE.fullmatch(text)
    if parts is None or parts[2] not in _MONTHS:
        return None
    try:
        day, year, hour, minute, second = (int(number) for number in parts.group(1, 3, 4, 5, 6))
        return datetime(year, _MONTHS.index(parts[2]) + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def _first(headers: Headers, *names: str) -> str | None:
    return next((excerpt(value, 80) for name in names if (value := headers.get(name))), None)
