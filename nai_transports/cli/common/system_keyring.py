"""The system's keyring, which keeps texts by name; needs the optional package keyring.

Keyring backends are programs of many makers, and some are locked or broken. Of an error of a backend, only its kind is
shown: its message may have what was to be kept.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from nai_proto.errors import FileError, MissingExtra, NaiError

__all__ = ["NoKeyring", "delete", "describe", "read", "write"]

_SERVICE: Final = "nai-proto"


class NoKeyring(FileError):
    """The system has no keyring, or one that keeps nothing."""


def read(name: str) -> str | None:
    """Return the text that is kept under a name, or None.

    Raises:
        MissingExtra: the package keyring is not installed.
        FileError: the system has no keyring, or it is locked or broken.
    """
    with _convert_errors():
        import keyring

        return keyring.get_password(_SERVICE, name)


def write(name: str, text: str) -> None:
    """Keep a text under a name, and read it back: some backends keep nothing, without an error.

    Raises:
        MissingExtra, FileError: as for `read`.
    """
    with _convert_errors():
        import keyring

        keyring.set_password(_SERVICE, name, text)
        is_kept = keyring.get_password(_SERVICE, name) == text
    if not is_kept:
        raise NoKeyring("the system's keyring keeps nothing")


def delete(name: str) -> bool:
    """Delete the text that is kept under a name; return whether there was one.

    Raises:
        MissingExtra, FileError: as for `read`.
    """
    with _convert_errors():
        import keyring

        if keyring.get_password(_SERVICE, name) is None:
            return False
        keyring.delete_password(_SERVICE, name)
        return True


def describe() -> str:
    """Return the name of the backend, and check that it answers.

    Raises:
        MissingExtra, FileError: as for `read`.
    """
    with _convert_errors():
        import keyring
        from keyring.backends import null

        backend = keyring.get_keyring()
        keeps_nothing = isinstance(backend, null.Keyring)
        keyring.get_password(_SERVICE, "")
    if keeps_nothing:
        raise NoKeyring("the system's keyring keeps nothing")
    return backend.name


@contextmanager
def _convert_errors() -> Generator[None, None, None]:
    """Raise errors of the keyring as errors of ours."""
    try:
        yield
    except ModuleNotFoundError:
        failure: NaiError = MissingExtra("the system's keyring needs the extra 'keyring'", extra="keyring")
    except Exception as error:
        failure = _convert(type(error).__name__)
    else:
        return
    raise failure


def _convert(kind: str) -> FileError:
    """Return our error for a backend's, by the name of its class: importing the classes may be what failed."""
    match kind:
        case "NoKeyringError":
            return NoKeyring("this system has no keyring")
        case "KeyringLocked":
            return FileError("the system's keyring is locked: unlock it, and try again")
        case _:
            return FileError(f"the system's keyring does not work ({kind})")
