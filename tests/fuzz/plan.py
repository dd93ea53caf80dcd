"""Fuzz many targets in a limited time, on several cores: the cheap ones first, so that the others get what they leave."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import Final, ParamSpec, TypeVar

from nai_proto.testing import Target
from tests.fuzz.runs import Run, fuzz

__all__ = ["fuzz_all"]

P = ParamSpec("P")
T = TypeVar("T")

_TRIES: Final = 20
"""Executions that measure what a target costs."""
_TRY_SECONDS: Final = 0.1

_targets: Mapping[str, Target] = {}
"""Of a process that fuzzes: they cannot be sent to it, but it is a fork of the one that has them."""


def fuzz_all(
    targets: Mapping[str, Target],
    *,
    executions: int | None,
    seconds: float,
    all_seconds: float = math.inf,
    seed: int = 0,
    processes: int = 1,
) -> Iterator[Run]:
    """Fuzz each target, and yield its run when it ends.

    Args:
        targets: by name.
        executions: of each target, at most.
        seconds: of each target, at most.
        all_seconds: of all together. A target gets an equal part of what is left when it begins, and those that cost most
            come last: they get what the cheap ones did not need.
        seed: of the changes.
        processes: that fuzz at the same time; with 1 it is this one.
    """
    end = time.monotonic() + all_seconds
    costs = {name: _measure(target) for name, target in targets.items()}  # this also prepares what is cached
    waiting = sorted(targets, key=costs.__getitem__)
    running: set[Future[Run]] = set()
    with _open_executor(targets, processes) as executor:
        while waiting or running:
            while waiting and len(running) < processes:
                part = max(0.0, end - time.monotonic()) * processes / (len(waiting) + len(running))
                running.add(executor.submit(_fuzz, waiting.pop(0), executions, min(seconds, part), seed))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (run.result() for run in done)


def _measure(target: Target) -> float:
    """Return the seconds of an execution."""
    run = fuzz(target, executions=_TRIES, seconds=_TRY_SECONDS)
    return run.seconds / max(1, run.executions)


def _open_executor(targets: Mapping[str, Target], processes: int) -> Executor:
    if processes == 1:
        _prepare(targets)
        return _ThisProcess()
    return ProcessPoolExecutor(processes, get_context("fork"), _prepare, (targets,))


def _prepare(targets: Mapping[str, Target]) -> None:
    global _targets
    _targets = targets
    gc.freeze()  # what is there stays; only what an execution makes is looked at


def _fuzz(name: str, executions: int | None, seconds: float, seed: int) -> Run:
    return fuzz(_targets[name], executions=executions, seconds=seconds, seed=seed)


class _ThisProcess(Executor):
    """Runs what is submitted at once."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Return a future that is done."""
        done: Future[T] = Future()
        done.set_result(fn(*args, **kwargs))
        return done
