"""Accounts: logging in. Facts: native §3, §6."""

from __future__ import annotations

from functools import partial
from typing import Final, Never

import msgspec

from .codecs.json import encode
from .codecs.keys import access_key, email_hash, encryption_key
from .errors import AuthenticationError, LocalProtocolError, RemoteProtocolError
from .exchange.endpoints import Parameters, build, endpoint
from .exchange.flow import Flow, compute
from .exchange.operation import Operation
from .exchange.readers import Json
from .exchange.retry import REPEATABLE
from .http import Headers
from .secret import AccessKey, AccessToken, Password

__all__ = ["access_key", "email_hash", "encryption_key", "login", "login_spelled", "login_with_key"]

_JSON_FIELDS: Final = Headers.of(content_type="application/json", accept="application/json")


class _Granted(msgspec.Struct):
    """The answer of whatever opens a session (native §6)."""

    access_token: str = msgspec.field(name="accessToken")


def _token(granted: _Granted) -> AccessToken:
    try:
        return AccessToken(granted.access_token)
    except LocalProtocolError:
        pass
    raise RemoteProtocolError("the answer's accessToken is no token: printable ASCII without blanks was expected")


_TOKEN: Final = (("application/json", Json(_Granted, _token)),)


def login_with_key(key: AccessKey) -> Operation[Never, AccessToken]:
    """Log in with an access key (native §6: ``POST /user/login``).

    The result is good for 30 days. Repeating a login does no harm, so lost connections are tried again.

    Raises (when run):
        AuthenticationError: no account has this key.
    """
    body = encode({"key": key.reveal()})
    return Operation(build(endpoint("login"), Parameters(body=body), _JSON_FIELDS), _TOKEN, REPEATABLE)


def login(email: str, password: Password | str) -> Flow[Never, AccessToken]:
    """Log in with e-mail and password; the password itself never travels.

    The key is derived from the e-mail as typed and, if no account has it, from the e-mail in lower case: clients disagree
    about the spelling that goes into it (native §3).

    Raises (when run):
        AuthenticationError: no account has these.
        LocalProtocolError: the password is empty, or one of them is not Unicode text.
    """
    token, _ = yield from login_spelled(email, password)
    return token


def login_spelled(email: str, password: Password | str) -> Flow[Never, tuple[AccessToken, str]]:
    """As `login`; gives the spelling of the e-mail too, which the encryption key is to be derived from."""
    secret = password if isinstance(password, Password) else Password(password)
    refused: AuthenticationError | None = None
    for spelling in dict.fromkeys((email, email.lower())):
        key = yield from compute(partial(access_key, spelling, secret))
        try:
            return (yield from login_with_key(key)), spelling
        except AuthenticationError as error:
            refused = error
    assert refused is not None
    raise refused
