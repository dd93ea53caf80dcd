"""``nai record`` and ``nai replay``: record what a program does with the service, and answer from the recording."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer

from nai_proto.emulator.recording import Replayer
from nai_proto.exchange.session import Session

from ...servers.forwarding import ForwardingApp
from ...servers.recordings import load_recording, record_to_file
from ..common.notes import print_note
from .ready_message import choose_ready_form
from .serve_until_stopped import ServerJson, serve_until_stopped

__all__ = ["record", "replay"]

_ANY_CREDENTIALS: Final = {"email": "anyone@example.com", "password": "anything", "token": "pst-anything"}

_Host = Annotated[str, typer.Option(help="Address to listen on.")]
_Port = Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")]


def record(
    file: Annotated[Path, typer.Argument(help="New file for the recording.")],
    to: Annotated[str | None, typer.Option(metavar="URL", help="Forward to this address, not to NovelAI.")] = None,
    contents: Annotated[
        bool, typer.Option("--contents", help="Record prompts, responses and stored contents too. They are private.")
    ] = False,
    host: _Host = "127.0.0.1",
    port: _Port = 0,
    as_json: ServerJson = False,
) -> None:
    """Forward requests to NovelAI and record them, without secrets, until SIGTERM or Ctrl-C.

    Prints its address when it is ready. Point a program at this address, such as another nai by NAI_URL, and it gets
    NovelAI's responses. `nai replay` answers from the recording.
    """
    with (
        closing(ForwardingApp(Session(base_url=to))) as app,
        record_to_file(app, file, contents=contents, on_failure=_print_failure) as recorded,
    ):
        serve_until_stopped("record", recorded, host, port, {}, choose_ready_form(as_json=as_json))


def _print_failure(reason: str) -> None:
    print_note(f"nai record: {reason}")


def replay(
    file: Annotated[Path, typer.Argument(help="Recording of `nai record` or `nai emulate --record`.")],
    host: _Host = "127.0.0.1",
    port: _Port = 0,
    as_recorded: Annotated[
        bool, typer.Option("--as-recorded", help="Take as long as the recorded responses took.")
    ] = False,
    as_json: ServerJson = False,
) -> None:
    """Answer requests from a recording, in order, until SIGTERM or Ctrl-C.

    Prints its address and credentials when it is ready; any others work too. A request that is not in the recording gets
    404 and a message that names the next recorded request.
    """
    app = Replayer(load_recording(file), as_recorded=as_recorded)
    serve_until_stopped("replay", app, host, port, _ANY_CREDENTIALS, choose_ready_form(as_json=as_json))
