"""Change the code in small ways, and see whether the tests notice (mutation testing with mutmut, extra `mutation`).

    python -m tests.mutation --list              # the subjects
    python -m tests.mutation sse keystore        # these; all of them take hours
    python -m tests.mutation --again sse         # what survived the last time, when only tests have changed since

A mutant that survives and is not in tests/mutation/accepted.toml is printed, and the exit status is 1. So is one that is
listed there and no longer survives. What mutmut printed and made is below .mutation.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.mutation.subjects import SUBJECTS, Subject
from tests.mutation.survivors import (
    ACCEPTED,
    Mutant,
    find_unused,
    is_always_equivalent,
    parse_diff,
    parse_name,
    read_accepted,
)

__all__ = ["main"]

ROOT: Final = Path(__file__).parent.parent.parent
_MUTMUT: Final = (sys.executable, "-m", "mutmut")
_COPIED: Final = ("nai_transports", "benchmarks", "tests", "README.md", "CHANGELOG.md")
_WORDS: Final = (r"^ *raise |Error\(", r"^ *([A-Z_]+\.check|check_type)\(", r'^ *"[^"]*"$')
"""Lines that make an error, check an argument, or are a text by themselves.

Tests look for what an error names, and not at its wording. Wrong arguments are tried for every function by
tests/wrong_types.py.
"""
_KILLED: Final = ("killed", "segfault")
_UNTRIED: Final = "not checked"
_ROW: Final = "{:<16} {:>8} {:>8} {:>9} {:>9} {:>8}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("subject", nargs="*", help="which code is changed; all if there is none")
    parser.add_argument("--list", action="store_true", help="list the subjects")
    parser.add_argument("--processes", type=int, default=1, help="how many run at a time (1)")
    parser.add_argument("--again", action="store_true", help="try only the mutants that survived the last time")
    parser.add_argument("--directory", type=Path, default=Path(".mutation"), help="of all that is made (.mutation)")
    options = parser.parse_args(arguments)
    if options.list:
        print(*SUBJECTS, sep="\n")
        return 0
    if missing := [name for name in options.subject if name not in SUBJECTS]:
        parser.error(f"no subject is called {missing[0]}; --list lists them")
    _check_installed()
    print(_ROW.format("subject", "killed", "timeout", "survived", "accepted", "seconds"), flush=True)
    return max(
        _test(name, options.directory.resolve() / name, options.processes, again=options.again)
        for name in options.subject or SUBJECTS
    )


def _check_installed() -> None:
    if find_spec("mutmut") is None:
        raise SystemExit("mutmut is not installed; install it with: pip install -e '.[mutation]'")


def _test(name: str, directory: Path, processes: int, *, again: bool) -> int:
    """Try the mutants of a subject, print what became of them, and return 1 if the list of those accepted is wrong."""
    subject, start = SUBJECTS[name], time.monotonic()
    tried: list[str] = []
    if again:
        tried += _find_survivors(_read_statuses(_mutmut(directory, "results")))
    else:
        _prepare(subject, directory)
    if tried or not again:
        _mutmut(directory, "run", "--max-children", str(processes), *tried)
    statuses = _read_statuses(_mutmut(directory, "results", "--all", "true"))
    counts = Counter(statuses.values())
    if counts[_UNTRIED]:
        # mutmut forgets what became of the mutants of a function that has changed.
        print(f"{name}: the code has changed since its mutants were tried; run it without --again", flush=True)
        return 1
    survived = _find_survivors(statuses)
    survivors = {mutant: _describe(mutant, _mutmut(directory, "show", mutant)) for mutant in survived}
    accepted = read_accepted()
    new = {
        mutant: described
        for mutant, described in survivors.items()
        if described not in accepted and not is_always_equivalent(described)
    }
    gone = find_unused(accepted, survivors.values(), (module[:-3].replace("/", ".") for module in subject.modules))
    killed = sum(counts[status] for status in _KILLED)
    seconds = round(time.monotonic() - start)
    row = (name, killed, counts["timeout"], len(survivors), len(survivors) - len(new), seconds)
    print(_ROW.format(*(f"{each:,}" if isinstance(each, int) else each for each in row)), flush=True)
    for mutant, described in new.items():
        print(f"{statuses[mutant]}: {described}\n  ({mutant})")
    for described in gone:
        print(f"no longer survives, but is in {ACCEPTED.name}: {described}")
    return 1 if new or gone else 0


def _prepare(subject: Subject, directory: Path) -> None:
    """Make a directory in which mutmut finds the code, with a configuration for this subject."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name in ("nai_proto", *_COPIED):
        (directory / name).symlink_to(ROOT / name)
    settings = {
        "source_paths": ["nai_proto"],
        "only_mutate": [*subject.modules],
        "also_copy": [*_COPIED],
        "do_not_mutate_patterns": [*_WORDS],
        "process_isolation": "forkserver",  # each mutant meets test modules that no test has used
        "pytest_add_cli_args": ["--hypothesis-profile=mutation", "-p", "tests.mutation.cheapest_first"],
        "pytest_add_cli_args_test_selection": [*subject.tests],
    }
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    # A list of strings is written in TOML as it is in JSON.
    section = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    (directory / "pyproject.toml").write_text(f"{project}\n[tool.mutmut]\n{section}", encoding="utf-8")


def _mutmut(directory: Path, *arguments: str) -> str:
    """Run mutmut there, and return what it prints. It prints much: not to the terminal, but into a file of its own."""
    log = directory / f"{arguments[0]}.txt"
    with log.open("w+", encoding="utf-8") as output:
        run = subprocess.run(
            [*_MUTMUT, *arguments],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            env={**os.environ, "PYTHONPATH": ""},
        )
        if run.returncode:
            raise SystemExit(f"mutmut {' '.join(arguments)} failed; what it printed is in {log}")
        output.seek(0)
        return output.read()


def _read_statuses(results: str) -> dict[str, str]:
    """Return what became of each mutant: "killed", "survived", "timeout", "no tests", …"""
    lines = (line.strip().partition(": ") for line in results.splitlines() if "__mutmut_" in line)
    return {mutant: status for mutant, _, status in lines}


def _find_survivors(statuses: Mapping[str, str]) -> list[str]:
    return sorted(mutant for mutant, status in statuses.items() if status not in (*_KILLED, "timeout"))


def _describe(name: str, diff: str) -> Mutant:
    return Mutant(*parse_name(name), parse_diff(diff))


if __name__ == "__main__":
    sys.exit(main())
