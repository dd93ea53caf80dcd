"""Operations whose response is a token: log in, register, recover, change the access key.

See:
    docs/protocol/native.md#21-tokens
    docs/protocol/native.md#3-key-derivation
    docs/protocol/native.md#6-account-endpoints-user
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Literal, Never

import msgspec

from ..arguments import FLAG, TEXT, ArgumentType, invalid, takes
from ..codecs.json import encode_json
from ..codecs.key_derivation import access_key, email_hash
from ..codecs.private_struct import PrivateStruct
from ..errors import AuthenticationError, InvalidRequestError, NaiError, RemoteProtocolError
from ..exchange.actions import Steps, compute
from ..exchange.endpoints import EndpointParameters, build, endpoint
from ..exchange.flow import Flow, flow
from ..exchange.operation import Operation
from ..exchange.readers import JsonBodyReader
from ..exchange.retry import Repeat
from ..http import Headers
from ..secret import AccessKey, AccessToken, Password, PersistentToken

__all__ = [
    "ACCESS_KEY",
    "PASSWORD",
    "change_access_key",
    "create_persistent_token",
    "login",
    "login_with_google",
    "login_with_key",
    "login_with_spelling",
    "recover",
    "register",
    "register_with_key",
]


def _secret_type(type_: type[Password] | type[AccessKey], takes: str) -> ArgumentType:
    """Return the argument type of a secret that may be passed as text, which is wrapped at once and never shown."""

    def wrap(value: Any, name: str) -> object:
        if isinstance(value, type_):
            return value
        try:
            return type_(value)
        except NaiError as error:
            problem = str(error)
        raise invalid(name, f"{name}: {problem}")

    return ArgumentType(takes, type_, str, convert=wrap)


PASSWORD: Final = _secret_type(Password, "a Password or its text")
ACCESS_KEY: Final = _secret_type(AccessKey, "an AccessKey or its text")

_JSON_FIELDS: Final = Headers.of(content_type="application/json", accept="application/json")
_MIN_RECOVERY_TOKEN: Final = 16  # characters (docs/protocol/native.md#61-request-schemas)


class _TokenResponse(PrivateStruct, frozen=True):
    """The response of every operation here but create-persistent-token.

    See docs/protocol/native.md#6-account-endpoints-user.
    """

    access_token: str = msgspec.field(name="accessToken")


class _PersistentTokenResponse(PrivateStruct, frozen=True):
    """The response of create-persistent-token.

    See docs/protocol/native.md#67-create-persistent-token.
    """

    token: str | None


def _read_token(response: _TokenResponse) -> AccessToken:
    try:
        return AccessToken(response.access_token)
    except NaiError:
        pass
    raise RemoteProtocolError("the response's accessToken is not a token: it must be printable ASCII without blanks")


def _read_persistent_token(response: _PersistentTokenResponse) -> PersistentToken:
    try:
        return PersistentToken(response.token or "")
    except NaiError:
        pass
    raise RemoteProtocolError("the response's token is not a persistent token: it must begin with pst-")


_TOKEN: Final = (("application/json", JsonBodyReader(_TokenResponse, _read_token)),)
_PERSISTENT: Final = (("application/json", JsonBodyReader(_PersistentTokenResponse, _read_persistent_token)),)


def _token_operation(name: str, fields: Mapping[str, object], repeat: Repeat) -> Operation[Never, AccessToken]:
    body = encode_json({key: value for key, value in fields.items() if value is not None})
    return Operation(build(endpoint(name), EndpointParameters(body=body), _JSON_FIELDS), _TOKEN, repeat)


def _reveal(key: AccessKey | str) -> str:
    assert isinstance(key, AccessKey)  # `takes` wraps text
    return key.reveal()


# ---- an existing account


@takes(key=ACCESS_KEY, recaptcha=TEXT | None)
def login_with_key(key: AccessKey | str, *, recaptcha: str | None = None) -> Operation[Never, AccessToken]:
    """Log in with an access key (``POST /user/login``).

    See docs/protocol/native.md#6-account-endpoints-user.

    The token is valid for 30 days. A login may be repeated, so it is retried after a lost connection.

    Args:
        key: from `access_key`.
        recaptcha: response of the website's captcha; the service does not need it.

    Raises (when run):
        AuthenticationError: no account has this key.
    """
    return _token_operation("login", {"key": _reveal(key), "recaptcha": recaptcha}, Repeat.ALWAYS)


@takes(id_token=TEXT)
def login_with_google(id_token: str) -> Operation[Never, AccessToken]:
    """Log in with an identity token from Google (``POST /user/sso/google``).

    See docs/protocol/native.md#6-account-endpoints-user.

    Args:
        id_token: the OpenID Connect token.
    """
    return _token_operation("sso_google", {"idToken": id_token}, Repeat.ALWAYS)


@takes(email=TEXT, password=PASSWORD)
def login(email: str, password: Password | str) -> Flow[Never, AccessToken]:
    """Log in with e-mail and password. The password itself is never sent.

    The access key is derived from the e-mail as it was passed; if no account has this key, it is derived from the e-mail
    in lower case. Clients disagree about the spelling that the key is derived from.

    Args:
        email: of the account.
        password: of the account.

    Raises:
        InvalidRequestError: the password is empty, or a text is not valid Unicode.

    Raises (when run):
        AuthenticationError: no account has this e-mail and password.

    See docs/protocol/native.md#3-key-derivation.
    """
    assert isinstance(password, Password)  # `takes` wraps text
    return _login(email, password)


@flow
def _login(email: str, password: Password) -> Steps[Never, AccessToken]:
    token, _ = yield from login_with_spelling(email, password)
    return token


@takes(email=TEXT, password=PASSWORD)
def login_with_spelling(email: str, password: Password | str) -> Flow[Never, tuple[AccessToken, str]]:
    """Log in as `login` does, and return the e-mail's spelling too.

    Args:
        email: as typed; it is tried in lower case too if the service refuses it.
        password: of the account; it is not sent.

    Returns:
        The token, and the spelling of the e-mail that logged in. Derive the encryption key from this spelling.
    """
    assert isinstance(password, Password)
    return _login_with_spelling(email, password)


@flow
def _login_with_spelling(email: str, password: Password) -> Steps[Never, tuple[AccessToken, str]]:
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
    """Create a persistent token, which is valid until the next one is created. This requires the token of a login.

    See docs/protocol/native.md#67-create-persistent-token.

    Args:
        overwrite: replace the existing token, which becomes invalid. With it the request may be repeated after a lost
            response; without it the service would refuse the second request because of the first.

    Raises (when run):
        ConflictError: a persistent token exists, and ``overwrite`` is False.
    """
    request = build(
        endpoint("create_persistent_token"),
        EndpointParameters(body=encode_json({"overwrite": overwrite})),
        _JSON_FIELDS,
    )
    return Operation(request, _PERSISTENT, Repeat.ALWAYS if overwrite else Repeat.IF_NOT_ACTED)


@takes(current=ACCESS_KEY, new=ACCESS_KEY, new_email=TEXT | None)
def change_access_key(
    current: AccessKey | str, new: AccessKey | str, *, new_email: str | None = None
) -> Operation[Never, AccessToken]:
    """Replace the account's access key, which is one half of a change of password.

    The keystore stays sealed with the *old* password's encryption key. `change_password` does both halves.

    Args:
        current: the account's access key.
        new: derived from the new password, and from the new e-mail if there is one.
        new_email: change the account's e-mail too.

    Raises (when run):
        AuthenticationError: ``current`` is not the account's key.
        ConflictError: another account has the new key or the new e-mail.

    See docs/protocol/native.md#6-account-endpoints-user.
    """
    fields: dict[str, object] = {"currentAccessKey": _reveal(current), "newAccessKey": _reveal(new)}
    return _token_operation("change_access_key", {**fields, "newEmail": new_email}, Repeat.IF_NOT_ACTED)


@takes(recovery_token=TEXT, new=ACCESS_KEY, delete_content=FLAG)
def recover(
    recovery_token: str, new: AccessKey | str, *, delete_content: bool = False
) -> Operation[Never, AccessToken]:
    """Set a new access key for an account whose password is lost.

    The new key does not open what the account stores: the keystore is sealed with the lost password.

    See docs/protocol/native.md#6-account-endpoints-user.

    Args:
        recovery_token: from the e-mail that `request_recovery` sends; at least 16 characters.
        new: derived from the new password.
        delete_content: empty the keystore, and delete all stories and their contents.

    Raises:
        InvalidRequestError: the token is too short.

    Raises (when run):
        AuthenticationError: the service does not know the token.
    """
    if len(recovery_token) < _MIN_RECOVERY_TOKEN:
        raise InvalidRequestError(
            f"recovery_token has at least {_MIN_RECOVERY_TOKEN} characters, not {len(recovery_token)}",
            parameter="recovery_token",
        )
    fields = {"recoveryToken": recovery_token, "newAccessKey": _reveal(new), "deleteContent": delete_content}
    return _token_operation("recover", fields, Repeat.IF_NOT_ACTED)


# ---- a new account


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
    """Create an account for an access key.

    See:
        docs/protocol/native.md#6-account-endpoints-user
        docs/protocol/native.md#61-request-schemas

    Args:
        key: derived from e-mail and password.
        recaptcha: response of the website's captcha.
        email: sent in clear and as its hash; without it the account gets no e-mail, and cannot be recovered.
        marketing: allow advertising e-mails.
        gift_key: activates a subscription.
        locale: language of the e-mails.
        enterprise: whether the captcha is reCAPTCHA Enterprise.

    Raises (when run):
        ConflictError: an account has this key or this e-mail already.
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
    return _token_operation("register", fields, Repeat.IF_NOT_ACTED)


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
    """Create an account for an e-mail and a password. Only the key derived from the password is sent.

    Args:
        email: of the account, sent in clear and as its hash. Case matters at the login.
        password: of the account; it is not sent, and nobody can restore it.
        recaptcha: response of the website's captcha.
        marketing: allow advertising e-mails.
        gift_key: activates a subscription.
        locale: language of the e-mails.

    Raises:
        InvalidRequestError: an argument is out of range; see `register_with_key`.
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
