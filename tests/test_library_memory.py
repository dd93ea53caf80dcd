"""A library is backed up and checked without its contents in memory, and without the lists as they come.

What is measured is the peak of what Python allocates, as a ratio, so that it is the same on every machine.
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path

from nai_proto.exchange.reply import Handler, Start, Write
from nai_proto.http import Head, Headers, Request
from nai_proto.library import LibraryChecker, SanityReport, check, drop_content, open_library
from nai_proto.testing import run_in_memory
from nai_transports import memory
from nai_transports.backups import backup
from tests.backup_support import empty_account, fill, keys_of, put, put_keys, sealed
from tests.support import EMAIL, PASSWORD, an_emulator

STORIES, WORDS = 300, 6000
MOST = 1.2
"""Some objects at a time, sealed and opened: of 300 stories, one in fifteen."""
_PIECE = 65_536


@cache
def answers_of_a_large_account() -> dict[str, list[bytes]]:
    """The pieces of each answer of an account with many stories, which take no memory while they are sent."""
    emulator, owner = empty_account()
    keys = keys_of(owner)
    chosen = random.Random(5)
    words = [f"word{number}" for number in range(200)]
    for number in range(STORIES):
        meta, keys = keys.create_key()
        card = {"id": meta, "remoteId": f"card {number}", "remoteStoryId": f"content {number}"}
        fragments = [{"data": " ".join(chosen.choices(words, k=WORDS)), "origin": "user"}]
        put(owner, sealed("stories", f"card {number}", meta, card, keys))
        put(owner, sealed("storycontent", f"content {number}", meta, {"story": {"fragments": fragments}}, keys))
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


def replay(request: Request) -> Handler:
    status = 201 if request.method == "POST" else 200
    yield Start(Head(status, Headers.of(content_type="application/json")))
    for piece in answers_of_a_large_account()[request.target]:
        yield Write(piece)


def peak(work: Callable[[memory.Client], object]) -> float:
    """Return the most that was allocated at once, in sizes of the list of contents as it is sent."""
    size = sum(map(len, answers_of_a_large_account()["/user/objects/storycontent"]))
    with memory.Client(replay) as client:
        tracemalloc.start()
        try:
            work(client)
            return tracemalloc.get_traced_memory()[1] / size
        finally:
            tracemalloc.stop()


def check_while_opening(client: memory.Client) -> SanityReport:
    checker = LibraryChecker()
    return checker.finish(client.run(open_library(EMAIL, PASSWORD, keep=checker.keep)))


def test_a_backup_has_one_batch_of_contents_in_memory(tmp_path: Path) -> None:
    assert peak(lambda client: backup(client, EMAIL, PASSWORD, tmp_path / "backups")) < MOST


def test_a_check_has_one_batch_of_contents_in_memory() -> None:
    assert peak(check_while_opening) < MOST
    assert peak(lambda client: check(client.run(open_library(EMAIL, PASSWORD)))) > MOST  # which keeps everything


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
