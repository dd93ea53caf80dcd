"""What a server prints when it is ready: its address and its account, for a person, for a program, or for a shell."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Final, cast

import typer

from ...terminals import is_terminal
from ..common.json_document import print_json
from ..common.output import print_columns

__all__ = ["FACTS", "ReadyForm", "choose_ready_form", "find_variables", "print_ready"]

FACTS: Final = ("email", "password", "token", "key", "console")
"""What JSON has beside addresses; what a server does not have is null."""
_VARIABLES: Final = ("url", "token", "email", "password")


class ReadyForm(Enum):
    """The form in which a server says that it is ready."""

    PERSON = auto()
    "Lines to read, of which one is for a shell."
    JSON = auto()
    EXPORTS = auto()
    "Lines for a shell."


def choose_ready_form(*, as_json: bool, as_exports: bool = False) -> ReadyForm:
    """Return the form that an option asks for; without one, that for a person if stdout is a terminal, else JSON."""
    if as_exports:
        return ReadyForm.EXPORTS
    return ReadyForm.JSON if as_json or not is_terminal(sys.stdout) else ReadyForm.PERSON


def find_variables(ready: Mapping[str, object]) -> dict[str, str]:
    """Return the environment variables by which a program finds the server and its account."""
    return {f"NAI_{name.upper()}": str(ready[name]) for name in _VARIABLES if ready.get(name) is not None}


def print_ready(command: str, ready: Mapping[str, object], form: ReadyForm) -> None:
    """Print that a server is ready.

    Args:
        command: the command's name.
        ready: ``url``, ``hosts`` and `FACTS`; None for what the server does not have.
        form: how to print it.
    """
    if form is ReadyForm.JSON:
        print_json(ready)
    elif form is ReadyForm.EXPORTS:
        for assignment in _list_assignments(ready):
            typer.echo(f"export {assignment}")
    else:
        _print_for_person(command, ready)
    sys.stdout.flush()


def _list_assignments(ready: Mapping[str, object]) -> list[str]:
    return [f"{name}={shlex.quote(value)}" for name, value in find_variables(ready).items()]


def _print_for_person(command: str, ready: Mapping[str, object]) -> None:
    typer.echo(f"nai {command} is ready.\n")
    lines = [*_list_lines(ready)]
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        print_columns(name, value, width=width, dim=True)
    typer.echo("\nFor the programs of another terminal, type there:\n")
    typer.echo(f"export {' '.join(_list_assignments(ready))}")
    typer.echo("\nCtrl-C stops it.")


def _list_lines(ready: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    if (hosts := ready["hosts"]) is None:
        yield "address", str(ready["url"])
    else:
        for host, url in cast("Mapping[str, str]", hosts).items():
            yield f"address ({host})", url
    for key, name in (("email", "e-mail"), ("password", "password"), ("console", "console")):
        if ready[key] is not None:
            yield name, str(ready[key])
