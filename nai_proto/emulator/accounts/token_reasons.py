"""Why a request has no valid token: what its ``Authorization`` holds instead. Nothing of a token is quoted.

See docs/protocol/native.md#21-tokens.
"""

from __future__ import annotations

import re
from typing import Final

from ...secret import AccessKey, PersistentToken

__all__ = ["WRONG_LOGIN", "explain_token"]

WRONG_LOGIN: Final = (
    "no account has this e-mail and password: `nai emulate` prints those of its account when it starts, and a test adds one "
    "by Emulator.add_account; the key is derived from the e-mail as it is spelled there"
)
_LOG_IN: Final = "log in (POST /user/login), or take the token that the emulator printed when it started"
_PERSISTENT_LENGTH: Final = len(PersistentToken.PREFIX) + 64
_JWT: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")
_KEY: Final = re.compile(rf"[\w-]{{{AccessKey.LENGTH}}}")


def explain_token(authorization: str | None, *, expired: bool, own: bool) -> str:
    """Return what is wrong with an ``Authorization`` that no account has.

    Args:
        authorization: the header field; None if there is none.
        expired: was it valid before?
        own: has this emulator signed it?
    """
    if authorization is None:
        return f"the header field Authorization is missing; send 'Authorization: Bearer <token>'; {_LOG_IN}"
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return "Authorization has no 'Bearer ' before the token; send 'Authorization: Bearer <token>'"
    token = token.strip()
    if not token:
        return f"Authorization has no token behind 'Bearer'; {_LOG_IN}"
    if expired:
        return f"the access token has expired, as they do after 30 days; {_LOG_IN}"
    if token.startswith(PersistentToken.PREFIX):
        if len(token) != _PERSISTENT_LENGTH:
            return f"a persistent token has {_PERSISTENT_LENGTH} characters, and this one has {len(token)}; {_LOG_IN}"
        return f"no account has this persistent token, or a newer one has replaced it; {_LOG_IN}"
    if own:
        return f"this access token was revoked: its account has a new access key, or was removed; {_LOG_IN}"
    if _JWT.fullmatch(token):
        return f"this access token is of the service itself, of another emulator, or of one that has ended; {_LOG_IN}"
    if _KEY.fullmatch(token):
        return "this looks like an access key, which is no token; POST /user/login with it as key gives one"
    return f"this has the form of no token of the service, neither {PersistentToken.PREFIX}... nor a JWT; {_LOG_IN}"
