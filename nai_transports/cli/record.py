"""``nai record``: stands before the service, and notes down what a program does with it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from ..servers.forwarding import ForwardingApp
from ..servers.recordings import record_to_file
from .credentials import service
from .failing import one_line
from .standing import serve_until_stopped

__all__ = ["record"]


def record(
    file: Annotated[Path, typer.Argument(help="The recording: a new file, for `nai replay`.")],
    to: Annotated[
        str | None, typer.Option(metavar="URL", help="Send requests to this address instead of to NovelAI.")
    ] = None,
    contents: Annotated[
        bool, typer.Option("--contents", help="With prompts, answers and what is stored, which are private.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 0,
) -> None:
    """Send requests on to NovelAI, each to its host, and record every exchange without secrets, until SIGTERM or Ctrl-C.

    When it is ready it prints one line of JSON: {"url": …}. A program that asks there, such as another nai with that
    NAI_URL, gets the answers that it would have got from NovelAI.
    """
    with (
        one_line("record"),
        closing(ForwardingApp(service(to))) as app,
        record_to_file(app, file, contents=contents, on_failure=_print_failure) as recorded,
    ):
        serve_until_stopped("record", recorded, host, port, {})


def _print_failure(why: str) -> None:
    typer.echo(f"nai record: {why}", err=True)
