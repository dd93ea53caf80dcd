"""``nai record`` and ``nai replay``: record what a program does with the service, and answer from the recording."""

from __future__ import annotations

import os
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from nai_proto.emulator.recording import Replayer
from nai_proto.exchange.session import Session

from ...servers.forwarding import ForwardingApp
from ...servers.recordings import load_recording, record_to_file
from ..common.account_options import ServiceOptions, choose_proxy
from ..common.credentials import EMAIL_VARIABLE, PASSWORD_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE
from ..common.notes import print_remark
from ..common.profile_file import check_url, check_value
from .child_program import check_program
from .ready_message import choose_ready_form
from .serve_until_stopped import ServerJson, serve_until_stopped

__all__ = ["record", "replay"]

_ANY_CREDENTIALS: Final = {"email": "anyone@example.com", "password": "anything", "token": "pst-anything"}

_NO_CREDENTIALS: Final = (
    f"the command does not get what `nai login` keeps: set {TOKEN_VARIABLE}, or {EMAIL_VARIABLE} and "
    f"{PASSWORD_VARIABLE}, if it needs an account"
)

_Host = Annotated[str, typer.Option(help="Address to listen on.")]
_Port = Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on, 0 to 65535. Default: any free one.")]


def record(
    file: Annotated[Path, typer.Argument(help="New file for the recording.")],
    command: Annotated[
        list[str] | None,
        typer.Argument(help="Behind --: run this command with NAI_URL set, and end as it does."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Forward to this address. Default: that of NAI_URL or of the profile, else NovelAI.",
            show_default=False,
        ),
    ] = None,
    contents: Annotated[
        bool, typer.Option("--contents", help="Record prompts, responses and stored contents too. They are private.")
    ] = False,
    host: _Host = "127.0.0.1",
    port: _Port = 0,
    as_json: ServerJson = False,
) -> None:
    """Forward requests to the service and record them, without secrets, until Ctrl-C or SIGTERM, or while a command runs.

    Prints its address when it is ready. Point a program at this address, such as another nai by NAI_URL, and it gets
    NovelAI's responses. `nai replay` answers from the recording. What `nai login` keeps is not sent to this address; nai
    needs NAI_TOKEN, or NAI_EMAIL and NAI_PASSWORD.
    """
    check_program(command or (), "nai", "record", str(file))
    with (
        closing(_build_app(to)) as app,
        record_to_file(app, file, contents=contents, on_failure=print_remark) as recorded,
    ):
        if command and Path(command[0]).stem == "nai" and not _has_credentials():
            print_remark(_NO_CREDENTIALS)
        form = choose_ready_form(as_json=as_json)
        status = serve_until_stopped("record", recorded, host, port, {}, form, program=command or ())
    raise typer.Exit(status)


def _build_app(to: str | None) -> ForwardingApp:
    """Return the app that forwards to an address, else to that of other commands, by the proxy that these use.

    Raises:
        WrongUsage: the address or the profile is not valid.
    """
    service = ServiceOptions(url=to or os.environ.get(URL_VARIABLE) or None)
    profile = service.load_profile()
    if to:
        session = Session(base_url=check_value("--to", check_url, to))
    else:
        session = service.build_session(profile)
        if (address := service.find_address()) is not None:
            print_remark(f"forwarding to {address.url}, which is from {address.source}; --to URL forwards elsewhere")
    return ForwardingApp(session, proxy=partial(choose_proxy, profile=profile))


def _has_credentials() -> bool:
    """Does the environment have what logs in by itself?"""
    token, email, password = map(os.environ.get, (TOKEN_VARIABLE, EMAIL_VARIABLE, PASSWORD_VARIABLE))
    return bool(token or (email and password))


def replay(
    file: Annotated[Path, typer.Argument(help="Recording of `nai record` or `nai emulate --record`.")],
    command: Annotated[
        list[str] | None,
        typer.Argument(
            help="Behind --: run this command with NAI_URL set, and credentials if none are, and end as it does."
        ),
    ] = None,
    host: _Host = "127.0.0.1",
    port: _Port = 0,
    as_recorded: Annotated[
        bool, typer.Option("--as-recorded", help="Take as long as the recorded responses took.")
    ] = False,
    as_json: ServerJson = False,
) -> None:
    """Answer requests from a recording, in order, until Ctrl-C or SIGTERM, or while a command runs.

    Prints its address and credentials when it is ready; any others work too. A request is answered if the recording has
    one with the same method, path, query and body. Secrets, random seeds and sealed data may differ, and prompts and other
    contents too, unless they were recorded (`nai record --contents`). Any other request gets 404, and a message that says
    what differs and names the next recorded request.
    """
    check_program(command or (), "nai", "replay", str(file))
    app = Replayer(load_recording(file), as_recorded=as_recorded)
    form = choose_ready_form(as_json=as_json)
    has_credentials = any(map(os.environ.get, (TOKEN_VARIABLE, EMAIL_VARIABLE, PASSWORD_VARIABLE)))
    facts = {} if command and has_credentials else _ANY_CREDENTIALS  # stories open with the password that they have
    raise typer.Exit(serve_until_stopped("replay", app, host, port, facts, form, program=command or ()))
