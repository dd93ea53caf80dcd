"""All accounts of the emulator, and the tokens that authenticate them.

Keys are derived as for the service, and tokens have the service's form.

See:
    docs/protocol/native.md#21-tokens
    docs/protocol/native.md#3-key-derivation
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Final

from ...codecs.json import encode_json
from ...codecs.key_derivation import access_key, email_hash, encryption_key
from ...http import Request
from ...modules import ModuleStatus
from ...secret import AccessKey, AccessToken, Password, PersistentToken
from ...tier import Tier
from ..errors import Refused
from .account import Account
from .journal import AccountRow, Journal, RowTable, TokenRow
from .profile import Profile
from .sample_stories import add_sample_stories
from .storage import Storage
from .token_reasons import WRONG_LOGIN, explain_token
from .trained_modules import ModuleCollection, ModuleTraining

__all__ = ["AccountRegistry"]

_TOKEN_LIFETIME: Final = 2_592_000
"""Seconds for which an access token is valid: 30 days."""
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BEARER: Final = "bearer "


class AccountRegistry:
    """All accounts, by key, number and token.

    Args:
        now: returns UNIX time in seconds.
        entropy: returns this many random bytes.
        journal: records every change that is to be stored.
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
        "The account of each valid token, and the UNIX time at which it expires; None for persistent tokens."

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
        """Add an account with an active subscription, and return it. See `Emulator.add_account`."""
        token = token or PersistentToken(PersistentToken.PREFIX + self.random_letters(64))
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
        """Add an account that has stored nothing, and return it. Its number is the next one if it is None."""
        if number is None:
            number = max(self._by_number, default=0) + 1
        storage = Storage(journal=self._journal, owner=number)
        account = Account(email, key, token, number, storage, profile, ModuleCollection(self._journal, number))
        self._by_key[key.reveal()] = self._by_number[number] = account
        profile.watch(lambda: self._record(account))
        self._record(account)
        return account

    def by_number(self, number: int) -> Account:
        """Return the account with this number.

        Raises:
            KeyError: there is none.
        """
        return self._by_number[number]

    def _record(self, account: Account) -> None:
        self._journal.put(
            ("account", str(account.number)),
            lambda: AccountRow(account.email, account.key.reveal(), account.persistent_token.reveal(), account.profile),
        )

    def login(self, key: str) -> AccessToken:
        """Return a new access token for the account with this access key.

        See docs/protocol/native.md#172-account.

        Raises:
            Refused: 400 or 401, the key is malformed or no account's.
        """
        if len(key) != AccessKey.LENGTH:
            raise Refused(
                400,
                f"key must be exactly {AccessKey.LENGTH} characters long",
                reason=f"key is the access key of {AccessKey.LENGTH} characters that e-mail and password are turned into, "
                f"not the password; this one has {len(key)}",
            )
        account = self._by_key.get(key)
        if account is None:
            raise Refused(401, "Access Key is incorrect.", reason=WRONG_LOGIN)
        return self.issue_token(account)

    def issue_token(self, account: Account) -> AccessToken:
        """Return a new access token for an account."""
        issued = int(self._now())
        token = self._jwt(
            {
                "id": self.random_letters(21),
                "nc": self.random_letters(8),
                "iat": issued,
                "exp": issued + _TOKEN_LIFETIME,
            }
        )
        self.tokens[token] = (account, issued + _TOKEN_LIFETIME)
        return AccessToken(token)

    def register(self, email: str | None, hashed: str | None, key: AccessKey) -> Account:
        """Add an account as registration does: it has nothing, and its persistent token is not valid yet.

        Args:
            email: in plain text, if the client sent it.
            hashed: the e-mail's hash, if the client sent it.
            key: the access key.

        Raises:
            Refused: 409, there is an account with this key or e-mail.
        """
        if key.reveal() in self._by_key or (hashed is not None and self.find(hashed) is not None):
            raise Refused(
                409, "Account already exists", reason="an account has this access key or e-mail; log in instead"
            )
        token = PersistentToken(PersistentToken.PREFIX + self.random_letters(64))
        return self.admit(email or "", key, token, Profile(int(self._now()), hashed or "", email))

    def find(self, hashed: str) -> Account | None:
        """Return the account whose e-mail has this hash; None if there is none."""
        return next((each for each in self._by_key.values() if each.profile.email_hash == hashed), None)

    def list_all(self) -> Sequence[Account]:
        """Return all accounts, in the order of their numbers."""
        return [self._by_number[number] for number in sorted(self._by_number)]

    def find_module(self, prefix: str) -> ModuleTraining | None:
        """Return the module that is ready and has this prefix, whichever account trained it; None if there is none.

        See docs/protocol/content.md#45-presets-and-aimodules.
        """
        modules = (each for account in self._by_number.values() for each in account.modules)
        ready = (each for each in modules if each.status(self._now()) is ModuleStatus.READY)
        return next((each for each in ready if each.prefix == prefix), None)

    def change_key(self, account: Account, key: AccessKey) -> AccessToken:
        """Change an account's access key, revoke its access tokens, and return a new one.

        See docs/protocol/native.md#172-account.
        """
        if key.reveal() in self._by_key:
            raise Refused(
                409, "Access key is taken", reason="an account, perhaps this one, has the new access key already"
            )
        del self._by_key[account.key.reveal()]
        account.key = key
        self._by_key[key.reveal()] = account
        self._record(account)
        self._revoke(lambda owner, until: owner is account and until is not None)
        return self.issue_token(account)

    def create_persistent_token(self, account: Account, *, overwrite: bool) -> PersistentToken:
        """Return a new persistent token for an account; the old one is revoked.

        See docs/protocol/native.md#67-create-persistent-token.
        """
        if account.persistent_token.reveal() in self.tokens and not overwrite:
            raise Refused(
                409,
                "Persistent access token already exists",
                reason='send {"overwrite": true} to replace the account\'s persistent token, which then ends',
            )
        self._revoke(lambda owner, until: owner is account and until is None)
        account.persistent_token = PersistentToken(PersistentToken.PREFIX + self.random_letters(64))
        self._record(account)
        self.tokens[account.persistent_token.reveal()] = (account, None)
        return account.persistent_token

    def remove(self, account: Account) -> None:
        """Remove an account and everything it has, and revoke its tokens."""
        if account.profile.recurring:
            raise Refused(
                409,
                "Cannot delete account while a recurring subscription is active",
                reason="the account's profile.recurring is set; a test can clear it",
            )
        del self._by_key[account.key.reveal()], self._by_number[account.number]
        self._journal.drop(("account", str(account.number)))
        account.storage.forget()
        account.modules.forget()
        account.profile.watch(lambda: None)
        self._revoke(lambda owner, _: owner is account)

    def _revoke(self, matches: Callable[[Account, float | None], bool]) -> None:
        for token in [token for token, of in self.tokens.items() if matches(*of)]:
            del self.tokens[token]

    def find_by_token(self, request: Request) -> Account | None:
        """Return the account whose token the request carries, in whatever endpoint; None without a valid one."""
        account, until = self.tokens.get(_token_of(request), (None, None))
        return None if until is not None and self._now() >= until else account

    def authenticate(self, request: Request, *, persistent: bool = True) -> Account:
        """Return the account whose token the request carries.

        See:
            docs/protocol/native.md#6-account-endpoints-user
            docs/protocol/native.md#21-tokens

        Args:
            request: with an ``Authorization`` header.
            persistent: are persistent tokens allowed?

        Raises:
            Refused: 401, there is no valid token of an allowed kind.
        """
        account = self.find_by_token(request)
        if account is None:
            token = _token_of(request)
            reason = explain_token(
                request.headers.get("authorization"), expired=token in self.tokens, own=self._has_signed(token)
            )
            raise Refused(401, "Unauthorized", reason=reason)
        if not persistent and self.is_persistent(request):
            raise Refused(
                401,
                "Usage of persistent access tokens is not allowed for this endpoint",
                reason="this endpoint wants the access token of a login (POST /user/login), not a persistent token",
            )
        return account

    def is_persistent(self, request: Request) -> bool:
        """Return whether the request carries a persistent token; it must be a valid one."""
        return self.tokens[_token_of(request)][1] is None

    def random_letters(self, length: int) -> str:
        """Return this many random letters and digits."""
        return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in self._entropy(length))

    def _jwt(self, payload: dict[str, object]) -> str:
        signed = ".".join(_base64url(encode_json(part)) for part in ({"alg": "HS256", "typ": "JWT"}, payload))
        return f"{signed}.{self._sign(signed)}"

    def _sign(self, signed: str) -> str:
        return _base64url(hmac.digest(self._secret, signed.encode("utf-8", "replace"), hashlib.sha256))

    def _has_signed(self, token: str) -> bool:
        signed, _, signature = token.rpartition(".")
        return hmac.compare_digest(self._sign(signed).encode(), signature.encode("utf-8", "replace"))


def _token_of(request: Request) -> str:
    value = request.headers.get("authorization") or ""
    return value[len(_BEARER) :] if value.lower().startswith(_BEARER) else ""


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
