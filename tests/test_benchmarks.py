"""Each benchmark runs and tells what it measured; how fast that was is nobody's test."""

from __future__ import annotations

import json
import sys

import pytest

from benchmarks.__main__ import NAMES, answer, main
from benchmarks.report import Effort, Report

TINY = Effort(scale=0.002, rounds=1)
HALF_A_SECOND = Effort(scale=0.0003)
SUBJECTS = {
    "context": {"encode the story once", "build_context"},
    "documents": {"msgspec, plain", "unpackb", "packb"},
    "driver": {"by hand", "sync iteration", "async iteration", "next_batch", "next_batch, async"},
    "exchanges": {"raw floor", "h11 by hand", "plain httpx", "sync", "asyncio", "trio", "httpx"},
    "framing": {"h11", "Wire"},
    "commands": {
        "bare interpreter",
        "nai --version",
        "nai --help",
        "a typer program",
        "nai generate -h",
        "nai chat -h",
    },
    "imports": {"bare interpreter", "nai_proto", "nai_proto.text"},
    "keystore": {"msgspec + secretbox, unchecked", "open_keystore", "seal_keystore"},
    "language": {"plain", "top-k and 10 logprobs"},
    "library": {"backup", "check", "export", "restore of nothing", "restore of all"},
    "memory": {"with its length", "chunked"},
    "scale": {"asyncio, the same bytes", "emulator, client on trio", "emulator, 100 stored", "a fast client alone"},
    "objects": {"secretbox + zlib + msgspec, unchecked", "open_objects", "seal_object"},
    "pictures": {"limit: grow + msgspec", "frames", "zipfile", "unzip", "limit: decode, no more", "read_metadata"},
    "soak": {"second tenth", "last tenth", "threads", "asyncio", "trio"},
    "sse": {"limit: split + msgspec typed", "TokenReader", "Call"},
    "stories": {"unpackb + packb", "open", "open, edit, pack"},
    "streams": {"raw socket, by hand", "sync", "asyncio", "trio", "plain httpx, not parsed", "httpx", "httpx, async"},
    "tokens": {"struct", "array", "pack", "unpack"},
}


def test_every_question_is_tested() -> None:
    assert sorted(SUBJECTS) == NAMES


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_question_is_answered_with_its_rows(name: str) -> None:
    report = answer(name, HALF_A_SECOND if name == "soak" else TINY)
    assert {row.subject for row in report.rows} >= SUBJECTS[name]
    assert len({(row.case, row.subject) for row in report.rows}) == len(report.rows)
    assert all(row.unit and (row.met is None) == (not row.target) for row in report.rows)
    assert all(row.subject in str(report) for row in report.rows)


def test_four_pictures_take_at_most_two_and_a_half_times_their_memory() -> None:
    """Unlike a time, this is the same on every machine."""
    report = answer("memory", Effort(scale=0.1, rounds=1))
    assert [str(row) for row in report.rows if not row.met] == []


def test_a_missed_target_is_not_hidden() -> None:
    report = Report("question", "reference")
    report.add("case", {"limit": 1.0, "ours": 3.0, "peer": 6.0}, "µs", reference="limit", at_most={"ours": 2.0})
    report.add("peers", {"ours": 3.0, "peer": 6.0}, "µs", reference="ours", ours="ours", faster={"peer": 2.0})
    assert [row.met for row in report.rows] == [None, False, None, None, True]
    assert "MISSED" in str(report)


def test_the_command_prints_a_table_or_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = ["benchmarks", "tokens", "--scale", "0.002", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", tiny)
    main()
    assert "unpack" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*tiny, "--json"])
    main()
    assert json.loads(capsys.readouterr().out)["name"] == "tokens"
    monkeypatch.setattr(sys, "argv", ["benchmarks", "nothing"])
    with pytest.raises(SystemExit):
        main()
    assert "no such question: nothing" in capsys.readouterr().err
