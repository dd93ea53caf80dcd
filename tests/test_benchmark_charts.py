"""The chart of the benchmarks' results: a panel for each question in which ours stands beside a peer."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.__main__ import main
from benchmarks.chart import draw, kind_of, select_cases
from benchmarks.report import Report, Row
from benchmarks.results import Place, Results
from tests.cases import for_each

PLACE = Place("2 × a processor, Linux", "CPython 3.11.7", {"nai-proto": "0.1", "h11": "0.16"}, "2026-12-03")


def build_report(question: str = "µs per event") -> Report:
    report = Report(question, "limit")
    values = {"limit: split": 1.0, "openai": 20.0, "ours": 2.0}
    report.add("beside a peer", values, "µs", reference="limit: split")
    report.add("alone", {"limit: split": 1.0, "ours": 2.0}, "µs", reference="limit: split")
    report.bound("above the limit", "ours", 1.0, "µs", 2.0)
    return report


@for_each(
    "subject,ratio,kind",
    [
        ("novelai_api", 7.0, "peer"),
        ("plain httpx", 1.0, "peer"),
        ("struct", 1.0, "limit"),
        ("raw floor", 0.3, "limit"),
        ("sync", 1.1, "ours"),
    ],
)
def test_the_subject_of_a_figure_is_ours_a_peer_or_a_limit(subject: str, ratio: float, kind: str) -> None:
    assert kind_of(Row("case", subject, 1.0, "µs", ratio)) == kind


def test_cases_with_a_peer_are_drawn_the_fastest_first() -> None:
    assert [(case, [row.subject for row in rows]) for case, rows in select_cases(build_report())] == [
        ("beside a peer", ["limit: split", "ours", "openai"])
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Matplotlib's own
def test_a_chart_is_drawn_from_a_file_of_results(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `chart` is not installed")
    reports = {name: build_report(f"µs per {name}") for name in ("event", "chunk", "key")}
    Results(PLACE, {**reports, "nobody else": Report("alone", "")}).save(tmp_path / "results.json")
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for file in (first, second):
        draw(Results.load(tmp_path / "results.json"), file)
    assert first.read_bytes() == second.read_bytes()
    drawn = first.read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in drawn
    written = "\n".join(ElementTree.fromstring(drawn).itertext())
    for text in ("µs per event", "µs per chunk", "µs per key", "beside a peer", "openai", "2026-12-03", "a processor"):
        assert text in written, text
    assert "alone" not in written


def test_a_chart_without_the_extra_says_which_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "tokens", "--chart", str(tmp_path / "chart.svg")])
    with pytest.raises(SystemExit):
        main()
    assert "needs the extra `chart`" in capsys.readouterr().err
