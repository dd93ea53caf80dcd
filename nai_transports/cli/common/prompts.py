"""Questions to the person at the terminal. They go to stderr, since stdout is for results.

A question whose answer will not do is asked again, below what is wrong with the answer.
Without a terminal nothing is asked, and the command fails with a message that names the other ways.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Final, TypeVar

import typer

from nai_proto.errors import InvalidRequestError

from .errors import MissingCredentials
from .notes import print_note
from .text_wrapping import wrap_for_terminal

__all__ = ["ask", "ask_choice", "ask_secret", "confirm", "is_interactive"]

_Choice = TypeVar("_Choice", bound=StrEnum)

_EMPTY: Final = "Nothing was typed: try again, or press Ctrl-C."


def ask(question: str, alternative: str, *, default: str = "") -> str:
    """Return the line that the person types, stripped; ask again while it is empty.

    Args:
        question: the prompt, without the colon.
        alternative: the error's message without a terminal; it names the other ways to give this.
        default: the answer of an empty line, which the prompt shows.

    Raises:
        InvalidRequestError: stdin is not a terminal.
        typer.Abort: the input ended (Ctrl-D).
    """
    if not is_interactive():
        raise InvalidRequestError(alternative)
    shown = f"{question} [{default}]" if default else question
    while True:
        if answer := _read_line(shown) or default:
            return answer
        print_note(_EMPTY)


def ask_secret(question: str, alternative: str, *, twice: bool = False) -> str:
    """Return what the person types without echo, as it is; ask again while it is empty.

    Args:
        question, alternative: as for `ask`.
        twice: ask twice, until both answers are equal?

    Raises:
        MissingCredentials: stdin is not a terminal.
        typer.Abort: the input ended (Ctrl-D).
        KeyboardInterrupt: Ctrl-C, which typer takes for an end of the input.
    """
    if not is_interactive():
        raise MissingCredentials(alternative)
    again = twice and f"{question} again"
    try:
        while True:
            answer: str = typer.prompt(
                question, default="", show_default=False, hide_input=True, err=True, confirmation_prompt=again
            )
            if answer:
                return answer
            print_note(_EMPTY)
    except typer.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


def ask_choice(question: str, choices: type[_Choice], default: _Choice) -> _Choice:
    """Return what the person chooses, by its name or the beginning of it; ask again after another answer.

    Args:
        question: the prompt, without the colon. Call this only at a terminal.
        choices: an enumeration of texts.
        default: the choice of an empty answer.

    Raises:
        typer.Abort: the input ended (Ctrl-D).
    """
    names = "/".join(choices)
    while True:
        answer = _read_line(f"{question} ({names}) [{default}]").lower()
        if not answer:
            return default
        for choice in choices:
            if choice.startswith(answer):
                return choice
        print_note(f"{answer!r} is not an answer: type {' or '.join(choices)}, or the beginning of one.")


def confirm(question: str, alternative: str, *, default: bool = False) -> None:
    """Return if the person answers yes, and end the command if the answer is no; ask again after another answer.

    Args:
        question, alternative: as for `ask`.
        default: is an empty answer a yes?

    Raises:
        InvalidRequestError: stdin is not a terminal.
        typer.Abort: the answer is no, or the input ended (Ctrl-D).
    """
    if not is_interactive():
        raise InvalidRequestError(alternative)
    answers = {"y": True, "yes": True, "n": False, "no": False, "": default}
    while (answer := _read_line(f"{question} [{'Y/n' if default else 'y/N'}]").lower()) not in answers:
        print_note(f"{answer!r} is not an answer: type y or n.")
    if not answers[answer]:
        raise typer.Abort


def _read_line(question: str) -> str:
    shown = wrap_for_terminal(f"{question}:", sys.stderr)
    typer.echo(f"{shown} ", nl=False, err=True)  # `typer.prompt` would write the blank to stdout
    try:
        return input().strip()
    except EOFError:
        raise typer.Abort from None


def is_interactive() -> bool:
    """Return whether stdin is a terminal."""
    return bool(sys.stdin) and sys.stdin.isatty()  # None where it is closed
