"""Requests about pictures as they come, in both forms: JSON with base64 in it, or a form with a part for each picture.

See docs/protocol/image.md#31-transport.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec

from ...codecs import fast
from ...codecs.multipart import decode
from ...errors import LimitExceeded, RemoteProtocolError
from ..answers import Refused
from ..asked import Asked

__all__ = ["Body", "invalid", "read_body"]

_REQUEST: Final = "request"
_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Body:
    """A request's JSON, and what its form has besides."""

    document: Mapping[str, Any] = field(repr=False)
    "Without what is null: that is as good as absent. See docs/protocol/image.md#12-notes-for-an-emulator."
    parts: Mapping[str, bytes] | None = field(default=None, repr=False)
    "The form's, by name; None if there is no form."

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What stands in ``parameters``, without what is null. Raises Refused: 400, something else stands there."""
        said = self.document.get("parameters", {})
        if not isinstance(said, dict):
            raise invalid("parameters is no object")
        return _without_null(cast("dict[str, Any]", said))

    def image(self, value: object, name: str) -> bytes:
        """The bytes that a field for a picture stands for: the name of a part where there is a form, else base64.

        Args:
            value: of the field.
            name: of the field, for the error.

        Raises:
            Refused: 400, there is no such part, or it is no base64.
        """
        if not isinstance(value, str):
            raise invalid(f"{name} is no text")
        if self.parts is not None:
            if value not in self.parts:
                shown = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..."
                raise Refused(400, f'image field references unknown form part "{shown}"')
            return self.parts[value]
        try:
            return fast.decode(value)
        except ValueError:  # and not from it: the codec's may hold the text
            pass
        raise invalid(f"{name} is no base64")


def read_body(asked: Asked) -> Body:
    """What came, understood as far as its form goes.

    Raises:
        Refused: 400, it is neither a JSON object nor a form with one in the part ``request``.
    """
    said = asked.headers.get("content-type") or ""
    parts = None
    encoded = asked.parameters.body
    if said.lower().startswith("multipart/"):
        try:
            found = decode(said, encoded)
        except (RemoteProtocolError, LimitExceeded):
            raise _unreadable() from None
        parts = {part.name: part.data for part in found}
        encoded = parts.pop(_REQUEST, b"")
    try:
        document: object = msgspec.json.decode(encoded)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _unreadable()
    return Body(_without_null(cast("dict[str, Any]", document)), parts)


def invalid(problem: str) -> Refused:
    """The refusal of a request that is understood, and cannot be done.

    See docs/protocol/image.md#12-notes-for-an-emulator.
    """
    return Refused(400, f"Validation error: error validating request: {problem}")


def _without_null(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in document.items() if value is not None}


def _unreadable() -> Refused:
    return Refused(400, "Validation error: invalid request body")
