"""The mailbox of the emulator: mails to accounts, gift keys, and identities of other providers.

No mail is sent: it is kept here for tests and users to read. Gift keys and identities are whatever is put here.

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
    """The purpose of a mail."""

    VERIFICATION = "verification"
    RECOVERY = "recovery"
    DELETION = "deletion"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail with a token."""

    kind: MailKind
    email: str = field(repr=False)
    token: str = field(repr=False)


class Mailbox:
    """Mails that the emulator has sent, and the tokens, gift keys and identities that it accepts.

    Args:
        journal: records every change that is to be stored.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.mails: list[Mail] = []
        "All mails, in the order of sending."
        self.gift_keys: RowTable[Tier] = RowTable(journal, "gift", int)
        "The tier of each unused gift key."
        self.google: RowTable[Account] = RowTable(journal, "google", lambda account: account.number)
        "The accounts by the identity tokens of Google."
        self.letters: RowTable[tuple[MailKind, Account]] = RowTable(
            journal, "letter", lambda letter: LetterRow(letter[0].value, letter[1].number)
        )
        "Purpose and account of each mailed token that has not been used."

    def mail(self, kind: MailKind, email: str, account: Account, token: str) -> None:
        """Add a mail with a token, which can be used once."""
        self._journal.put(("mail", str(len(self.mails))), lambda: MailRow(kind.value, email, token))
        self.mails.append(Mail(kind, email, token))
        self.letters[token] = (kind, account)

    def find(self, kind: MailKind, token: str) -> Account:
        """Return the account that a mailed token is for.

        Raises:
            Refused: 401, there is no such token for this purpose.
        """
        purpose, account = self.letters.get(token, (None, None))
        if purpose is not kind or account is None:
            raise Refused(
                401,
                f"The {kind.value} token is incorrect.",
                reason=f"no mail for {kind.value} has this token, or it has been used; Emulator.mailbox.mails has all mails",
            )
        return account

    def discard(self, token: str) -> None:
        """Remove a mailed token, because it has been used."""
        self.letters.pop(token, None)

    def forget(self, account: Account) -> None:
        """Remove all tokens and identities of an account."""
        for token in [token for token, (_, owner) in self.letters.items() if owner is account]:
            del self.letters[token]
        for token in [token for token, owner in self.google.items() if owner is account]:
            del self.google[token]
