"""``nai emulate``: the service on loopback, for programs to be tested against."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import sys
import time
from typing import Annotated

import typer

from nai_proto.emulator import Emulator
from nai_proto.errors import NaiError
from nai_proto.secret import Password, PersistentToken

from ..serve import entropy, listening, run
from .tokenizers import Found

__all__ = ["emulate"]


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
) -> None:
    """Serve all routes of all of NovelAI's hosts at one address, until SIGTERM or Ctrl-C.

    When it is ready it prints one line of JSON: {"url": …, "email": …, "password": …, "token": "pst-…"}. These are the
    credentials of a made-up account that exists nowhere else. The tokenizer of a model is found, or fetched into the
    user's cache, when the first request with token ids comes.
    """
    emulator = Emulator(now=time.time, entropy=entropy, seed=seed, pace=pace, tokenizers=Found(_missed))
    password = password or secrets.token_urlsafe(12)
    try:
        given = PersistentToken(token) if token else None
        account = emulator.add_account(email, Password(password), given, stories=not empty)
    except NaiError as error:
        raise typer.BadParameter(str(error)) from None
    ready = {"email": email, "password": password, "token": account.persistent_token.reveal()}
    try:
        run(_run(emulator, host, port, ready))
    except OSError as error:
        typer.echo(f"nai emulate: cannot listen on {host}:{port}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:  # where the loop takes no signal handlers
        pass


def _missed(model: str, why: str) -> None:
    typer.echo(f"nai emulate: what holds token ids of {model} is answered with 501: {why}", err=True)


async def _run(emulator: Emulator, host: str, port: int, ready: dict[str, str]) -> None:
    stop = asyncio.Event()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with listening(emulator, host, port) as url:
        typer.echo(json.dumps({"url": url, **ready}))
        sys.stdout.flush()
        await stop.wait()
