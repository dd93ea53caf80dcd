"""Fuzz what reads strangers' bytes. An exception that no document mentions is a crash, and the exit status is 1.

    python -m tests.fuzz --list                       # the targets: those of nai_proto.testing, and the files that we keep
    python -m tests.fuzz --quick                      # all: 10,000 executions or 5 seconds each, at most 5 minutes in all
    python -m tests.fuzz png --minutes 60             # one, guided by coverage if atheris is installed (extra `fuzz`)
    python -m tests.fuzz png --replay .fuzz/png-…     # the input of a crash once more

Without atheris, and always with --quick, seeds are changed at random, and no coverage guides it; --seed N tries others.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from nai_proto.testing import Target
from tests.fuzz.runs import Run, all_targets, fuzz, fuzz_with_coverage, has_coverage, write_crash

__all__ = ["main"]

_EXECUTIONS: Final = 10_000
_SECONDS: Final = 5.0
_ALL_SECONDS: Final = 300.0
_ROW: Final = "{:<44} {:>10} {:>8} {:>8}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", nargs="*", help="names of targets; all if there are none")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target (1)")
    parser.add_argument("--quick", action="store_true", help="a short run of every target")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="read this input once")
    parser.add_argument("--list", action="store_true", help="list the targets")
    parser.add_argument("--seed", type=int, default=0, help="of the changes (0)")
    parser.add_argument("--directory", type=Path, default=Path(".fuzz"), help="of crashes and corpora (.fuzz)")
    options = parser.parse_args(arguments)
    known = all_targets()
    if options.list:
        print(*known, sep="\n")
        return 0
    if unknown := [name for name in options.target if name not in known]:
        parser.error(f"no target is called {unknown[0]}; --list lists them")
    chosen = [known[name] for name in options.target or known]
    if options.replay:
        return _replay(chosen, options.replay.read_bytes())
    if options.quick:
        return _report(_run_quickly(chosen, options.seed), options.directory)
    seconds = 60 * options.minutes
    if has_coverage():
        return max(bool(fuzz_with_coverage(target, options.directory, seconds=seconds)) for target in chosen)
    print("atheris is not installed: seeds are changed at random, and no coverage guides it")
    runs = (fuzz(target, executions=None, seconds=seconds, seed=options.seed) for target in chosen)
    return _report(runs, options.directory)


def _run_quickly(chosen: list[Target], seed: int) -> Iterator[Run]:
    """Fuzz each target for its time, or for its part of what is left of the time of all."""
    end = time.monotonic() + _ALL_SECONDS
    for number, target in enumerate(chosen):
        share = (end - time.monotonic()) / (len(chosen) - number)
        yield fuzz(target, executions=_EXECUTIONS, seconds=min(_SECONDS, share), seed=seed)


def _replay(chosen: list[Target], data: bytes) -> int:
    if len(chosen) != 1:
        print("--replay takes one target", file=sys.stderr)
        return 2
    result = chosen[0].run(data)  # a crash is shown with its traceback
    print(result.result if result.error is None else f"{type(result.error).__name__}: {result.error}")
    return 0


def _report(runs: Iterable[Run], directory: Path) -> int:
    """Print a row for each run as it ends, then each crash with the file of its input. Return the exit status."""
    done: list[Run] = []
    print(_ROW.format("target", "executions", "seconds", "crashes"))
    for run in runs:
        done.append(run)
        _print_row(run.target.name, [run])
    _print_row(f"{len(done)} targets", done)
    for run in done:
        for crash in run.crashes:
            path = write_crash(directory, run.target, crash.data)
            traceback.print_exception(crash.error, file=sys.stdout)
            print(f"{run.target}: the input is in {path}\n  python -m tests.fuzz {run.target} --replay {path}")
    return 1 if any(run.crashes for run in done) else 0


def _print_row(name: str, runs: list[Run]) -> None:
    executions, crashes = sum(run.executions for run in runs), sum(len(run.crashes) for run in runs)
    print(_ROW.format(name, f"{executions:,}", f"{sum(run.seconds for run in runs):.1f}", crashes), flush=True)


if __name__ == "__main__":
    sys.exit(main())
