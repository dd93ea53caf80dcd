"""Kill a backup before each of its steps in turn, run it again, and check that nothing is missing. Run as a program.

A step is a call that changes files, or a statement of SQLite's. Each backup runs in a process of its own that kills
itself with SIGKILL: nothing is cleaned up. It prints how many steps there were.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from nai_proto.codecs.sealed_objects import OpenedObject
from nai_proto.emulator import Account
from nai_proto.testing import FlowTrace, run_in_memory
from nai_transports.backups import BackupDirectory
from tests.backup_support import (
    MEMORY,
    TYPES,
    check_current,
    damaged,
    keys_of,
    load_library,
    objects_of,
    put,
    put_keys,
    remove,
    sealed,
    story,
)
from tests.support import EMAIL, an_emulator

CALLS = ("chmod", "fsync", "mkdir", "open", "rename", "replace", "unlink", "utime")
SQLITE = sqlite3.connect


class Killer:
    """Count steps, and kill the process before the last one."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        for name in CALLS:
            setattr(os, name, self._counted(getattr(os, name)))
        sqlite3.connect = self._connect  # type: ignore[assignment]  # the same, with a trace callback

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.step()
            return function(*arguments, **named)

        return counted

    def _connect(self, *arguments: Any, **named: Any) -> sqlite3.Connection:
        self.step()
        connection: sqlite3.Connection = SQLITE(*arguments, **named)
        connection.set_trace_callback(self.step)
        return connection


def replay(directory: Path, played: FlowTrace[Any, Any]) -> None:
    with BackupDirectory(directory, EMAIL) as backups:
        for event in played.events:
            backups.keep(event)
        backups.finish(played.result)


def keep_some(directory: Path, played: FlowTrace[Any, Any]) -> None:
    """Back up the first story only, as before its deletion."""
    library = played.result
    story = library.stories[0]
    with BackupDirectory(directory, EMAIL) as backups:
        backups.keep_objects(library.stored_keystore, {"stories": [story.card], "storycontent": [story.content]})


def kill_backup(work: Callable[[Path, FlowTrace[Any, Any]], None], directory: Path, played: Any, steps: int) -> bool:
    """Return whether a backup was killed before this step; if not, it had fewer steps."""
    child = os.fork()
    if child == 0:
        Killer(steps).watch()
        work(directory, played)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def change_all(owner: Account) -> None:
    """Change, damage and remove one card each, and add a story."""
    first, second, third = objects_of(owner, "stories")
    keys = keys_of(owner)
    put(owner, sealed("stories", first.id, first.meta or "", {"title": "Another"}, keys, 2))
    put(owner, damaged(second, 0))
    remove(owner, third)
    items, keys = story(1, keys, 100)
    put_keys(owner, keys)
    for item in items:
        put(owner, item)


def check_nothing_is_lost(directory: Path, before: dict[str, list[OpenedObject]]) -> None:
    """Check that the objects of the first backup are there, and that the files are complete."""
    with BackupDirectory(directory) as backups:
        for type_, items in before.items():
            assert [*backups.items(type_, run=1)] == items
        assert all("the last backup was interrupted" in str(problem) for problem in backups.verify().problems)
    for items in before.values():
        for item in items:
            assert (directory / item.stored.type / f"{item.stored.id}.json").read_bytes().endswith(b"}")


def check_kept(directory: Path, played: FlowTrace[Any, Any]) -> None:
    """Check that the story is in the last run, and that everything is on the disk as it was backed up."""
    story = played.result.stories[0]
    with BackupDirectory(directory) as backups:
        last = backups.runs[-1]
        assert last.finished is not None
        assert [*backups.items(run=last.id)] == [story.card, story.content]
        assert backups.verify().ok


def main() -> None:
    which, every = sys.argv[1], int(sys.argv[2])
    again, work = which != "first", keep_some if which == "some" else replay
    emulator, owner = an_emulator()
    with tempfile.TemporaryDirectory(dir=MEMORY) as scratch:
        base, backups = Path(scratch) / "base", Path(scratch) / "backups"
        before: dict[str, list[OpenedObject]] = {}
        if again:
            replay(base, run_in_memory(load_library(), emulator))
            with BackupDirectory(base) as opened:
                before = {each: [*opened.items(each)] for each in TYPES}
            change_all(owner)
        else:
            for item in [*objects_of(owner, "stories")[1:], *objects_of(owner, "storycontent")[1:]]:
                remove(owner, item)
        played = run_in_memory(load_library(), emulator)
        for steps in count(1, every):
            if again:
                shutil.copytree(base, backups)
            if not kill_backup(work, backups, played, steps):
                break
            if again:
                check_nothing_is_lost(backups, before)
            work(backups, played)
            if work is keep_some:
                check_kept(backups, played)
            replay(backups, played)
            check_current(backups, owner)
            assert not [*backups.rglob(".*")]
            shutil.rmtree(backups)
        sys.stdout.write(f"{steps - every}\n")


if __name__ == "__main__":
    main()
