"""`python -m tests.fuzz`: what it runs, when it ends, and what it says of a crash; and the targets of files that we keep."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.errors import InvalidFile, InvalidRequestError
from nai_proto.testing import Target
from nai_proto.testing.strategies import target_inputs
from tests.cases import for_each
from tests.fuzz import __main__ as command
from tests.fuzz.plan import fuzz_all
from tests.fuzz.runs import all_targets, fuzz
from tests.fuzz.storage import TARGETS as STORAGE
from tests.hypothesis_profiles import scale_examples


def read_few(data: bytes) -> int:
    if data.count(b"\xff") > 2:
        raise ZeroDivisionError("too many")
    return len(data)


BUGGY = Target("buggy", "bytes", read_few, lambda: [b"valid"])
WAITS = {
    "b": lambda _: sum(range(20_000)),
    "a": lambda _: None,
    "c": lambda _: sum(range(2_000_000)),
}
FINE = Target("fine", "bytes", len, lambda: [b"valid", b"\xff\xff\xff"])


def run(*arguments: str) -> int:
    """Run the command in this process."""
    return command.main([*arguments, "--processes", "1"])


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "all_targets", lambda: {"buggy": BUGGY, "fine": FINE})
    monkeypatch.setattr(command, "_EXECUTIONS", 3000)


@pytest.mark.usefixtures("targets")
def test_a_crash_is_written_to_a_file_and_the_printed_command_replays_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--quick", "--directory", str(tmp_path)) == 1
    printed = capsys.readouterr().out
    (path,) = tmp_path.iterdir()
    assert f"python -m tests.fuzz buggy --replay {path}\n" in printed
    assert "ZeroDivisionError: too many" in printed
    with pytest.raises(ZeroDivisionError):
        run("buggy", "--replay", str(path))


@pytest.mark.usefixtures("targets")
def test_a_quick_run_prints_the_executions_of_each_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fine", "--quick", "--directory", str(tmp_path)) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["fine", "3,000"]
    assert [*tmp_path.iterdir()] == []


@pytest.mark.usefixtures("targets")
def test_the_table_is_also_written_as_json(tmp_path: Path) -> None:
    file = tmp_path / "table.json"
    assert run("--executions", "500", "--seed", "5", "--json", str(file), "--directory", str(tmp_path)) == 1
    buggy, fine = sorted(json.loads(file.read_text("utf-8")), key=lambda row: row["target"])
    assert (fine["target"], fine["executions"], fine["finds"]) == ("fine", 500, 0)
    assert buggy["finds"] == 1
    assert 0 < buggy["executions"] < 500
    assert min(buggy["seconds"], fine["seconds"]) >= 0


def test_what_costs_least_is_fuzzed_first_and_leaves_its_time_to_the_others() -> None:
    targets = {name: Target(name, "bytes", wait, lambda: [b"x"]) for name, wait in WAITS.items()}
    runs = [*fuzz_all(targets, executions=10, seconds=60, all_seconds=60)]
    assert [(run.target, run.executions) for run in runs] == [("a", 10), ("b", 10), ("c", 10)]


def test_processes_fuzz_at_the_same_time(tmp_path: Path) -> None:
    names, file = ["secret.parse_token", "http.FixedReader", "files.profiles"], tmp_path / "table.json"
    options = ["--executions", "40", "--processes", "2", "--json", str(file)]
    subprocess.run([sys.executable, "-m", "tests.fuzz", *names, *options], check=True, stdout=subprocess.DEVNULL)
    assert {row["target"]: row["executions"] for row in json.loads(file.read_text("utf-8"))} == dict.fromkeys(names, 40)


@pytest.mark.usefixtures("targets")
def test_no_time_is_left_for_a_target_when_all_have_had_theirs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_ALL_SECONDS", 0.0)
    assert run("--quick") == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:3]] == ["0", "0"]


@pytest.mark.usefixtures("targets")
def test_a_target_that_does_not_exist_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as ended:
        run("missing")
    assert ended.value.code == 2


def test_the_same_seed_tries_the_same_inputs() -> None:
    first, again, other = (fuzz(BUGGY, executions=9999, seconds=60, seed=seed) for seed in (0, 0, 1))
    assert first.crashes[0].data == again.crashes[0].data
    assert first.executions == again.executions != other.executions


def test_an_input_is_at_most_twice_as_long_as_the_longest_seed() -> None:
    sizes = list[int]()
    fuzz(
        Target("sizes", "bytes", lambda data: sizes.append(len(data)), lambda: [b"x" * 5000]),
        executions=2000,
        seconds=60,
    )
    assert 5000 < max(sizes) <= 10_000


def test_the_command_has_the_targets_of_the_core_and_of_files() -> None:
    assert {"png", "operations.generate", "emulator.generate", "files.backup", "files.state"} <= all_targets().keys()


@for_each("target", STORAGE, ids=str)
def test_the_seeds_of_a_kept_file_are_read_without_an_error(target: Target) -> None:
    assert [result.error for result in map(target.run, target.seeds())] == [None] * len([*target.seeds()])


@for_each(
    "name, data",
    [
        ("files.profiles", b"a = " + b"[" * 5000),
        ("files.profiles", b"a = " + b"{b = " * 5000),
        ("files.logins", b"[" * 99999),
        ("files.logins", b'{"default https://novelai.net":"' + b"[" * 99999 + b'"}'),
    ],
)
def test_a_kept_file_that_is_nested_too_deeply_is_damaged(name: str, data: bytes) -> None:
    assert isinstance(all_targets()[name].run(data).error, InvalidFile | InvalidRequestError)


@pytest.mark.parametrize("target", STORAGE, ids=str)
@given(data=st.data())
@settings(max_examples=scale_examples(20))
def test_a_kept_file_that_is_damaged_is_read_or_a_documented_error(target: Target, data: st.DataObject) -> None:
    target.run(data.draw(target_inputs(target)))
