"""How a command fails: with one line on stderr that says what the person can do next."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import typer

from nai_proto.errors import AmbiguousNameError, AuthenticationError, InvalidRequestError, NaiError

__all__ = [
    "FINDINGS",
    "INTERRUPTED",
    "MissingCredentials",
    "WrongUsage",
    "exit_on_error",
    "is_refused_login",
    "usage_errors",
]

FINDINGS: Final = 5
"The exit status of a check that has found something."
INTERRUPTED: Final = 130
"The exit status after Ctrl-C, as a shell has it."
_USAGE: Final = 2
"The exit status after a wrong option, argument or setting."
_NOT_SIGNED_IN: Final = 3
"The exit status without credentials, or with some that the service does not accept."
_LOGIN_PATH: Final = "/user/login"
_WRONG_LOGIN: Final = "no account has this e-mail and password"


class MissingCredentials(NaiError):
    """There is no token or no password for a command that needs one."""


class WrongUsage(InvalidRequestError):
    """An option, an environment variable or the profile file is wrong."""


@contextmanager
def usage_errors() -> Generator[None, None, None]:
    """Raise what is not valid in the block as `WrongUsage`: an option or argument says it."""
    try:
        yield
        return
    except InvalidRequestError as error:
        usage = WrongUsage(str(error), parameter=error.parameter)
    raise usage


@contextmanager
def reading_options() -> Generator[None, None, None]:
    """Raise what the library refuses in the block as `WrongUsage`: the block reads options, and sends nothing.

    Raises:
        WrongUsage: an option is wrong.
    """
    try:
        yield
        return
    except InvalidRequestError as error:
        problem, parameter = str(error), error.parameter
    raise WrongUsage(problem, parameter=parameter)


@contextmanager
def exit_on_error(command: str) -> Generator[None, None, None]:
    """End the command with an exit status and one line on stderr for a `NaiError`, and with 130 for Ctrl-C.

    The line also has the notes of the error (PEP 678).

    Args:
        command: the command with its groups, such as ``nai story undo``, with which the line begins.

    Raises:
        typer.Exit: the block failed.
    """
    try:
        yield
    except NaiError as error:
        message = ". ".join([_format_error(error), *getattr(error, "__notes__", ())])
        typer.echo(f"{command}: {message}", err=True)
        raise typer.Exit(_choose_status(error)) from None
    except KeyboardInterrupt:
        sys.stdout.flush()
        typer.echo(err=True)
        raise typer.Exit(INTERRUPTED) from None


def _choose_status(error: NaiError) -> int:
    match error:
        case MissingCredentials() | AuthenticationError():
            return _NOT_SIGNED_IN
        case AmbiguousNameError() | WrongUsage():
            return _USAGE
        case _:  # such as UnknownNameError: what is stored is no question of usage
            return 1


def _format_error(error: NaiError) -> str:
    """Return the message; for a login that was refused, one in the words of the person who typed the password."""
    return _WRONG_LOGIN if isinstance(error, AuthenticationError) and is_refused_login(error) else str(error)


def is_refused_login(error: AuthenticationError) -> bool:
    """Return whether e-mail and password were refused, and not a token."""
    return error.url.endswith(_LOGIN_PATH)
