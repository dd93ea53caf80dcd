"""What a command asks of a person: on stderr, since stdout is for answers; and nothing where no one sits."""

from __future__ import annotations

import sys

import typer

from nai_proto.errors import InvalidRequestError

__all__ = ["ask", "ask_secretly", "make_sure"]


def ask(what: str, otherwise: str) -> str:
    """What is typed at the terminal, without blanks around it.

    Raises:
        InvalidRequestError: there is no terminal, and so it says ``otherwise``: the other ways.
    """
    _need_terminal(otherwise)
    while True:
        typer.echo(f"{what}: ", nl=False, err=True)  # `typer.prompt` would write the blank to stdout
        try:
            answer = input().strip()
        except EOFError:
            raise typer.Abort from None
        if answer:
            return answer


def ask_secretly(what: str, otherwise: str, *, twice: bool = False) -> str:
    """The same without echo, and as it is; ``twice`` lets a slip of the finger be seen."""
    _need_terminal(otherwise)
    answer: str = typer.prompt(what, hide_input=True, err=True, confirmation_prompt=twice and f"{what} again")
    return answer


def make_sure(question: str, otherwise: str) -> None:
    """Goes on if the answer is yes, and ends the command if it is not."""
    if ask(f"{question} [y/N]", otherwise).lower() not in ("y", "yes"):
        raise typer.Abort


def _need_terminal(otherwise: str) -> None:
    if not at_terminal():
        raise InvalidRequestError(otherwise)


def at_terminal() -> bool:
    """Does stdin come from a person?"""
    return bool(sys.stdin) and sys.stdin.isatty()  # None where it is closed
