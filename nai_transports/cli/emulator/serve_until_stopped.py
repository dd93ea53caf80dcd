"""What the commands share that run a server: listen until they are stopped, and find tokenizers for the emulator."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

import typer

from nai_proto.emulator import restrict_to_host
from nai_proto.errors import NaiError
from nai_proto.exchange.reply import App
from nai_proto.http import Host
from nai_proto.tokenizers import Tokenizer

from ...servers.serve import StoreChanges, run_on_selector_loop, serve
from ...tokenizer_files import load

__all__ = ["TokenizerFinder", "serve_until_stopped"]


class TokenizerFinder:
    """Load the tokenizer of a model, from the user's files or the network; give None if there is none.

    Args:
        on_missing: called with the model's id and the reason when there is no tokenizer.
        download: look on the network too?
    """

    def __init__(self, on_missing: Callable[[str, str], None], *, download: bool = True) -> None:
        self._on_missing = on_missing
        self._download = download

    def __call__(self, model: str) -> Tokenizer | None:
        try:
            return load(model, download=self._download)
        except NaiError as error:
            self._on_missing(model, str(error))
            return None


def serve_until_stopped(
    command: str,
    app: App,
    host: str,
    port: int,
    facts: Mapping[str, object],
    *,
    separate_hosts: bool = False,
    store: StoreChanges | None = None,
) -> None:
    """Serve an app until SIGTERM or Ctrl-C; print its address and ``facts`` as one line of JSON when it is ready.

    Args:
        command: the command's name, for the error message.
        app: the server's logic.
        host: the address to listen on.
        port: the port to listen on; 0 takes free ones.
        facts: what else the line of JSON has.
        separate_hosts: give each of the service's hosts an address of its own? Then the next two ports are used as well.
        store: stores the changes that the app wants to be durable.

    Raises:
        typer.Exit: the address is in use, or not one of this machine; stderr has said so.
    """
    try:
        run_on_selector_loop(_serve(app, host, port, facts, separate_hosts, store))
    except NaiError:  # some are OSErrors, but their messages already say what is wrong
        raise
    except OSError as error:
        ports = f"{port}–{port + 2}" if separate_hosts and port else f"{port}"
        typer.echo(f"nai {command}: cannot listen on {host}:{ports}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:  # on systems where the loop takes no signal handlers
        pass


async def _serve(
    app: App, host: str, port: int, facts: Mapping[str, object], separate_hosts: bool, store: StoreChanges | None
) -> None:
    stop = asyncio.Event()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        addresses = await _open_listeners(stack, app, host, port, separate_hosts, store)
        typer.echo(json.dumps({**addresses, **facts}))
        sys.stdout.flush()
        await stop.wait()


async def _open_listeners(
    stack: AsyncExitStack, app: App, host: str, port: int, separate_hosts: bool, store: StoreChanges | None
) -> dict[str, object]:
    """Listen on one port, or on three consecutive ones, or on three free ones; return the addresses."""
    if not separate_hosts:
        return {"url": await stack.enter_async_context(serve(app, host, port, store=store))}
    urls: dict[Host, str] = {}
    for number, role in enumerate((Host.ACCOUNT, Host.TEXT, Host.API)):
        role_port = port + number if port else 0
        urls[role] = await stack.enter_async_context(serve(restrict_to_host(role, app), host, role_port, store=store))
    urls[Host.IMAGE] = urls[Host.ACCOUNT]
    return {"url": urls[Host.ACCOUNT], "hosts": {role.value: urls[role] for role in Host}}
