"""Forms as ``multipart/form-data``, both ways (docs/protocol/image.md#31-transport; RFC 7578).

The boundary is a hash of the contents: equal forms are equal bytes, and no part can contain it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ..arguments import BYTES, LIMITS, TEXT, list_items
from ..errors import InvalidRequestError, LimitExceeded, RemoteProtocolError
from ..limits import Limits

__all__ = ["FormPart", "decode", "encode"]


@dataclass(frozen=True, slots=True)
class FormPart:
    """One part of a form."""

    name: str
    data: bytes = field(repr=False)
    content_type: str = "application/octet-stream"
    filename: str = "blob"


_NAME: Final = re.compile(r'[^\x00-\x1f\x7f"\\]+')
_TYPE: Final = re.compile(r"[!-~]+")
_BOUNDARY: Final = re.compile(
    r'(?i:multipart/form-data)\s*;(?:.*;)?\s*(?i:boundary)=(?:"([^"]{1,70})"|([^\s;"]{1,70}))'
)
_DISPOSITION: Final = re.compile(r"(?i:content-disposition):\s*form-data\b(.*)")
_PARAMETER: Final = re.compile(r';\s*(name|filename)="([^"]*)"', re.IGNORECASE)


def encode(parts: Sequence[FormPart]) -> tuple[str, bytes]:
    """Return the content type, which has the boundary, and the body.

    Raises:
        InvalidRequestError: a name or a type has a character that a part's head cannot have.
    """
    parts = list_items(parts, FormPart, "parts", "a list of Part")
    from hashlib import sha256  # loads OpenSSL

    digest = sha256()
    for part in parts:
        if not (_NAME.fullmatch(part.name) and _NAME.fullmatch(part.filename) and _TYPE.fullmatch(part.content_type)):
            raise InvalidRequestError(
                "the name, file name or type of a form's part cannot stand in its head", parameter="parts"
            )
        digest.update(len(part.data).to_bytes(8) + part.data)
    boundary = f"nai-{digest.hexdigest()[:40]}"
    pieces: list[bytes] = []
    for part in parts:
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{part.name}"; filename="{part.filename}"\r\n'
            f"Content-Type: {part.content_type}\r\n\r\n"
        )
        pieces += (head.encode("utf-8", "surrogatepass"), part.data, b"\r\n")
    return f"multipart/form-data; boundary={boundary}", b"".join([*pieces, f"--{boundary}--\r\n".encode()])


def decode(content_type: str, body: bytes, limits: Limits = Limits()) -> list[FormPart]:
    """Return the parts of a form.

    Args:
        content_type: the whole header field, which has the boundary.
        body: of the request.
        limits: `Limits.archive_members` bounds the parts, `Limits.head` each part's head.

    Raises:
        RemoteProtocolError: it is not such a form, or is cut short.
        LimitExceeded: it has too many parts.
    """
    TEXT.check(content_type, "content_type")
    body = BYTES.convert(body, "body")
    LIMITS.check(limits, "limits")
    boundary = _BOUNDARY.match(content_type)
    if boundary is None:
        raise RemoteProtocolError("form: the content type has no boundary")
    mark = b"\r\n--" + (boundary[1] or boundary[2]).encode("latin-1", "replace")
    whole = b"\r\n" + body
    at = whole.find(mark)
    parts: list[FormPart] = []
    while at >= 0:
        at += len(mark)
        if whole.startswith(b"--", at):
            return parts
        if len(parts) >= limits.archive_members:
            raise LimitExceeded("form parts", limit=limits.archive_members, value=len(parts) + 1)
        end = whole.find(mark, at)
        line = whole.find(b"\r\n", at)
        blank = whole.find(b"\r\n\r\n", at, at + limits.head)
        if end < 0 or blank < 0 or blank > end or whole[at:line].strip(b" \t"):
            break
        parts.append(_parse_part(whole[at:blank].decode("utf-8", "replace"), whole[blank + 4 : end]))
        at = end
    raise RemoteProtocolError("form: not multipart/form-data, or cut short")


def _parse_part(head: str, data: bytes) -> FormPart:
    content_type, parameters = "text/plain", dict[str, str]()
    for line in head.split("\r\n"):
        if disposition := _DISPOSITION.match(line):
            parameters = {key.lower(): value for key, value in _PARAMETER.findall(disposition[1])}
        elif line.lower().startswith("content-type:"):
            content_type = line.partition(":")[2].strip()
    if "name" not in parameters:
        raise RemoteProtocolError("form: a part has no name")
    return FormPart(parameters["name"], data, content_type, parameters.get("filename", ""))
