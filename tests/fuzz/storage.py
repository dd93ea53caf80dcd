"""Fuzz targets of the files that this library keeps: profiles, logins, recordings, backups, the emulator's state."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from nai_proto.emulator import Emulator
from nai_proto.errors import NaiError
from nai_proto.secret import Password
from nai_proto.testing import Target, find_target
from nai_transports.backups import BackupDirectory
from nai_transports.cli.common.errors import WrongUsage
from nai_transports.cli.common.profile_file import load_profiles
from nai_transports.cli.common.stored_logins import LoginPlace, StoredLogin, find_login, keep_in_file
from nai_transports.preset_files import load_image_preset, load_preset
from nai_transports.servers.recordings import load_recording
from nai_transports.servers.state import StateFile, read_state
from nai_transports.vibe_files import load_vibes
from tests.backup_support import MEMORY, back_up, empty_account, fill
from tests.keyrings import MemoryKeyring, use_keyring
from tests.support import EMAIL

__all__ = ["TARGETS"]

_PLACE: Final = LoginPlace("default", None)
_PROFILES: Final = b'[default]\nemail = "a@example.com"\ntimeout = 60\n\n[emulator]\nurl = "http://127.0.0.1:8901"\n'


@cache
def _root() -> Path:
    """Return a directory that is removed at the end of the process."""
    root = Path(tempfile.mkdtemp(prefix="nai-fuzz-", dir=MEMORY))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


def _directory() -> Path:
    """Return a directory for one file at a time; a process that is a fork has another one than its parent."""
    directory = _root() / str(os.getpid())
    directory.mkdir(exist_ok=True)
    return directory


def _with_file(name: str, use: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Return what writes its input to a file of this name, alone in its directory, and uses the file."""

    def write_and_use(data: bytes) -> object:
        for other in _directory().iterdir():
            shutil.rmtree(other) if other.is_dir() else other.unlink()
        path = _directory() / name
        path.write_bytes(data)
        path.chmod(0o600)
        return use(path)

    return write_and_use


@contextmanager
def _configured() -> Iterator[None]:
    """Have the command line's settings in the directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAI_CONFIG_DIR", str(_directory()))
        yield


def _load_profiles(_: Path) -> object:
    with _configured():
        return load_profiles().by_name


def _find_login(_: Path) -> object:
    with _configured(), use_keyring(MemoryKeyring()):
        return find_login(_PLACE)


def _restore(path: Path) -> object:
    emulator = Emulator()
    emulator.restore(read_state(path))
    return len(emulator.accounts)


def _read_backup(path: Path) -> object:
    with BackupDirectory(path.parent) as backups:
        stored = [item.stored for item in backups.items()]
        return [run.objects for run in backups.runs], stored, backups.verify().problems


@cache
def _logins() -> bytes:
    with _configured(), use_keyring(MemoryKeyring()):
        keep_in_file(_PLACE, StoredLogin(Password("a secret"), EMAIL))
    return (_directory() / "credentials.json").read_bytes()


@cache
def _state() -> bytes:
    path = _directory() / "seed.sqlite"
    emulator = Emulator()
    emulator.restore()
    emulator.add_account(EMAIL, Password("a secret"))
    with StateFile(path) as state:
        state.store(emulator.changes()).result()
    return path.read_bytes()


@cache
def _backup() -> bytes:
    emulator, owner = empty_account()
    fill(owner, 2)
    back_up(_directory() / "seed", emulator)
    return (_directory() / "seed" / "backup.sqlite").read_bytes()


def _seeds_of(name: str) -> Callable[[], Iterable[bytes]]:
    return find_target(name).seeds


TARGETS: Final = (
    Target(
        "files.profiles",
        "bytes",
        _with_file("profiles.toml", _load_profiles),
        lambda: [_PROFILES],
        (NaiError, WrongUsage),
    ),
    Target("files.logins", "bytes", _with_file("credentials.json", _find_login), lambda: [_logins()]),
    Target("files.recording", "bytes", _with_file("recording", load_recording), _seeds_of("emulator.recording")),
    Target("files.state", "bytes", _with_file("state.sqlite", _restore), lambda: [_state()]),
    Target("files.backup", "bytes", _with_file("backup.sqlite", _read_backup), lambda: [_backup()]),
    Target("files.preset", "bytes", _with_file("a.preset", load_preset), _seeds_of("text.preset")),
    Target("files.image_preset", "bytes", _with_file("a.json", load_image_preset), _seeds_of("image.preset")),
    Target("files.vibes", "bytes", _with_file("a.naiv4vibe", load_vibes), _seeds_of("vibe_files")),
)
