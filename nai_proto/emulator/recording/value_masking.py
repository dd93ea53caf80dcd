"""Finds the values in headers, targets and bodies, and masks each of them in place.

It works on bytes, without decoding and encoding, so that cut or malformed documents keep their form. If every
replacement has as many bytes as the value, then lengths, chunks and the boundaries between pieces remain correct.

Everything that is not in a list of what may be shown is private, since lists are never complete.
"""

from __future__ import annotations

import re
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes

from ...http.redaction import PUBLIC_FIELDS

__all__ = ["Masks", "is_secret_key", "mask_body", "mask_field", "mask_raw", "mask_target"]

_SECRET_HEADERS: Final = frozenset(
    b"api-key authorization cookie proxy-authorization set-cookie x-api-key x-auth-token".split()
)
"""Header fields whose values are secrets, which are removed elsewhere too. All other fields are hidden as well."""

_SECRET_KEYS: Final = frozenset(
    b"key accessToken idToken currentAccessKey newAccessKey persistentToken recoveryToken verificationToken "
    b"deletionToken recaptcha recapcha password email emailCleartext newEmail plaintextEmail giftkey giftKey giftKeys "
    b"subscriptionId externalOsanoId".split()
)
"""Keys whose texts are secret even where contents are kept. Persistent tokens are recognised by their form.

See docs/protocol/native.md#6-account-endpoints-user.
"""

_SECRET_WORDS: Final = re.compile(
    rb"passw|secret|credential|authorization|api[-_]?key|(?:access|auth|refresh|session)[-_]?token", re.IGNORECASE
)
"Words in keys of other services, whose secrets a wrong address brings here."

_PLAIN_KEYS: Final = frozenset(
    b"model id meta type types object role finish_reason owned_by event status statusCode code param "
    b"banStatus paymentProcessor order prefix preset phrase_rep_pen reasoning_effort jurisdiction voice version lang "
    b"fault shape endpoint method text_offset token_logprobs".split()
)
"""Keys whose texts are names of kinds. They are shown if they match `_HARMLESS`."""

_MESSAGE_KEYS: Final = frozenset(b"message error".split())
"""Keys of a response whose texts are error messages. They are shown, without what they quote from the request."""

_MAPS: Final = frozenset(b"top_logprobs logit_bias".split())
"""Keys of objects whose own keys are texts or token ids.

See docs/protocol/openai.md#3-completions.
"""
_NAMES_IN_MAPS: Final = frozenset(b"token logprob bytes".split())

_HARMLESS: Final = re.compile(rb" ?[\w.:/+-]{0,48}", re.ASCII)
"""A word, a name or an id, but no prose."""


class Masks(Protocol):
    """Replaces values by their kind."""

    @property
    def ignored_keys(self) -> frozenset[bytes]:
        """Keys under which every text and number is replaced by ``*``."""
        ...

    def mask_secret(self, value: bytes, /) -> bytes:
        """Mask a secret."""
        ...

    def mask_content(self, value: bytes, /) -> bytes:
        """Mask a content: what people wrote or what was generated for them, sealed or not, and everything unknown."""
        ...

    def mask_name(self, value: bytes, /) -> bytes:
        """Mask a JSON key that is no name of the protocol; it is not empty."""
        ...

    def mask_field(self, value: bytes, /) -> bytes:
        """Mask the value of an unknown header field."""
        ...

    def mask_plain(self, value: bytes, /) -> bytes:
        """Mask the secrets in a harmless text."""
        ...

    def mask_message(self, value: bytes, /) -> bytes:
        """Mask an error message."""
        ...

    def mask_number(self, value: bytes, /) -> bytes:
        """Mask an integer in a list, which may be a token's id."""
        ...


# ---- header fields, target


def mask_field(name: bytes, value: bytes, masks: Masks) -> bytes:
    """Return the masked value of a header field."""
    name = name.lower()
    if name.decode("latin-1") in PUBLIC_FIELDS:
        return masks.mask_plain(value)
    if name not in _SECRET_HEADERS:
        return masks.mask_field(value)
    scheme = _SCHEME.match(value)
    return scheme[0] + masks.mask_secret(value[scheme.end() :]) if scheme else masks.mask_secret(value)


_SCHEME: Final = re.compile(rb"\s*(?:Basic|Bearer) +", re.IGNORECASE)


def mask_target(target: bytes, masks: Masks) -> bytes:
    """Return the masked request target, path and query."""
    path, mark, query = target.partition(b"?")
    pairs = (pair.partition(b"=") for pair in query.split(b"&"))
    shown = (name + equals + _mask_value(unquote_to_bytes(name), value, masks) for name, equals, value in pairs)
    return masks.mask_plain(path) + mark + b"&".join(shown)


def is_secret_key(key: bytes) -> bool:
    """Return whether the text under a key of JSON, or in a field of a form, is a secret."""
    return key in _SECRET_KEYS or _SECRET_WORDS.search(key) is not None


def _mask_value(key: bytes, value: bytes, masks: Masks) -> bytes:
    """Return the masked text under a key."""
    if key in masks.ignored_keys:
        return b"*"
    if is_secret_key(key):
        return masks.mask_secret(value)
    if key in _PLAIN_KEYS and _HARMLESS.fullmatch(value):
        return masks.mask_plain(value)
    return masks.mask_number(value) if _NUMBER.fullmatch(value) else masks.mask_content(value)


# ---- bodies


def mask_body(data: bytes, content_type: str, masks: Masks, *, status: int | None = None) -> bytes:
    """Return a masked body, or a masked beginning of one.

    Args:
        data: its bytes.
        content_type: of the head; may be empty.
        masks: masks the values.
        status: of a response; None for a request.
    """
    if "event-stream" in content_type:
        return _LINE.sub(_Lines(masks), data)
    if "json" in content_type or data.lstrip()[:1] in (b"{", b"[", b'"'):
        return _LEXEME.sub(_Json(masks, response=status is not None), data)
    if "urlencoded" in content_type:
        return _PAIR.sub(lambda found: _mask_pair(found, masks), data)
    if "multipart" in content_type:
        data = _SECRET_PART.sub(lambda found: found["head"] + masks.mask_secret(found["value"]), data)
    if status is not None and (status >= 400 or "html" in content_type):
        return masks.mask_message(data)
    return data if len(data) <= _SHORT else masks.mask_content(data)


_SHORT: Final = 2
"Bytes of a body that says no more than OK."

_PAIR: Final = re.compile(rb"(?P<name>[^&=]+)(?P<equals>=?)(?P<value>[^&]*)")
"A field of a form, or a text that is none."
_SECRET_PART: Final = re.compile(
    rb'(?P<head>;\s*name="[^"\r\n]{0,100}(?i:'
    + _SECRET_WORDS.pattern
    + rb')[^"\r\n]{0,100}"[^\r\n]{0,1000}\r\n(?:[^\r\n]{1,1000}\r\n){0,16}\r\n)(?P<value>.*?)(?=\r\n--|\Z)',
    re.DOTALL,
)
"A part of a multipart form with a secret. Its head is bounded, so that a body of nothing but heads is read once."


def _mask_pair(found: re.Match[bytes], masks: Masks) -> bytes:
    name, equals, value = found.group("name", "equals", "value")
    if not equals:
        return masks.mask_content(name)
    shown = name if _NAME.fullmatch(name) else masks.mask_name(name)
    return shown + equals + _mask_value(unquote_to_bytes(name), value, masks)


_NUMBER: Final = re.compile(rb"-?[0-9]{1,20}(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?")
_WORDS: Final = (b"true", b"false", b"null", b"NaN", b"Infinity", b"-Infinity")
_NAME: Final = re.compile(rb"[A-Za-z_$][\w$-]{0,40}", re.ASCII)
_LEXEME: Final = re.compile(
    rb'"(?P<text>(?:[^"\\]++|\\.)*+\\?)(?P<end>"?)(?P<colon>\s*:)?|(?P<word>[^\s{}\[\]:,"]+)|[{}\[\]]', re.DOTALL
)


_ASCII_ESCAPE: Final = re.compile(rb"\\u00([0-7][0-9a-fA-F])")


class _Json:
    """Masks each lexeme of a JSON text by the key that it is under."""

    def __init__(self, masks: Masks, *, response: bool) -> None:
        self._masks = masks
        self._response = response
        self._key = b""
        self._open: list[tuple[bytes, bytes]] = []
        "The open brackets, each with the key that it is under."

    def __call__(self, found: re.Match[bytes]) -> bytes:
        text, end, colon, word = found.group("text", "end", "colon", "word")
        if text is not None and colon:
            self._key = _ASCII_ESCAPE.sub(lambda escape: bytes([int(escape[1], 16)]), text)
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
        of_map = bool(self._open) and self._open[-1][1] in _MAPS and name not in _NAMES_IN_MAPS
        return name if not name or (_NAME.fullmatch(name) and not of_map) else self._masks.mask_name(name)

    def _text(self, text: bytes) -> bytes:
        if self._response and self._key in _MESSAGE_KEYS:
            return self._masks.mask_message(text)
        return _mask_value(self._key, text, self._masks)

    def _word(self, word: bytes) -> bytes:
        if _NUMBER.fullmatch(word):
            if self._key in self._masks.ignored_keys:
                return b"*"
            listed = bool(self._open) and self._open[-1][0] == b"[" and self._key not in _PLAIN_KEYS
            return self._masks.mask_number(word) if listed and word.lstrip(b"-").isdigit() else word
        return word if any(one.startswith(word) for one in _WORDS) else self._masks.mask_content(word)


_LINE: Final = re.compile(rb"[^\r\n]+")


class _Lines:
    """Masks each line of an event stream."""

    def __init__(self, masks: Masks) -> None:
        self._masks = masks

    def __call__(self, found: re.Match[bytes]) -> bytes:
        line = found[0]
        if line[:1] in b"{[":
            return mask_body(line, "", self._masks, status=200)
        name, colon, value = line.partition(b":")
        if name not in _FIELDS:
            return self._masks.mask_content(line)
        if name == b"data":
            blank = value[: len(value) - len(value.lstrip())]
            data = value[len(blank) :]
            value = blank + (data if data == _DONE else mask_body(data, "", self._masks, status=200))
        else:
            value = self._masks.mask_plain(value) if _HARMLESS.fullmatch(value) else self._masks.mask_content(value)
        return name + colon + value


_FIELDS: Final = (b"data", b"event", b"id", b"retry", b"")
_DONE: Final = b"[DONE]"


# ---- raw bytes


def mask_raw(data: bytes, masks: Masks) -> bytes:
    """Return masked raw bytes, which may be a response that was written by hand."""
    head, blank, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    if not first.startswith(b"HTTP/"):
        return mask_body(data, "", masks, status=200)
    fields = [line.partition(b":") for line in lines]
    masked = [name + colon + mask_field(name, value, masks) for name, colon, value in fields]
    headers = {name.lower(): value.strip().lower() for name, _, value in fields}
    code = first[9:12]
    status = int(code) if code.isdigit() else 200
    spans = _chunks(body) if headers.get(b"transfer-encoding") == b"chunked" else [(0, len(body))]
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    whole = mask_body(b"".join(body[start:end] for start, end in spans), content_type, masks, status=status)
    out, at = bytearray(body), 0
    for start, end in spans:
        out[start:end] = whole[at : at + end - start]
        at += end - start
    return b"\r\n".join([first, *masked]) + blank + bytes(out)


def _chunks(body: bytes) -> list[tuple[int, int]]:
    """Return start and end of each chunk's data."""
    spans: list[tuple[int, int]] = []
    at = 0
    while size := _SIZE.match(body, at):
        start, end = size.end(), size.end() + int(size[1], 16)
        spans.append((start, min(end, len(body))))
        at = min(end, len(body))
    rest = body[at:]
    return spans if not rest.strip(b"0\r\n") else [*spans, (at, len(body))]


_SIZE: Final = re.compile(rb"(?:\r\n)?([0-9a-fA-F]{1,15})\r\n")
