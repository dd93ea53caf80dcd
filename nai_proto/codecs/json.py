"""JSON by msgspec, with errors that say where and what but never quote.

msgspec is fast, and strict where it looks, but it has three habits that a protocol cannot share: it writes NaN as
``null``, it lets RecursionError out, and some of its messages hold pieces of the document. Looking for the first two costs
next to nothing in small documents: a number can be missing only where ``null`` was written, and one with few brackets
cannot be deep. In large ones measuring the depth costs about as much as decoding. Its messages are never read: a document
that it refuses is examined again, by the standard library for its syntax and by `mismatch` for its type.

Nothing is raised while a codec's own error is being handled: that one may hold the whole document, and would travel
along as the context.

See:
    docs/protocol/native.md#41-error-body
    docs/protocol/openai.md#91-bodies
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from ..arguments import BYTES, INTEGER, TEXT
from ..errors import InvalidRequestError, LimitExceeded, RemoteProtocolError, StreamError, excerpt
from .lone_surrogates import replace_lone_escapes
from .type_mismatch import Mismatch, find_mismatch, find_unencodable

__all__ = [
    "JsonDecoder",
    "check_depth",
    "convert_document",
    "encode_json",
    "find_problem",
    "parse_number",
    "parse_service_error",
    "read_error_message",
]

T = TypeVar("T")

_OPEN_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*\\?\Z', re.DOTALL)

_CONSTANTS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(NaN|-?Infinity)', re.DOTALL)
"""Texts, and the numbers that Python writes and JSON does not have."""
_TRAILING_COMMA: Final = re.compile(r",\s*[\]}]")

_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # +1 and -1 as signed bytes
_NO_STEPS: Final = bytes(set(range(256)) - set(b'[{]}"'))
_TEXTS: Final = re.compile(rb'"[^"]*"?')

_HTML: Final = re.compile(rb"\s*(?:<!doctype\s+html|<html|<head|<title)\b", re.IGNORECASE)
_TITLE: Final = re.compile(rb"<title[^<>]{0,99}>([^<]{1,480})", re.IGNORECASE)


def encode_json(value: object) -> bytes:
    """Return compact JSON in UTF-8.

    Args:
        value: anything msgspec can encode: None, bool, int, finite float, str, lists, dicts, dataclasses, structs….

    Raises:
        InvalidRequestError: the value holds something JSON has no form for, or a number that is not finite, or text with
            a lone surrogate, or is nested too deeply (or in itself). Names the type, never the value.
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


_READ_LENIENTLY: Final = msgspec.json.Decoder(object, float_hook=parse_number).decode


class JsonDecoder(Generic[T]):
    """Reads JSON documents as values of one type; make it once and use it often.

    Where the type wants an int, ``3.0`` is 3. A lone surrogate in a text becomes U+FFFD.

    See docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top.

    Args:
        type: what a document is.
        arrange: makes the document, as lists and dicts, one that fits the type; leaves alone what cannot be one.
        read_float: makes what a number with a fraction or an exponent becomes where the type leaves that open.
    """

    def __init__(
        self,
        type: type[T],  # noqa: A002
        arrange: Callable[[Any], Any] | None = None,
        *,
        read_float: Callable[[str], Any] | None = None,
    ) -> None:
        self._type = type
        self._arrange = arrange
        self._decode: Callable[[bytes | bytearray], T] = msgspec.json.Decoder(type, float_hook=read_float).decode
        if arrange is not None:
            self._decode = lambda data: msgspec.convert(arrange(msgspec.json.decode(data)), type)

    def decode(self, data: bytes | bytearray, *, where: str, depth: int) -> T:
        """Return the document as a value of the type.

        Keys that the type lacks are skipped; of a key that comes twice the last counts.

        Args:
            data: the whole document in UTF-8.
            where: what this document is, to begin a message with, such as ``"answer of POST /user/login"``.
            depth: how many levels of arrays and objects it may have: `Limits.json_depth`.

        Raises:
            LimitExceeded: the document is deeper (``what`` is ``"JSON depth"``).
            RemoteProtocolError: it is not JSON, or not of the type. The message has ``where``, what was expected and the
                path, and nothing of the document; `excerpt` has its beginning.
        """
        BYTES.check(data, "data")
        INTEGER.check(depth, "depth")
        check_depth(data, depth)
        try:
            return self._decode(data)
        except (ValueError, RecursionError):
            pass  # and try again below: the decoder's error may hold the document
        try:
            document = _READ_LENIENTLY(replace_lone_escapes(bytes(data)))
            return msgspec.convert(document if self._arrange is None else self._arrange(document), self._type)
        except (ValueError, RecursionError):
            pass  # and explain below
        problem = find_problem(data, self._type, self._arrange)
        raise RemoteProtocolError(f"{where}: {problem}", excerpt=excerpt(bytes(data[:800])))


def find_problem(
    data: bytes | bytearray,
    type: type[Any],  # noqa: A002
    arrange: Callable[[Any], Any] | None = None,
    *,
    strict: bool = True,
) -> str | Mismatch:
    """Say why msgspec refused a document: its syntax, or where it differs from the type. Quotes nothing of it.

    Args:
        data: the document.
        type: what it should have been.
        arrange: as `JsonDecoder` has it.
        strict: as for `msgspec.json.decode`; if not, a text may stand for a number.
    """
    try:
        text = replace_lone_escapes(bytes(data)).decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {error.start})"
    try:
        document = msgspec.json.decode(text)
    except RecursionError:
        return "nested too deeply to be read"
    except ValueError:
        return _find_syntax_problem(text)
    return find_mismatch(document if arrange is None else arrange(document), type, strict=strict)


def _find_syntax_problem(text: str) -> str:
    """Return at which byte a text stops being JSON. The standard library has a number for it, msgspec only words."""
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
    if position < 0:  # a number that is none to JSON: Python takes it
        constant = next((match for match in _CONSTANTS.finditer(text) if match[1]), None)
        return f"{constant[1]} is no JSON (byte {_count_bytes(text, constant.start())})" if constant else "not JSON"
    if position >= len(text.rstrip()) or _OPEN_TEXT.match(text, position):
        return f"JSON is cut short (byte {_count_bytes(text, len(text))})"
    if comma := _TRAILING_COMMA.match(text, position):  # later versions of Python point at the comma
        position = comma.end() - 1
    return f"not JSON (byte {_count_bytes(text, position)})"


def _count_bytes(text: str, characters: int) -> int:
    return len(text[:characters].encode("utf-8", "surrogatepass"))


def convert_document(document: object, type: type[T], *, where: str) -> T:  # noqa: A002
    """Return a document that has been decoded, as a value of the type.

    Raises:
        RemoteProtocolError: it is not of the type. The message is that of `JsonDecoder.decode`.
    """
    try:
        return msgspec.convert(document, type)
    except ValueError:
        pass  # and explain below: the decoder's error may hold the document
    raise RemoteProtocolError(f"{where}: {find_mismatch(document, type)}")


_DETAIL_KEYS: Final = frozenset(("detail", "status", "statusCode", "code", "type", "title", "instance"))
"""All the keys that an error with a ``detail`` may have; with another key, it is an answer."""


def parse_service_error(data: bytes) -> StreamError | None:
    """Return the error that an answer with a success status, or an event of a stream, may be.

    It is one if it is an object with an ``error`` other than null, or with both ``statusCode`` and ``message``, or with a
    ``detail`` and nothing that belongs to an answer. The error is to be raised by the caller, who knows what came before.
    Anything else, JSON or not, gives None.

    Costs two searches, and a decoding only if one of them finds something.

    See:
        docs/protocol/native.md#41-error-body
        docs/protocol/openai.md#65-errors-inside-a-stream
    """
    data = BYTES.convert(data, "data")
    if b'"error"' not in data and b'"statusCode"' not in data and b'"detail"' not in data:
        return None
    try:
        answer = _to_object(msgspec.json.decode(replace_lone_escapes(data).decode("utf-8", "replace")))
    except (ValueError, RecursionError):
        return None
    has_message = answer.get("statusCode") is not None and answer.get("message") is not None
    has_detail = answer.get("detail") is not None and answer.keys() <= _DETAIL_KEYS
    if answer.get("error") is None and not has_message and not has_detail:
        return None
    codes = (answer.get("statusCode"), _to_object(answer.get("error")).get("code"), answer.get("status"))
    status = next((code for code in codes if isinstance(code, int) and 100 <= code <= 599), None)
    said = excerpt(_find_message(answer))
    return StreamError(said or "an error without a message", status=status)


def read_error_message(body: bytes, content_type: str) -> str | None:
    """Return what the body of an error response says, as `excerpt` shows it; None when it is empty.

    Of JSON the first text among the ``error`` object's message, ``message``, ``error`` and ``detail``; lists are joined and
    objects looked into. Something may follow the JSON. Of a page of HTML its title. Of anything else the
    beginning. Never fails.

    See:
        docs/protocol/openai.md#91-bodies
        docs/protocol/image.md#211-errors

    Args:
        body: the body, or the beginning of it.
        content_type: the media type in lower case, as `Head.content_type` has it; may be empty.
    """
    body = BYTES.convert(body, "body")
    TEXT.check(content_type, "content_type")
    text = body.decode("utf-8", "replace")
    try:
        document = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        document = _parse_first_object(text)
    said = excerpt(_find_message(_to_object(document)) or _to_text(document))
    if not said and body.strip() and (content_type in ("text/html", "application/xhtml+xml") or _HTML.match(body)):
        title = _TITLE.search(body)
        name = excerpt(title[1], 120) if title else ""
        said = "an HTML page from a gateway" + (f": {name}" if name else "")
    return said or excerpt(body) or None


def _parse_first_object(text: str) -> object:
    """Return the JSON object that a text begins with; None if with none."""
    from json import JSONDecoder  # msgspec reads whole texts only

    try:
        return JSONDecoder().raw_decode(text.lstrip())[0] if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None


def _find_message(answer: dict[str, Any]) -> str:
    """Return the first text in the order of docs/protocol/openai.md#91-bodies, or ``""``."""
    error = answer.get("error")
    for place in (_to_object(error).get("message"), answer.get("message"), error, answer.get("detail")):
        if text := _to_text(place):
            return text
    return ""


def _to_text(value: object, levels: int = 4) -> str:
    """Return the text that a value is or holds, or ``""``."""
    if isinstance(value, str):
        return value.strip()
    if not levels:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_to_text(item, levels - 1) for item in cast("list[object]", value))))
    for key in ("message", "msg", "error", "detail", "code"):
        if text := _to_text(_to_object(value).get(key), levels - 1):
            return text
    return ""


def _to_object(value: object) -> dict[str, Any]:
    """Return the value if it is a JSON object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _is_finite(value: object) -> bool:
    """Return whether all numbers are finite, in a value that could be encoded."""
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
    """Stand for what has no simpler form: JSON that is encoded already."""


def check_depth(data: bytes | bytearray, most: int) -> None:
    """Raise LimitExceeded (``what`` is ``"JSON depth"``) for a document of more than ``most`` levels."""
    if len(data) > most and _count_up_to(data, b"[", most) + _count_up_to(data, b"{", most) > most:
        levels = _measure_depth(data)
        if levels > most:
            raise LimitExceeded("JSON depth", limit=most, value=levels)


def _count_up_to(data: bytes | bytearray, mark: bytes, most: int) -> int:
    """Return how often a byte occurs, at most ``most`` + 1. Long texts with few of it are passed in leaps."""
    at = -1
    for found in range(most + 1):
        at = data.find(mark, at + 1)
        if at < 0:
            return found
    return most + 1


def _measure_depth(data: bytes | bytearray) -> int:
    """Return how deep arrays and objects are nested; of what is not JSON, some number. Linear, without a step per byte."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    quotes_and_steps = data.translate(_STEPS, _NO_STEPS).replace(b'""', b"")  # nearly all texts hold no brackets
    steps = _TEXTS.sub(b"", quotes_and_steps)
    return max(accumulate(memoryview(steps).cast("b")), default=0)
