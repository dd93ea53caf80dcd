"""Fuzz what reads strangers' bytes. An exception that no document mentions is a find, and the exit status is 1.

    python -m tests.fuzz --list                       # the targets: those of nai_proto.testing, and the files that we keep
    python -m tests.fuzz --quick                      # all: 10,000 executions or 5 seconds each, at most 5 minutes in all
    python -m tests.fuzz png --minutes 60             # one, guided by coverage if atheris is installed (extra `fuzz`)
    python -m tests.fuzz png --executions 1000000     # one, without coverage
    python -m tests.fuzz png --replay .fuzz/png-…     # the input of a find once more

Without atheris, and always with --quick or --executions, seeds are changed at random, and no coverage guides it; --seed N
tries others. The targets are then tried on all cores, the cheap ones first, and --json FILE keeps the table.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from nai_proto.testing import Target
from tests.fuzz.plan import fuzz_all
from tests.fuzz.runs import Run, all_targets, fuzz_with_coverage, has_coverage, write_crash

__all__ = ["main"]

_EXECUTIONS: Final = 10_000
_SECONDS: Final = 5.0
_ALL_SECONDS: Final = 300.0
_ROW: Final = "{:<44} {:>12} {:>8} {:>6}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", nargs="*", help="names of targets; all if there are none")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target, at most (1)")
    parser.add_argument("--executions", type=int, metavar="N", help="of each target, at most")
    parser.add_argument("--quick", action="store_true", help="a short run of every target")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="read this input once")
    parser.add_argument("--list", action="store_true", help="list the targets")
    parser.add_argument("--seed", type=int, default=0, help="of the changes (0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that fuzz at once (one a core)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table to this file too")
    parser.add_argument("--directory", type=Path, default=Path(".fuzz"), help="of finds and corpora (.fuzz)")
    options = parser.parse_args(arguments)
    known = all_targets()
    if options.list:
        print(*known, sep="\n")
        return 0
    if unknown := [name for name in options.target if name not in known]:
        parser.error(f"no target is called {unknown[0]}; --list lists them")
    chosen = {name: known[name] for name in options.target or known}
    if options.replay:
        return _replay([*chosen.values()], options.replay.read_bytes())
    executions, seconds, all_seconds = options.executions, 60 * options.minutes, math.inf
    if options.quick:
        executions, seconds, all_seconds = executions or _EXECUTIONS, _SECONDS, _ALL_SECONDS
    elif executions is None and has_coverage():
        results = [fuzz_with_coverage(target, options.directory, seconds=seconds) for target in chosen.values()]
        return max(map(bool, results))
    elif executions is None:
        print("atheris is not installed: seeds are changed at random, and no coverage guides it")
    runs = fuzz_all(
        chosen,
        executions=executions,
        seconds=seconds,
        all_seconds=all_seconds,
        seed=options.seed,
        processes=options.processes,
    )
    return _report(runs, options.directory, options.json)


def _replay(chosen: list[Target], data: bytes) -> int:
    if len(chosen) != 1:
        print("--replay takes one target", file=sys.stderr)
        return 2
    result = chosen[0].run(data)  # a find is shown with its traceback
    print(result.result if result.error is None else f"{type(result.error).__name__}: {result.error}")
    return 0


def _report(runs: Iterable[Run], directory: Path, file: Path | None) -> int:
    """Print a row for each run as it ends, then each find with the file of its input. Return the exit status."""
    done: list[Run] = []
    print(_ROW.format("target", "executions", "seconds", "finds"))
    for run in runs:
        done.append(run)
        _print_row(run.target, [run])
    _print_row(f"{len(done)} targets", done)
    if file is not None:
        rows = [[run.target, run.executions, round(run.seconds, 3), len(run.crashes)] for run in done]
        names = ("target", "executions", "seconds", "finds")
        file.write_text(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1) + "\n", "utf-8")
    for run in done:
        for crash in run.crashes:
            path = write_crash(directory, run.target, crash.data)
            print(f"{crash.traceback}{run.target}: the input is in {path}")
            print(f"  python -m tests.fuzz {run.target} --replay {path}")
    return 1 if any(run.crashes for run in done) else 0


def _print_row(name: str, runs: list[Run]) -> None:
    executions, finds = sum(run.executions for run in runs), sum(len(run.crashes) for run in runs)
    print(_ROW.format(name, f"{executions:,}", f"{sum(run.seconds for run in runs):.1f}", finds), flush=True)


if __name__ == "__main__":
    sys.exit(main())
