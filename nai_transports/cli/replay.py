"""``nai replay``: a recording on loopback, for the program that met it to meet it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from nai_proto.emulator.recording import Replayer

from ..servers.recordings import load_recording
from .failing import one_line
from .standing import serve_until_stopped

__all__ = ["replay"]

_ANYONE: Final = {"email": "anyone@example.com", "password": "anything", "token": "pst-anything"}


def replay(
    file: Annotated[Path, typer.Argument(help="The recording: a file that `nai emulate --record` wrote.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 0,
    as_recorded: Annotated[
        bool, typer.Option("--as-recorded", help="Take the time that it took then, instead of none.")
    ] = False,
) -> None:
    """Answer from a recording, in order, until SIGTERM or Ctrl-C.

    When it is ready it prints one line of JSON, as `nai emulate` does: {"url": …, "email": …, "password": …, "token":
    "pst-…"}. Any other credentials do as well. What is not in the recording is answered with 404, and a message that says
    what would have come next.
    """
    with one_line("replay"):
        app = Replayer(load_recording(file), as_recorded=as_recorded)
    serve_until_stopped("replay", app, host, port, _ANYONE)
