"""Passwords in the system's keyring, one for each e-mail; needs the optional package keyring.

Keyring backends are programs of many makers, and some are locked or broken. When one raises an error and the password can
come from elsewhere, a note on stderr says so; else it is a `FileError`. Only the name of the backend's error is shown.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import typer

from nai_proto.errors import FileError, MissingExtra, NaiError
from nai_proto.secret import Password

__all__ = ["forget", "recall", "remember"]

_SERVICE: Final = "novelai"


def recall(email: str) -> Password | None:
    """Return the account's password; None if the keyring does not have it, does not work, or is not installed."""
    try:
        import keyring

        password = keyring.get_password(_SERVICE, email)
    except ModuleNotFoundError:
        return None
    except Exception as error:
        typer.echo(f"nai: the system's keyring does not work ({type(error).__name__})", err=True)
        return None
    return Password(password) if password else None


def remember(email: str, password: Password) -> None:
    """Store the account's password.

    Raises:
        MissingExtra: the package keyring is not installed.
        FileError: the keyring does not work.
    """
    with _convert_errors():
        import keyring

        keyring.set_password(_SERVICE, email, password.reveal())


def forget(email: str) -> bool:
    """Delete the account's password; return whether there was one.

    Raises:
        MissingExtra: the package keyring is not installed.
        FileError: the keyring does not work.
    """
    with _convert_errors():
        import keyring

        if keyring.get_password(_SERVICE, email) is None:
            return False
        keyring.delete_password(_SERVICE, email)
        return True


@contextmanager
def _convert_errors() -> Generator[None, None, None]:
    """Raise errors of the keyring as errors of ours."""
    try:
        yield
    except ModuleNotFoundError:
        failure: NaiError = MissingExtra(
            "the system's keyring needs the extra keyring: pip install 'nai-proto[keyring]'"
        )
    except Exception as error:
        failure = FileError(f"the system's keyring does not work ({type(error).__name__})")
    else:
        return
    raise failure
