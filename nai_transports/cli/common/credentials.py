"""Who a command acts for. This is the one place that knows where tokens, e-mails and passwords come from, in this order:

===========  ===========================================================================================
a token      NAI_TOKEN; else a login with e-mail and password
an e-mail    an argument or ``--email``; NAI_EMAIL; a prompt
a password   ``--unsafe-password``; NAI_PASSWORD; the system's keyring; a prompt
===========  ===========================================================================================

Commands that derive a key from the password need e-mail and password even if NAI_TOKEN is set.

All users of a machine can read the arguments of its processes. A password is therefore an argument only of an option whose
name says that it is unsafe. Without a terminal there is no prompt, and the error names the other ways.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from nai_proto.secret import Password

from . import system_keyring
from .prompts import ask, ask_secret

__all__ = ["Credentials", "find_credentials", "find_email"]

_NO_EMAIL: Final = "no e-mail, and no terminal to ask at: give the e-mail, or set NAI_EMAIL"
_NO_PASSWORD: Final = (
    "no password, and no terminal to ask at: set NAI_PASSWORD, keep the password in the system's keyring (nai account "
    "remember), or give --unsafe-password"
)
_OR_TOKEN: Final = "; or set NAI_TOKEN to a token"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """E-mail and password: what logs in, and what the keys of an account are derived from."""

    email: str
    "As it was given: the keys depend on its case. See docs/protocol/native.md#3-key-derivation."
    password: Password

    def __repr__(self) -> str:
        return "Credentials(…)"


def find_credentials(
    email: str | None, unsafe_password: str | None, *, from_keyring: bool = True, or_token: bool = False
) -> Credentials:
    """Return e-mail and password, from the places of the table above.

    Args:
        email: the e-mail of the command line or of NAI_EMAIL, if there is one.
        unsafe_password: the password of the command line, if there is one.
        from_keyring: may the password come from the keyring?
        or_token: would a token do as well? Then the error message says so.

    Raises:
        InvalidRequestError: e-mail or password is empty, or missing and there is no terminal.
    """
    alternative = _OR_TOKEN if or_token else ""
    email = find_email(email, alternative)
    if unsafe_password is not None:
        return Credentials(email, Password(unsafe_password))
    if text := os.environ.get("NAI_PASSWORD"):
        return Credentials(email, Password(text))
    if from_keyring and (kept := system_keyring.recall(email)):
        return Credentials(email, kept)
    return Credentials(email, Password(ask_secret("Password", _NO_PASSWORD + alternative)))


def find_email(email: str | None, alternative: str = "") -> str:
    """Return the e-mail of the command line or NAI_EMAIL, else the one that the person types.

    Args:
        email: the e-mail of the command line or NAI_EMAIL, if there is one.
        alternative: the end of the error message: what else can be given.

    Raises:
        InvalidRequestError: there is no e-mail and no terminal.
    """
    return email or ask("E-mail", _NO_EMAIL + alternative)
