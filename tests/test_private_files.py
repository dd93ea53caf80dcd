"""What the command line writes is for its owner's eyes, whoever plants links, and has no secret but where one is kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest

from nai_proto.errors import FileError
from nai_proto.secret import AccessKey, AccessToken, EncryptionKey, Password, PersistentToken
from nai_transports import files
from nai_transports.cli.common.output_files import OutputFiles
from tests.backup_support import keys_of
from tests.every_command import COMMANDS, SERVERS, prepare, run_command, serve_account
from tests.marked_secrets import MarkedSecrets

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")

KEPT_LOGINS = ("config/credentials.json",)
"""Files that are there to keep a password or a token."""
FOR_OTHERS = ("director", "image", "speak", "upscale", "vibe")
"""Commands whose files have the permissions of new files: docs/command-line.md#who-can-read-them."""


@pytest.fixture(autouse=True)
def open_to_all() -> Iterator[None]:
    """By default, new files of this user are open to all others."""
    old = os.umask(0)
    yield
    os.umask(old)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str | bytes]]:
    """Every password, key and token that the client or the server makes in the test, with its kind."""
    made: set[tuple[str, str | bytes]] = set()

    def watch(kind: type[Any]) -> None:
        make = kind.__init__

        def make_and_note(self: Any, *args: Any, **options: Any) -> None:
            make(self, *args, **options)
            value = self.reveal()
            # tokens of one kind begin in the same way
            made.add((type(self).__name__, value.rpartition(".")[2] if isinstance(value, str) else value))

        monkeypatch.setattr(kind, "__init__", make_and_note)

    for kind in (Password, AccessKey, EncryptionKey, AccessToken, PersistentToken):
        watch(kind)
    return made


def find_secrets(secrets: Iterable[tuple[str, str | bytes]], paths: Iterable[Path]) -> list[str]:
    """Return which secrets are in the files among these paths."""
    marked = MarkedSecrets()
    for kind, secret in secrets:
        marked.add(kind, secret)
    return marked.find({str(path): path.read_bytes().decode("latin-1") for path in paths if path.is_file()})


@pytest.mark.parametrize("name", sorted({**COMMANDS, **SERVERS}))
def test_what_a_command_writes_can_be_read_by_its_owner_only_and_has_no_secret(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secrets: set[tuple[str, str | bytes]]
) -> None:
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    with serve_account(monkeypatch, tmp_path) as (owner, clock):
        before = {*tmp_path.rglob("*")}
        secrets |= {("key of an object", key) for key in keys_of(owner).values()}
        run_command(name, *prepare(name, owner, clock))
    written = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*") if path not in before}
    open_files = {name for name, path in written.items() if S_IMODE(path.stat().st_mode) & 0o077}
    assert all(name in FOR_OTHERS and not path.startswith("XDG") for path in open_files), open_files
    files_of_ours = {path: file for path, file in written.items() if "tokenizers" not in path}  # 20 MB of public files
    assert find_secrets(secrets, (file for path, file in files_of_ours.items() if path not in KEPT_LOGINS)) == []
    assert bool(find_secrets(secrets, files_of_ours.values())) == (name == "login")


def test_a_directory_that_is_made_for_pictures_is_as_open_as_they_are(tmp_path: Path) -> None:
    with OutputFiles([tmp_path / "for" / "all" / "fox.png"], overwrite=False) as outputs:
        outputs.write(tmp_path / "for" / "all" / "fox.png", b"a picture")
    assert S_IMODE((tmp_path / "for").stat().st_mode) == S_IMODE((tmp_path / "for" / "all").stat().st_mode) == 0o777


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"theirs")
    theirs.chmod(0o666)
    (tmp_path / "link").symlink_to(theirs)
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for name in ("link", "dangling"):
        files.write(tmp_path / name, b"a secret")
        found = (tmp_path / name).lstat()
        assert (tmp_path / name).is_symlink() is False
        assert S_IMODE(found.st_mode) == 0o600
    assert theirs.read_bytes() == b"theirs"
    assert not (tmp_path / "nothing").exists()


as_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files to another user"
)


@as_root
def test_a_file_of_another_user_that_is_replaced_does_not_say_who_may_read(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    planted.touch(0o666)
    os.chown(planted, 12_345, 12_345)
    files.write(planted, b"a secret")
    assert S_IMODE(planted.stat().st_mode) == 0o600
    assert planted.stat().st_uid == os.geteuid()


@as_root
def test_a_pipe_of_another_user_is_no_place_to_write_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o666)
    os.chown(pipe, 12_345, 12_345)
    with pytest.raises(FileError, match="already exists"), OutputFiles([pipe], overwrite=False):
        pass
