"""What opens a session: whatever is answered with a token.

See:
    docs/protocol/native.md#21-tokens
    docs/protocol/native.md#3-key-derivation
    docs/protocol/native.md#6-account-endpoints-user
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Literal, Never

import msgspec

from ..arguments import FLAG, TEXT, takes
from ..codecs.json import encode
from ..codecs.keys import access_key, email_hash
from ..errors import AuthenticationError, InvalidRequestError, NaiError, RemoteProtocolError
from ..exchange.actions import Steps, compute
from ..exchange.endpoints import Parameters, build, endpoint
from ..exchange.flow import Flow, flow
from ..exchange.operation import Operation
from ..exchange.readers import Json
from ..exchange.retry import Repeat
from ..http import Headers
from ..secret import AccessKey, AccessToken, Password, PersistentToken
from .argument_types import ACCESS_KEY, PASSWORD

__all__ = [
    "change_access_key",
    "create_persistent_token",
    "login",
    "login_spelled",
    "login_with_google",
    "login_with_key",
    "recover",
    "register",
    "register_with_key",
]

_JSON_FIELDS: Final = Headers.of(content_type="application/json", accept="application/json")
_RECOVERY: Final = 16  # characters, at least (docs/protocol/native.md#61-request-schemas)


class _Granted(msgspec.Struct):
    """The answer of whatever opens a session.

    See docs/protocol/native.md#6-account-endpoints-user.
    """

    access_token: str = msgspec.field(name="accessToken")


class _Drawn(msgspec.Struct):
    """The answer of create-persistent-token.

    See docs/protocol/native.md#67-create-persistent-token.
    """

    token: str | None


def _token(granted: _Granted) -> AccessToken:
    try:
        return AccessToken(granted.access_token)
    except NaiError:
        pass
    raise RemoteProtocolError("the answer's accessToken is no token: printable ASCII without blanks was expected")


def _persistent(drawn: _Drawn) -> PersistentToken:
    try:
        return PersistentToken(drawn.token or "")
    except NaiError:
        pass
    raise RemoteProtocolError("the answer's token is no persistent token: pst- and what follows was expected")


_TOKEN: Final = (("application/json", Json(_Granted, _token)),)
_PERSISTENT: Final = (("application/json", Json(_Drawn, _persistent)),)


def _granting(name: str, fields: Mapping[str, object], repeat: Repeat) -> Operation[Never, AccessToken]:
    body = encode({key: value for key, value in fields.items() if value is not None})
    return Operation(build(endpoint(name), Parameters(body=body), _JSON_FIELDS), _TOKEN, repeat)


def _reveal(key: AccessKey | str) -> str:
    assert isinstance(key, AccessKey)  # `takes` wraps text
    return key.reveal()


# ---- an account that there is


@takes(key=ACCESS_KEY, recaptcha=TEXT | None)
def login_with_key(key: AccessKey | str, *, recaptcha: str | None = None) -> Operation[Never, AccessToken]:
    """Log in with an access key (``POST /user/login``).

    See docs/protocol/native.md#6-account-endpoints-user.

    The result is good for 30 days. Repeating a login does no harm, so lost connections are tried again.

    Raises (when run):
        AuthenticationError: no account has this key.
    """
    return _granting("login", {"key": _reveal(key), "recaptcha": recaptcha}, Repeat.ALWAYS)


@takes(id_token=TEXT)
def login_with_google(id_token: str) -> Operation[Never, AccessToken]:
    """Log in with an identity token of Google's (``POST /user/sso/google``).

    See docs/protocol/native.md#6-account-endpoints-user.
    """
    return _granting("sso_google", {"idToken": id_token}, Repeat.ALWAYS)


@takes(email=TEXT, password=PASSWORD)
def login(email: str, password: Password | str) -> Flow[Never, AccessToken]:
    """Log in with e-mail and password; the password itself never travels.

    The key is derived from the e-mail as typed and, if no account has it, from the e-mail in lower case: clients disagree
    about the spelling that goes into it.

    Raises (when run):
        AuthenticationError: no account has these.
        InvalidRequestError: the password is empty, or one of them is not Unicode text.

    See docs/protocol/native.md#3-key-derivation.
    """
    assert isinstance(password, Password)  # `takes` wraps text
    return _login(email, password)


@flow
def _login(email: str, password: Password) -> Steps[Never, AccessToken]:
    token, _ = yield from login_spelled(email, password)
    return token


@takes(email=TEXT, password=PASSWORD)
def login_spelled(email: str, password: Password | str) -> Flow[Never, tuple[AccessToken, str]]:
    """As `login`; gives the spelling of the e-mail too, which the encryption key is to be derived from."""
    assert isinstance(password, Password)
    return _login_spelled(email, password)


@flow
def _login_spelled(email: str, password: Password) -> Steps[Never, tuple[AccessToken, str]]:
    refused: AuthenticationError | None = None
    for spelling in dict.fromkeys((email, email.lower())):
        key = yield from compute(partial(access_key, spelling, password))
        try:
            return (yield from login_with_key(key)), spelling
        except AuthenticationError as error:
            refused = error
    assert refused is not None
    raise refused


@takes(overwrite=FLAG)
def create_persistent_token(*, overwrite: bool = False) -> Operation[Never, PersistentToken]:
    """Draw a token that lives until another one is drawn. The token of a login is needed for it.

    See docs/protocol/native.md#67-create-persistent-token.

    Args:
        overwrite: draw one although there is one, which then is good for nothing. This may be repeated after a lost
            answer; without it a repetition would be refused because of its own first try.

    Raises (when run):
        ConflictError: there is one, and ``overwrite`` is False.
    """
    request = build(
        endpoint("create_persistent_token"), Parameters(body=encode({"overwrite": overwrite})), _JSON_FIELDS
    )
    return Operation(request, _PERSISTENT, Repeat.ALWAYS if overwrite else Repeat.IF_NOT_ACTED)


@takes(current=ACCESS_KEY, new=ACCESS_KEY, new_email=TEXT | None)
def change_access_key(
    current: AccessKey | str, new: AccessKey | str, *, new_email: str | None = None
) -> Operation[Never, AccessToken]:
    """Put another key in the place of the account's: half of what a change of password is.

    What is stored stays as it is, sealed with the *old* password's encryption key. `change_password` does both halves.

    Raises (when run):
        AuthenticationError: ``current`` is not the account's.
        ConflictError: another account has the new key or the new e-mail.

    See docs/protocol/native.md#6-account-endpoints-user.
    """
    fields: dict[str, object] = {"currentAccessKey": _reveal(current), "newAccessKey": _reveal(new)}
    return _granting("change_access_key", {**fields, "newEmail": new_email}, Repeat.IF_NOT_ACTED)


@takes(recovery_token=TEXT, new=ACCESS_KEY, delete_content=FLAG)
def recover(
    recovery_token: str, new: AccessKey | str, *, delete_content: bool = False
) -> Operation[Never, AccessToken]:
    """Give an account whose password is lost another key.

    What is stored cannot be opened with it: the keystore is sealed with the lost password.

    See docs/protocol/native.md#6-account-endpoints-user.

    Args:
        recovery_token: from the mail that `request_recovery` sends; 16 characters at least.
        new: derived from the new password.
        delete_content: empty the keystore, and delete stories and their contents.

    Raises:
        InvalidRequestError: the token is too short.

    Raises (when run):
        AuthenticationError: the token is not known.
    """
    if len(recovery_token) < _RECOVERY:
        raise InvalidRequestError(
            f"recovery_token has {_RECOVERY} characters at least, not {len(recovery_token)}",
            parameter="recovery_token",
        )
    fields = {"recoveryToken": recovery_token, "newAccessKey": _reveal(new), "deleteContent": delete_content}
    return _granting("recover", fields, Repeat.IF_NOT_ACTED)


# ---- a new one


@takes(
    key=ACCESS_KEY,
    recaptcha=TEXT,
    email=TEXT | None,
    marketing=FLAG,
    gift_key=TEXT | None,
    locale=TEXT | None,
    enterprise=FLAG | None,
)
def register_with_key(
    key: AccessKey | str,
    recaptcha: str,
    *,
    email: str | None = None,
    marketing: bool = False,
    gift_key: str | None = None,
    locale: Literal["en", "jp"] | None = None,
    enterprise: bool | None = None,
) -> Operation[Never, AccessToken]:
    """Open an account for an access key.

    See:
        docs/protocol/native.md#6-account-endpoints-user
        docs/protocol/native.md#61-request-schemas

    Args:
        key: derived from e-mail and password.
        recaptcha: the answer to the website's riddle.
        email: sent in clear and as its hash; without it the account gets no mail, and cannot be recovered.
        marketing: may mail be sent that nobody asked for?
        gift_key: activates a subscription.
        locale: of the mails.
        enterprise: is the riddle of the enterprise kind?

    Raises (when run):
        ConflictError: the key, or the e-mail, has an account.
    """
    fields: dict[str, object] = {
        "recaptcha": recaptcha,
        "key": _reveal(key),
        "email": None if email is None else email_hash(email),
        "emailCleartext": email,
        "allowMarketingEmails": marketing,
        "giftkey": gift_key,
        "locale": locale,
        "isRecaptchaEnterprise": enterprise,
    }
    return _granting("register", fields, Repeat.IF_NOT_ACTED)


@takes(email=TEXT, password=PASSWORD, recaptcha=TEXT, marketing=FLAG, gift_key=TEXT | None, locale=TEXT | None)
def register(
    email: str,
    password: Password | str,
    recaptcha: str,
    *,
    marketing: bool = False,
    gift_key: str | None = None,
    locale: Literal["en", "jp"] | None = None,
) -> Flow[Never, AccessToken]:
    """Open an account for an e-mail and a password, of which only what is derived travels.

    Args and Raises are those of `register_with_key`.
    """
    assert isinstance(password, Password)
    register_with = partial(
        register_with_key, recaptcha=recaptcha, email=email, marketing=marketing, gift_key=gift_key, locale=locale
    )
    return _register(email, password, register_with)


@flow
def _register(
    email: str, password: Password, register_with: Callable[[AccessKey], Operation[Never, AccessToken]]
) -> Steps[Never, AccessToken]:
    return (yield from register_with((yield from compute(partial(access_key, email, password)))))
