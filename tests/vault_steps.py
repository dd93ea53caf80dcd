"""Kills a backup before each of its steps in turn, goes on, and looks whether all is there. Run as a program.

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

from nai_proto.codecs.sealed import Opened
from nai_proto.emulator import Account
from nai_proto.testing import FlowTrace, run_in_memory
from nai_transports.vault import Vault
from tests.support import EMAIL, an_emulator
from tests.vaults import (
    MEMORY,
    TYPES,
    broken,
    check_current,
    keys_of,
    listing,
    objects_of,
    put,
    put_keys,
    remove,
    sealed,
    story,
)

CALLS = ("chmod", "fsync", "mkdir", "open", "rename", "replace", "unlink", "utime")
SQLITE = sqlite3.connect


class Killer:
    """Counts steps, and does not let the process take the last of them."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        for name in CALLS:
            setattr(os, name, self._counted(getattr(os, name)))
        sqlite3.connect = self._connect  # type: ignore[assignment]  # the same, with an ear

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
    with Vault(directory, EMAIL) as vault:
        for event in played.events:
            vault.keep(event)
        vault.finish(played.result)


def killed(directory: Path, played: FlowTrace[Any, Any], steps: int) -> bool:
    """Was a backup killed before this step? If not, it had fewer."""
    child = os.fork()
    if child == 0:
        Killer(steps).watch()
        replay(directory, played)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def change_all(owner: Account) -> None:
    """One of each: changed, damaged, removed, new."""
    first, second, third = objects_of(owner, "stories")
    keys = keys_of(owner)
    put(owner, sealed("stories", first.id, first.meta or "", {"title": "Another"}, keys, 2))
    put(owner, broken(second, 0))
    remove(owner, third)
    items, keys = story(1, keys, 100)
    put_keys(owner, keys)
    for item in items:
        put(owner, item)


def check_nothing_is_lost(directory: Path, before: dict[str, list[Opened]]) -> None:
    """What the first backup saw is in the vault, and the files beside it are whole."""
    with Vault(directory) as vault:
        for type_, items in before.items():
            assert [*vault.items(type_, run=1)] == items
        assert all("the last backup was interrupted" in problem for problem in vault.verify().problems)
    for items in before.values():
        for item in items:
            assert (directory / item.stored.type / f"{item.stored.id}.json").read_bytes().endswith(b"}")


def main() -> None:
    again, every = sys.argv[1] == "again", int(sys.argv[2])
    emulator, owner = an_emulator()
    with tempfile.TemporaryDirectory(dir=MEMORY) as scratch:
        base, vault = Path(scratch) / "base", Path(scratch) / "vault"
        before: dict[str, list[Opened]] = {}
        if again:
            replay(base, run_in_memory(listing(), emulator))
            with Vault(base) as opened:
                before = {each: [*opened.items(each)] for each in TYPES}
            change_all(owner)
        else:
            for item in [*objects_of(owner, "stories")[1:], *objects_of(owner, "storycontent")[1:]]:
                remove(owner, item)
        played = run_in_memory(listing(), emulator)
        for steps in count(1, every):
            if again:
                shutil.copytree(base, vault)
            if not killed(vault, played, steps):
                break
            if again:
                check_nothing_is_lost(vault, before)
            replay(vault, played)
            check_current(vault, owner)
            assert not [*vault.rglob(".*")]
            shutil.rmtree(vault)
        sys.stdout.write(f"{steps - every}\n")


if __name__ == "__main__":
    main()
