"""Files that appear whole or not at all, under the names that they should have: what was paid for is never lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from stat import S_IMODE

import pytest

from nai_proto.errors import FileError, InvalidFile, InvalidRequestError
from nai_transports import files
from nai_transports.cli.common import output_files
from nai_transports.cli.common.output_files import OutputFiles, OutputPath, build_file_name, choose_paths
from nai_transports.signals import hold_signals
from tests.cases import for_each
from tests.forked_python import forked_python


def list_files(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


def leave_no_space(_: int) -> None:
    raise OSError(28, "No space left on device")


# ---- whole files


def test_a_new_file_has_the_permissions_of_new_files_and_is_empty(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        files.create(tmp_path / "new")
    finally:
        os.umask(old)
    assert (tmp_path / "new").read_bytes() == b""
    if os.name == "posix":
        assert S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_an_existing_file_is_never_created_again(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    for name in ("mine", "link"):
        with pytest.raises(FileError, match=f"{name} cannot be written: it already exists"):
            files.create(tmp_path / name)
    for refused in (files.create, lambda path: files.write(path, b"")):
        with pytest.raises(FileError, match="no file can have this name"):
            refused(tmp_path / "a\0b")
    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert list_files(tmp_path) == ["link", "mine"]


@for_each("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_name_made_of_a_text_is_valid_in_every_locale_and_read_as_this_text(encoding: str) -> None:
    with pytest.MonkeyPatch.context() as locale:
        locale.setattr(os, "fsencode", lambda name: name.encode(encoding, "surrogateescape"))
        locale.setattr(os, "fsdecode", lambda name: name.decode(encoding, "surrogateescape"))
        for text in ("a", "Café", "物語"):
            name = files.encode_name(text)
            assert os.fsdecode(os.fsencode(name)) == name
            assert files.decode_name(name) == text
        if encoding != "latin-1":
            assert files.decode_name("\udce9.txt") == r"\udce9.txt"


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_file_that_is_replaced_keeps_its_permissions_and_a_new_one_is_private(tmp_path: Path) -> None:
    files.write(tmp_path / "new", b"data")
    assert S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    (tmp_path / "new").chmod(0o664)
    files.write(tmp_path / "new", b"more")
    assert S_IMODE((tmp_path / "new").stat().st_mode) == 0o664
    assert (tmp_path / "new").read_bytes() == b"more"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_older_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(_: int) -> None:
        raise error

    (tmp_path / "old").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    for name in ("old", "new"):
        with pytest.raises((FileError, KeyboardInterrupt)):
            files.write(tmp_path / name, b"data")
    assert list_files(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


# ---- names


def choose(text: str | None, *parts: str, suffixes: Sequence[str] = (".png", ".jpg")) -> list[str]:
    """The paths for -o TEXT, of files whose name is sea in a directory."""
    output = None if text is None else OutputPath.parse(text)
    return [str(path) for path in choose_paths(output, "sea", suffixes, parts or ("",))]


def test_the_output_is_a_file_or_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    assert choose(None) == ["sea.png"]
    assert choose("there") == choose("there/") == ["there/sea.png"]
    assert choose("new/place/") == ["new/place/sea.png"]
    assert choose("a.jpg") == ["a.jpg"]
    assert choose("A.PNG") == ["A.PNG"]
    assert choose("plain") == ["plain"]


def test_several_files_have_their_parts_behind_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert choose(None, "7", "8") == ["sea-7.png", "sea-8.png"]
    assert choose("new/", "7", "8") == ["new/sea-7.png", "new/sea-8.png"]
    assert choose("a.jpg", "7", "8") == ["a-7.jpg", "a-8.jpg"]
    assert choose("plain", "7", "8") == ["plain-7", "plain-8"]
    assert choose("a.jpg", "7") == ["a.jpg"]
    assert choose(None, "7") == ["sea-7.png"]


@for_each("name", ["a.gif", "a.PNGX", "a.tar.gz", "a.7"])
def test_a_suffix_that_is_no_format_is_refused_with_the_formats(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=rf"{name}: this can be written as .png, .jpg, not as \."):
        choose(name)


def test_stdout_and_a_directory_that_does_not_exist_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="cannot write to stdout"):
        choose("-")
    with pytest.raises(FileError, match=r"no does not exist \(-o no/ makes it"):
        choose("no/where.png")


def test_a_file_where_a_directory_should_be_is_named_as_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"file is not a directory$"):
        choose(str(tmp_path / "file" / "where.png"))


@for_each(
    "text, name",
    [
        ("1girl, {{smile}}", "1girl-smile"),
        ("../../etc/passwd", "etc-passwd"),
        ("con", "_con"),
        ("夜の灯台", "夜の灯台"),
        ("", "untitled"),
        ("!?", "untitled"),
        ("a" * 100, "a" * 48),
    ],
)
def test_a_name_is_safe_and_begins_as_the_text_does(text: str, name: str) -> None:
    assert build_file_name(text) == name


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
    monkeypatch.setattr(output_files, "gettempdir", lambda: str(tmp_path / "temporary"))
    for name in ("home", "temporary", "here"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_names_are_reserved_first_and_free_again_if_nothing_is_written(homes: Path) -> None:
    here = homes / "here"
    paths = [here / "a.png", here / "new" / "place" / "b.png", here / "c.png"]
    with OutputFiles(paths, overwrite=False) as outputs:
        assert [path.read_bytes() for path in paths] == [b"", b"", b""]
        assert outputs.write(paths[0], b"one") == paths[0]
        assert paths[0].read_bytes() == b"one"
    assert list_files(here) == ["a.png"]
    assert outputs.written == [paths[0]]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_written_file_has_the_permissions_of_new_files(homes: Path) -> None:
    old = os.umask(0o002)
    try:
        with OutputFiles([homes / "here/a.png"], overwrite=False) as outputs:
            outputs.write(homes / "here/a.png", b"one")
            outputs.write(homes / "here/more.png", b"two")
    finally:
        os.umask(old)
    assert {S_IMODE(path.stat().st_mode) for path in (homes / "here").iterdir()} == {0o664}


def test_an_existing_file_is_refused_before_anything_else_is_reserved(homes: Path) -> None:
    here = homes / "here"
    (here / "b.png").write_bytes(b"mine")
    (here / "empty.png").touch()
    (here / "link.png").symlink_to(here / "nothing")
    for paths, about in (
        (["new/a.png", "b.png"], r"b\.png already exists \(--force"),
        (["new/a.png", "empty.png"], r"empty\.png already exists, and is empty \(--force"),
        (["new/a.png", "link.png"], r"link\.png already exists \(--force"),
    ):
        with (
            pytest.raises(FileError, match=about),
            OutputFiles([here / path for path in paths], overwrite=False),
        ):
            pytest.fail("the block ran")
    with pytest.raises(FileError, match="b"), OutputFiles([], overwrite=False, optional=[here / "b.png"]):
        pytest.fail("the block ran")
    assert list_files(here) == ["b.png", "empty.png", "link.png"]
    assert (here / "b.png").read_bytes() == b"mine"


def test_force_replaces_a_file_only_when_there_is_another(homes: Path) -> None:
    path = homes / "here/a.png"
    path.write_bytes(b"mine")
    path.chmod(0o640)
    with OutputFiles([path], overwrite=True) as outputs:
        assert path.read_bytes() == b"mine"
    assert path.read_bytes() == b"mine"
    with OutputFiles([path], overwrite=True) as outputs:
        outputs.write(path, b"one")
    assert path.read_bytes() == b"one"
    if os.name == "posix":
        assert S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(FileError, match="is a directory"), OutputFiles([homes / "here"], overwrite=True):
        pytest.fail("the block ran")


def test_a_directory_that_takes_no_files_is_an_error_before_anything_is_paid(homes: Path) -> None:
    (homes / "file").touch()
    with pytest.raises(FileError, match="Not a directory"), OutputFiles([homes / "file/a.png"], overwrite=False):
        pytest.fail("the block ran")
    if Path("/proc/self").is_dir():
        with (
            pytest.raises(FileError, match="/proc/self/cmdline cannot be replaced: "),
            OutputFiles([Path("/proc/self/cmdline")], overwrite=True),
        ):
            pytest.fail("the block ran")


def find_rescued(directory: Path) -> list[tuple[str, bytes]]:
    return sorted((each.name, each.read_bytes()) for each in directory.glob("nai-rescued-*/*"))


def test_a_file_of_another_program_is_not_replaced_by_what_was_paid_for(homes: Path) -> None:
    path = homes / "here/a.png"
    with (
        pytest.raises(FileError, match=r"another program has made this file meanwhile; it was kept as .*/a\.png"),
        OutputFiles([path], overwrite=False) as outputs,
    ):
        path.write_bytes(b"theirs")
        outputs.write(path, b"one")
    assert path.read_bytes() == b"theirs"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the user's data are elsewhere")
def test_what_was_paid_for_is_kept_elsewhere_if_it_cannot_be_written(homes: Path) -> None:
    paths = [homes / "here/a.png", homes / "here/b.png"]
    with (
        pytest.raises(
            FileError, match=r"here/a\.png cannot be written: .*; it was kept as .*/a\.png\. .*b\.png cannot"
        ),
        OutputFiles(paths, overwrite=False) as outputs,
    ):
        (homes / "here/a.png").unlink()
        (homes / "here/b.png").unlink()
        (homes / "here").rmdir()
        saved = [outputs.write(path, data) for path, data in zip(paths, (b"one", b"two"), strict=True)]
    assert find_rescued(homes / "data/nai-proto/rescued") == [("a.png", b"one"), ("b.png", b"two")]
    assert [path.read_bytes() for path in saved] == [b"one", b"two"]
    assert outputs.written == saved


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the user's data are elsewhere")
def test_the_next_place_keeps_what_one_does_not(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_elsewhere() -> str:
        with pytest.raises(FileError) as caught, OutputFiles([], overwrite=False) as outputs:
            outputs.write(homes / "nowhere" / "a", b"data")
        return str(caught.value)

    (homes / "data").touch()  # no directory can be made in it
    assert "it was kept as" in write_elsewhere()
    assert find_rescued(homes / "temporary") == [("a", b"data")]
    monkeypatch.setattr(output_files, "gettempdir", lambda: str(homes / "none"))
    assert "it was kept as" in write_elsewhere()
    assert find_rescued(homes / "home") == [("a", b"data")]
    monkeypatch.setattr(output_files, "_rescue_directories", lambda: [homes / "none"])
    assert "no other directory could keep it" in write_elsewhere()
    monkeypatch.setattr(output_files, "_rescue_directories", lambda: [homes / "home"])
    monkeypatch.setattr(os, "fsync", leave_no_space)
    assert "no other directory could keep it" in write_elsewhere()
    assert len([*(homes / "home").iterdir()]) == 1


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
def test_a_full_device_is_not_replaced_and_loses_nothing(homes: Path) -> None:
    for overwrite in (False, True):
        with (
            pytest.raises(FileError, match=r"/dev/full cannot be written: No space left on device; it was kept as"),
            OutputFiles([FULL], overwrite=overwrite) as outputs,
        ):
            outputs.write(FULL, b"one", ".png")
    assert FULL.is_char_device()
    assert find_rescued(homes / "data/nai-proto/rescued") == [("full.png", b"one"), ("full.png", b"one")]


@pytest.mark.skipif(os.name != "posix", reason="names and permissions of POSIX")
def test_a_name_may_be_as_long_as_the_system_allows(homes: Path) -> None:
    path = homes / "here" / f"{'a' * 251}.png"
    with OutputFiles([path], overwrite=False) as outputs:
        assert outputs.write(path, b"one") == path
    assert path.read_bytes() == b"one"
    assert not OutputPath.parse("a" * 300).is_directory
    longer = path.with_stem("a" * 252)
    with pytest.raises(FileError, match="File name too long"), OutputFiles([longer], overwrite=False):
        pytest.fail("nothing is paid")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("is_link", [True, False])
def test_a_file_in_the_place_of_a_link_or_of_a_name_that_is_gone_is_a_new_file(homes: Path, is_link: bool) -> None:
    path = homes / "here/a.png"
    if is_link:
        path.symlink_to(homes / "nowhere")
    with OutputFiles([path], overwrite=is_link) as outputs:
        if not is_link:
            path.unlink()
        outputs.write(path, b"one")
    files.create(path.with_name("new"))
    assert S_IMODE(path.lstat().st_mode) == S_IMODE(path.with_name("new").stat().st_mode)
    assert (path.read_bytes(), (homes / "nowhere").exists()) == (b"one", False)


def test_the_files_that_are_where_they_should_be_are_named_beside_one_that_is_not(
    homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = homes / "here/a.png", homes / "here/b.png"
    with (
        pytest.raises(FileError, match=r"b\.png cannot be written: No space") as caught,
        OutputFiles([first, second], overwrite=False) as outputs,
    ):
        outputs.write(first, b"one")
        with monkeypatch.context() as patches:
            calls = iter([leave_no_space])
            real = os.fsync
            patches.setattr(os, "fsync", lambda handle: next(calls, real)(handle))
            outputs.write(second, b"two")
    assert caught.value.__notes__ == [f"written: {first}"]


def test_an_error_in_the_block_names_what_is_complete(homes: Path) -> None:
    path = homes / "here/a.png"
    with pytest.raises(FileError, match="later") as caught, OutputFiles([path], overwrite=False) as outputs:
        outputs.write(path, b"one")
        outputs.write(homes / "nowhere/b.png", b"two")
        raise FileError("later")
    lost, written = caught.value.__notes__
    assert "nowhere/b.png cannot be written: " in lost
    assert written == f"written before: {path}, {outputs.written[1]}"


SCRIPT = """
import signal, sys
from pathlib import Path
from nai_transports import files
from nai_transports.cli.common.output_files import OutputFiles

signal.signal(signal.SIGINT, signal.default_int_handler)
first, second = Path("a.png"), Path("new/b.png")
write = files.write

def write_slowly(path, data):
    signal.raise_signal(int(sys.argv[1]))
    write(path, data)

with OutputFiles([first, second], overwrite=False) as outputs:
    if sys.argv[2] == "while it is written":
        files.write = write_slowly
    outputs.write(first, b"one")
    signal.raise_signal(int(sys.argv[1]))
    print("not reached")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("when", ["while it is written", "after it was written"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, -2), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_block_after_the_file_that_is_being_written(
    tmp_path: Path, number: int, status: int, when: str
) -> None:
    line = [*forked_python(), "-c", SCRIPT, str(int(number)), when]
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, env=path, timeout=50, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert "written before: a.png" in done.stderr.splitlines()  # of KeyboardInterrupt it is a note
    assert list_files(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"one"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    old = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with OutputFiles([tmp_path / "a"], overwrite=False) as outputs, hold_signals():
            signal.raise_signal(signal.SIGTERM)
            outputs.write(tmp_path / "a", b"one")
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, old)
