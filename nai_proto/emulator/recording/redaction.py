"""Removes secrets and contents from recorded exchanges.

*Secrets* are always removed: tokens, access keys, e-mails and their hashes, gift keys, cookies. A secret is replaced by
another text of its form and length, the same one wherever it occurs, so that a replayed session is consistent. The text
depends on a random salt of the recording, which is stored nowhere.

*Contents* are removed unless they are to be kept: prompts, stories, responses, keystores, stored objects, and everything
that is not known to be harmless. A text is replaced by ``redacted…``, base64 by the base64 of zeros (so that token ids
remain token ids), and numbers in lists by round ones that are not larger. Error messages stay, without what they quote
from the request.

Lengths never change: Content-Length, chunks, pieces, and where a connection was cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import shake_256
from typing import Final

from ...arguments import BYTES
from ...errors import InvalidRequestError
from ...exchange.reply import RawWrite, Start, Write
from ...http import Headers
from ...http.redaction import SECRET_FORMS
from .quotations import Quotations, hide_text
from .recording_file import RecordedExchange, SentAction
from .value_masking import Masks, mask_body, mask_field, mask_raw, mask_target

__all__ = ["Redaction"]

_SHORTEST_SALT: Final = 16


class Redaction:
    """The redaction of one recording.

    Args:
        salt: at least 16 random bytes, to be kept secret and then forgotten.
        contents: keep prompts, responses and stored objects?

    Raises:
        InvalidRequestError: the salt is shorter.
    """

    def __init__(self, salt: bytes, *, contents: bool = False) -> None:
        if len(BYTES.convert(salt, "salt")) < _SHORTEST_SALT:
            raise InvalidRequestError(
                f"a salt has {_SHORTEST_SALT} random bytes or more, not {len(salt)}: give os.urandom({_SHORTEST_SALT})",
                parameter="salt",
            )
        self.contents: Final = contents
        self._masks = _RedactingMasks(salt, contents)

    def redact(self, exchange: RecordedExchange) -> RecordedExchange:
        """Return the exchange without secrets, and without contents if they are not kept."""
        masks = self._masks
        masks.request_contents.clear()
        return replace(
            exchange,
            target=_mask_text(exchange.target, lambda data: mask_target(data, masks)),
            headers=_mask_headers(exchange.headers, masks),
            body=mask_body(exchange.body, exchange.headers.get("content-type") or "", masks),
            answer=_mask_answer(exchange.answer, masks),
        )

    def redact_text(self, text: str) -> str:
        """Return a text without the secrets that are known by now, or recognised by their form."""
        return _mask_text(text, self._masks.mask_plain)


# ---- the parts of an exchange


def _mask_answer(answer: tuple[SentAction, ...], masks: Masks) -> tuple[SentAction, ...]:
    """Return a masked response. The body is masked as a whole, and cut where it was cut."""
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
                action = Start(replace(head, headers=_mask_headers(head.headers, masks)))
                masked.append(replace(sent, action=action))
            case Write(data) | RawWrite(data):
                masked.append(replace(sent, action=replace(sent.action, data=body[at : at + len(data)])))
                at += len(data)
    return tuple(masked)


def _mask_headers(headers: Headers, masks: Masks) -> Headers:
    def masked(name: str, value: str) -> str:
        return _mask_text(value, lambda data: mask_field(name.encode("utf-8", "replace"), data, masks))

    return Headers((name, masked(name, value)) for name, value in headers)


def _mask_text(text: str, mask: Callable[[bytes], bytes]) -> str:
    return mask(text.encode("utf-8", "replace")).decode("utf-8", "replace")


# ---- masks


class _RedactingMasks:
    """Masks for recordings; every replacement has as many bytes as the value."""

    def __init__(self, salt: bytes, contents: bool) -> None:
        self.ignored_keys = frozenset[bytes]()
        self._salt = salt
        self._contents = contents
        self._known: dict[bytes, None] = {}
        self._longest_first: list[bytes] = []
        self.request_contents = Quotations()
        "The contents of the current exchange's request, which error messages may quote."

    def mask_secret(self, value: bytes) -> bytes:
        if _MIN_LENGTH <= len(value) <= _MAX_LENGTH and value not in self._known:
            self._known[value] = None
            if len(self._known) > _MAX_SECRETS:
                del self._known[next(iter(self._known))]
            self._longest_first = sorted(self._known, key=len, reverse=True)
        return self._replace(value)

    def mask_content(self, value: bytes) -> bytes:
        if self._contents:
            return self.mask_plain(value)
        if len(value) >= _MIN_LENGTH:
            self.request_contents.add(value)
        return hide_text(value)

    def mask_name(self, value: bytes) -> bytes:
        return self.mask_plain(value) if self._contents else b"?" + self._replace(value)[1:]

    def mask_field(self, value: bytes) -> bytes:
        return value if value.isdigit() else hide_text(value)

    def mask_plain(self, value: bytes) -> bytes:
        value = SECRET_FORMS.sub(lambda found: self.mask_secret(found[0]), value)
        for secret in self._longest_first:
            if secret in value:
                value = value.replace(secret, self._replace(secret))
        return value

    def mask_message(self, value: bytes) -> bytes:
        return self.mask_plain(self.request_contents.hide(value))

    def mask_number(self, value: bytes) -> bytes:
        if self._contents:
            return value
        return re.sub(rb"[1-9][0-9]*", lambda found: b"1" + b"0" * (len(found[0]) - 1), value)

    def _replace(self, value: bytes) -> bytes:
        """Return another text with letters, digits and other characters at the same places."""
        random = shake_256(self._salt + value).digest(len(value))
        kept = next((len(prefix) for prefix in _PREFIXES if value.startswith(prefix)), 0)
        plain = _ESCAPE.sub(lambda found: b"x" * len(found[0]), value)
        sets = _HEX if re.fullmatch(rb"[0-9a-f]{16,}", value) else _SETS
        out = bytearray(plain)
        for at in range(kept, len(plain)):
            letters = next((one for one in sets if plain[at] in one), b"")
            if letters:
                out[at] = letters[random[at] % len(letters)]
            elif plain[at] >= 0x80:
                out[at] = ord("x")
        return bytes(out)


_MIN_LENGTH: Final = 6
"The shortest secret or content that is looked for elsewhere, in bytes."
_MAX_LENGTH: Final = 4096
"The longest secret that is looked for elsewhere, in bytes; the service has no longer one."
_MAX_SECRETS: Final = 256
"How many secrets are looked for elsewhere; the latest ones."
_PREFIXES: Final = (b"pst-", b"eyJ")
_ESCAPE: Final = re.compile(rb"\\(?:u[0-9a-fA-F]{4}|.|\Z)", re.DOTALL)
_SETS: Final = (b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0123456789")
_HEX: Final = (b"0123456789abcdef",)
