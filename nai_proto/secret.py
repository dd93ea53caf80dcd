"""Secrets as types whose repr shows nothing of their value.

Redaction by type needs no list of header names, which could forget one. Secrets compare in constant time, and pickle
*with* their value, which a worker process needs to log in.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final, Self, TypeAlias, cast

from .arguments import check_type, takes, type_error
from .errors import InvalidRequestError

__all__ = [
    "AccessKey",
    "AccessToken",
    "EncryptionKey",
    "Password",
    "PersistentToken",
    "Token",
    "TokenBase",
    "parse_token",
]

_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*")
_END_OF_TIME: Final = 253_402_300_800
"""The end of the year 9999: later times have no date."""
_TOKEN_TEXT: Final = re.compile(r"[!-~]+")


class _Secret:
    """The base of all secrets; ``_bytes`` is the value as it is compared."""

    __slots__ = ()

    @property
    def _bytes(self) -> bytes:
        raise NotImplementedError  # each kind of secret has its own

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Secret) or type(other) is not type(self):
            return NotImplemented
        from hmac import compare_digest  # loads all of OpenSSL: not at import

        return compare_digest(self._bytes, other._bytes)

    def __hash__(self) -> int:
        return hash((type(self), self._bytes))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class _Text(_Secret):
    __slots__ = ("_value",)
    _value: str

    @takes()
    def __init__(self, value: str) -> None:
        """Keep the text.

        Raises:
            InvalidTypeError: ``value`` is no str.
            InvalidRequestError: it cannot be such a secret. The message never quotes it.
        """
        if not isinstance(cast("object", value), str):
            raise type_error(value, type(self).__name__, "a str", parameter="value")
        self._check(value)
        self._value = value

    @classmethod
    def _check(cls, value: str) -> None:
        """Raise InvalidRequestError if ``value`` cannot be such a secret; never quote it."""

    def reveal(self) -> str:
        """Return the text itself. The caller must not show, log or store it."""
        return self._value

    @property
    def _bytes(self) -> bytes:
        return self._value.encode("utf-8", "surrogatepass")

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self._value,)


class Password(_Text):
    """An account's password: any text. It is never sent; keys derived from it are."""

    __slots__ = ()

    @classmethod
    def _check(cls, value: str) -> None:
        if not value:
            raise InvalidRequestError("the password is empty", parameter="value")


class AccessKey(_Text):
    """The key that logs in instead of the password: 64 characters of URL-safe base64.

    See docs/protocol/native.md#3-key-derivation.
    """

    __slots__ = ()
    LENGTH: ClassVar[int] = 64

    @classmethod
    def _check(cls, value: str) -> None:
        if len(value) != cls.LENGTH or not _BASE64URL.fullmatch(value):
            raise InvalidRequestError(
                f"an access key has {cls.LENGTH} characters A-Z a-z 0-9 - _; this text of {len(value)} is none "
                "(derive it with nai.account.access_key)",
                parameter="value",
            )


class TokenBase(_Text):
    """A bearer token: printable ASCII without blanks."""

    __slots__ = ()

    @classmethod
    def _check(cls, value: str) -> None:
        if not _TOKEN_TEXT.fullmatch(value):
            raise InvalidRequestError(
                f"{cls.__name__}: a token is printable ASCII without blanks; this one of {len(value)} characters is not",
                parameter="value",
            )


class AccessToken(TokenBase):
    """The JWT that a login returns: valid for 30 days, on every endpoint.

    See docs/protocol/native.md#21-tokens.
    """

    __slots__ = ()

    @property
    def expires_at(self) -> float | None:
        """The end of its validity in seconds since 1970, as its payload says; None if the token does not say it.

        The signature is not checked: only the service can. A token may stop working earlier.
        """
        import json
        from base64 import urlsafe_b64decode

        payload = self._value.split(".")[1:2]
        try:
            expiry: object = json.loads(urlsafe_b64decode(payload[0] + "=="))["exp"]
        except (IndexError, KeyError, TypeError, ValueError, RecursionError):
            return None
        is_time = isinstance(expiry, int | float) and not isinstance(expiry, bool) and 0 <= expiry < _END_OF_TIME
        return float(cast("float", expiry)) if is_time else None


class PersistentToken(TokenBase):
    """A ``pst-`` token from the website: valid until it is replaced; some endpoints refuse it.

    See docs/protocol/native.md#21-tokens.
    """

    __slots__ = ()
    PREFIX: ClassVar[str] = "pst-"

    @classmethod
    def _check(cls, value: str) -> None:
        super()._check(value)
        if not value.startswith(cls.PREFIX):
            raise InvalidRequestError(
                "a persistent token starts with 'pst-' (a login's token is an AccessToken)", parameter="value"
            )


Token: TypeAlias = AccessToken | PersistentToken
"""What authenticates requests: of a login, or of the account's settings."""


def parse_token(token: Token | str) -> Token:
    """Return a token from its text: a `PersistentToken` if it begins with ``pst-``, else an `AccessToken`.

    Args:
        token: the text, as the website shows it or a login returns it. A token is returned unchanged.

    Raises:
        InvalidTypeError: ``token`` is neither a token nor a str.
        InvalidRequestError: the text is empty, or has blanks, control or non-ASCII characters. It is never quoted.
    """
    if isinstance(token, TokenBase):
        return token
    check_type(token, str, "token", "a Token or a str")
    if not _TOKEN_TEXT.fullmatch(token):
        raise InvalidRequestError(
            f"token: printable ASCII without blanks is expected; this text of {len(token)} characters is not",
            parameter="token",
        )
    return PersistentToken(token) if token.startswith(PersistentToken.PREFIX) else AccessToken(token)


class EncryptionKey(_Secret):
    """The 32 bytes that open the keystore.

    See docs/protocol/native.md#3-key-derivation.
    """

    __slots__ = ("_value",)
    SIZE: ClassVar[int] = 32

    def __init__(self, value: bytes) -> None:
        """Keep the bytes.

        Raises:
            InvalidTypeError: ``value`` is not bytes.
            InvalidRequestError: ``value`` does not have 32 bytes.
        """
        if not isinstance(cast("object", value), bytes | bytearray | memoryview):
            raise type_error(value, "EncryptionKey", "bytes", parameter="value")
        key = bytes(value)
        if len(key) != self.SIZE:
            raise InvalidRequestError(f"an encryption key has {self.SIZE} bytes, not {len(key)}", parameter="value")
        self._value = key

    def reveal(self) -> bytes:
        """Return the bytes themselves. The caller must not show, log or store them."""
        return self._value

    @property
    def _bytes(self) -> bytes:
        return self._value

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (self._value,)
