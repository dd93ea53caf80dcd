"""What `nai login` keeps: the password or a token of each profile, for one address.

A login is kept in the system's keyring, or in a file that only the person can read. Its name there has the profile and the
address, so that what belongs to one server is never sent to another, whatever the profile's address becomes later.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import typer

from nai_proto.errors import FileError, InvalidFile, MissingExtra, NaiError
from nai_proto.secret import Password, Token, parse_token

from . import secret_file, system_keyring

__all__ = [
    "LoginPlace",
    "StoredLogin",
    "find_login",
    "forget_login",
    "keep_in_file",
    "keep_in_keyring",
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
        typer.echo(f"nai: {error}", err=True)
        return None
    return None if text is None else _parse(text, _KEYRING)


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
    secret = {"password" if isinstance(login.secret, Password) else "token": login.secret.reveal()}
    return json.dumps(secret if login.email is None else {"email": login.email, **secret})


def _parse(text: str, where: str) -> StoredLogin:
    """Return a login from its text; its errors do not quote it."""
    try:
        values: Any = json.loads(text)
        password, token, email = (values.get(key) for key in ("password", "token", "email"))
        if email is None or isinstance(email, str):
            return StoredLogin(Password(password) if token is None else parse_token(token), email, where)
    except (ValueError, AttributeError, NaiError):
        pass
    raise InvalidFile(f"the login in {where} is damaged: run `nai login` again")
