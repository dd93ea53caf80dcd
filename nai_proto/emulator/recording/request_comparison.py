"""Compares a request with those of a recording.

Method, path, query and body are compared, and no header field. A value is not compared where no two runs of one program
send the same one, or where the recording does not have it:

- secrets: tokens, access keys, e-mails and their hashes;
- what a client draws at random or reads from its clock: seeds of images, the ``meta`` of an object, sealed data, the
  boundary of a form;
- contents, such as a prompt, if the recording was made without them. A recording with contents is of these contents only:
  the answer to another prompt would be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import EllipsisType
from typing import Final, NamedTuple, TypeAlias

import msgspec

from ...http.redaction import SECRET_FORMS
from .quotations import fill
from .recording_file import RecordedExchange
from .value_masking import mask_body, mask_target

__all__ = ["RequestShape", "find_difference", "request_shape"]

_Json: TypeAlias = "dict[str, _Json] | list[_Json] | str | float | EllipsisType | None"
"A JSON value; an ellipsis where there is none."


class RequestShape(NamedTuple):
    """What is compared of a request; ``*`` stands for each value that is not."""

    method: str
    target: bytes
    "Path and query."
    body: bytes | None
    "None if the server did not read all of it."


def request_shape(exchange: RecordedExchange, *, contents: bool, drawn: bool = False) -> RequestShape:
    """Return the shape of a request: equal for a recorded request and for the one that is replayed.

    Args:
        exchange: with the request.
        contents: does the recording have contents?
        drawn: compare what the client drew at random as well?
    """
    masks = _ComparingMasks(contents=contents, ignored_keys=frozenset() if drawn else _DRAWN_KEYS)
    target = mask_target(exchange.target.encode("utf-8", "replace"), masks)
    return RequestShape(exchange.method, target, _mask_request_body(exchange, masks) if exchange.whole else None)


def find_difference(one: RequestShape, other: RequestShape) -> str:
    """Return the name of what differs in two requests with one path, such as ``parameters.max_length``."""
    if one.target != other.target:
        return "query"
    try:
        mine, its = (msgspec.json.decode(shape.body or b"") for shape in (one, other))
        return (_find_difference(mine, its) or "").lstrip(".") or "body"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "body"


def _find_difference(one: _Json, other: _Json) -> str | None:
    """Return the path of the first value that differs; None if none does."""
    pairs: Iterable[tuple[str, _Json, _Json]]
    match one, other:
        case dict(), dict():
            pairs = ((f".{name}", one.get(name, ...), other.get(name, ...)) for name in dict.fromkeys((*one, *other)))
        case list(), list() if len(one) == len(other):
            pairs = ((f"[{at}]", *pair) for at, pair in enumerate(zip(one, other, strict=True)))
        case _:
            return None if one == other else ""
    paths = ((name, _find_difference(mine, its)) for name, mine, its in pairs)
    return next((name + path for name, path in paths if path is not None), None)


class _ComparingMasks:
    """Masks for comparison; everything that is not compared becomes equal."""

    def __init__(self, *, contents: bool, ignored_keys: frozenset[bytes]) -> None:
        self.contents = contents
        self.ignored_keys = ignored_keys

    def mask_secret(self, value: bytes) -> bytes:  # noqa: ARG002  all secrets are equal
        return b"*"

    def mask_content(self, value: bytes) -> bytes:
        return self.mask_plain(value) if self.contents else b"*"

    def mask_name(self, value: bytes) -> bytes:
        return self.mask_plain(value) if self.contents else b"*"

    def mask_field(self, value: bytes) -> bytes:
        return value

    def mask_plain(self, value: bytes) -> bytes:
        if not self.contents and (value == fill(len(value)) or not value.strip(b"A")):
            return b"*"
        return SECRET_FORMS.sub(b"*", value)

    def mask_message(self, value: bytes) -> bytes:
        return value

    def mask_number(self, value: bytes) -> bytes:
        return value if self.contents else b"0"


_DRAWN_KEYS: Final = frozenset(b"seed extra_noise_seed meta data keystore lastUpdatedAt".split())
"""Keys of a request under which clients send what they draw at random, or the time.

See docs/protocol/content.md#31-encrypted-types and docs/protocol/image.md#32-parameters-all-keys.
"""


def _mask_request_body(exchange: RecordedExchange, masks: _ComparingMasks) -> bytes:
    content_type = exchange.headers.get("content-type") or ""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None or not masks.contents:
        return mask_body(exchange.body, content_type, masks)
    parts = exchange.body.split((boundary[1] or boundary[2]).encode())
    return b"*".join(_mask_part(part, masks) for part in parts)


def _mask_part(part: bytes, masks: _ComparingMasks) -> bytes:
    """Return a masked part of a form, by the content type in its own head."""
    head, blank, data = part.partition(b"\r\n\r\n")
    return head + blank + mask_body(data, head.decode("latin-1"), masks)


_BOUNDARY: Final = re.compile(r'(?i:multipart/.*;\s*boundary)=(?:"([^"]+)"|([^\s;"]+))')
