"""``python -m benchmarks [NAME …] [--json]``: one small table to a question."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import pkgutil

import benchmarks

from .report import Effort, Report

__all__ = ["LONG", "NAMES", "answer", "main"]

NAMES = sorted(
    module.name
    for module in pkgutil.iter_modules(benchmarks.__path__)
    if module.name not in ("__main__", "data", "report", "server")
)
LONG = ("soak",)
"""Questions that take so long that they are only answered if they are named."""


def answer(name: str, effort: Effort) -> Report:
    """The report of one question."""
    report: Report = importlib.import_module(f"benchmarks.{name}").measure(effort)
    return report


def main() -> None:
    """Measures what is named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=benchmarks.__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"questions, of {', '.join(NAMES)}; all but {', '.join(LONG)} if none is named",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one report a line")
    parser.add_argument("--scale", type=float, default=1.0, help="of the inputs' sizes (default 1)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each subject (default 7)")
    options = parser.parse_args()
    if unknown := sorted({*options.names} - {*NAMES}):
        parser.error(f"no such question: {', '.join(unknown)}")
    for name in options.names or [name for name in NAMES if name not in LONG]:
        report = answer(name, Effort(options.scale, options.rounds))
        if options.json:
            print(json.dumps({"name": name, **dataclasses.asdict(report)}), flush=True)
        else:
            print(f"{name}: {report}\n", flush=True)


if __name__ == "__main__":
    main()
