"""Backups that are killed and run again.

By default with 200 stories and three kills, and before some of the steps. ``NAI_KILLS=1 pytest tests/test_backup_kills.py``
takes 2,000 stories and ten kills as well, and every step.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nai_proto.codecs.sealed_objects import OpenedObject
from nai_proto.exchange.reply import Handler
from nai_proto.http import Request
from nai_transports.backups import BackupDirectory
from nai_transports.servers.serve import serve_in_thread
from tests.backup_support import TYPES, check_current, empty_account, files_under, fill, objects_of, open_all
from tests.forked_python import forked_nai, forked_python
from tests.hypothesis_profiles import scale_examples
from tests.support import EMAIL, PASSWORD

MANY = "NAI_KILLS" in os.environ
EVERY = {"first": 6 // scale_examples(2), "again": 6 // scale_examples(2), "some": 14 // scale_examples(2)}
"""Of how many steps one is tried, by kind of backup; in the full profile twice as many are."""

if sys.platform == "win32":
    pytest.skip("no SIGKILL there", allow_module_level=True)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("which", EVERY)
def test_a_backup_may_be_killed_before_any_step(which: str) -> None:
    """Try a first backup, one into an existing backup directory, and one of a single story there."""
    code = "from tests.backup_kill_steps import main; main()"
    program = [*forked_python(), "-c", code, which, "1" if MANY else str(EVERY[which])]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50


def start_backup(url: str, directory: Path) -> subprocess.Popen[str]:
    """Start a backup in a process of its own."""
    return start_nai(url, "library", "backup", str(directory), "--json")


def start_nai(url: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    environment = {**os.environ, "NAI_URL": url, "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD}
    pipe = subprocess.PIPE
    return subprocess.Popen([*forked_nai(), *arguments], stdout=pipe, stderr=pipe, text=True, env=environment)


def count_files(directory: Path) -> int:
    """Return the number of files: the progress of a first backup."""
    return sum(len(os.listdir(directory / each)) for each in TYPES if (directory / each).is_dir())


def kill_when(process: subprocess.Popen[str], ready: Callable[[], bool], after: float) -> None:
    """Kill a process ``after`` seconds from when it is ready; it must not have ended before."""
    while not ready():
        assert process.poll() is None, process.communicate()
        time.sleep(0.003)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def kill_and_resume(directory: Path, stories: int, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    emulator, owner = empty_account()
    fill(owner, stories)
    listed = sum(len(objects_of(owner, each)) for each in TYPES)
    with serve_in_thread(emulator) as url:
        # the first kill while the database is created and the first rows are written, the others while files are written
        marks = [-1, *sorted(chance.sample(range(1, int(1.5 * listed)), kills - 1))]
        for number, mark in enumerate(marks, 1):

            def ready(mark: int = mark) -> bool:
                return (directory / "backup.sqlite").exists() if mark < 0 else count_files(directory) >= mark

            kill_when(start_backup(url, directory), ready, chance.uniform(0, 0.05))
            if count_files(directory):
                with BackupDirectory(directory) as backups:
                    runs = backups.runs
                    assert all(
                        "the last backup was interrupted" in str(problem) for problem in backups.verify().problems
                    )
                assert [run.finished for run in runs] == [None] * len(runs)
                assert len(runs) <= number
        last = start_backup(url, directory)
        output, complaint = last.communicate()
        assert last.returncode == 0, complaint
    assert f'"listed":{listed},' in output
    check_current(directory, owner)
    assert not [path for path in files_under(directory) if path.name.startswith(".")]


@pytest.mark.timeout(240)
def test_a_backup_of_200_stories_killed_three_times_is_complete_in_the_end(tmp_path: Path) -> None:
    kill_and_resume(tmp_path / "backups", 200, 3, seed=7)


@pytest.mark.skipif(not MANY, reason="takes minutes: NAI_KILLS=1")
@pytest.mark.timeout(1200)
def test_a_backup_of_2000_stories_killed_ten_times_is_complete_in_the_end(tmp_path: Path) -> None:
    kill_and_resume(tmp_path / "backups", 2000, 10, seed=11)


@pytest.mark.parametrize("number", range(4))
def test_a_deletion_that_is_killed_at_any_request_loses_nothing(tmp_path: Path, number: int) -> None:
    emulator, owner = empty_account()
    fill(owner, 4)
    before = open_all(owner)
    running: list[subprocess.Popen[str]] = []
    seen = 0

    def kill_at_request(request: Request) -> Handler:
        nonlocal seen
        if running and request.path.startswith("/user/objects/"):
            seen += 1
            if seen == number + 3:  # the first two list the objects
                running[0].send_signal(signal.SIGKILL)
        return emulator(request)

    directory = tmp_path / "backups"
    with serve_in_thread(kill_at_request) as url:
        running.append(start_nai(url, "story", "delete", "Story 2", "--yes", "--backup", str(directory)))
        running[0].communicate()
        assert running.pop().returncode in (-signal.SIGKILL, 0)
        restoring = start_nai(url, "library", "restore", str(directory), "--yes")
        _, complaint = restoring.communicate()
        assert restoring.returncode == 0, complaint
    now = open_all(owner)
    assert titles_of(now) == titles_of(before)
    assert {len(now[each]) for each in ("stories", "storycontent")} == {4}


def titles_of(objects: dict[str, list[OpenedObject]]) -> list[str]:
    """Return the titles of the stories whose content is there."""
    contents = {item.stored.id for item in objects["storycontent"]}
    cards = [item.json() for item in objects["stories"] if item.ok]
    return sorted(card["title"] for card in cards if card["remoteStoryId"] in contents)
