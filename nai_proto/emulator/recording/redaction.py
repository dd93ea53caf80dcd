"""Taking secrets out of an exchange, and seeing what is equal without them.

*Secrets* are always taken out: tokens, access keys, e-mails and their hashes, gift keys, cookies. One is replaced by
another text of its form and length, the same one wherever it stands, so a session hangs together when it is replayed.
Which text that is depends on a salt that is drawn for the recording and written nowhere.

*Contents* are taken out unless they are asked for: prompts, stories, answers, keystores, whatever is stored, and all that
is not known to be harmless. A text is replaced by letters that say so, base64 by the base64 of zeros (so token ids stay
token ids), numbers in lists by round ones that are not larger. What an error says stays, but for pieces of the request.

Lengths stay in any case: Content-Length, chunks, pieces, and where a connection was cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import shake_256
from typing import Final, TypeAlias

from ...exchange.reply import RawWrite, Start, Write
from ...http import Headers
from .recording_file import RecordedExchange, SentAction
from .redaction_tables import PATTERNS
from .value_masking import Masks, mask_body, mask_field, mask_raw, mask_target

__all__ = ["Redaction", "RequestShape", "is_same_request", "request_shape"]

RequestShape: TypeAlias = tuple[str, str, bytes | None]
"""Method, target and body of a request, without all that redaction may hide."""


class Redaction:
    """Of one recording.

    Args:
        salt: random bytes, 16 or more; known to nobody else.
        contents: do prompts, answers and what is stored stay?
    """

    def __init__(self, salt: bytes, *, contents: bool = False) -> None:
        self.contents: Final = contents
        self._masks = _Hiding(salt, contents)

    def redacted(self, exchange: RecordedExchange) -> RecordedExchange:
        """The exchange without what is private."""
        masks = self._masks
        masks.asked.clear()
        return replace(
            exchange,
            target=_masked(exchange.target, lambda data: mask_target(data, masks)),
            headers=_fields(exchange.headers, masks),
            body=mask_body(exchange.body, exchange.headers.get("content-type") or "", masks),
            answer=_answer(exchange.answer, masks),
        )


def request_shape(exchange: RecordedExchange) -> RequestShape:
    """What an exchange asked, as far as redaction lets it be seen: equal for what was recorded and what is replayed."""
    return _shape(exchange, _NOTHING)


def is_same_request(one: RecordedExchange, other: RecordedExchange) -> bool:
    """Did both ask the same, in all but secrets?"""
    return _shape(one, _CONTENTS) == _shape(other, _CONTENTS)


def _shape(exchange: RecordedExchange, masks: Masks) -> RequestShape:
    kind = exchange.headers.get("content-type") or ""
    body = mask_body(exchange.body, kind, masks) if exchange.whole else None
    return exchange.method, _masked(exchange.target, lambda data: mask_target(data, masks)), body


# ---- the parts of an exchange


def _answer(answer: tuple[SentAction, ...], masks: Masks) -> tuple[SentAction, ...]:
    """The whole body is looked at, and cut again where it was."""
    started = next((sent.action.head for sent in answer if isinstance(sent.action, Start)), None)
    body = b"".join(sent.action.data for sent in answer if isinstance(sent.action, Write | RawWrite))
    if started is None:
        body = mask_raw(body, masks)
    else:
        body = mask_body(body, started.headers.get("content-type") or "", masks, status=started.status)
    at, masked = 0, list[SentAction]()
    for sent in answer:
        match sent.action:
            case Start(head):
                action = Start(replace(head, headers=_fields(head.headers, masks)))
                masked.append(replace(sent, action=action))
            case Write(data) | RawWrite(data):
                masked.append(replace(sent, action=replace(sent.action, data=body[at : at + len(data)])))
                at += len(data)
    return tuple(masked)


def _fields(headers: Headers, masks: Masks) -> Headers:
    def masked(name: str, value: str) -> str:
        return _masked(value, lambda data: mask_field(name.encode("utf-8", "replace"), data, masks))

    return Headers((name, masked(name, value)) for name, value in headers)


def _masked(text: str, mask: Callable[[bytes], bytes]) -> str:
    return mask(text.encode("utf-8", "replace")).decode("utf-8", "replace")


# ---- what becomes of values


class _Hiding:
    """Of what is written down: as many bytes as before."""

    def __init__(self, salt: bytes, contents: bool) -> None:
        self._salt = salt
        self._contents = contents
        self._known: dict[bytes, None] = {}
        self._knowing = _NOTHING_KNOWN
        self.asked: set[bytes] = set()
        "Contents of the exchange at work."

    def secret(self, value: bytes) -> bytes:
        if _TELLING <= len(value) <= _LONGEST and value not in self._known:
            self._known[value] = None
            if len(self._known) > _MOST:
                del self._known[next(iter(self._known))]
            self._knowing = re.compile(b"|".join(map(re.escape, sorted(self._known, key=len, reverse=True))))
        return self._like(value)

    def content(self, value: bytes) -> bytes:
        if self._contents:
            return self.plain(value)
        if len(value) >= _TELLING:
            self.asked.add(value)
        return _hidden(value)

    def name(self, value: bytes) -> bytes:
        return self.plain(value) if self._contents else b"?" + self._like(value)[1:]

    def field(self, value: bytes) -> bytes:
        return value if value.isdigit() else _hidden(value)

    def plain(self, value: bytes) -> bytes:
        value = PATTERNS.sub(lambda found: self.secret(found[0]), value)
        return self._knowing.sub(lambda found: self._like(found[0]), value)

    def said(self, value: bytes) -> bytes:
        for content in self.asked:
            value = _unquoted(value, content)
        return self.plain(value)

    def number(self, value: bytes) -> bytes:
        if self._contents:
            return value
        return re.sub(rb"[1-9][0-9]*", lambda found: b"1" + b"0" * (len(found[0]) - 1), value)

    def _like(self, value: bytes) -> bytes:
        """Another text with letters, digits and marks where this one has them."""
        drawn = shake_256(self._salt + value).digest(len(value))
        kept = next((len(prefix) for prefix in _PREFIXES if value.startswith(prefix)), 0)
        plain = _ESCAPE.sub(lambda found: b"x" * len(found[0]), value)
        sets = _HEX if re.fullmatch(rb"[0-9a-f]{16,}", value) else _SETS
        out = bytearray(plain)
        for at in range(kept, len(plain)):
            letters = next((one for one in sets if plain[at] in one), b"")
            if letters:
                out[at] = letters[drawn[at] % len(letters)]
            elif plain[at] >= 0x80:
                out[at] = ord("x")
        return bytes(out)


_TELLING: Final = 6
"Bytes; what is shorter is not looked for elsewhere."
_LONGEST: Final = 4096
"Bytes; no secret of the service is longer."
_QUOTED: Final = 12
"Bytes of a content that tell it again."
_MOST: Final = 256
"Secrets that are looked for elsewhere: the latest."
_NOTHING_KNOWN: Final = re.compile(rb"(?!)")
_PREFIXES: Final = (b"pst-", b"eyJ")
_ESCAPE: Final = re.compile(rb"\\(?:u[0-9a-fA-F]{4}|.|\Z)", re.DOTALL)
_SETS: Final = (b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0123456789")
_HEX: Final = (b"0123456789abcdef",)
_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def _hidden(value: bytes) -> bytes:
    """As many bytes that say nothing."""
    if _BASE64.fullmatch(value):
        return re.sub(rb"[^=]", b"A", value)
    return _filled(len(value))


def _filled(size: int) -> bytes:
    return (b"redacted" * (size // 8 + 1))[:size]


def _unquoted(said: bytes, content: bytes) -> bytes:
    """What is said, without the content or its beginning."""
    start = content[:_QUOTED]
    at = said.find(start)
    while at >= 0:
        pairs = enumerate(zip(content, said[at:], strict=False))
        size = next((number for number, (one, other) in pairs if one != other), min(len(content), len(said) - at))
        said = said[:at] + _hidden(content[:size]) + said[at + size :]
        at = said.find(start, at + size)
    return said


class _Blank:
    """Of what is compared: whatever may be hidden is the same."""

    def __init__(self, *, contents: bool) -> None:
        self._contents = contents

    def secret(self, value: bytes) -> bytes:  # noqa: ARG002  they are all alike
        return b"*"

    def content(self, value: bytes) -> bytes:
        return self.plain(value) if self._contents else b"*"

    def name(self, value: bytes) -> bytes:
        return value if self._contents else b"*"

    def field(self, value: bytes) -> bytes:
        return value

    def plain(self, value: bytes) -> bytes:
        if not self._contents and (value == _filled(len(value)) or not value.strip(b"A")):
            return b"*"
        return PATTERNS.sub(b"*", value)

    def said(self, value: bytes) -> bytes:
        return value

    def number(self, value: bytes) -> bytes:
        return value if self._contents else b"0"


_NOTHING: Final = _Blank(contents=False)
_CONTENTS: Final = _Blank(contents=True)
