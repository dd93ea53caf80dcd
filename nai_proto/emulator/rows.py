"""The documents of the rows that last, by kind; what an emulator wrote as these it reads as these."""

from __future__ import annotations

import msgspec

from .profile import Profile

__all__ = ["AccountRow", "KeystoreRow", "LetterRow", "MailRow", "TokenRow"]


class AccountRow(msgspec.Struct):
    """``("account", number)``."""

    email: str
    key: str
    persistent_token: str
    profile: Profile


class TokenRow(msgspec.Struct):
    """``("token", token)``: what is good for signing."""

    account: int
    until: float | None


class KeystoreRow(msgspec.Struct):
    """``("keystore", number)``, of the account with this number."""

    keystore: str | None
    index: int
    indexed: bool


class MailRow(msgspec.Struct):
    """``("mail", number)``."""

    kind: str
    email: str
    token: str


class LetterRow(msgspec.Struct):
    """``("letter", token)``: a mailed token that has not been used."""

    kind: str
    account: int
