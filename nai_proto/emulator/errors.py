"""The exception that ends a handler of the emulator with an error response.

See docs/protocol/native.md#41-error-body.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Refused"]


class Refused(Exception):
    """Ends a handler with an error answer. With a status of success it is one of the model's.

    See docs/protocol/native.md#41-error-body.
    """

    def __init__(
        self, status: int, message: str, *, retry_after: int | None = None, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        self.details = details
