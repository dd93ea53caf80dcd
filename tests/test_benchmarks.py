"""Each benchmark runs and tells what it measured; how fast that was is nobody's test."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import growth
from benchmarks.__main__ import NAMES, answer, main
from benchmarks.report import Effort, Report
from benchmarks.results import Place, Results
from tests.cases import for_each


@pytest.fixture(autouse=True, scope="module")
def _freeze_the_tests_again() -> Iterator[None]:
    """A benchmark ends with `gc.unfreeze`, which thaws what conftest.py has frozen."""
    yield
    gc.collect()
    gc.freeze()


TINY = Effort(scale=0.002, rounds=1)
HALF_A_SECOND = Effort(scale=0.0003)
SUBJECTS = {
    "chunks": {"limit: split + msgspec typed", "ChunkReader", "Call", "openai"},
    "context": {"encode the story once", "build_context"},
    "documents": {"msgspec, plain", "unpackb", "packb"},
    "driver": {"by hand", "sync iteration", "async iteration", "next_batch", "next_batch, async"},
    "exchanges": {"raw floor", "h11 by hand", "plain httpx", "sync", "asyncio", "trio", "httpx", "httpx2"},
    "framing": {"h11", "Wire"},
    "commands": {
        "bare interpreter",
        "nai --version",
        "nai --help",
        "a typer program",
        "nai generate -h",
        "nai chat -h",
    },
    "growth": {"n", "2 n", "4 n"},
    "imports": {"bare interpreter", "nai_proto", "nai_proto.text"},
    "keystore": {"msgspec + secretbox, unchecked", "open_keystore", "seal_keystore"},
    "language": {"plain", "top-k and 10 logprobs"},
    "library": {"backup", "check", "export", "restore of nothing", "restore of all"},
    "lorebook": {"re", "str.find", "search_in"},
    "memory": {"with its length", "chunked"},
    "scale": {"asyncio, the same bytes", "emulator, client on trio", "emulator, 100 stored", "a fast client alone"},
    "objects": {"secretbox + zlib + msgspec, unchecked", "open_objects", "seal_object"},
    "pictures": {"limit: grow + msgspec", "frames", "zipfile", "unzip", "limit: decode, no more", "read_metadata"},
    "soak": {"second tenth", "last tenth", "threads", "asyncio", "trio"},
    "sse": {"limit: split + msgspec typed", "TokenReader", "Call"},
    "stories": {"unpackb + packb", "open", "open, edit, pack"},
    "streams": {"raw socket, by hand", "sync", "asyncio", "trio", "plain httpx, not parsed", "httpx", "httpx, async"},
    "tokenizers": set(),  # the files need not be there
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


def test_growth_beyond_linear_is_measured_again_and_then_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def build(count: int) -> growth.Work:
        def compare_all_pairs() -> None:
            measured.append(f"{count}")
            for _ in range(count * count):
                pass

        return compare_all_pairs

    monkeypatch.setattr(growth, "DECODERS", {"pairs": (200, build)})
    report = growth.measure(Effort(rounds=1), ["pairs"])
    assert [row.met for row in report.rows] == [None, False, False]
    assert len(measured) == 3 * 3 * 2  # sizes, times, and a run each that does not count
    assert [failure.partition(",")[0] for failure in Results(reports={"growth": report}).failures()] == [
        "growth: pairs"
    ] * 2


def count_calls(work: Callable[[], object]) -> int:
    """Return how many functions are called, in Python and in C."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@for_each("name", growth.DECODERS)
def test_a_decoder_makes_at_most_twice_the_calls_for_twice_the_input(name: str) -> None:
    """Unlike a time, this is the same on every machine."""
    size, make = growth.DECODERS[name]
    size = max(2, size // 10)
    one, two = make(size), make(2 * size)
    for work in (one, two):
        work()  # what is computed once
    assert count_calls(two) <= 2.1 * count_calls(one) + 20


def test_the_command_prints_tables_and_writes_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tiny = ["benchmarks", "tokens", "--scale", "0.002", "--rounds", "1"]
    file = tmp_path / "results.json"
    monkeypatch.setattr(sys, "argv", [*tiny, "--json", str(file)])
    assert main() == 0
    table = capsys.readouterr().out
    assert "unpack" in table
    assert Results.load(file).place == Place.here()
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--from", str(file)])
    assert main() == 0
    assert capsys.readouterr().out == table
    monkeypatch.setattr(sys, "argv", ["benchmarks", "nothing"])
    with pytest.raises(SystemExit):
        main()
    assert "no such question: nothing" in capsys.readouterr().err


def test_the_command_fails_if_something_is_missed_that_must_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missed = Report("question", "n")
    missed.add("decoder", {"n": 1.0, "2 n": 4.0}, "ms", reference="n", at_most={"2 n": 2.6})
    for must_hold in (False, True):
        missed.must_hold = must_hold
        Results(reports={"growth": missed}).save(tmp_path / "results.json")
        monkeypatch.setattr(sys, "argv", ["benchmarks", "--from", str(tmp_path / "results.json")])
        assert main() == must_hold
    assert capsys.readouterr().err == "growth: decoder, 2 n: 4.00, and at most 2.6 x is allowed\n"
