"""Run a fuzz target for some time: in this process by changes of its seeds, or guided by coverage in one of its own."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from nai_proto.testing import Target, list_targets
from tests.fuzz.mutations import mutate
from tests.fuzz.storage import TARGETS as STORAGE

__all__ = ["Crash", "Run", "all_targets", "fuzz", "fuzz_with_coverage", "has_coverage", "write_crash"]

_LARGEST: Final = 2048
"""Bytes of an input whose target has only short seeds; the largest input is twice as long as the longest seed. Inputs that
double again and again would take most of the time, and say nothing that shorter ones do not."""
_MOST_KEPT: Final = 50


def all_targets() -> dict[str, Target]:
    """Return the targets of the core, and those of files, by name."""
    return {target.name: target for target in (*list_targets(), *STORAGE)}


@dataclass(frozen=True, slots=True)
class Crash:
    """An input that raised what no document mentions."""

    data: bytes
    traceback: str


@dataclass(slots=True)
class Run:
    """What came of fuzzing one target."""

    target: str
    executions: int = 0
    seconds: float = 0.0
    crashes: list[Crash] = field(default_factory=list)


def fuzz(target: Target, *, executions: int | None, seconds: float, seed: int = 0) -> Run:
    """Run a target until one of the limits, or until the first crash.

    The seeds come first, then changes of them. The first inputs that raise a new error are changed too, so that changes
    add up.
    """
    chance, run, seen = random.Random(f"{target.name} {seed}"), Run(target.name), set[str]()
    pool = [*target.seeds()]
    first, largest = iter(pool.copy()), max(_LARGEST, 2 * max(map(len, pool)))
    room = len(pool) + _MOST_KEPT
    started = time.monotonic()
    while executions is None or run.executions < executions:
        run.seconds = time.monotonic() - started
        if run.seconds >= seconds:
            break
        data = next(first, None)
        if data is None:
            data = mutate(chance, pool, largest)
        run.executions += 1
        try:
            error = target.run(data).error
        except Exception as crash:
            run.crashes.append(Crash(data, "".join(traceback.format_exception(crash))))
            break
        if error is None or len(pool) == room:
            continue
        kind = f"{type(error).__name__} {str(error)[:60]}"
        if kind not in seen:
            seen.add(kind)
            pool.append(data)
    return run


def has_coverage() -> bool:
    """Return whether atheris is installed."""
    return find_spec("atheris") is not None


def fuzz_with_coverage(target: Target, directory: Path, *, seconds: float) -> int:
    """Fuzz a target with atheris, in a process of its own, and return the exit status of that.

    The corpus is kept in the directory, so that the next run goes on from there.
    """
    corpus = directory / "corpus" / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    for data in target.seeds():
        (corpus / _digest(data)).write_bytes(data)
    command = [sys.executable, "-m", "tests.fuzz.coverage_guided", target.name, str(directory), str(corpus)]
    return subprocess.run([*command, f"-max_total_time={max(1, int(seconds))}"], check=False).returncode


def write_crash(directory: Path, target: str, data: bytes) -> Path:
    """Write the input of a crash to a file that is named by its target and its digest."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{target}-{_digest(data)}"
    path.write_bytes(data)
    return path


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
