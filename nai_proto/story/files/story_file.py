"""``.story`` files: the card and the content of a story as one JSON document, as the website exports it.

Both are copied character by character, so a file has what the account has, including spacing, big numbers and lone
surrogates. Only the card's ids of stored objects are removed, because they mean nothing outside the account.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from ...arguments import BYTES, LIMITS, TEXT
from ...codecs.secret_box import decode_or_none, read_json
from ...errors import InvalidFile, InvalidRequestError
from ...limits import Limits
from ..json_records import read_json_object, require_object
from .file_kinds import VERSION_FIELDS, FileKind

__all__ = ["build_story_file", "extract_field", "read_story_file"]

_VERSION: Final = VERSION_FIELDS[FileKind.STORY]
_REMOTE_ID_FIELDS: Final = frozenset(("remoteId", "remoteStoryId"))
_SEPARATORS: Final = " \t\n\r,:"
_FIELDS_DECODER: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SCANNER: Final = json.JSONDecoder(parse_int=float)


def build_story_file(card: bytes, content: bytes) -> bytes:
    """Return the ``.story`` file of a story.

    Args:
        card, content: their plaintext (`nai_proto.codecs.sealed_objects.Opened.plaintext`).

    Raises:
        InvalidRequestError: the card or the content is no JSON object in UTF-8.
    """
    card, content = BYTES.convert(card, "card"), BYTES.convert(content, "content").strip()
    if not isinstance(decode_or_none(read_json, card), dict):
        raise InvalidRequestError("card takes a JSON object in UTF-8", parameter="card")
    if content[:1] != b"{" or content[-1:] != b"}":  # contents are large, so they are not parsed for this check
        raise InvalidRequestError("content takes a JSON object in UTF-8", parameter="content")
    metadata = ",".join(
        f"{name}:{value}" for name, value in _iter_fields(card.decode()) if json.loads(name) not in _REMOTE_ID_FIELDS
    )
    return b'{"%b":1,"metadata":{%b},"content":%b}' % (_VERSION.encode(), metadata.encode(), content)


def extract_field(document: bytes, name: str) -> bytes:
    """Return the source text of a field of a JSON object; ``b""`` if there is no such field."""
    fields = decode_or_none(_FIELDS_DECODER.decode, document)  # fast, but rejects some texts that JavaScript writes
    if fields is not None:
        return bytes(fields.get(name, b""))
    values = [value for key, value in _iter_fields(document.decode()) if json.loads(key) == name]
    return values[-1].encode() if values else b""


def read_story_file(
    data: bytes, *, where: str = "story file", limits: Limits = Limits()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the card and the content of a ``.story`` file.

    ``remoteId`` and ``remoteStoryId`` are removed from the card. A caller that stores the story gives it a new ``id`` and a
    new key.

    Args:
        data: the whole file.
        where: the name of the file, to begin an error message with.
        limits: for the nesting of the card and of the content; the file may be nested one level deeper.

    Raises:
        InvalidFile: the file is no ``.story`` file; the message says what is wrong.
        LimitExceeded: the file is nested too deeply.
    """
    data = BYTES.convert(data, "data")
    TEXT.check(where, "where")
    LIMITS.check(limits, "limits")
    fields = read_json_object(data, where=where, limits=limits)
    if _VERSION not in fields:
        other_kind = next((f"; it is a {kind}" for kind, name in VERSION_FIELDS.items() if name in fields), "")
        raise InvalidFile(f"{where}: it has no {_VERSION}{other_kind}")
    if fields[_VERSION] != 1:
        raise InvalidFile(f"{where}: its {_VERSION} is not 1, the only supported version")
    card, content = (require_object(fields, name, where) for name in ("metadata", "content"))
    return {name: value for name, value in card.items() if name not in _REMOTE_ID_FIELDS}, content


def _iter_fields(document: str) -> Iterator[tuple[str, str]]:
    """Yield the source text of the name and the value of each field of a JSON object."""
    at = _skip_separators(document, document.index("{") + 1)
    while document[at] != "}":
        _, end = _SCANNER.raw_decode(document, at)
        name, at = document[at:end], _skip_separators(document, end)
        _, end = _SCANNER.raw_decode(document, at)
        yield name, document[at:end]
        at = _skip_separators(document, end)


def _skip_separators(document: str, at: int) -> int:
    """Return where the next name or value begins, or where the object ends."""
    while document[at] in _SEPARATORS:
        at += 1
    return at
