"""How a command fails: with one line on stderr."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

import typer

from nai_proto.errors import NaiError

__all__ = ["one_line"]


@contextmanager
def one_line(command: str) -> Generator[None, None, None]:
    """Ends the command with exit code 1 and a line that says why, or with 130 and no word for Ctrl-C.

    What an error has been noted to leave behind (PEP 678) is said in the same line.
    """
    try:
        yield
    except NaiError as error:
        said = ". ".join([str(error), *getattr(error, "__notes__", ())])
        typer.echo(f"nai {command}: {said}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        sys.stdout.flush()
        typer.echo(err=True)
        raise typer.Exit(130) from None
