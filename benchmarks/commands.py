"""How long does a command take to start?"""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from typing import Final

from .imports import measure_process
from .report import Effort, Report

__all__ = ["measure"]

_BARE: Final = "bare interpreter"
_RUN: Final = "import sys; sys.argv = ['nai', *{!r}]; from nai_transports.cli import main; main()"
_FIRST: Final = {"nai --version": (("--version",), 3.0), "nai --help": (("--help",), 6.0)}
_COMMANDS: Final = (
    ("generate", "-h"),
    ("chat", "-h"),
    ("image", "-h"),
    ("library", "list", "-h"),
    ("story", "undo", "-h"),
    ("presets", "list", "-h"),
    ("doctor", "-h"),
)
_SMALL_PROGRAM: Final = "a typer program"
_MOST: Final = 1.3
"""Of a typer program with two commands that imports the same modules of the library."""
_TWO_COMMANDS: Final = """
import sys, typer
for name in {modules!r}: __import__(name)
app = typer.Typer(add_completion=False)
@app.command()
def one(number: int = 1): ...
@app.command()
def two(): ...
sys.argv = ["program", "two"]
app()
"""
_LIST_MODULES: Final = _RUN.replace("; main()", "\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)")


def measure(effort: Effort) -> Report:
    """CPU time of whole processes: the first pages beside the interpreter, commands beside a typer program."""
    report = Report("how long a command takes to start", _BARE)
    rounds = effort.rounds
    first = {_BARE: "pass"} | {name: _RUN.format(line) for name, (line, _) in _FIRST.items()}
    most = {name: most for name, (_, most) in _FIRST.items()}
    report.add("first pages", _measure(first, rounds), "ms", reference=_BARE, at_most=most)
    for line in _COMMANDS[: effort.of(len(_COMMANDS))]:
        name = f"nai {' '.join(line)}"
        program = _TWO_COMMANDS.format(modules=_list_library_modules(line))
        times = _measure({_SMALL_PROGRAM: program, name: _RUN.format(line)}, rounds)
        report.add(line[0], times, "ms", reference=_SMALL_PROGRAM, at_most={name: _MOST})
    return report


def _measure(programs: dict[str, str], rounds: int) -> dict[str, float]:
    """Return the median of the milliseconds of each program, taken in turns."""
    found: dict[str, list[float]] = {name: [] for name in programs}
    warm_up = rounds > 1  # it may write byte code
    for number in range(rounds + warm_up):
        for name, program in programs.items():
            seconds, _ = measure_process(program)
            if number >= warm_up:
                found[name].append(seconds * 1000)
    return {name: median(values) for name, values in found.items()}


def _list_library_modules(line: tuple[str, ...]) -> list[str]:
    """Return the modules of the library that a command imports, without those of the command line."""
    command = [sys.executable, "-c", _LIST_MODULES.format(line)]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stderr.split()
    return [name for name in names if name.startswith(("nai_proto", "nai_transports")) and ".cli" not in name]
