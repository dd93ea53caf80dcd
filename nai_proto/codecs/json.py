"""JSON by msgspec, with errors that say where and what but never quote.

msgspec is fast and strict, but does three things that a protocol cannot use: it writes NaN as ``null``, it raises
RecursionError, and some of its messages quote the document. Checking for the first two costs little in small documents: a
number can be missing only where there is a ``null``, and a document with few brackets is not deep. In large documents,
measuring the depth takes about as long as decoding. Messages of msgspec are never shown: a document that it refuses is
examined again, by the standard library for its syntax and by `type_mismatch` for its type.

Nothing is raised while a codec's own error is handled, which may hold the whole document and would become the context.

See:
    docs/protocol/native.md#41-error-body
    docs/protocol/openai.md#91-bodies
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from ..arguments import BYTES, INTEGER, TEXT
from ..errors import InvalidRequestError, RemoteProtocolError, StreamError, excerpt
from .json_depth import check_depth
from .lone_surrogates import replace_lone_escapes
from .type_mismatch import Mismatch, find_mismatch, find_unencodable

__all__ = [
    "HTML_PAGE",
    "JsonDecoder",
    "convert_document",
    "drop_nulls",
    "encode_json",
    "find_problem",
    "parse_number",
    "parse_service_error",
    "read_error_message",
]

T = TypeVar("T")

HTML_PAGE: Final = "an HTML page from a gateway"
"What a message says of a body that is one; the page's title follows it."

_OPEN_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*+\\?\Z', re.DOTALL)

_CONSTANTS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|(NaN|-?Infinity)', re.DOTALL)
"""Texts, also one that is cut short, and the numbers that Python writes and JSON does not have. A possessive repetition
keeps nothing of the characters behind it, and the search never begins again inside a text."""
_TRAILING_COMMA: Final = re.compile(r",\s*[\]}]")

_HTML: Final = re.compile(rb"\s*(?:<!doctype\s+html|<html|<head|<title)\b", re.IGNORECASE)
_TITLE: Final = re.compile(rb"<title[^<>]{0,99}>([^<]{1,480})", re.IGNORECASE)


def encode_json(value: object) -> bytes:
    """Return compact JSON in UTF-8.

    Args:
        value: anything that msgspec encodes: None, bool, int, finite float, str, lists, dicts, dataclasses, structs….

    Raises:
        InvalidRequestError: JSON cannot represent the value, a number is not finite, a text has a lone surrogate, or the
            value is nested too deeply, or in itself. The message names the type, never the value.
    """
    try:
        data = msgspec.json.encode(value)
        if b"null" not in data or _is_finite(value):
            return data
        problem = "a float is not finite"
    except UnicodeEncodeError:
        problem = "a text holds a lone surrogate, which UTF-8 cannot carry"
    except RecursionError:
        problem = f"a {type(value).__name__} is nested too deeply, or holds itself"
    except (TypeError, ValueError, OverflowError, AttributeError):
        problem = find_unencodable(value, msgspec.json.encode)
    raise InvalidRequestError(f"this cannot be written as JSON: {problem}", parameter="value")


def parse_number(text: str) -> int | float:
    """Return a number that is written with a fraction or an exponent; an int if it is whole, as ``3.0`` is.

    Raises:
        ValueError: it is too large for a float.
    """
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number is out of range")
    return int(value) if value.is_integer() else value


def _parse_finite(text: str) -> int | float | None:
    try:
        return parse_number(text)
    except ValueError:
        return None


_READ_LENIENTLY: Final = msgspec.json.Decoder(object, float_hook=parse_number).decode
_READ_FINITE: Final = msgspec.json.Decoder(object, float_hook=_parse_finite).decode


class JsonDecoder(Generic[T]):
    """Reads JSON documents as values of one type; make it once and use it often.

    Where the type wants an int, ``3.0`` is 3. A lone surrogate in a text becomes U+FFFD.

    See docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top.

    Args:
        type: what a document is.
        arrange: makes the document, as lists and dicts, one that fits the type; leaves alone what cannot be one.
        read_float: makes what a number with a fraction or an exponent becomes where the type leaves that open.
        lenient: take numbers that are not finite (``NaN``, which Python writes and JSON lacks, and ``1e999``) as null, and
            null as absent; an arrangement sees to the latter itself. For streams, where one odd value must not cost the text
            that has come.
    """

    def __init__(
        self,
        type: type[T],  # noqa: A002
        arrange: Callable[[Any], Any] | None = None,
        *,
        read_float: Callable[[str], Any] | None = None,
        lenient: bool = False,
    ) -> None:
        self._type = type
        self._lenient = lenient
        self._arrange = arrange
        self._decode: Callable[[bytes | bytearray], T] = msgspec.json.Decoder(type, float_hook=read_float).decode
        if arrange is not None:
            self._decode = lambda data: msgspec.convert(arrange(msgspec.json.decode(data)), type)

    def decode(
        self, data: bytes | bytearray, *, where: str, depth: int, map_position: Callable[[int], int] | None = None
    ) -> T:
        """Return the document as a value of the type.

        Keys that the type lacks are skipped; of a key that comes twice the last counts.

        Args:
            data: the whole document in UTF-8.
            where: the beginning of error messages, such as ``"response of POST /user/login"``.
            depth: the most levels of arrays and objects: `Limits.json_depth`.
            map_position: returns the position that messages name for one in ``data``, if ``data`` is not all that came.

        Raises:
            LimitExceeded: the document is deeper (``what`` is ``"JSON depth"``).
            RemoteProtocolError: it is not JSON, or not of the type. The message has ``where``, what was expected and the
                path, but nothing of the document; `excerpt` has its beginning.
        """
        BYTES.check(data, "data")
        INTEGER.check(depth, "depth")
        check_depth(data, depth)
        try:
            return self._decode(data)
        except (ValueError, RecursionError):
            pass  # tried again below: the decoder's error may hold the document
        try:
            for document in self._iter_other_forms(bytes(data)):
                try:
                    return msgspec.convert(document, self._type)
                except ValueError:
                    pass
        except (ValueError, RecursionError, SystemError):  # SystemError: an int beyond any float, to msgspec 0.21
            pass  # explained below
        problem = find_problem(data, self._type, self._arrange, map_position=map_position)
        raise RemoteProtocolError(f"{where}: {problem}", excerpt=excerpt(bytes(data[:800])))

    def _iter_other_forms(self, data: bytes) -> Iterator[object]:
        """Yield forms that may fit, of a document that does not fit the type as it is."""
        data = replace_lone_escapes(data)
        document = _READ_FINITE(_take_constants_as_null(data)) if self._lenient else _READ_LENIENTLY(data)
        yield document if self._arrange is None else self._arrange(document)
        if self._lenient and self._arrange is None:
            yield drop_nulls(document)


def _take_constants_as_null(data: bytes) -> bytes:
    if b"NaN" not in data and b"Infinity" not in data:
        return data
    return _CONSTANTS.sub(lambda found: b"null" if found[1] else found[0], data)


def drop_nulls(value: object) -> object:
    """Return a document without the keys whose values are null; lists keep theirs, which have a place."""
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {key: drop_nulls(item) for key, item in items if item is not None}
    return [drop_nulls(item) for item in cast("list[object]", value)] if isinstance(value, list) else value


def find_problem(
    data: bytes | bytearray,
    type: type[Any],  # noqa: A002
    arrange: Callable[[Any], Any] | None = None,
    *,
    strict: bool = True,
    map_position: Callable[[int], int] | None = None,
) -> str | Mismatch:
    """Return why msgspec refused a document: its syntax, or the difference from the type. Nothing of it is quoted.

    Args:
        data: the document.
        type: that it should have.
        arrange: as for `JsonDecoder`.
        strict: as for `msgspec.json.decode`; if not, a text may stand for a number.
        map_position: as for `JsonDecoder.decode`.
    """
    map_position = map_position or _same
    try:
        text = replace_lone_escapes(bytes(data)).decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {map_position(error.start)})"
    try:
        document = msgspec.json.decode(text)
    except RecursionError:
        return "nested too deeply to be read"
    except ValueError:
        return _find_syntax_problem(text, map_position)
    return find_mismatch(document if arrange is None else arrange(document), type, strict=strict)


def _same(position: int) -> int:
    return position


def _find_syntax_problem(text: str, map_position: Callable[[int], int]) -> str:
    """Return at which byte a text stops being JSON, which the standard library has as a number, msgspec only in words."""
    import json

    if not text.strip():
        return "Expected JSON, got nothing"
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        position = error.pos
    except RecursionError:
        return "nested too deeply to be read"
    except ValueError:
        position = -1
    else:
        position = -1
    if position < 0:  # a number that only Python accepts
        encoded = text.encode("utf-8", "surrogatepass")
        constant = next((match for match in _CONSTANTS.finditer(encoded) if match[1]), None)
        return f"{constant[1].decode()} is no JSON (byte {map_position(constant.start())})" if constant else "not JSON"
    if position >= len(text.rstrip()) or _OPEN_TEXT.match(text, position):
        return f"JSON is cut short (byte {map_position(_count_bytes(text, len(text)))})"
    if comma := _TRAILING_COMMA.match(text, position):  # later versions of Python point at the comma
        position = comma.end() - 1
    return f"not JSON (byte {map_position(_count_bytes(text, position))})"


def _count_bytes(text: str, characters: int) -> int:
    return len(text[:characters].encode("utf-8", "surrogatepass"))


def convert_document(document: object, type: type[T], *, where: str) -> T:  # noqa: A002
    """Return a decoded document as a value of the type.

    Raises:
        RemoteProtocolError: it is not of the type. The message is as that of `JsonDecoder.decode`.
    """
    try:
        return msgspec.convert(document, type)
    except ValueError:
        pass  # explained below: the decoder's error may hold the document
    raise RemoteProtocolError(f"{where}: {find_mismatch(document, type)}")


_DETAIL_KEYS: Final = frozenset(("detail", "status", "statusCode", "code", "type", "title", "instance"))
"""All keys that an error with a ``detail`` may have; a document with another key is not an error."""


def parse_service_error(data: bytes) -> StreamError | None:
    """Return the error in a response with a success status, or in an event of a stream, for the caller to raise.

    The error is an object with an ``error`` other than null, with both ``statusCode`` and ``message``, or with a
    ``detail`` and no key but `_DETAIL_KEYS`. Return None for anything else, JSON or not.

    This costs three searches, and decodes only if one of them finds something.

    See:
        docs/protocol/native.md#41-error-body
        docs/protocol/openai.md#65-errors-inside-a-stream
    """
    data = BYTES.convert(data, "data")
    if b'"error"' not in data and b'"statusCode"' not in data and b'"detail"' not in data:
        return None
    try:
        document = _to_object(msgspec.json.decode(replace_lone_escapes(data).decode("utf-8", "replace")))
    except (ValueError, RecursionError):
        return None
    has_message = document.get("statusCode") is not None and document.get("message") is not None
    has_detail = document.get("detail") is not None and document.keys() <= _DETAIL_KEYS
    if document.get("error") is None and not has_message and not has_detail:
        return None
    codes = (document.get("statusCode"), _to_object(document.get("error")).get("code"), document.get("status"))
    status = next((code for code in codes if isinstance(code, int) and 100 <= code <= 599), None)
    message = excerpt(_find_message(document))
    return StreamError(message or "an error without a message", status=status)


def read_error_message(body: bytes, content_type: str) -> str | None:
    """Return the message in the body of an error response, shortened by `excerpt`; None if the body is empty.

    It is the first text of a JSON object's ``error.message``, ``message``, ``error`` and ``detail``, in which lists are
    joined and objects searched, and which other text may follow; the title of an HTML page; or the beginning of
    anything else. This never fails.

    See:
        docs/protocol/openai.md#91-bodies
        docs/protocol/image.md#211-errors

    Args:
        body: the body, or its beginning.
        content_type: the media type, as in `Head.content_type`; may be empty.
    """
    body = BYTES.convert(body, "body")
    TEXT.check(content_type, "content_type")
    text = replace_lone_escapes(body).decode("utf-8", "replace")
    try:
        document = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        document = _parse_first_object(text)
    message = excerpt(_find_message(_to_object(document)) or _to_text(document))
    if not message and body.strip() and (content_type in ("text/html", "application/xhtml+xml") or _HTML.match(body)):
        title = _TITLE.search(body)
        name = excerpt(title[1], 120) if title else ""
        message = HTML_PAGE + (f": {name}" if name else "")
    return message or excerpt(body) or None


def _parse_first_object(text: str) -> object:
    """Return the JSON object that a text begins with, or None."""
    from json import JSONDecoder  # msgspec reads whole texts only

    try:
        return JSONDecoder().raw_decode(text.lstrip())[0] if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None


def _find_message(document: dict[str, Any]) -> str:
    """Return the first text in the order of docs/protocol/openai.md#91-bodies, or ``""``."""
    error = document.get("error")
    for place in (_to_object(error).get("message"), document.get("message"), error, document.get("detail")):
        if text := _to_text(place):
            return text
    return ""


def _to_text(value: object, levels: int = 4) -> str:
    """Return the text in a value, or ``""``."""
    if isinstance(value, str):
        return value.strip()
    if not levels:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_to_text(item, levels - 1) for item in cast("list[object]", value))))
    fields = _to_object(value)
    texts = (
        _to_text(fields[key], levels - 1) for key in ("message", "msg", "error", "detail", "code") if key in fields
    )
    return next(filter(None, texts), "")


def _to_object(value: object) -> dict[str, Any]:
    """Return the value if it is a JSON object, else an empty object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _is_finite(value: object) -> bool:
    """Return whether all numbers in an encodable value are finite."""
    waiting: list[Any] = [msgspec.to_builtins(value, enc_hook=_nothing)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                return False
        elif isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list | tuple):
            waiting += item
    return True


def _nothing(_: object) -> None:
    """Replace encoded JSON, which has no simpler form."""
