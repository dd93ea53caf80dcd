"""What the command line writes is for its owner's eyes, whoever plants links, and has no secret but where one is kept."""

from __future__ import annotations

import os
import shlex
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
from nai_transports.cli.common.profile_file import UserProfile, add_profile, load_profiles
from nai_transports.cli.completion.shape_cache import load_shape
from nai_transports.cli.text.chat_input import ChatInput
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
    """By default, new files of this user can be read by all others."""
    old = os.umask(0o022)
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
    for path, found in written.items():
        is_open = name in FOR_OTHERS and not path.startswith(("XDG", "vibes"))
        assert S_IMODE(found.stat().st_mode) == (0o777 if found.is_dir() else 0o666) & (0o755 if is_open else 0o700), (
            path
        )
    files_of_ours = {path: file for path, file in written.items() if "tokenizers" not in path}  # 20 MB of public files
    assert find_secrets(secrets, (file for path, file in files_of_ours.items() if path not in KEPT_LOGINS)) == []
    assert bool(find_secrets(secrets, files_of_ours.values())) == (name == "login")


def test_a_directory_that_is_made_for_pictures_is_as_open_as_they_are(tmp_path: Path) -> None:
    with OutputFiles([tmp_path / "for" / "all" / "fox.png"], overwrite=False) as outputs:
        outputs.write(tmp_path / "for" / "all" / "fox.png", b"a picture")
    assert S_IMODE((tmp_path / "for").stat().st_mode) == S_IMODE((tmp_path / "for" / "all").stat().st_mode) == 0o755


# ---- links in the place of what is written

WRITERS = {
    "chat": '"Who are you?" --max-tokens 5 --save talk.json',
    "director": "lineart sea.png --force",
    "emulate": "--hosts lenient --state kept.state",
    "image": "sea --size 64x64 --seed 7 --previews --force",
    "library backup": "backups",
    "library export": "exported --force",
    "library restore": "backups --yes",
    "login": COMMANDS["login"],
    "record": "session.jsonl",
    "speak": '"The lamp went out." --force',
    "story delete": '"The Quiet Harbour" --backup backups --yes',
    "story export": "draft.story -o draft.epub --force",
    "upscale": "sea.png --yes --force",
    "vibe": "sea.png --yes --force",
}
FOLLOWED = ("kept.state",)
"""Files that are where a link points, since people keep them elsewhere."""


@pytest.mark.parametrize("target", ["a file", "an empty file", "nothing"])
@pytest.mark.parametrize("name", WRITERS)
def test_nothing_is_written_to_where_a_planted_link_points(
    name: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file that the command has written is replaced by a link, and the command is run again."""
    here, outside = tmp_path / "here", tmp_path / "outside"
    here.mkdir()
    outside.mkdir()
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(here / variable))
    with serve_account(monkeypatch, here) as (owner, clock):
        before = {*here.rglob("*")}
        prepare(name, owner, clock)
        run_command(name, *shlex.split(WRITERS[name]))
        written = [path for path in here.rglob("*") if path not in before and path.is_file()]
        planted = [path for path in written if "tokenizers" not in path.parts and path.suffix not in ("-wal", "-shm")]
        assert planted
        for number, path in enumerate(planted):
            path.unlink()
            if target != "nothing":
                (outside / str(number)).write_bytes(b"theirs" if target == "a file" else b"")
            path.symlink_to(outside / str(number))
        links = {path for path in planted if path.name not in FOLLOWED}
        run_command(name, *shlex.split(WRITERS[name]))
    for number, path in enumerate(planted):
        theirs = outside / str(number)
        if path not in links and target != "a file":
            assert theirs.read_bytes().startswith(b"SQLite format 3")
        elif target == "nothing":
            assert not theirs.exists(), path
        else:
            assert theirs.read_bytes() == (b"theirs" if target == "a file" else b""), path
            assert S_IMODE(theirs.stat().st_mode) == 0o644, path


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


def test_what_is_typed_is_not_written_to_where_a_link_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history, theirs = tmp_path / "state" / "chat-history", tmp_path / "theirs"
    typed: Any = ChatInput(None)
    monkeypatch.setattr(typed, "_history", history)
    typed._remember("a secret")
    assert history.read_text() == '"a secret"\n'
    assert [S_IMODE(path.stat().st_mode) for path in (history, history.parent)] == [0o600, 0o700]
    history.unlink()
    theirs.write_bytes(b"theirs")
    history.symlink_to(theirs)
    typed._remember("a secret")
    assert theirs.read_bytes() == b"theirs"


def test_what_completion_keeps_is_private_and_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"theirs")
    load_shape(("health",))
    (kept,) = (tmp_path / "cache").rglob("*.json")
    assert [S_IMODE(path.stat().st_mode) for path in (kept, *kept.parents[:2])] == [0o600, 0o700, 0o700]
    kept.unlink()
    kept.symlink_to(theirs)
    kept.with_name(f"{kept.name}.{os.getpid()}").symlink_to(tmp_path / "nothing")
    load_shape(("health",))
    assert theirs.read_bytes() == b"theirs"
    assert not (tmp_path / "nothing").exists()


def test_a_profile_file_that_is_kept_elsewhere_stays_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_CONFIG_DIR", str(tmp_path / "config"))
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "profiles.toml").symlink_to(tmp_path / "mine.toml")
    (tmp_path / "mine.toml").write_text("# mine\n")
    add_profile(UserProfile(name="second", email="a@example.com"))
    assert (tmp_path / "config" / "profiles.toml").is_symlink()
    assert (tmp_path / "mine.toml").read_text().startswith("# mine\n")
    assert load_profiles().get("second").email == "a@example.com"


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
