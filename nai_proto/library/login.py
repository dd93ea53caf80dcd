"""Log in and derive the encryption key: an account's contents are sealed with it.

See docs/protocol/native.md#3-key-derivation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Never

from ..account import login_with_spelling
from ..codecs.key_derivation import encryption_key
from ..exchange.actions import Steps, compute
from ..exchange.flow import flow
from ..secret import AccessToken, EncryptionKey, Password

__all__ = ["Access", "log_in"]


@dataclass(frozen=True, slots=True)
class Access:
    """The result of a login with e-mail and password. Its repr shows no secret."""

    email: str = field(repr=False)
    "In the spelling that logged in, from which the key is derived."
    token: AccessToken
    "Authenticates requests: ``flow.with_options(token=access.token)``."
    key: EncryptionKey
    "Opens and seals the keystore."


@flow
def log_in(email: str, password: Password | str) -> Steps[Never, Access]:
    """Log in, and derive the key that opens the keystore.

    Args:
        email: as for `nai_proto.account.login`.
        password: of the account.

    Raises (when run):
        AuthenticationError: no account has this e-mail and password.
    """
    secret = password if isinstance(password, Password) else Password(password)
    token, spelling = yield from login_with_spelling(email, secret)
    return Access(spelling, token, (yield from compute(partial(encryption_key, spelling, secret))))
