"""What reaches the emulator's accounts from elsewhere: mail, gift keys, identities.

Nothing is sent, bought or proved: whoever has the emulator reads the mails and makes up the rest.

See docs/protocol/native.md#172-account.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from ...tier import Tier
from ..errors import Refused
from .account import Account
from .journal import Journal, LetterRow, MailRow, RowTable

__all__ = ["Mail", "MailKind", "Mailbox"]


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


class Mailbox:
    """The world around an emulator."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.mails: list[Mail] = []
        "In the order in which they would have been sent."
        self.gift_keys: RowTable[Tier] = RowTable(journal, "gift", int)
        "What each gift key is good for, until it is used."
        self.google: RowTable[Account] = RowTable(journal, "google", lambda account: account.number)
        "The accounts by identity tokens."
        self.letters: RowTable[tuple[MailKind, Account]] = RowTable(
            journal, "letter", lambda letter: LetterRow(letter[0].value, letter[1].number)
        )
        "What each mailed token is good for, until it is used."

    def mail(self, kind: MailKind, email: str, account: Account, token: str) -> None:
        """Sends a mail with a token, which is good once."""
        self._journal.put(("mail", str(len(self.mails))), lambda: MailRow(kind.value, email, token))
        self.mails.append(Mail(kind, email, token))
        self.letters[token] = (kind, account)

    def find(self, kind: MailKind, token: str) -> Account:
        """Whom a token is of."""
        meant, account = self.letters.get(token, (None, None))
        if meant is not kind or account is None:
            raise Refused(401, f"The {kind.value} token is incorrect.")
        return account

    def used(self, token: str) -> None:
        """The token is good no more."""
        self.letters.pop(token, None)

    def forget(self, account: Account) -> None:
        """Nothing leads to this account any more."""
        for token in [token for token, (_, owner) in self.letters.items() if owner is account]:
            del self.letters[token]
        for token in [token for token, owner in self.google.items() if owner is account]:
            del self.google[token]
