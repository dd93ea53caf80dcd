"""Python programs that start in a few milliseconds: each is forked by a process that has imported what most of them need.

``[*forked_python(), "-c", code, …]`` is a command line as ``[sys.executable, "-c", code, …]`` is. Its process hands its
directory, environment and standard streams to the server's fork, passes SIGINT and SIGTERM on, and ends as that ends; when
it is killed, so is the fork. A program that needs other settings of the interpreter than the server has is started anew.
Tests of what a program imports, of its process group or its controlling terminal, use the interpreter itself. One that kills
a program reads its streams to their end: the fork has them too, and may live a little longer.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
from ast import literal_eval
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from types import ModuleType
from typing import Any, Final

__all__ = ["forked_nai", "forked_python"]

_ROOT: Final = Path(__file__).parent.parent
_CLIENT: Final = Path(__file__).with_name("forked_python_client.py")
_AT_START: Final = ("PYTHON", "LC_", "LANG", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TERMINAL_WIDTH")
"""How variables begin that Python or Typer reads once, when it starts."""


@cache
def forked_python() -> tuple[str, ...]:
    """Return the beginning of a command line that runs Python, in a fork of a server that this starts."""
    if sys.platform == "win32":
        return (sys.executable,)
    directory = tempfile.TemporaryDirectory(prefix="nai-")
    address = str(Path(directory.name) / "socket")
    line = [sys.executable, "-m", "tests.forked_python", address]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("NAI_")},  # it has no account
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH")))),
    }
    server = subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT, env=environment, start_new_session=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdout.readline()  # it listens
    server.stdout.close()

    @atexit.register
    def stop() -> None:
        server.stdin.close()  # type: ignore[union-attr]  # it is a pipe
        server.wait()
        directory.cleanup()

    return (sys.executable, "-I", "-S", str(_CLIENT), address)


def forked_nai() -> tuple[str, ...]:
    """Return the beginning of a command line that runs `nai` so."""
    return (*forked_python(), "-c", "from nai_transports.cli import main; main()")


class _Server:
    """Forks a process for each connection, and tells how it ended."""

    def __init__(self, address: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen(64)
        self._clients: dict[int, socket.socket] = {}
        "The connections, by the ids of the processes that run for them."
        self._environment = _read_at_start(os.environ)

    def run(self) -> dict[str, Any]:
        """Serve until stdin ends. In a fork, return what it shall run."""
        ended, wakeup = socket.socketpair()
        wakeup.setblocking(False)
        signal.set_wakeup_fd(wakeup.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its background jobs ignore it
        selector = DefaultSelector()
        for file in (0, ended, self._listener):
            selector.register(file, EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj == 0:
                    for process in self._clients:
                        os.kill(process, signal.SIGKILL)
                    sys.exit()
                elif key.fileobj is ended:
                    ended.recv(4096)
                    self._report_ends(selector)
                elif key.fileobj is self._listener:
                    client, _ = self._listener.accept()
                    request, files = _receive(client)
                    if process := os.fork():
                        for file in files:
                            os.close(file)
                        client.sendall(b"%d\n" % process)
                        self._clients[process] = client
                        selector.register(client, EVENT_READ, process)
                        continue
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    selector.close()
                    for each in (ended, wakeup, client, self._listener, *self._clients.values()):
                        each.close()
                    self._take_over(request, files)
                    return request
                elif key.data in self._clients:  # a client never says more: it has gone
                    os.kill(key.data, signal.SIGKILL)
                    selector.unregister(key.fileobj)

    def _report_ends(self, selector: DefaultSelector) -> None:
        while self._clients:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return
            with self._clients.pop(process) as client:
                if client in selector.get_map():
                    selector.unregister(client)
                with suppress(OSError):  # the client has gone
                    client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))

    def _take_over(self, request: dict[str, Any], files: list[int]) -> None:
        """Take the directory, the environment and the standard streams of a request."""
        for number in range(3):
            os.close(number)
        for number, file in zip(request["open"], files, strict=True):
            os.dup2(file, number)
            os.close(file)
        os.chdir(request["directory"])
        os.environ.clear()
        os.environ.update(request["environment"])
        if _read_at_start(os.environ) != self._environment:
            os.execv(sys.executable, [sys.executable, *request["arguments"]])
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            stream = _open_stream(number) if number in request["open"] else None
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(_AT_START) and name not in ("PYTHONIOENCODING", "PYTHONPATH", "PYTHONUNBUFFERED")
    }


def _receive(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    data, files, _, _ = socket.recv_fds(client, 1, 3)
    while not data.endswith(b"\n"):
        data += client.recv(1 << 16)
    request: dict[str, Any] = literal_eval(data.decode().strip())
    return request, files


def _open_stream(number: int) -> Any:
    """Return a standard stream as the interpreter opens it."""
    own = sys.__stderr__ if number == 2 else sys.__stdin__
    assert own is not None
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "").partition(":")
    mode = "r" if number == 0 else "w"
    line_buffering = number == 2 or os.isatty(number)
    stream: Any = open(  # noqa: SIM115 -- it is open as long as the program runs
        number,
        mode,
        1 if line_buffering else -1,
        encoding=encoding or own.encoding,
        errors="backslashreplace" if number == 2 else errors or ("strict" if encoding else own.errors),
        newline=None if number == 0 else "\n",
        closefd=False,
    )
    stream.mode = mode
    return stream


def _import_commands() -> None:
    """Import all that the command line imports, also what its libraries import late, and what the tests' programs do."""
    from typer.testing import CliRunner

    from nai_transports import cli
    from nai_transports.cli.app import app

    for module in pkgutil.walk_packages(cli.__path__, f"{cli.__name__}."):
        importlib.import_module(module.name)
    for name in ("keyring.backends.null", "trio", "uvloop", "tests.support"):
        importlib.import_module(name)
    for line in (["health", "--help"], ["models"]):
        CliRunner().invoke(app, line)


def _run(request: dict[str, Any]) -> int | str | None:
    """Run ``-c CODE ARGUMENT …`` as the interpreter does, and return the value of `SystemExit`."""
    option, code, *arguments = request["arguments"]
    assert option == "-c"
    sys.argv = ["-c", *arguments]
    sys.path[:1] = ["", *filter(None, request["environment"].get("PYTHONPATH", "").split(os.pathsep))]
    main = sys.modules["__main__"] = ModuleType("__main__")
    try:
        exec(compile(code, "<string>", "exec"), vars(main))
    except SystemExit as end:
        return end.code
    return None


_ended: list[int] = []
"""The exit status of a program that has come to its end."""


def _skip_cleanup() -> None:
    """End without freeing each object: it would copy the pages of all modules from the server."""
    if _ended:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(_ended[0])


if __name__ == "__main__":
    atexit.register(_skip_cleanup)  # what is registered first is called last
    _import_commands()
    gc.freeze()
    started = _Server(sys.argv[1])
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    value = _run(started.run())
    if isinstance(value, str):
        sys.stderr.write(f"{value}\n")
    _ended.append(value if isinstance(value, int) else value is not None)
