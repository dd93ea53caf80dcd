"""``nai emulate``: the service on loopback, for programs to be tested against."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from nai_proto.account import access_key
from nai_proto.emulator import Account, Emulator, OpenAISwitches, at
from nai_proto.emulator.faults import CONTROL, FAULTS, Faulty, described
from nai_proto.errors import Damaged, LocalProtocolError, NaiError
from nai_proto.exchange.reply import App
from nai_proto.http import Host
from nai_proto.secret import Password, PersistentToken
from nai_proto.tier import Tier

from ..serve import Keep, entropy, listening, run
from ..state import State, read
from .tokenizers import Found

__all__ = ["emulate"]

_SWITCHES: Final = tuple(field.name for field in fields(OpenAISwitches))
_HOSTS: Final = ("one", "strict", "lenient")
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
    list_faults: Annotated[  # noqa: ARG001 -- its callback does it
        bool, typer.Option("--list-faults", is_eager=True, callback=_list_faults, help="List all faults, and exit.")
    ] = False,
    hosts: Annotated[
        str,
        typer.Option(
            metavar="|".join(_HOSTS),
            help="All hosts at one address; or each at a port of its own, where it has no more than the service's has. "
            "Strict: the api host has no accounts and no newer models. Lenient: it has them still.",
        ),
    ] = "one",
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keeps accounts, and all they have stored, through ends and beginnings. An account that is in it stays as "
            "it is; its password is told again only if it is given.",
        ),
    ] = None,
) -> None:
    """Serve all routes of all of NovelAI's hosts at one address, until SIGTERM or Ctrl-C.

    When it is ready it prints one line of JSON: {"url": …, "email": …, "password": …, "token": "pst-…"}. These are the
    credentials of a made-up account that exists nowhere else. Where hosts have ports of their own, url is where accounts
    are, and there is {"hosts": {"account": …, "text": …, "image": …, "api": …}} as well. The tokenizer of a model is
    found, or fetched into the user's cache, when the first request with token ids comes, or the first to the
    OpenAI-compatible endpoints.
    """
    if hosts not in _HOSTS:
        raise typer.BadParameter(f"there is no {hosts!r}, only {', '.join(_HOSTS)}", param_hint="--hosts")
    ports = f"{port}" if hosts == "one" or not port else f"{port}–{port + 2}"
    if port + 2 > 65_535 and hosts != "one":
        raise typer.BadParameter("three ports are wanted, this one and the next two", param_hint="--port")
    if tier.lower() not in _TIERS:
        raise typer.BadParameter(f"there is no tier {tier!r}, only {', '.join(_TIERS)}", param_hint="--tier")
    openai = _switches(switch or ())
    emulator = Emulator(
        now=time.time,
        entropy=entropy,
        seed=seed,
        pace=pace,
        tokenizers=Found(_missed),
        openai=openai,
        strict=hosts == "strict",
    )
    try:
        app = Faulty(emulator, *(fault or ()), seed=seed)
    except NaiError as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from None
    try:
        with _keeping(state, emulator) as store:
            account, password = _account(emulator, email, password, token, not empty, Tier[tier.upper()])
            if store is not None:
                store(emulator.changes()).result()
            ready = {"email": email, "password": password, "token": account.persistent_token.reveal()}
            run(_run(app, host, port, hosts != "one", ready, store))
    except NaiError as error:
        typer.echo(f"nai emulate: {error}", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"nai emulate: cannot listen on {host}:{ports}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:  # where the loop takes no signal handlers
        pass


@contextmanager
def _keeping(path: Path | None, emulator: Emulator) -> Generator[Keep | None, None, None]:
    """The emulator has what is in the file; nothing is written to one that is damaged, or not ours."""
    if path is None:
        yield None
        return
    try:
        emulator.restore(read(path))
    except Damaged as error:
        raise LocalProtocolError(f"{path}: {error}") from None
    with State(path) as state:
        yield state.store


def _account(
    emulator: Emulator, email: str, password: str | None, token: str | None, stories: bool, tier: Tier
) -> tuple[Account, str | None]:
    """A new account; or the one that is there already, if what is given is its own. And the password, if it is known."""
    try:
        given = PersistentToken(token) if token else None
        account = emulator.account(email)
        if account is None:
            password = password or secrets.token_urlsafe(12)
            return emulator.add_account(email, Password(password), given, stories=stories, tier=tier), password
        key = None if password is None else access_key(account.email, Password(password))
    except NaiError as error:
        raise typer.BadParameter(str(error)) from None
    for wanted, own, name in ((key, account.key, "password"), (given, account.persistent_token, "token")):
        if wanted is not None and wanted.reveal() != own.reveal():
            raise typer.BadParameter(f"{email} is in the state, with another {name}", param_hint=f"--{name}")
    return account, password


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


async def _run(app: App, host: str, port: int, apart: bool, ready: Mapping[str, object], store: Keep | None) -> None:
    stop = asyncio.Event()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        addresses = await _listen(stack, app, host, port, apart, store)
        typer.echo(json.dumps({**addresses, **ready}))
        sys.stdout.flush()
        await stop.wait()


async def _listen(
    stack: AsyncExitStack, app: App, host: str, port: int, apart: bool, store: Keep | None
) -> dict[str, object]:
    """The address, or those of all roles; neighbouring ports unless they are to be free ones."""
    if not apart:
        return {"url": await stack.enter_async_context(listening(app, host, port, store=store))}
    urls: dict[Host, str] = {}
    for number, role in enumerate((Host.ACCOUNT, Host.TEXT, Host.API)):
        own = port + number if port else 0
        urls[role] = await stack.enter_async_context(listening(at(role, app), host, own, store=store))
    urls[Host.IMAGE] = urls[Host.ACCOUNT]
    return {"url": urls[Host.ACCOUNT], "hosts": {role.value: urls[role] for role in Host}}
