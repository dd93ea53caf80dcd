"""Logging in for more than asking: contents are sealed, and the password opens them.

See docs/protocol/native.md#3-key-derivation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Never

from ..account import login_with_spelling
from ..codecs.keys import encryption_key
from ..exchange.actions import Steps, compute
from ..exchange.flow import flow
from ..secret import AccessToken, EncryptionKey, Password

__all__ = ["Access", "log_in"]


@dataclass(frozen=True, slots=True)
class Access:
    """What a login with the password gives. Its repr shows no secret."""

    email: str = field(repr=False)
    "In the spelling that logged in, which the key is derived from."
    token: AccessToken
    "Asks: `nai_proto.using` puts it on a flow."
    key: EncryptionKey
    "Opens and seals the keystore."


@flow
def log_in(email: str, password: Password | str) -> Steps[Never, Access]:
    """Log in, and derive the key that opens the keystore.

    Args:
        email: as for `nai_proto.account.login`.
        password: of the account.

    Raises (when run):
        AuthenticationError: no account has these.
    """
    secret = password if isinstance(password, Password) else Password(password)
    token, spelling = yield from login_with_spelling(email, secret)
    return Access(spelling, token, (yield from compute(partial(encryption_key, spelling, secret))))
