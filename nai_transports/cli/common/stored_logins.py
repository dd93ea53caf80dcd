"""What `nai login` keeps: the password or a token of each profile, for one address.

Beside a password there is the token of the last login with it, so that commands need not log in anew. It opens less than the
password does, and is kept in the same place.

A login is kept in the system's keyring, or in a file that only the person can read. Its name there has the profile and the
address, so that what belongs to one server is never sent to another, whatever the profile's address becomes later.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from nai_proto.errors import FileError, InvalidFile, MissingExtra, NaiError
from nai_proto.secret import AccessToken, Password, Token, parse_token

from . import secret_file, system_keyring
from .notes import print_remark

__all__ = [
    "LoginPlace",
    "StoredLogin",
    "describe_other_logins",
    "find_login",
    "forget_login",
    "keep_in_file",
    "keep_in_keyring",
    "keep_last_token",
    "normalize_address",
    "replace_login",
]

_SERVICE_ADDRESS: Final = "https://novelai.net"
"""Stands for the service's own hosts."""
_KEYRING: Final = "the system's keyring"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """A password or a token that is kept. The repr shows nothing of it."""

    secret: Password | Token
    email: str | None = field(default=None, repr=False)
    "In the spelling that logged in; None if only the token is known."
    last_token: AccessToken | None = field(default=None, repr=False)
    "Of the last login with the password; None for a login that keeps a token itself."
    where: str = field(default="", compare=False)
    "Where it is kept, in words."

    def is_for(self, email: str | None) -> bool:
        """Return whether this can be the login of an e-mail; None means any."""
        return email is None or self.email is None or self.email.lower() == email.lower()


@dataclass(frozen=True, slots=True)
class LoginPlace:
    """The names under which a login is kept."""

    profile: str
    address: str | None
    "The base URL; None for the service's own hosts."

    def __str__(self) -> str:
        return f"{self.profile} {normalize_address(self.address)}"


def normalize_address(url: str | None) -> str:
    """Return one spelling of a base URL: scheme and host in lower case, without the default port and a final slash."""
    if url is None:
        return _SERVICE_ADDRESS
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def find_login(place: LoginPlace) -> StoredLogin | None:
    """Return what is kept, or None.

    The file is read first: it costs nothing, and a login is in only one of the two. A keyring that is locked or broken is
    a note on stderr.

    Raises:
        FileError: the file cannot be read.
        InvalidFile: the file, or what the keyring has, is damaged.
    """
    name = str(place)
    if (text := secret_file.read(name)) is not None:
        return _parse(text, str(secret_file.secret_file_path()))
    try:
        text = system_keyring.read(name)
    except (MissingExtra, system_keyring.NoKeyring):
        return None
    except FileError as error:
        print_remark(str(error))
        return None
    return None if text is None else _parse(text, _KEYRING)


def describe_other_logins(place: LoginPlace) -> str:
    """Return a note in parentheses, after a blank, on the profile's logins for other servers than NovelAI; empty without.

    Only the file is looked at: a keyring does not tell the names that it has.

    Raises:
        FileError, InvalidFile: the file cannot be read.
    """
    names = [name.rpartition(" ") for name in secret_file.list_names()]
    known = {address for profile, _, address in names if profile == place.profile}
    others = sorted(known - {_SERVICE_ADDRESS, normalize_address(place.address)})
    return f" (a login is kept for {' and '.join(others)}; give --url or set NAI_URL)" if others else ""


def keep_in_keyring(place: LoginPlace, login: StoredLogin) -> str:
    """Keep a login in the system's keyring only, and return the words for it.

    Raises:
        MissingExtra: the package keyring is not installed.
        FileError: the system has no keyring, or it is locked or broken; or the file has a login that cannot be deleted.
        InvalidFile: the file is damaged.
    """
    system_keyring.write(str(place), _format(login))
    secret_file.delete(str(place))
    return _KEYRING


def keep_in_file(place: LoginPlace, login: StoredLogin) -> str:
    """Keep a login in the file, and return its path.

    Raises:
        FileError: it cannot be written.
        InvalidFile: it is damaged.
    """
    secret_file.write(str(place), _format(login))
    return str(secret_file.secret_file_path())


def replace_login(place: LoginPlace, login: StoredLogin) -> None:
    """Keep a changed login where it was found.

    Raises:
        MissingExtra, FileError, InvalidFile: as for `keep_in_keyring` and `keep_in_file`.
    """
    (keep_in_keyring if login.where == _KEYRING else keep_in_file)(place, login)


def keep_last_token(place: LoginPlace, login: StoredLogin, token: AccessToken) -> None:
    """Keep the token of a new login beside the password, if that is still kept. Without it, the next command logs in."""
    with suppress(NaiError):
        kept = find_login(place)  # another command may have changed or deleted it meanwhile
        if kept is not None and kept.secret == login.secret:
            replace_login(place, replace(kept, last_token=token))


def forget_login(place: LoginPlace) -> list[str]:
    """Delete what is kept, and return where it was, in words.

    Raises:
        FileError: the keyring or the file has it, or may have it, and does not work.
        InvalidFile: the file is damaged.
    """
    places: list[str] = []
    if secret_file.delete(str(place)):
        places.append(str(secret_file.secret_file_path()))
    try:
        if system_keyring.delete(str(place)):
            places.append(_KEYRING)
    except (MissingExtra, system_keyring.NoKeyring):
        pass  # then nothing was kept there
    except FileError:
        if not places:
            raise
    return places


def _format(login: StoredLogin) -> str:
    is_password = isinstance(login.secret, Password)
    token = login.last_token if is_password else login.secret
    texts = {
        "email": login.email,
        "password": login.secret.reveal() if is_password else None,
        "token": None if token is None else token.reveal(),
    }
    return json.dumps({key: text for key, text in texts.items() if text is not None})


def _parse(text: str, where: str) -> StoredLogin:
    """Return a login from its text; its errors do not quote it."""
    try:
        values: Any = json.loads(text)
        password, token, email = (values.get(key) for key in ("password", "token", "email"))
        if email is None or isinstance(email, str):
            if password is None:
                return StoredLogin(parse_token(token), email, where=where)
            return StoredLogin(Password(password), email, None if token is None else AccessToken(token), where)
    except (ValueError, RecursionError, AttributeError, NaiError):
        pass
    raise InvalidFile(f"the login in {where} is damaged: run `nai login` again")
