"""Accounts of the emulator: real key derivation, tokens of the real form (native §2.1, §3)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ..codecs.json import encode
from ..codecs.keys import access_key, encryption_key
from ..http import Request
from ..secret import AccessKey, AccessToken, Password, PersistentToken
from ..text.models import Tier
from .answers import Refused
from .storage import Storage, fill

__all__ = ["Account", "Accounts", "Streamed"]

_LIFETIME: Final = 2_592_000
"""Seconds that an access token lives: 30 days."""
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BEARER: Final = "bearer "
_REMEMBERED: Final = 1000
"""Streams that an account remembers."""


@dataclass
class Streamed:
    """How far one stream has come."""

    endpoint: str
    "Its name in the endpoint table."
    chunks: int = 0
    "Written so far."
    complete: bool = False
    "Was it written to its end? Otherwise it goes on, failed, or was left by the client."


@dataclass(eq=False)
class Account:
    """One account."""

    email: str
    key: AccessKey
    persistent_token: PersistentToken
    tier: Tier = Tier.OPUS
    "What it pays for. Only the OpenAI-compatible endpoints ask for it yet."
    storage: Storage = field(default_factory=Storage, init=False)
    "Keystore and objects."
    generating: bool = field(default=False, init=False)
    "The lock: one generation at a time (native §4.3)."
    locked_until: float = field(default=0.0, init=False)
    "UNIX time until which the lock stays though nothing is generated (openai §7.4)."
    streams: deque[Streamed] = field(default_factory=lambda: deque(maxlen=_REMEMBERED), init=False)
    "Its last streams from the OpenAI-compatible endpoints, the newest last (openai §11)."


class Accounts:
    """All accounts, and who a token belongs to.

    Args:
        now: UNIX time in seconds.
        entropy: gives so many random bytes.
    """

    def __init__(self, now: Callable[[], float], entropy: Callable[[int], bytes]) -> None:
        self._now = now
        self._entropy = entropy
        self._secret = entropy(32)
        self._by_key: dict[str, Account] = {}
        self._by_token: dict[str, tuple[Account, float | None]] = {}

    def add(
        self, email: str, password: Password, token: PersistentToken | None, *, stories: bool, tier: Tier
    ) -> Account:
        """A new account, with or without stories; its persistent token is drawn if none is given."""
        token = token or PersistentToken(PersistentToken.PREFIX + self._letters(64))
        account = Account(email, access_key(email, password), token, tier)
        self._by_key[account.key.reveal()] = account
        self._by_token[token.reveal()] = (account, None)
        if stories:
            fill(account.storage, encryption_key(email, password), self._now(), self._entropy)
        return account

    def login(self, key: str) -> AccessToken:
        """A new access token (native §17.2)."""
        if len(key) != AccessKey.LENGTH:
            raise Refused(400, f"key must be exactly {AccessKey.LENGTH} characters long")
        account = self._by_key.get(key)
        if account is None:
            raise Refused(401, "Access Key is incorrect.")
        issued = int(self._now())
        token = self._jwt({"id": self._letters(21), "nc": self._letters(8), "iat": issued, "exp": issued + _LIFETIME})
        self._by_token[token] = (account, issued + _LIFETIME)
        return AccessToken(token)

    def authorized(self, request: Request, *, persistent: bool = True) -> Account:
        """The account whose token the request carries; nothing else is looked at before (native §6).

        Args:
            request: what came.
            persistent: are persistent tokens allowed here (native §2.1)?
        """
        value = request.headers.get("authorization") or ""
        token = value[len(_BEARER) :] if value.lower().startswith(_BEARER) else ""
        account, until = self._by_token.get(token, (None, None))
        if account is None or (until is not None and self._now() >= until):
            raise Refused(401, "Unauthorized")
        if until is None and not persistent:
            raise Refused(401, "Usage of persistent access tokens is not allowed for this endpoint")
        return account

    def _letters(self, length: int) -> str:
        return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in self._entropy(length))

    def _jwt(self, payload: dict[str, object]) -> str:
        signed = ".".join(_base64url(encode(part)) for part in ({"alg": "HS256", "typ": "JWT"}, payload))
        return f"{signed}.{_base64url(hmac.digest(self._secret, signed.encode(), hashlib.sha256))}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
