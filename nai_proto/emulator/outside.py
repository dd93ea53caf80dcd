"""What reaches the emulator's accounts from elsewhere: mail, gift keys, identities (native §17.2).

Nothing is sent, bought or proved: whoever has the emulator reads the mails and makes up the rest.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from ..tier import Tier
from .accounts import Account
from .answers import Refused

__all__ = ["Mail", "MailKind", "Outside"]


class MailKind(enum.Enum):
    """What a mail is for."""

    VERIFICATION = "verification"
    RECOVERY = "recovery"
    DELETION = "deletion"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, and the token in it."""

    kind: MailKind
    email: str
    token: str = field(repr=False)


class Outside:
    """The world around an emulator."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        "In the order in which they would have been sent."
        self.gift_keys: dict[str, Tier] = {}
        "What each gift key is good for, until it is used."
        self.google: dict[str, Account] = {}
        "The accounts by identity tokens."
        self._good: dict[tuple[MailKind, str], Account] = {}

    def mail(self, kind: MailKind, email: str, account: Account, token: str) -> None:
        """Sends a mail with a token, which is good once."""
        self.mails.append(Mail(kind, email, token))
        self._good[kind, token] = account

    def find(self, kind: MailKind, token: str) -> Account:
        """Whom a token is of."""
        account = self._good.get((kind, token))
        if account is None:
            raise Refused(401, f"The {kind.value} token is incorrect.")
        return account

    def used(self, kind: MailKind, token: str) -> None:
        """The token is good no more."""
        self._good.pop((kind, token), None)

    def forget(self, account: Account) -> None:
        """Nothing leads to this account any more."""
        self._good = {key: owner for key, owner in self._good.items() if owner is not account}
        self.google = {token: owner for token, owner in self.google.items() if owner is not account}
