"""``nai emulate``: the service on loopback, for programs to be tested against."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from nai_proto.emulator import Emulator, OpenAISwitches
from nai_proto.emulator.faults import CONTROL, FAULTS, Faulty, described
from nai_proto.errors import NaiError
from nai_proto.exchange.reply import App
from nai_proto.secret import Password, PersistentToken
from nai_proto.tier import Tier

from ..recordings import recording
from ..serve import entropy, listening, run
from .failing import one_line
from .tokenizers import Found

__all__ = ["emulate", "serve_until_stopped"]

_SWITCHES: Final = tuple(field.name for field in fields(OpenAISwitches))
_TIERS: Final = tuple(tier.name.lower() for tier in Tier)


def _list_faults(wanted: bool) -> None:
    if wanted:
        typer.echo(described())
        raise typer.Exit


def emulate(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 0,
    email: Annotated[str, typer.Option(help="E-mail of the account.")] = "writer@example.com",
    password: Annotated[str | None, typer.Option(help="Its password; drawn if not given.")] = None,
    token: Annotated[str | None, typer.Option(help="Its persistent token, pst-…; drawn if not given.")] = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="An account that has stored nothing, instead of a few stories.")
    ] = False,
    seed: Annotated[str, typer.Option(help="Seed of the generated text.")] = "once upon a time",
    pace: Annotated[float, typer.Option(min=0, help="Seconds per generated token.")] = 0.0,
    tier: Annotated[str, typer.Option(help=f"What the account pays for: {', '.join(_TIERS)}.")] = "opus",
    switch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="How the OpenAI-compatible endpoints behave or fail, as often as you like: chat=observed, "
            f"thinking=inline, models=glm-4-6,xialong-v1, done=false … The names are {', '.join(_SWITCHES)}.",
        ),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:KEY=VALUE,…",
            help="What goes wrong, as often as you like: cut:at=100,path=/ai/generate-stream,times=1 … The names are "
            f"{', '.join(FAULTS)}; --list-faults tells what is known of each. While it runs, {CONTROL} lists them (GET), "
            "adds to them (POST, as JSON) and clears them (DELETE).",
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every exchange to this new file, without secrets, for nai replay."),
    ] = None,
    record_contents: Annotated[
        bool, typer.Option("--record-contents", help="With prompts, answers and what is stored, which are private.")
    ] = False,
    list_faults: Annotated[  # noqa: ARG001 -- its callback does it
        bool, typer.Option("--list-faults", is_eager=True, callback=_list_faults, help="List all faults, and exit.")
    ] = False,
) -> None:
    """Serve all routes of all of NovelAI's hosts at one address, until SIGTERM or Ctrl-C.

    When it is ready it prints one line of JSON: {"url": …, "email": …, "password": …, "token": "pst-…"}. These are the
    credentials of a made-up account that exists nowhere else. The tokenizer of a model is found, or fetched into the
    user's cache, when the first request with token ids comes, or the first to the OpenAI-compatible endpoints.
    """
    if tier.lower() not in _TIERS:
        raise typer.BadParameter(f"there is no tier {tier!r}, only {', '.join(_TIERS)}", param_hint="--tier")
    openai = _switches(switch or ())
    emulator = Emulator(now=time.time, entropy=entropy, seed=seed, pace=pace, tokenizers=Found(_missed), openai=openai)
    try:
        app = Faulty(emulator, *(fault or ()), seed=seed)
    except NaiError as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from None
    password = password or secrets.token_urlsafe(12)
    try:
        given = PersistentToken(token) if token else None
        account = emulator.add_account(email, Password(password), given, stories=not empty, tier=Tier[tier.upper()])
    except NaiError as error:
        raise typer.BadParameter(str(error)) from None
    ready = {"email": email, "password": password, "token": account.persistent_token.reveal()}
    with one_line("emulate"), _recorded(app, record, record_contents) as recorded:
        serve_until_stopped("emulate", recorded, host, port, ready)


def _recorded(app: App, path: Path | None, contents: bool) -> AbstractContextManager[App]:
    """The app, which records if there is somewhere to."""
    if path is None and not contents:
        return nullcontext(app)
    if path is None:
        raise typer.BadParameter("there is nothing to record to: give --record as well", param_hint="--record-contents")
    return recording(app, path, contents=contents, failed=lambda why: typer.echo(f"nai emulate: {why}", err=True))


def serve_until_stopped(command: str, app: App, host: str, port: int, ready: Mapping[str, str]) -> None:
    """Serves the app until SIGTERM or Ctrl-C; prints its address and ``ready`` as a line of JSON when it can be asked.

    Ends the command with one line if it cannot listen there.
    """
    try:
        run(_run(app, host, port, ready))
    except OSError as error:
        typer.echo(f"nai {command}: cannot listen on {host}:{port}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:  # where the loop takes no signal handlers
        pass


def _switches(given: Sequence[str]) -> OpenAISwitches:
    """The switches of ``NAME=VALUE``; a list is written with commas, and nothing is an empty one."""
    values: dict[str, object] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or name not in _SWITCHES:
            problem = f"{one!r} is no NAME=VALUE with one of the names {', '.join(_SWITCHES)}"
            raise typer.BadParameter(problem, param_hint="--switch")
        values[name] = list(filter(None, value.split(","))) if name == "models" else value
    try:
        return msgspec.convert(values, OpenAISwitches, strict=False)
    except (msgspec.ValidationError, NaiError) as error:
        raise typer.BadParameter(str(error), param_hint="--switch") from None


def _missed(model: str, why: str) -> None:
    typer.echo(f"nai emulate: what holds token ids of {model} is answered with 501: {why}", err=True)


async def _run(app: App, host: str, port: int, ready: Mapping[str, str]) -> None:
    stop = asyncio.Event()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with listening(app, host, port) as url:
        typer.echo(json.dumps({"url": url, **ready}))
        sys.stdout.flush()
        await stop.wait()
