"""The passwords that the system keeps, if the optional package keyring is there: one for each e-mail.

Its backends are programs of many makers, some locked and some broken: whatever one raises is a note on stderr where there
is another way, and a `FileError` where there is none. Of their errors only the name is shown.
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
    """The account's password; None if the keyring has none, or is not there, or does not answer."""
    try:
        import keyring

        found = keyring.get_password(_SERVICE, email)
    except ModuleNotFoundError:
        return None
    except Exception as error:
        typer.echo(f"nai: the system's keyring does not answer ({type(error).__name__})", err=True)
        return None
    return Password(found) if found else None


def remember(email: str, password: Password) -> None:
    """Keep the account's password.

    Raises:
        MissingExtra: there is no keyring.
        FileError: it does not take it.
    """
    with _answering():
        import keyring

        keyring.set_password(_SERVICE, email, password.reveal())


def forget(email: str) -> bool:
    """Keep it no longer; was it there?

    Raises:
        MissingExtra: there is no keyring.
        FileError: it does not let go of it.
    """
    with _answering():
        import keyring

        if keyring.get_password(_SERVICE, email) is None:
            return False
        keyring.delete_password(_SERVICE, email)
        return True


@contextmanager
def _answering() -> Generator[None, None, None]:
    try:
        yield
    except ModuleNotFoundError:
        failure: NaiError = MissingExtra(
            "the system's keyring needs the extra keyring: pip install 'nai-proto[keyring]'"
        )
    except Exception as error:
        failure = FileError(f"the system's keyring refuses ({type(error).__name__})")
    else:
        return
    raise failure
