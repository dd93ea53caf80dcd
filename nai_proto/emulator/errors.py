"""The exception that ends a handler of the emulator with an error response.

See docs/protocol/native.md#41-error-body.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Refused"]


class Refused(Exception):
    """Ends a handler with an error response.

    Args:
        status: of the response. A status of success means an error of the language model, which has its own JSON form.
        message: for the client, in the service's words.
        reason: for who debugs the client, in ``X-Emulator-Reason``: one sentence that says what to change, where the
            service's words do not. None repeats the message.
        retry_after: seconds for the ``Retry-After`` header; None leaves the header out.
        details: a further object in the JSON document.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        reason: str | None = None,
        retry_after: int | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = message if reason is None else reason
        self.retry_after = retry_after
        self.details = details
