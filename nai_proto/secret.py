"""Secrets as types: each carries its value and shows nothing of it.

Redaction by type needs no list of header names that forgets one. A secret compares in constant time, and pickles
*with* its value: a worker process could not log in without it.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final, Self, TypeAlias, cast

from .arguments import check_type, type_error
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
_TOKEN_TEXT: Final = re.compile(r"[!-~]+")


class _Secret:
    """What all secrets share; ``_bytes`` is the value in the form that is compared."""

    __slots__ = ()

    @property
    def _bytes(self) -> bytes:
        raise AssertionError("each secret says what its bytes are")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Secret) or type(other) is not type(self):
            return NotImplemented
        from hmac import compare_digest  # loads all of OpenSSL, which an import of this module shall not

        return compare_digest(self._bytes, other._bytes)

    def __hash__(self) -> int:
        return hash((type(self), self._bytes))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class _Text(_Secret):
    __slots__ = ("_value",)
    _value: str

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
        """Raise InvalidRequestError when ``value`` cannot be such a secret; never quote it."""

    def reveal(self) -> str:
        """The text itself. Whoever calls this answers for where it goes."""
        return self._value

    @property
    def _bytes(self) -> bytes:
        return self._value.encode("utf-8", "surrogatepass")

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self._value,)


class Password(_Text):
    """An account's password: any text. It never travels; the keys derived from it do."""

    __slots__ = ()

    @classmethod
    def _check(cls, value: str) -> None:
        if not value:
            raise InvalidRequestError("the password is empty", parameter="value")


class AccessKey(_Text):
    """What logs in instead of the password: 64 characters of URL-safe base64.

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
    """A bearer token: printable ASCII without blanks, as a header field takes it."""

    __slots__ = ()

    @classmethod
    def _check(cls, value: str) -> None:
        if not _TOKEN_TEXT.fullmatch(value):
            raise InvalidRequestError(
                f"{cls.__name__}: a token is printable ASCII without blanks; this one of {len(value)} characters is not",
                parameter="value",
            )


class AccessToken(TokenBase):
    """The JWT of a login: 30 days, every endpoint.

    See docs/protocol/native.md#21-tokens.
    """

    __slots__ = ()


class PersistentToken(TokenBase):
    """A ``pst-`` token from the website: lives until overwritten; some endpoints refuse it.

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


def parse_token(token: Token | str) -> Token:
    """Return a token from its text: a `PersistentToken` if it begins with ``pst-``, else an `AccessToken`.

    Args:
        token: the text, as the website shows it or a login gives it. A token is returned unchanged.

    Raises:
        InvalidTypeError: ``token`` is neither.
        InvalidRequestError: the text is empty, or holds blanks, controls or characters beyond ASCII. It is never quoted.
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
            InvalidRequestError: it has not 32 of them.
        """
        if not isinstance(cast("object", value), bytes | bytearray | memoryview):
            raise type_error(value, "EncryptionKey", "bytes", parameter="value")
        key = bytes(value)
        if len(key) != self.SIZE:
            raise InvalidRequestError(f"an encryption key has {self.SIZE} bytes, not {len(key)}", parameter="value")
        self._value = key

    def reveal(self) -> bytes:
        """The bytes themselves. Whoever calls this answers for where they go."""
        return self._value

    @property
    def _bytes(self) -> bytes:
        return self._value

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (self._value,)
