"""`python -m tests.fuzz`: what it runs, when it ends, and what it says of a crash; and the targets of files that we keep."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.errors import InvalidFile, InvalidRequestError
from nai_proto.testing import Target
from nai_proto.testing.strategies import target_inputs
from tests.cases import for_each
from tests.fuzz import __main__ as command
from tests.fuzz.runs import all_targets, fuzz
from tests.fuzz.storage import TARGETS as STORAGE
from tests.hypothesis_profiles import scale_examples


def read_few(data: bytes) -> int:
    if data.count(b"\xff") > 2:
        raise ZeroDivisionError("too many")
    return len(data)


BUGGY = Target("buggy", "bytes", read_few, lambda: [b"valid"])
FINE = Target("fine", "bytes", len, lambda: [b"valid", b"\xff\xff\xff"])


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "all_targets", lambda: {"buggy": BUGGY, "fine": FINE})
    monkeypatch.setattr(command, "_EXECUTIONS", 3000)


@pytest.mark.usefixtures("targets")
def test_a_crash_is_written_to_a_file_and_the_printed_command_replays_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--quick", "--directory", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    (path,) = tmp_path.iterdir()
    assert f"python -m tests.fuzz buggy --replay {path}\n" in printed
    assert "ZeroDivisionError: too many" in printed
    with pytest.raises(ZeroDivisionError):
        command.main(["buggy", "--replay", str(path)])


@pytest.mark.usefixtures("targets")
def test_a_quick_run_prints_the_executions_of_each_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["fine", "--quick", "--directory", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["fine", "3,000"]
    assert [*tmp_path.iterdir()] == []


@pytest.mark.usefixtures("targets")
def test_no_time_is_left_for_a_target_when_all_have_had_theirs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_ALL_SECONDS", 0.0)
    assert command.main(["--quick"]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:3]] == ["0", "0"]


@pytest.mark.usefixtures("targets")
def test_a_target_that_does_not_exist_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["missing"])
    assert ended.value.code == 2


def test_the_same_seed_tries_the_same_inputs() -> None:
    first, again, other = (fuzz(BUGGY, executions=9999, seconds=60, seed=seed) for seed in (0, 0, 1))
    assert first.crashes[0].data == again.crashes[0].data
    assert first.executions == again.executions != other.executions


def test_the_command_has_the_targets_of_the_core_and_of_files() -> None:
    assert {"png", "operations.generate", "emulator.generate", "files.backup", "files.state"} <= all_targets().keys()


@pytest.mark.parametrize("target", STORAGE, ids=str)
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
