"""Real shells in a terminal, with a command `nai` that completes, and writes down how it is called."""

from __future__ import annotations

import os
import pty
import select
import shlex
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which

from nai_transports.cli.completion.scripts import SCRIPTS
from tests.forked_python import forked_nai

READY = "READY>"
_EMPTY_LINE = "\x15"
"""The key that deletes what is typed."""
_PATIENCE_S = 20
_INHERITED = ("LANG", "LC_", "SYSTEMROOT")
"""How variables begin that a shell has as the tests have them. With another locale, no program could be forked for it."""

SHELLS = [name for name in SCRIPTS if which(name)]
"""Those that are installed."""

# Where each shell finds what it runs first, and that.
_SETUP = {
    "bash": ("rc.bash", f"PS1='{READY} '\nbind 'set enable-bracketed-paste off'\nset -o histexpand\n"),
    "zsh": (".zshrc", f"PROMPT='{READY} '\nautoload -Uz compinit\ncompinit -u -d $ZDOTDIR/dump\nunsetopt beep\n"),
    "fish": (
        "config/fish/config.fish",
        f"function fish_prompt; echo -n '{READY} '; end\nfunction fish_greeting; end\n",
    ),
}
_INSTALL = {
    "bash": 'eval "$(nai completion bash)"\n',
    "zsh": "source <(nai completion zsh)\n",
    "fish": "nai completion fish | source\n",
}
_RUN = {
    "bash": lambda home: ["bash", "--noprofile", "--rcfile", str(home / "rc.bash"), "-i"],
    "zsh": lambda home: ["zsh", "-i"],
    "fish": lambda home: ["fish", "-i"],
}


class Shell:
    """A shell at its prompt."""

    def __init__(self, terminal: int, calls: Path) -> None:
        self._terminal = terminal
        self._calls = calls
        self.screen = ""
        "All that it printed."

    def run(self, keys: str) -> list[str]:
        """Type keys and Enter on an empty line; return the arguments that `nai` is then called with."""
        self._calls.unlink(missing_ok=True)
        self.type(f"{_EMPTY_LINE}{keys}\r")
        self._wait(self._calls.exists)
        arguments = self._calls.read_text("utf-8").split("\0")[:-1]
        self.screen = ""
        self.type("\r")
        self.wait_for(READY)
        return arguments

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def wait_for(self, text: str) -> None:
        """Wait until something new on the screen has a text."""
        self._wait(lambda: text in self.screen)

    def _wait(self, is_done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not is_done():
            assert time.monotonic() < deadline, self.screen
            if select.select([self._terminal], [], [], 0.05)[0]:
                with suppress(OSError):
                    read = os.read(self._terminal, 1 << 16).decode(errors="replace")
                    if "\x1b[c" in read or "\x1b[0c" in read:  # fish asks what the terminal can
                        self.type("\x1b[?1;2c")
                    self.screen += read


@contextmanager
def open_shell(name: str, home: Path, **environment: str) -> Generator[Shell, None, None]:
    """Start a shell in a directory that is its home too."""
    calls = home / "calls.json"
    _write_command(home, calls)
    file, setup = _SETUP[name]
    path = home / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(setup + _INSTALL[name], "utf-8")
    variables = {
        **{name: value for name, value in os.environ.items() if name.startswith(_INHERITED)},
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "HOME": str(home),
        "ZDOTDIR": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
        "TERM": "xterm",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        **environment,
    }
    with _start(_RUN[name](home), home, variables) as terminal:
        shell = Shell(terminal, calls)
        shell.wait_for(READY)
        yield shell


def _write_command(home: Path, calls: Path) -> None:
    file, part = shlex.quote(str(calls)), shlex.quote(f"{calls}.part")
    program = f"""\
        #!/bin/sh
        case $1 in
            __complete | completion) exec {shlex.join(forked_nai())} "$@" ;;
        esac
        printf '%s\\0' "$@" > {part}
        mv {part} {file}
    """
    command = home / "bin" / "nai"
    command.parent.mkdir()
    command.write_text(textwrap.dedent(program), "utf-8")
    command.chmod(0o755)


@contextmanager
def _start(command: list[str], directory: Path, variables: Mapping[str, str]) -> Generator[int, None, None]:
    process, terminal = pty.fork()
    if not process:
        os.chdir(directory)
        os.execvpe(command[0], command, dict(variables))
    try:
        yield terminal
    finally:
        os.close(terminal)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
