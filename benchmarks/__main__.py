"""``python -m benchmarks [NAME …] [--json FILE] [--chart FILE.svg]``: one small table to a question."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path

import benchmarks

from .report import Effort, Report
from .results import Results

__all__ = ["LONG", "NAMES", "answer", "main"]

NAMES = sorted(
    module.name
    for module in pkgutil.iter_modules(benchmarks.__path__)
    if module.name not in ("__main__", "chart", "data", "report", "results", "server")
)
LONG = ("soak",)
"""Questions that take so long that they are only answered if they are named."""


def answer(name: str, effort: Effort) -> Report:
    """The report of one question."""
    report: Report = importlib.import_module(f"benchmarks.{name}").measure(effort)
    return report


def main() -> int:
    """Measures what is named, or all; 1 if something was missed that must hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=benchmarks.__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"questions, of {', '.join(NAMES)}; all but {', '.join(LONG)} if none is named",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to a JSON file, too")
    parser.add_argument("--chart", type=Path, metavar="FILE.svg", help="draw the ratios, ours beside the peers'")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="earlier", help="measure nothing; use this JSON file")
    parser.add_argument("--scale", type=float, default=1.0, help="of the inputs' sizes (default 1)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each subject (default 7)")
    options = parser.parse_args()
    if unknown := sorted({*options.names} - {*NAMES}):
        parser.error(f"no such question: {', '.join(unknown)}")
    if options.chart and importlib.util.find_spec("matplotlib") is None:
        parser.error("--chart needs the extra `chart`")
    results = Results.load(options.earlier) if options.earlier else Results()
    named = options.names or [name for name in (results.reports if options.earlier else NAMES) if name not in LONG]
    for name in named:
        if not options.earlier:
            results.reports[name] = answer(name, Effort(options.scale, options.rounds))
        print(f"{name}: {results.reports[name]}\n", flush=True)
        if options.json:
            results.save(options.json)  # each time, so that an interrupted run has what it measured
    if options.chart:
        from .chart import draw

        draw(results, options.chart)
    failures = [*results.failures()]
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
