"""Finds the values in what goes over the wire, byte by byte, so that what is cut off or broken keeps its shape too.

Nothing is decoded and written again: each value is replaced where it stands. If every replacement has as many bytes as
what it replaces, then lengths, chunks and the cuts between pieces are right as they were.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from .redaction_tables import (
    HARMLESS,
    MAPS,
    NAMES_IN_MAPS,
    PLAIN_HEADERS,
    PLAIN_KEYS,
    SAID_KEYS,
    SECRET_HEADERS,
    SECRET_KEYS,
)

__all__ = ["Masks", "mask_body", "mask_field", "mask_raw", "mask_target"]


class Masks(Protocol):
    """What becomes of a value."""

    def secret(self, value: bytes, /) -> bytes:
        """Of what is secret in any case."""
        ...

    def content(self, value: bytes, /) -> bytes:
        """Of what people wrote, or what was written for them, sealed or not; and of whatever is not known."""
        ...

    def name(self, value: bytes, /) -> bytes:
        """Of a key that is none of the protocol's names. Not empty."""
        ...

    def field(self, value: bytes, /) -> bytes:
        """Of a header field that nothing is known of."""
        ...

    def plain(self, value: bytes, /) -> bytes:
        """Of what is harmless, as far as can be seen."""
        ...

    def said(self, value: bytes, /) -> bytes:
        """Of what an error says."""
        ...

    def number(self, value: bytes, /) -> bytes:
        """Of a whole number in a list, which may be a token's id."""
        ...


# ---- header fields, target


def mask_field(name: bytes, value: bytes, masks: Masks) -> bytes:
    """The value of a header field."""
    name = name.lower()
    if name in PLAIN_HEADERS:
        return masks.plain(value)
    if name not in SECRET_HEADERS:
        return masks.field(value)
    scheme = _SCHEME.match(value)
    return scheme[0] + masks.secret(value[scheme.end() :]) if scheme else masks.secret(value)


_SCHEME: Final = re.compile(rb"\s*(?:Basic|Bearer) +", re.IGNORECASE)


def mask_target(target: bytes, masks: Masks) -> bytes:
    """Path and query."""
    path, mark, query = target.partition(b"?")
    pairs = (pair.partition(b"=") for pair in query.split(b"&"))
    shown = (name + equals + _value(name, value, masks) for name, equals, value in pairs)
    return masks.plain(path) + mark + b"&".join(shown)


def _value(key: bytes, value: bytes, masks: Masks) -> bytes:
    """A text under a key."""
    if key in SECRET_KEYS:
        return masks.secret(value)
    if key in PLAIN_KEYS and HARMLESS.fullmatch(value):
        return masks.plain(value)
    return masks.number(value) if _NUMBER.fullmatch(value) else masks.content(value)


# ---- bodies


def mask_body(data: bytes, content_type: str, masks: Masks, *, status: int | None = None) -> bytes:
    """A body, or as much of it as there is.

    Args:
        data: its bytes.
        content_type: as the head has it; may be empty.
        masks: what becomes of the values in it.
        status: of an answer; None for a request.
    """
    if "event-stream" in content_type:
        return _LINE.sub(_Lines(masks), data)
    if "json" in content_type or data.lstrip()[:1] in (b"{", b"[", b'"'):
        return _LEXEME.sub(_Json(masks, answer=status is not None), data)
    if status is not None and (status >= 400 or "html" in content_type):
        return masks.said(data)
    return data if len(data) <= _SHORT else masks.content(data)


_SHORT: Final = 2
"Bytes of a body that say no more than OK."

_NUMBER: Final = re.compile(rb"-?[0-9]{1,20}(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?")
_WORDS: Final = (b"true", b"false", b"null", b"NaN", b"Infinity", b"-Infinity")
_NAME: Final = re.compile(rb"[A-Za-z_$][\w$-]{0,40}", re.ASCII)
_LEXEME: Final = re.compile(
    rb'"(?P<text>(?:[^"\\]++|\\.)*+\\?)(?P<end>"?)(?P<colon>\s*:)?|(?P<word>[^\s{}\[\]:,"]+)|[{}\[\]]', re.DOTALL
)


class _Json:
    """Replaces each lexeme of a JSON text, and knows under which key it is."""

    def __init__(self, masks: Masks, *, answer: bool) -> None:
        self._masks = masks
        self._answer = answer
        self._key = b""
        self._open: list[tuple[bytes, bytes]] = []
        "The brackets we are in, each with the key it is under."

    def __call__(self, found: re.Match[bytes]) -> bytes:
        text, end, colon, word = found.group("text", "end", "colon", "word")
        if text is not None and colon:
            self._key = text
            return b'"%b"%b' % (self._name(text), colon)
        if text is not None:
            return b'"%b%b' % (self._text(text), end)
        if word is not None:
            return self._word(word)
        bracket = found[0]
        if bracket in b"{[":
            self._open.append((bracket, self._key))
            self._key = self._key if bracket == b"[" else b""
        elif self._open:
            self._key = self._open.pop()[1]
        return bracket

    def _name(self, name: bytes) -> bytes:
        of_map = bool(self._open) and self._open[-1][1] in MAPS and name not in NAMES_IN_MAPS
        return name if not name or (_NAME.fullmatch(name) and not of_map) else self._masks.name(name)

    def _text(self, text: bytes) -> bytes:
        if self._answer and self._key in SAID_KEYS:
            return self._masks.said(text)
        return _value(self._key, text, self._masks)

    def _word(self, word: bytes) -> bytes:
        if _NUMBER.fullmatch(word):
            listed = bool(self._open) and self._open[-1][0] == b"[" and self._key not in PLAIN_KEYS
            return self._masks.number(word) if listed and word.lstrip(b"-").isdigit() else word
        return word if any(one.startswith(word) for one in _WORDS) else self._masks.content(word)


_LINE: Final = re.compile(rb"[^\r\n]+")


class _Lines:
    """Replaces each line of an event stream."""

    def __init__(self, masks: Masks) -> None:
        self._masks = masks

    def __call__(self, found: re.Match[bytes]) -> bytes:
        line = found[0]
        if line[:1] in b"{[":
            return mask_body(line, "", self._masks, status=200)
        name, colon, value = line.partition(b":")
        if name not in _FIELDS:
            return self._masks.content(line)
        if name == b"data":
            blank = value[: len(value) - len(value.lstrip())]
            data = value[len(blank) :]
            value = blank + (data if data == _DONE else mask_body(data, "", self._masks, status=200))
        else:
            value = self._masks.plain(value) if HARMLESS.fullmatch(value) else self._masks.content(value)
        return name + colon + value


_FIELDS: Final = (b"data", b"event", b"id", b"retry", b"")
_DONE: Final = b"[DONE]"


# ---- bytes past all rules


def mask_raw(data: bytes, masks: Masks) -> bytes:
    """What was sent instead of an answer: perhaps one, written by hand."""
    head, blank, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    if not first.startswith(b"HTTP/"):
        return mask_body(data, "", masks, status=200)
    fields = [line.partition(b":") for line in lines]
    masked = [name + colon + mask_field(name, value, masks) for name, colon, value in fields]
    said = {name.lower(): value.strip().lower() for name, _, value in fields}
    code = first[9:12]
    status = int(code) if code.isdigit() else 200
    spans = _chunks(body) if said.get(b"transfer-encoding") == b"chunked" else [(0, len(body))]
    content_type = said.get(b"content-type", b"").decode("latin-1")
    whole = mask_body(b"".join(body[start:end] for start, end in spans), content_type, masks, status=status)
    out, at = bytearray(body), 0
    for start, end in spans:
        out[start:end] = whole[at : at + end - start]
        at += end - start
    return b"\r\n".join([first, *masked]) + blank + bytes(out)


def _chunks(body: bytes) -> list[tuple[int, int]]:
    """Where the data of each chunk is."""
    spans: list[tuple[int, int]] = []
    at = 0
    while size := _SIZE.match(body, at):
        start, end = size.end(), size.end() + int(size[1], 16)
        spans.append((start, min(end, len(body))))
        at = min(end, len(body))
    rest = body[at:]
    return spans if not rest.strip(b"0\r\n") else [*spans, (at, len(body))]


_SIZE: Final = re.compile(rb"(?:\r\n)?([0-9a-fA-F]{1,15})\r\n")
