"""Run a fuzz target for some time: in this process by changes of its seeds, or guided by coverage in one of its own."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from nai_proto.testing import Target, list_targets
from tests.fuzz.mutations import mutate
from tests.fuzz.storage import TARGETS as STORAGE

__all__ = ["Crash", "Run", "all_targets", "fuzz", "fuzz_with_coverage", "has_coverage", "write_crash"]

_LARGEST: Final = 1 << 18
"""Bytes of an input; doubled again and again it would grow without end."""
_MOST_KEPT: Final = 500


def all_targets() -> dict[str, Target]:
    """Return the targets of the core, and those of files, by name."""
    return {target.name: target for target in (*list_targets(), *STORAGE)}


@dataclass(frozen=True, slots=True)
class Crash:
    """An input that raised what no document mentions."""

    data: bytes
    error: BaseException


@dataclass(slots=True)
class Run:
    """What came of fuzzing one target."""

    target: Target
    executions: int = 0
    seconds: float = 0.0
    crashes: list[Crash] = field(default_factory=list)


def fuzz(target: Target, *, executions: int | None, seconds: float, seed: int = 0) -> Run:
    """Run a target until one of the limits, or until the first crash. The seeds come first."""
    chance, run, seen = random.Random(f"{target.name} {seed}"), Run(target), set[str]()
    pool = [*target.seeds()]
    first = iter(pool.copy())
    started = time.monotonic()
    while not run.crashes and (executions is None or run.executions < executions):
        run.seconds = time.monotonic() - started
        if run.seconds >= seconds:
            break
        data = next(first, None)
        if data is None:
            data = mutate(chance, pool)[:_LARGEST]
        run.executions += 1
        try:
            result = target.run(data)
        except Exception as error:
            run.crashes.append(Crash(data, error))
            break
        kind = "" if result.error is None else f"{type(result.error).__name__} {str(result.error)[:60]}"
        if kind and kind not in seen and len(pool) < _MOST_KEPT:
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


def write_crash(directory: Path, target: Target, data: bytes) -> Path:
    """Write the input of a crash to a file that is named by its target and its digest."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{target.name}-{_digest(data)}"
    path.write_bytes(data)
    return path


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
