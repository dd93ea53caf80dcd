"""Faults that replace the whole response: an error of the service, a gateway's page, or bytes that are not HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from ...exchange.reply import Cut, Handler, RawWrite
from ..errors import Refused
from ..http.responses import reason_field, send_error, send_response, status_phrase
from .fault import Count, ReplacingFault

__all__ = ["GARBAGE", "Garbage", "Gateway", "Refusal"]

GARBAGE: Final = b"SSH-2.0-OpenSSH_9.9\r\n\x00\x01\xfe\xff\r\n\r\n"
"""The beginning of another protocol."""

_INJECTED: Final = "a fault was injected: the service did not get the request"
_PAGE: Final = """\
<html>\r
<head><title>{0}</title></head>\r
<body>\r
<center><h1>{0}</h1></center>\r
<hr><center>gateway</center>\r
</body>\r
</html>\r
"""


class Refusal(ReplacingFault, frozen=True, tag="refuse"):
    """An error response in the service's form, such as 429 or a 5xx.

    See docs/protocol/native.md#41-error-body.
    """

    status: Annotated[Annotated[int, Meta(ge=400, le=599)], Meta(description="its status, 400 to 599")] = 429
    retry_after: Annotated[Count | None, Meta(description="seconds in Retry-After")] = None
    message: Annotated[str | None, Meta(description="its message; the status's phrase without it")] = None

    def respond(self) -> Handler:
        message = status_phrase(self.status) if self.message is None else self.message
        return send_error(Refused(self.status, message, reason=_INJECTED, retry_after=self.retry_after))


class Gateway(ReplacingFault, frozen=True, tag="gateway"):
    """An HTML page, as a proxy in front of the service sends it."""

    status: Annotated[Annotated[int, Meta(ge=200, le=599)], Meta(description="its status, such as 502, 503, 504")] = 502
    retry_after: Annotated[Count | None, Meta(description="seconds in Retry-After")] = None

    def respond(self) -> Handler:
        page = _PAGE.format(f"{self.status} {status_phrase(self.status)}").encode()
        wait = [] if self.retry_after is None else [("Retry-After", str(self.retry_after))]
        return send_response(self.status, "text/html", page, reason_field(_INJECTED), *wait)


class Garbage(ReplacingFault, frozen=True, tag="garbage"):
    """Bytes that are not HTTP; the connection is closed after them."""

    def respond(self) -> Handler:
        yield RawWrite(GARBAGE)
        yield Cut()
