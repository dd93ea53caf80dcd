"""Run a program of the person beside a server, and end with its status, as a shell does."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from nai_proto.errors import NaiError

from ..common.errors import ProgramNotExecutable, ProgramNotFound, WrongUsage
from ..common.usage_messages import quote

__all__ = ["check_program", "run_program"]

_ADDRESS: Final = re.compile(r"(?:https?://)?(?:(?P<host>[\w.-]*|\[[\d:a-f]+\]):)?(?P<port>\d{1,5})/?")

_KILLED: Final = 128
"""What a shell adds to a signal's number for the exit status of a program that it ended."""
_WITNESS_DELAY_S: Final = 0.1
"""After which a signal to a process group has reached all of its processes."""


def check_program(program: Sequence[str], *before: str) -> None:
    """Raise for what is no command that exists, or the value of an option: a port, or an address.

    Args:
        program: that the person typed, with its arguments.
        before: what they typed before it, with the command that is to run it.

    Raises:
        WrongUsage: names the options to type.
        ProgramNotFound: there is no such command.
    """
    if (address := _ADDRESS.fullmatch(program[0] if len(program) == 1 else "")) is None:
        if program and shutil.which(program[0]) is None and not os.path.exists(program[0]):
            raise _build_not_found(program[0], before[1])
        return
    host = f" --host {address['host']}" if address["host"] else ""
    line = f"{' '.join(map(quote, before))} --port {address['port']}{host}"
    raise WrongUsage(f"{program[0]!r} is no command to run; type: {line}")


async def run_program(command: str, program: Sequence[str], variables: Mapping[str, str], stop: asyncio.Event) -> int:
    """Run a program to its end, and return its exit status as a shell gives it.

    Each SIGTERM and SIGINT is passed on. Ctrl-C is not: the terminal sends it to the program itself, which may want to
    report something before it ends, and would take a second one for impatience.

    Args:
        command: runs the program, such as ``emulate``.
        program: the program with its arguments.
        variables: are added to its environment.
        stop: has a signal come already?

    Raises:
        ProgramNotFound, ProgramNotExecutable: it cannot be run.
    """
    if stop.is_set():
        return _KILLED + signal.SIGTERM
    try:
        process = subprocess.Popen(program, env={**os.environ, **variables})  # noqa: ASYNC220 -- the user's
    except FileNotFoundError:  # since the command has begun, or what runs the script
        problem: NaiError = _build_not_found(program[0], command)
    except OSError as error:
        problem = ProgramNotExecutable(f"{program[0]} cannot be run: {error.strerror}")
    else:
        with _GroupWitness() as witness:
            if sys.platform != "win32":
                loop = asyncio.get_running_loop()
                loop.add_signal_handler(signal.SIGTERM, process.terminate)
                loop.add_signal_handler(signal.SIGINT, witness.pass_on_interrupt, process)
            try:
                status = await asyncio.to_thread(process.wait)
            finally:
                if process.poll() is None:  # the server has failed
                    process.terminate()
        return status if status >= 0 else _KILLED - status
    raise problem


def _build_not_found(name: str, command: str) -> ProgramNotFound:
    return ProgramNotFound(f"there is no command {name} to run; options go before it (see nai {command} --help)")


class _GroupWitness:
    """Tells whether a SIGINT came to all of our process group, as a terminal sends it, or to us alone.

    Nothing else can tell: neither the signal nor its sender is visible from Python. The witness is a process of the group
    that does nothing but to end with the signal.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> _GroupWitness:
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def pass_on_interrupt(self, process: subprocess.Popen[bytes]) -> None:
        """Send SIGINT to a process of the group, unless it has got it itself."""
        asyncio.get_running_loop().call_later(_WITNESS_DELAY_S, self._pass_on, process)

    def _pass_on(self, process: subprocess.Popen[bytes]) -> None:
        if self._process is None or self._process.poll() is None:
            process.send_signal(signal.SIGINT)
        else:
            self._end()
            self._begin()

    def _begin(self) -> None:
        try:
            self._process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        except OSError:  # Windows has none, and sends Ctrl-C to the program itself
            self._process = None

    def _end(self) -> None:
        if self._process is not None:
            self._process.communicate()  # it ends with its input
