"""Commands that serve: an app at an address, or at one for each host, until they are told to stop."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack

import typer

from nai_proto.emulator import restrict_to_host
from nai_proto.errors import NaiError
from nai_proto.exchange.reply import App
from nai_proto.http import Host

from ..servers.serve import StoreChanges, run_on_selector_loop, serve

__all__ = ["serve_until_stopped"]


def serve_until_stopped(
    command: str,
    app: App,
    host: str,
    port: int,
    ready: Mapping[str, object],
    *,
    apart: bool = False,
    store: StoreChanges | None = None,
) -> None:
    """Serves the app until SIGTERM or Ctrl-C; prints its address and ``ready`` as a line of JSON when it can be asked.

    Ends the command with one line if it cannot listen there.

    Args:
        command: which says so.
        app: what answers.
        host: to listen at.
        port: the same; 0 takes free ones.
        ready: what else the line has.
        apart: give each of the service's hosts an address of its own? Then the next two ports are taken as well.
        store: makes durable what the app wants to be.
    """
    try:
        run_on_selector_loop(_run(app, host, port, ready, apart, store))
    except NaiError:  # some are OSErrors, and say themselves what is wrong
        raise
    except OSError as error:
        ports = f"{port}–{port + 2}" if apart and port else f"{port}"
        typer.echo(f"nai {command}: cannot listen on {host}:{ports}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:  # where the loop takes no signal handlers
        pass


async def _run(
    app: App, host: str, port: int, ready: Mapping[str, object], apart: bool, store: StoreChanges | None
) -> None:
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
    stack: AsyncExitStack, app: App, host: str, port: int, apart: bool, store: StoreChanges | None
) -> dict[str, object]:
    """The address, or those of all roles; neighbouring ports unless they are to be free ones."""
    if not apart:
        return {"url": await stack.enter_async_context(serve(app, host, port, store=store))}
    urls: dict[Host, str] = {}
    for number, role in enumerate((Host.ACCOUNT, Host.TEXT, Host.API)):
        own = port + number if port else 0
        urls[role] = await stack.enter_async_context(serve(restrict_to_host(role, app), host, own, store=store))
    urls[Host.IMAGE] = urls[Host.ACCOUNT]
    return {"url": urls[Host.ACCOUNT], "hosts": {role.value: urls[role] for role in Host}}
