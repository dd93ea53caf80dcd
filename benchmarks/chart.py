"""A chart of results: a panel for each question, and in it ours beside the peers, as ratios.

It needs the extra ``chart``.
"""

from __future__ import annotations

import importlib
import io
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Literal

from .report import Report, Row
from .results import Results

__all__ = ["draw", "kind_of", "select_cases"]

_Kind = Literal["ours", "peer", "limit"]
_PEERS: Final = (
    "a typer program",
    "aiohttp",
    "h11",
    "httpx_sse",
    "msgpack",
    "novelai_api",
    "openai",
    "plain httpx",  # and httpx2
    "zipfile",
)
_LIMITS: Final = ("limit", "raw", "asyncio, the same bytes")
_COLORS: Final[dict[_Kind, str]] = {"ours": "#2563c9", "peer": "#9aa3ae", "limit": "#d5dae0"}
_NAMES: Final[dict[_Kind, str]] = {"ours": "nai-proto", "peer": "others", "limit": "the least that it can cost"}
_INK, _FAINT, _PAPER = "#1c2024", "#6b7280", "#ffffff"
_MOST_CASES: Final = 4
"""Of a question; the first ones."""
_COLUMNS, _WIDTH, _BAR, _GAP, _LABELS = 2, 7.5, 0.2, 0.6, 2.6
"""Sizes are in inches: of a column, of a bar's line, between panels, and of the subjects' names."""
_DARK: Final = "<style>@media (prefers-color-scheme: dark) { svg { filter: invert(0.9) hue-rotate(180deg) } }</style>"
"""Viewers without it show dark on white."""

Case = tuple[str, list[Row]]


def kind_of(row: Row) -> _Kind:
    """Return whose figure it is."""
    if row.subject.startswith(_PEERS):
        return "peer"
    return "limit" if row.ratio == 1 or row.subject.startswith(_LIMITS) else "ours"


def select_cases(report: Report) -> list[Case]:
    """Return the cases in which ours stands beside a peer, the fastest first in each."""
    found: list[Case] = []
    for case, rows in groupby((row for row in report.rows if row.ratio is not None), key=lambda row: row.case):
        ordered = sorted(rows, key=lambda row: row.ratio or 0)
        if {"ours", "peer"} <= {kind_of(row) for row in ordered}:
            found.append((case, ordered))
    return found[:_MOST_CASES]


def draw(results: Results, path: Path) -> None:
    """Write the chart as SVG.

    Raises:
        ModuleNotFoundError: Matplotlib is not installed.
    """
    matplotlib: Any = importlib.import_module("matplotlib")
    figure_module: Any = importlib.import_module("matplotlib.figure")
    panels = [(report, cases) for report in results.reports.values() if (cases := select_cases(report))]
    columns = [*_split(panels)]
    caption = textwrap.wrap(f"Ratios within one run, on a logarithmic scale; shorter is faster. {results.place}", 170)
    foot = 0.2 * len(caption) + 0.3
    height = max(sum(_height(cases) for _, cases in column) for column in columns) + foot + 0.6
    width = _WIDTH * _COLUMNS
    with matplotlib.rc_context({"svg.hashsalt": "chart", "svg.fonttype": "none", "font.size": 8, "text.color": _INK}):
        figure: Any = figure_module.Figure(figsize=(width, height), facecolor=_PAPER)
        for number, column in enumerate(columns):
            top = height - 0.6
            for report, cases in column:
                tall = _height(cases) - _GAP
                left = number * _WIDTH + _LABELS
                box = (left / width, (top - _GAP / 2 - tall) / height, (_WIDTH - _LABELS - 0.6) / width, tall / height)
                _draw_panel(figure.add_axes(box), report, cases)
                top -= tall + _GAP
        patches: Any = importlib.import_module("matplotlib.patches")
        marks = [patches.Patch(color=_COLORS[kind], label=name) for kind, name in _NAMES.items()]
        figure.legend(handles=marks, loc="upper left", ncols=len(marks), frameon=False, fontsize=9)
        figure.text(0.01, 0.1 / height, "\n".join(caption), color=_FAINT, fontsize=7, va="bottom", linespacing=1.5)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    before, mark, after = drawn.getvalue().partition("<defs>")
    path.write_text(f"{before}{_DARK}\n {mark}{after}", encoding="utf-8")


def _split(panels: list[tuple[Report, list[Case]]]) -> Iterator[list[tuple[Report, list[Case]]]]:
    """Yield the columns, of about the same height."""
    whole = sum(_height(cases) for _, cases in panels)
    column, so_far = list[tuple[Report, list[Case]]](), 0.0
    for panel in panels:
        if column and so_far + _height(panel[1]) / 2 > whole / _COLUMNS:
            yield column
            column, so_far, whole = [], 0.0, float("inf")
        column.append(panel)
        so_far += _height(panel[1])
    yield column


def _height(cases: list[Case]) -> float:
    return _BAR * sum(len(rows) + 1.5 for _, rows in cases) + _GAP


def _draw_panel(axes: Any, report: Report, cases: list[Case]) -> None:
    at = 0.0
    places: list[float] = []
    rows: list[Row] = []
    for case, members in cases:
        axes.text(-0.01, at, case, transform=axes.get_yaxis_transform(), ha="right", va="center", weight="bold")
        for row in members:
            at += 1
            places.append(at)
            rows.append(row)
        at += 1.5
    ratios = [row.ratio or 0 for row in rows]
    least = min(*ratios, 0.9)
    start = least / 1.6
    axes.barh(places, [ratio - start for ratio in ratios], left=start, color=[_COLORS[kind_of(row)] for row in rows])
    for place, row, ratio in zip(places, rows, ratios, strict=True):
        weight = "bold" if kind_of(row) == "ours" else "normal"
        offset = {"xytext": (3, 0), "textcoords": "offset points"}
        axes.annotate(f"{ratio:.3g}", (ratio, place), **offset, va="center", weight=weight)
    axes.axvline(1, color=_FAINT, linewidth=0.6, linestyle=":")
    axes.set_xscale("log")
    axes.set_xlim(start, max(*ratios, 1.1) * 1.5)
    axes.set_ylim(at - 0.5, -0.8)
    axes.set_yticks(places, [row.subject for row in rows])
    axes.set_xticks([])
    axes.minorticks_off()
    axes.tick_params(length=0, labelcolor=_INK)
    axes.set_title(report.question, loc="left", fontsize=9, weight="bold", color=_INK, x=-0.45)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(_FAINT)
