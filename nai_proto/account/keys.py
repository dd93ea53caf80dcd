"""The keys that follow from e-mail and password (native §3), for callers who have the password as text."""

from __future__ import annotations

from ..arguments import FLAG, TEXT, takes
from ..codecs import keys
from ..secret import AccessKey, EncryptionKey, Password
from .argument_types import PASSWORD

__all__ = ["access_key", "email_hash", "encryption_key"]


@takes(email=TEXT, password=PASSWORD, utf16=FLAG)
def access_key(email: str, password: Password | str, *, utf16: bool = False) -> AccessKey:
    """Return the key that logs in instead of the password; arguments and errors as for `codecs.keys.access_key`."""
    assert isinstance(password, Password)  # `takes` wraps text
    return keys.access_key(email, password, utf16=utf16)


@takes(email=TEXT, password=PASSWORD, utf16=FLAG)
def encryption_key(email: str, password: Password | str, *, utf16: bool = False) -> EncryptionKey:
    """Return the key that opens the account's keystore; arguments and errors as for `access_key`."""
    assert isinstance(password, Password)
    return keys.encryption_key(email, password, utf16=utf16)


@takes(email=TEXT)
def email_hash(email: str) -> str:
    """Return the e-mail as a registration sends it: SHA-256 in 64 hexadecimal digits."""
    return keys.email_hash(email)
