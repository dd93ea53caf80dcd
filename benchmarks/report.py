"""Measuring, and the table that comes of it."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Effort", "Report", "Row", "peer", "timed"]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much work a measurement is worth."""

    scale: float = 1.0
    "Of the inputs' sizes; 1 takes about a minute for all questions."
    rounds: int = 7
    "How often each subject has its turn."

    def of(self, size: int) -> int:
        """That many, scaled; at least 2."""
        return max(2, round(size * self.scale))


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    case: str
    subject: str
    value: float
    unit: str
    ratio: float | None = None
    "To the reference of its case."
    target: str = ""
    met: bool | None = None
    "None: there is no target."


@dataclass(slots=True)
class Report:
    """The answer to one question."""

    question: str
    reference: str
    "What the ratios are to."
    rows: list[Row] = field(default_factory=list[Row])
    absent: list[str] = field(default_factory=list[str])
    "Peers that are not installed."
    must_hold: bool = False
    "Does a missed target fail the command? Ratios to other people's code vary with the machine, growth does not."
    wrong: list[str] = field(default_factory=list[str])
    "Who did not give all events, and where: such a figure is not told."

    def add(
        self,
        case: str,
        values: Mapping[str, float],
        unit: str,
        *,
        reference: str,
        at_most: Mapping[str, float] | None = None,
        ours: str = "",
        faster: Mapping[str, float] | None = None,
    ) -> None:
        """A case's rows.

        Args:
            case: what was done.
            values: the figure of each subject.
            unit: of the figures.
            reference: the subject that the ratios are to.
            at_most: the largest ratio that each of these subjects should have.
            ours: which subject is compared with peers.
            faster: how many times the figure of ours each of these peers' should be.
        """
        for subject, value in values.items():
            ratio = value / values[reference]
            target, met = "", None
            if subject in (at_most or {}):
                most = (at_most or {})[subject]
                target, met = f"at most {most:g} x", ratio <= most
            elif subject in (faster or {}):
                least = (faster or {})[subject]
                target, met = f"ours {least:g} x faster", value / values[ours] >= least
            self.rows.append(Row(case, subject, value, unit, ratio, target, met))

    def bound(self, case: str, subject: str, value: float, unit: str, most: float) -> None:
        """A figure with a target of its own, beside no other."""
        self.rows.append(Row(case, subject, value, unit, None, f"at most {most:g} {unit}", value <= most))

    def __str__(self) -> str:
        header = ("case", "subject", "figure", "ratio", "target", "")
        cells = [header, *map(_cells, self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
        ]
        lines.insert(1, "  ".join("-" * width for width in widths).rstrip())
        title = f"{self.question} (ratio to: {self.reference})" if self.reference else self.question
        absent = [f"not installed: {', '.join(self.absent)}"] if self.absent else []
        wrong = [f"wrong, so not timed: {', '.join(self.wrong)}"] if self.wrong else []
        return "\n".join([title, *lines, *absent, *wrong])


_MET: Final = {None: "", True: "met", False: "MISSED"}


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return row.case, row.subject, f"{row.value:.3g} {row.unit}", ratio, row.target, _MET[row.met]


def timed(
    subjects: Mapping[str, Callable[[], object]],
    effort: Effort,
    *,
    per: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, float]:
    """Microseconds per unit of work of each subject: the least of rounds in which all of them take turns.

    What else the machine does only ever adds to a time, so the least is the nearest to what the work costs.

    Args:
        subjects: what does the work once; each is warmed up by one run that does not count.
        effort: how many rounds.
        per: units of work in one run.
        clock: seconds. CPU time of this process by default, which other processes disturb least.
    """
    times: dict[str, list[float]] = {name: [] for name in subjects}
    gc.freeze()  # whatever else this process holds is not walked over again and again
    try:
        for number in range(effort.rounds + 1):
            for name, subject in _turned(subjects.items(), number):
                gc.collect()
                began = clock()
                subject()
                took = clock() - began
                if number:
                    times[name].append(took)
    finally:
        gc.unfreeze()
    return {name: max(min(took), 1e-9) / per * 1e6 for name, took in times.items()}


def _turned(subjects: Iterable[tuple[str, Callable[[], object]]], by: int) -> list[tuple[str, Callable[[], object]]]:
    """The same in another order each round, so that nobody always follows the same neighbour."""
    items = list(subjects)
    by %= len(items)
    return items[by:] + items[:by]


def peer(report: Report, name: str) -> Any:
    """A module that need not be installed; None, and a note in the report, when it is not."""
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        report.absent.append(name.partition(".")[0])
        return None
    return importlib.import_module(name)
