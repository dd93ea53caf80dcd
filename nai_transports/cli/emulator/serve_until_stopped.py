"""What the commands share that run a server: listen until they are stopped, and find tokenizers for the emulator."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Annotated, TypeAlias

import typer

from nai_proto.emulator import restrict_to_host
from nai_proto.errors import NaiError
from nai_proto.exchange.reply import App
from nai_proto.http import Host
from nai_proto.tokenizers import Tokenizer

from ...servers.ordered_store import OrderedStore
from ...servers.serve import run_on_selector_loop, serve
from ...tokenizer_files import load
from ..common.errors import CommandFailed
from ..common.notes import print_remark
from .child_program import run_program
from .ready_message import FACTS, ReadyForm, find_variables, print_ready

__all__ = ["ServerJson", "TokenizerFinder", "serve_until_stopped"]

ServerJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one line of JSON, as pipes and files get it.")
]


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
    facts: Mapping[str, str | None],
    form: ReadyForm,
    *,
    separate_hosts: bool = False,
    store: OrderedStore | None = None,
    program: Sequence[str] = (),
) -> int:
    """Serve an app until SIGTERM or Ctrl-C, or while a program runs.

    When it is ready, it prints its address and ``facts``, or it runs the program with them in its environment.

    Args:
        command: the command's name, for messages.
        app: the server's logic.
        host: the address to listen on.
        port: the port to listen on; 0 takes free ones.
        facts: what else is told of the server. ``{}`` in a value stands for the address.
        form: how it is told.
        separate_hosts: give each of the service's hosts an address of its own? Then the next two ports are used as well.
        store: stores the changes that the app wants to be durable.
        program: a command with its arguments; empty runs none.

    Returns:
        The exit status of the program, as a shell gives it; 0 without one.

    Raises:
        CommandFailed: the address is in use, or not one of this machine.
        ProgramNotFound, ProgramNotExecutable: the program cannot be run.
    """
    status = 0

    async def main() -> None:
        nonlocal status
        stop = asyncio.Event()
        if sys.platform != "win32":
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with AsyncExitStack() as stack:
            addresses = await _open_listeners(stack, app, host, port, separate_hosts, store)
            url = str(addresses["url"])
            known = {name: value and value.replace("{}", url) for name, value in facts.items()}
            ready = {**addresses, **dict.fromkeys(FACTS), **known}
            if program:
                if console := ready.get("console"):
                    print_remark(f"console at {console}")
                status = await run_program(command, program, find_variables(ready), stop)
                return
            print_ready(command, ready, form)
            await stop.wait()

    try:
        run_on_selector_loop(main())
    except NaiError:  # some are OSErrors, but their messages already say what is wrong
        raise
    except OSError as error:
        problem = _explain_address(host, port, error, separate_hosts=separate_hosts)
    except KeyboardInterrupt:  # on systems where the loop takes no signal handlers
        return status
    else:
        return status
    raise CommandFailed(problem)


def _explain_address(host: str, port: int, error: OSError, *, separate_hosts: bool) -> str:
    """Return why nothing can listen there, and what to do."""
    ports = f"one of the ports {port} to {port + 2}" if separate_hosts else f"port {port}"
    if error.errno == errno.EADDRNOTAVAIL or error.errno not in errno.errorcode:  # of the second kind are unknown names
        return f"this machine has no address {host}: --host 127.0.0.1 is the one for its own programs"
    advice = f"--port 0 takes {'free ones' if separate_hosts else 'any free one'}"
    if error.errno == errno.EADDRINUSE:
        return f"{ports} of {host} is in use: {advice}"
    if error.errno == errno.EACCES:
        return f"{ports} of {host} is not for everybody: {advice}"
    return f"cannot listen on {ports} of {host}: {os.strerror(error.errno or 0)}"


async def _open_listeners(
    stack: AsyncExitStack, app: App, host: str, port: int, separate_hosts: bool, store: OrderedStore | None
) -> dict[str, object]:
    """Listen on one port, or on three consecutive ones, or on three free ones; return the addresses."""
    if not separate_hosts:
        return {"url": await stack.enter_async_context(serve(app, host, port, store=store)), "hosts": None}
    urls: dict[Host, str] = {}
    for number, role in enumerate((Host.ACCOUNT, Host.TEXT, Host.API)):
        role_port = port + number if port else 0
        urls[role] = await stack.enter_async_context(serve(restrict_to_host(role, app), host, role_port, store=store))
    urls[Host.IMAGE] = urls[Host.ACCOUNT]
    return {"url": urls[Host.ACCOUNT], "hosts": {role.value: urls[role] for role in Host}}
