"""The keys that are derived from e-mail and password, and the hash that an account is recognized by.

The access key logs in, the encryption key opens the keystore; the password itself is never sent. Both are Argon2id hashes
with fixed parameters, in 3 ms and 2 MB each. Nothing is cached, since that would keep secrets in memory.

See docs/protocol/native.md#3-key-derivation.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from argon2.low_level import Type, hash_secret_raw

from ..arguments import TEXT, check_type
from ..errors import InvalidRequestError
from ..secret import AccessKey, EncryptionKey, Password

__all__ = ["AccountHash", "access_key", "email_hash", "encryption_key"]

_SALTED: Final = 6  # this many characters of the password are in the salt
_SALT_SIZE: Final = 16
_TIME_COST: Final = 2
_MEMORY_COST: Final = 1953  # KiB; the website asks for 2 000 000 bytes
_VERSION: Final = 0x13
_ACCESS_DOMAIN: Final = "novelai_data_access_key"
_ACCESS_SIZE: Final = 64
_ENCRYPTION_DOMAIN: Final = "novelai_data_encryption_key"
_ENCRYPTION_SIZE: Final = 128


def access_key(email: str, password: Password | str, *, utf16: bool = False) -> AccessKey:
    """Return the key that `POST /user/login` takes instead of the password.

    Args:
        email: as it was registered; case matters. If the login is refused, try lower case.
        password: of the account.
        utf16: take the salt from the first six UTF-16 units of the password, as JavaScript does, instead of six
            characters. This differs only if one of them is beyond U+FFFF; half of a pair counts as U+FFFD.

    Raises:
        InvalidRequestError: e-mail or password holds a lone surrogate.
    """
    raw = _derive(email, password, _ACCESS_DOMAIN, _ACCESS_SIZE, utf16)
    return AccessKey(base64.urlsafe_b64encode(raw)[: AccessKey.LENGTH].decode("ascii"))


def encryption_key(email: str, password: Password | str, *, utf16: bool = False) -> EncryptionKey:
    """Return the key that opens the account's keystore.

    Args:
        email: as it was registered; case matters.
        password: of the account.
        utf16: as for `access_key`.

    Raises:
        InvalidRequestError: e-mail or password holds a lone surrogate.
    """
    raw = _derive(email, password, _ENCRYPTION_DOMAIN, _ENCRYPTION_SIZE, utf16)
    text = base64.urlsafe_b64encode(raw).rstrip(b"=")  # the website stores this as "encryption_key" in localStorage
    return EncryptionKey(hashlib.blake2b(text, digest_size=EncryptionKey.SIZE).digest())


def email_hash(email: str) -> str:
    """Return the e-mail's SHA-256, which a registration sends, in 64 hexadecimal digits.

    Args:
        email: as the account is to be registered; case matters.

    Raises:
        InvalidRequestError: it holds a lone surrogate.
    """
    return hashlib.sha256(_encode_utf8("e-mail", email)).hexdigest()


@dataclass(frozen=True, slots=True)
class AccountHash:
    """What an account is recognized by: a salted hash of its e-mail, ignoring case as a login does."""

    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, email: str, salt: bytes = b"") -> AccountHash:
        """Return the hash of the account with an e-mail.

        Args:
            email: of the account.
            salt: random bytes, if the hash is kept: without them, an e-mail that is guessed is found.

        Raises:
            InvalidRequestError: the e-mail holds a lone surrogate.
        """
        return cls(salt, hashlib.sha256(salt + email_hash(email.lower()).encode()).digest())

    def is_of(self, email: str) -> bool:
        """Return whether this is the hash of the account with an e-mail."""
        return self == AccountHash.of(email, self.salt)


def _derive(email: str, password: Password | str, domain: str, size: int, utf16: bool) -> bytes:
    check_type(password, (Password, str), "password", "a Password or a str")
    secret = (Password(password) if isinstance(password, str) else password).reveal()
    secret_bytes = _encode_utf8("password", secret)
    head = _cut_utf16(secret) if utf16 else secret[:_SALTED]
    salt = hashlib.blake2b(
        head.encode() + _encode_utf8("e-mail", email) + domain.encode(), digest_size=_SALT_SIZE
    ).digest()
    return hash_secret_raw(
        secret_bytes,
        salt,
        time_cost=_TIME_COST,
        memory_cost=_MEMORY_COST,
        parallelism=1,
        hash_len=size,
        type=Type.ID,
        version=_VERSION,
    )


def _cut_utf16(text: str) -> str:
    return text.encode("utf-16-le")[: 2 * _SALTED].decode("utf-16-le", "replace")


def _encode_utf8(what: str, text: str) -> bytes:
    TEXT.check(text, what.replace("e-mail", "email"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass  # raised below, so that the codec's error, which holds the text, is not the context
    raise InvalidRequestError(
        f"the {what} holds a lone surrogate, which UTF-8 cannot carry", parameter=what.replace("e-mail", "email")
    )
