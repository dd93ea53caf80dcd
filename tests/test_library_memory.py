"""Backups, checks, exports and restores of a library hold a few objects at a time beside what identifies all of them.

What is measured is how much the peak of what Python allocates grows with the number of stories, as a ratio to the sealed
list, so that it is the same on every machine.
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from typer.testing import CliRunner

from nai_proto.codecs.keystore import Keystore
from nai_proto.exchange.reply import Handler, Start, Write
from nai_proto.http import Head, Headers, Request
from nai_proto.library import LibraryChecker, SanityReport, check, drop_content, open_library
from nai_proto.testing import run_in_memory
from nai_transports import memory
from nai_transports.backups import ObjectSpool
from nai_transports.cli.app import app
from nai_transports.servers.serve import serve_in_thread
from tests.backup_support import MEMORY, empty_account, fill, put, put_keys, sealed
from tests.support import EMAIL, PASSWORD, an_emulator

FEW, MANY = 25, 75
WORDS = 16_000
MOST = 0.3
"""Of the sealed list: what is kept of a card and a content, and of the steps of a plan. A list that is held is 1 or more."""
_PIECE = 65_536


@cache
def answers_of_account(stories: int) -> dict[str, list[bytes]]:
    """The pieces of each answer of an account with so many stories, which take no memory while they are sent."""
    emulator, owner = empty_account()
    keys = Keystore()
    chosen = random.Random(5)
    words = [f"word{number}" for number in range(200)]
    for number in range(stories):
        meta, keys = keys.create_key()
        card = {"id": meta, "title": f"Story {number}", "remoteId": f"card {number}", "remoteStoryId": f"text {number}"}
        fragments = [{"data": " ".join(chosen.choices(words, k=WORDS)), "origin": "user"}]
        put(owner, sealed("stories", f"card {number}", meta, card, keys))
        put(owner, sealed("storycontent", f"text {number}", meta, {"story": {"fragments": fragments}}, keys))
    put_keys(owner, keys)
    answers: dict[str, list[bytes]] = {}

    def recording(request: Request) -> Handler:
        written = answers.setdefault(request.target, [])
        handler = emulator(request)
        received = None
        while True:
            try:
                reply = handler.send(received)
            except StopIteration:
                return
            if isinstance(reply, Write):
                written += [reply.data[at : at + _PIECE] for at in range(0, len(reply.data), _PIECE)]
            received = yield reply

    run_in_memory(open_library(EMAIL, PASSWORD), recording)
    return answers


def measure_peak(stories: int, work: Callable[[str], object]) -> tuple[int, int]:
    """Return the most that was allocated at once, and the size of the list of contents as it is sent."""
    answers = answers_of_account(stories)

    def replay(request: Request) -> Handler:
        status = 201 if request.method == "POST" else 200
        yield Start(Head(status, Headers.of(content_type="application/json")))
        for piece in answers[request.target]:
            yield Write(piece)

    with serve_in_thread(replay) as url:
        work(url)  # imports what it needs
        tracemalloc.start()
        try:
            work(url)
            return tracemalloc.get_traced_memory()[1], sum(map(len, answers["/user/objects/storycontent"]))
        finally:
            tracemalloc.stop()


def check_growth(work: Callable[[str, int], object], most: float = MOST) -> None:
    few, few_size = measure_peak(FEW, lambda url: work(url, FEW))
    many, many_size = measure_peak(MANY, lambda url: work(url, MANY))
    assert (many - few) / (many_size - few_size) < most


def nai(url: str, *arguments: Any) -> None:
    environment = {"NAI_URL": url, "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD, "NAI_TOKEN": ""}
    done = CliRunner().invoke(app, [*map(str, arguments)], env=environment)
    assert done.exit_code in (0, 5), done.output  # 5: a check finds that the stories have no history


COMMANDS = ("sanity-check", "library backup {}", "library export {}", "library restore {} --dry-run")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_memory_of_a_command_does_not_grow_with_the_contents(command: str) -> None:
    with TemporaryDirectory(dir=MEMORY) as directory:

        def run(url: str, stories: int) -> None:
            place = Path(directory, str(stories))
            if "restore" in command and not place.exists():
                nai(url, "library", "backup", place)
            nai(url, *command.format(place).split())

        check_growth(run)


def test_a_command_that_keeps_everything_is_found_to_grow() -> None:
    """So the other tests would find it, too."""
    with pytest.raises(AssertionError):
        check_growth(lambda url, _: nai(url, "library", "list"))


def check_while_opening(client: memory.Client) -> SanityReport:
    checker = LibraryChecker()
    return checker.finish(client.run(open_library(EMAIL, PASSWORD, keep=checker.keep)))


def test_a_check_while_opening_finds_what_a_check_of_the_whole_finds() -> None:
    emulator, owner = an_emulator()
    fill(owner, 80)
    whole = check(run_in_memory(open_library(EMAIL, PASSWORD), emulator).result)
    with memory.Client(emulator) as client:
        report = check_while_opening(client)
    assert report.counts == whole.counts
    assert sorted(map(repr, report.findings)) == sorted(map(repr, whole.findings))
    assert len(report.problems) > 16


def test_a_library_without_contents_has_all_objects_and_links_all_stories() -> None:
    emulator, owner = an_emulator()
    fill(owner, 20)
    whole = run_in_memory(open_library(EMAIL, PASSWORD), emulator).result
    outline = run_in_memory(open_library(EMAIL, PASSWORD, keep=drop_content), emulator).result
    for one, other in zip(whole.items, outline.items, strict=True):
        assert (one.stored.id, one.stored.meta, one.state) == (other.stored.id, other.stored.meta, other.state)
        assert other.stored.data is None
        assert len(other.plaintext) < 200


def test_an_object_on_the_disk_is_the_object_that_was_kept(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    fill(owner, 20)
    whole = run_in_memory(open_library(EMAIL, PASSWORD), emulator).result
    with ObjectSpool(tmp_path / "missing") as spool:
        kept = run_in_memory(open_library(EMAIL, PASSWORD, keep=spool.keep), emulator).result
        for one, other in zip(whole.items, kept.items, strict=True):
            assert (other.whole(), other.plaintext) == (one, one.plaintext)
            assert other.stored.data is None
        assert [story.title for story in kept.stories] == [story.title for story in whole.stories]
    assert list(tmp_path.iterdir()) == []
