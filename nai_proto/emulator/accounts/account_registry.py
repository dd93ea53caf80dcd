"""Accounts of the emulator: real key derivation, tokens of the real form.

See:
    docs/protocol/native.md#21-tokens
    docs/protocol/native.md#3-key-derivation
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from ...codecs.json import encode
from ...codecs.keys import access_key, email_hash, encryption_key
from ...http import Request
from ...secret import AccessKey, AccessToken, Password, PersistentToken
from ...tier import Tier
from ..errors import Refused
from .account import Account
from .journal import AccountRow, Journal, RowTable, TokenRow
from .profile import Profile
from .sample_stories import add_sample_stories
from .storage import Storage

__all__ = ["AccountRegistry"]

_LIFETIME: Final = 2_592_000
"""Seconds that an access token lives: 30 days."""
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BEARER: Final = "bearer "


class AccountRegistry:
    """All accounts, and who a token belongs to.

    Args:
        now: UNIX time in seconds.
        entropy: gives so many random bytes.
        journal: where everything that lasts is noted.
    """

    def __init__(self, now: Callable[[], float], entropy: Callable[[int], bytes], journal: Journal) -> None:
        self._now = now
        self._entropy = entropy
        self._journal = journal
        self._secret = entropy(32)
        self._by_key: dict[str, Account] = {}
        self._by_number: dict[int, Account] = {}
        self.tokens: RowTable[tuple[Account, float | None]] = RowTable(
            journal, "token", lambda of: TokenRow(of[0].number, of[1])
        )
        "Whose each good token is, and until when; a persistent one has no end."

    def add(
        self,
        email: str,
        password: Password,
        token: PersistentToken | None,
        *,
        stories: bool,
        tier: Tier,
        trial: bool = False,
        anlas: int | None = None,
    ) -> Account:
        """A new account, with or without stories; what is not given is drawn, or that of its tier."""
        token = token or PersistentToken(PersistentToken.PREFIX + self.letters(64))
        profile = Profile(int(self._now()), email_hash(email), email, email_verified=True, letter_sent=True)
        profile.subscribe(tier, self._now())
        profile.trial = trial
        if anlas is not None:
            profile.anlas = anlas
        account = self.admit(email, access_key(email, password), token, profile)
        self.tokens[token.reveal()] = (account, None)
        if stories:
            add_sample_stories(account.storage, encryption_key(email, password), self._now(), self._entropy)
        return account

    def admit(
        self, email: str, key: AccessKey, token: PersistentToken, profile: Profile, number: int | None = None
    ) -> Account:
        """One account more, which has stored nothing yet. Its number is the next, or that which it had once."""
        if number is None:
            number = max(self._by_number, default=0) + 1
        storage = Storage(journal=self._journal, owner=number)
        account = Account(email, key, token, number, storage, profile)
        self._by_key[key.reveal()] = self._by_number[number] = account
        profile.watch(lambda: self._note(account))
        self._note(account)
        return account

    def numbered(self, number: int) -> Account:
        """The account with this number. Raises KeyError."""
        return self._by_number[number]

    def _note(self, account: Account) -> None:
        self._journal.put(
            ("account", str(account.number)),
            lambda: AccountRow(account.email, account.key.reveal(), account.persistent_token.reveal(), account.profile),
        )

    def login(self, key: str) -> AccessToken:
        """A new access token.

        See docs/protocol/native.md#172-account.
        """
        if len(key) != AccessKey.LENGTH:
            raise Refused(400, f"key must be exactly {AccessKey.LENGTH} characters long")
        account = self._by_key.get(key)
        if account is None:
            raise Refused(401, "Access Key is incorrect.")
        return self.granted(account)

    def granted(self, account: Account) -> AccessToken:
        """A new access token for an account."""
        issued = int(self._now())
        token = self._jwt({"id": self.letters(21), "nc": self.letters(8), "iat": issued, "exp": issued + _LIFETIME})
        self.tokens[token] = (account, issued + _LIFETIME)
        return AccessToken(token)

    def register(self, email: str | None, hashed: str | None, key: AccessKey) -> Account:
        """A new account with nothing in it; the persistent token that it has on record is not good yet."""
        if key.reveal() in self._by_key or (hashed is not None and self.find(hashed) is not None):
            raise Refused(409, "Account already exists")
        token = PersistentToken(PersistentToken.PREFIX + self.letters(64))
        return self.admit(email or "", key, token, Profile(int(self._now()), hashed or "", email))

    def find(self, hashed: str) -> Account | None:
        """The account with this e-mail, by its hash."""
        return next((each for each in self._by_key.values() if each.profile.email_hash == hashed), None)

    def change_key(self, account: Account, key: AccessKey) -> AccessToken:
        """Another key for an account, whose access tokens all die; a new one.

        See docs/protocol/native.md#172-account.
        """
        if key.reveal() in self._by_key:
            raise Refused(409, "Access key is taken")
        del self._by_key[account.key.reveal()]
        account.key = key
        self._by_key[key.reveal()] = account
        self._note(account)
        self._revoke(lambda owner, until: owner is account and until is not None)
        return self.granted(account)

    def draw_persistent(self, account: Account, *, overwrite: bool) -> PersistentToken:
        """A new persistent token, after which the old one is good for nothing.

        See docs/protocol/native.md#67-create-persistent-token.
        """
        if account.persistent_token.reveal() in self.tokens and not overwrite:
            raise Refused(409, "Persistent access token already exists")
        self._revoke(lambda owner, until: owner is account and until is None)
        account.persistent_token = PersistentToken(PersistentToken.PREFIX + self.letters(64))
        self._note(account)
        self.tokens[account.persistent_token.reveal()] = (account, None)
        return account.persistent_token

    def remove(self, account: Account) -> None:
        """The account is gone, and no token of it is good."""
        if account.profile.recurring:
            raise Refused(409, "Cannot delete account while a recurring subscription is active")
        del self._by_key[account.key.reveal()], self._by_number[account.number]
        self._journal.drop(("account", str(account.number)))
        account.storage.forget()
        account.profile.watch(lambda: None)
        self._revoke(lambda owner, _: owner is account)

    def _revoke(self, which: Callable[[Account, float | None], bool]) -> None:
        for token in [token for token, of in self.tokens.items() if which(*of)]:
            del self.tokens[token]

    def authorized(self, request: Request, *, persistent: bool = True) -> Account:
        """The account whose token the request carries; nothing else is looked at before.

        See:
            docs/protocol/native.md#6-account-endpoints-user
            docs/protocol/native.md#21-tokens

        Args:
            request: what came.
            persistent: are persistent tokens allowed here?
        """
        account, until = self.tokens.get(_token_of(request), (None, None))
        if account is None or (until is not None and self._now() >= until):
            raise Refused(401, "Unauthorized")
        if until is None and not persistent:
            raise Refused(401, "Usage of persistent access tokens is not allowed for this endpoint")
        return account

    def is_persistent(self, request: Request) -> bool:
        """Is the token that the request carries, and that was found good, a persistent one?"""
        return self.tokens[_token_of(request)][1] is None

    def letters(self, length: int) -> str:
        """So many letters and digits, drawn."""
        return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in self._entropy(length))

    def _jwt(self, payload: dict[str, object]) -> str:
        signed = ".".join(_base64url(encode(part)) for part in ({"alg": "HS256", "typ": "JWT"}, payload))
        return f"{signed}.{_base64url(hmac.digest(self._secret, signed.encode(), hashlib.sha256))}"


def _token_of(request: Request) -> str:
    value = request.headers.get("authorization") or ""
    return value[len(_BEARER) :] if value.lower().startswith(_BEARER) else ""


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
