"""A disk without space: each command does its work or fails with one line, and what it cannot write whole is not there.

The system's limit of a file's size stands for a disk that is full, at once or after some bytes.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.every_command import prepare, run_command, serve_account
from tests.test_private_files import WRITERS

if sys.platform != "win32":
    import resource

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")


@contextmanager
def full_disk(left: int, monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    """Let no file of this process grow beyond so many bytes, in the block."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # Python keeps the half of a module that a full disk took
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("left", [0, 900])
@pytest.mark.parametrize("name", WRITERS)
def test_a_command_on_a_full_disk_does_its_work_or_says_what_it_could_not_write(
    name: str, left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    with serve_account(monkeypatch, tmp_path) as (owner, clock):
        prepare(name, owner, clock)
        with full_disk(left, monkeypatch):
            done = run_command(name, *shlex.split(WRITERS[name]))
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    if done.exit_code:
        assert any(word in done.stderr for word in ("cannot be written", "cannot be created", "disk")), done.stderr
