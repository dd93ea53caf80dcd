"""Files that appear whole or not at all, under names that nothing has: what commands write that was paid for."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nai_proto.errors import FileError, InvalidFile
from nai_transports import files
from nai_transports.cli.common.output_files import PaidFiles, build_file_name, choose_path, save_file, save_paid_file


def list_files(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


@pytest.fixture(params=["links", "no links"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems that have hard links, and such that have not."""

    def refused(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    if request.param == "no links":
        monkeypatch.setattr(os, "link", refused)


@pytest.mark.usefixtures("system")
def test_a_new_file_is_whole_and_alone(tmp_path: Path) -> None:
    files.write_new(tmp_path / "new", b"data")
    assert list_files(tmp_path) == ["new"]
    assert (tmp_path / "new").read_bytes() == b"data"


@pytest.mark.usefixtures("system")
def test_an_existing_file_is_never_replaced_by_write_new(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    with pytest.raises(FileError, match="mine cannot be written: it already exists"):
        files.write_new(tmp_path / "mine", b"data")
    assert list_files(tmp_path) == ["mine"]
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileError, match="No such file or directory"):
        files.write_new(tmp_path / "nowhere" / "new", b"data")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left on device"):
        files.write_new(tmp_path / "new", b"data")
    assert list_files(tmp_path) == []


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write_new(tmp_path / "new", b"data")
    assert list_files(tmp_path) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_saved_file_is_complete_or_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"a\.png cannot be written: No space left on device"):
        save_file(tmp_path / "a.png", b"data", overwrite=overwrite)
    assert list_files(tmp_path) == []


def test_a_name_that_is_taken_meanwhile_gets_a_number(tmp_path: Path) -> None:
    path = choose_path(tmp_path / "a.png", "", overwrite=False)
    (tmp_path / "a.png").write_bytes(b"mine")
    assert save_file(path, b"data", overwrite=False) == tmp_path / "a-2.png"
    assert save_file(path, b"data", overwrite=False) == tmp_path / "a-3.png"
    assert (tmp_path / "a.png").read_bytes() == b"mine"
    assert save_file(path, b"data", overwrite=True) == path
    assert path.read_bytes() == b"data"


def test_a_dangling_link_is_an_existing_name(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "nothing")
    with pytest.raises(FileError, match="already exists"):
        choose_path(tmp_path / "a.png", "", overwrite=False)
    assert choose_path(tmp_path, "a.png", overwrite=False) == tmp_path / "a-2.png"


def test_a_read_only_directory_is_an_error_before_anything_is_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(FileError, match="cannot write to the directory"):
        choose_path(tmp_path, "a.png", overwrite=False)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1girl, {{smile}}", "1girl-smile-7"),
        ("../../etc/passwd", "etc-passwd-7"),
        ("con", "_con-7"),
        ("夜の灯台", "夜の灯台-7"),
        ("", "untitled-7"),
        ("!?", "untitled-7"),
        ("a" * 100, "a" * 48 + "-7"),
    ],
)
def test_a_name_is_safe_and_begins_as_the_text_does(text: str, name: str) -> None:
    assert build_file_name(text, 7) == name


def test_errors_of_the_system_are_oserrors_with_their_path(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        files.read(tmp_path / "none")
    assert isinstance(caught.value, OSError)
    assert caught.value.path == str(tmp_path / "none")
    assert str(caught.value) == f"{tmp_path / 'none'} cannot be read: No such file or directory"


def database_failure(path: Path, statement: str) -> FileError | InvalidFile:
    with closing(sqlite3.connect(path, timeout=0)) as file, pytest.raises(sqlite3.Error) as caught:
        file.execute(statement)
    return files.database_error(path, "why", caught.value)


def test_a_damaged_database_and_one_in_use_are_different_errors(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all, but longer than the head of one" * 9)
    with closing(sqlite3.connect(tmp_path / "used")) as other:
        other.execute("BEGIN EXCLUSIVE")
        failures = [
            database_failure(tmp_path / "text", "PRAGMA user_version"),
            database_failure(tmp_path / "empty", "SELECT * FROM rows"),
            database_failure(tmp_path / "used", "BEGIN EXCLUSIVE"),
        ]
    assert [type(failure) for failure in failures] == [InvalidFile, InvalidFile, FileError]
    assert [failure.path for failure in failures] == [str(tmp_path / name) for name in ("text", "empty", "used")]
    assert {str(failure) for failure in failures} == {"why"}


# ---- what was paid for


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the places in which files are kept that cannot be written where they should be."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("nai_transports.cli.common.output_files.gettempdir", lambda: str(tmp_path / "temporary"))
    (tmp_path / "home").mkdir()
    return tmp_path


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the user's data are elsewhere")
def test_what_was_paid_for_is_kept_elsewhere_if_it_cannot_be_written(homes: Path) -> None:
    paid = PaidFiles(overwrite=False)
    saved = [paid.save(homes / "nowhere" / "a.png", data) for data in (b"one", b"two")]
    assert [path.read_bytes() for path in saved] == [b"one", b"two"]
    assert saved == [homes / "data/nai-proto/rescued/a.png", homes / "data/nai-proto/rescued/a-2.png"]
    with pytest.raises(
        FileError, match=r"nowhere/a\.png cannot be written: .*; it was kept as .*/rescued/a\.png\. .*a-2"
    ):
        paid.check()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the user's data are elsewhere")
def test_the_next_place_keeps_what_a_full_disk_does_not(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (homes / "data").touch()  # no directory can be made in it
    with pytest.raises(FileError, match=r"kept as .*temporary/nai-proto-rescued/a"):
        save_paid_file(homes / "nowhere" / "a", b"data", overwrite=True)
    (homes / "temporary").rename(homes / "gone")
    (homes / "temporary").touch()
    with pytest.raises(FileError, match=r"kept as .*home/a"):
        save_paid_file(homes / "nowhere" / "a", b"data", overwrite=True)
    monkeypatch.setenv("HOME", str(homes / "none"))
    (homes / "none").touch()
    with pytest.raises(FileError, match="no other directory could keep it"):
        save_paid_file(homes / "nowhere" / "a", b"data", overwrite=True)
