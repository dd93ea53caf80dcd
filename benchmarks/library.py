"""How much memory do a backup, a check, an export and a restore of a library take, beside the sealed list of its contents?

The commands run in this process, and the service in another one. The peak is of what Python allocates (tracemalloc), after a
run with a few stories that imports everything.
"""

from __future__ import annotations

import asyncio
import random
import tracemalloc
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from typer.testing import CliRunner

import nai_proto as nai
from nai_proto import objects
from nai_proto.account import login
from nai_proto.codecs.key_derivation import encryption_key
from nai_proto.codecs.keystore import Keystore, seal_keystore
from nai_proto.codecs.sealed_objects import new_object, seal_object
from nai_proto.emulator import Emulator
from nai_proto.secret import Password
from nai_transports.cli.app import app
from nai_transports.servers.serve import run_on_selector_loop, serve
from nai_transports.sync import Client

from .report import Effort, Report
from .server import apart

__all__ = ["measure"]

_EMAIL: Final = "writer@example.com"
_PASSWORD: Final = Password("a long enough password")
_STORIES: Final = 5_000
_WARM_UP: Final = 20
_PARAGRAPHS: Final = 60
"""Of 60 words each: 20 kB, and half of it sealed."""
_MOST: Final = 0.5
_MEMORY: Final = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where flushing thousands of files takes no time."""
_SUCCESS: Final = (0, 5)  # a check finds that a story has no history


def _serve_account(stories: int, pipe: Connection) -> None:
    chance = random.Random(20260303)
    emulator = Emulator(now=lambda: 0.0, entropy=chance.randbytes)
    account = emulator.add_account(_EMAIL, _PASSWORD, stories=False)
    words = ["".join(chance.choices("etaoinshrdlucmfw", k=chance.randint(2, 9))) for _ in range(3_000)]
    keys: dict[str, bytes] = {}
    for number in range(stories):
        meta = f"{number:08}-0000-4000-8000-000000000000"
        keys[meta] = chance.randbytes(32)
        keystore = Keystore({meta: keys[meta]})
        fragments = [{"data": " ".join(chance.choices(words, k=60)), "origin": "ai"} for _ in range(_PARAGRAPHS)]
        content = {"storyContentVersion": 4, "story": {"fragments": fragments, "datablocks": [], "currentBlock": 0}}
        text = seal_object(new_object("storycontent", meta, content, keystore, compressed=True), keystore)
        stored = account.storage.create("storycontent", meta, text, 0.0, chance.randbytes)
        card = {"id": meta, "title": f"Story {number}", "remoteId": "", "remoteStoryId": stored.id}
        data = seal_object(new_object("stories", meta, card, keystore), keystore)
        account.storage.create("stories", meta, data, 0.0, chance.randbytes)
    account.storage.keystore = seal_keystore(Keystore(keys), encryption_key(_EMAIL, _PASSWORD))

    async def main() -> None:
        async with serve(emulator) as url:
            pipe.send(url)
            await asyncio.to_thread(pipe.recv)

    run_on_selector_loop(main())


def _run_command(url: str, *line: object) -> None:
    environment = {"NAI_URL": url, "NAI_EMAIL": _EMAIL, "NAI_PASSWORD": _PASSWORD.reveal(), "NAI_TOKEN": ""}
    done = CliRunner().invoke(app, [str(word) for word in line], env=environment)
    assert done.exit_code in _SUCCESS, done.output


def _lose_contents(url: str) -> int:
    """Delete all contents; return how long the sealed ones were together."""
    with Client(nai.Session(base_url=url)) as client:
        token = client.run(login(_EMAIL, _PASSWORD))
        size = 0
        with client.stream(objects.stream_objects("storycontent").with_options(token=token)) as listed:
            for item in listed:
                size += len(item.data or "")
        client.run(objects.delete_objects(["storycontent"]).with_options(token=token))
    return size


def _measure_commands(stories: int) -> tuple[int, dict[str, int]]:
    """Return the size of the sealed contents, and the peak of each command."""
    peaks: dict[str, int] = {}
    with apart(_serve_account, stories) as url, TemporaryDirectory(dir=_MEMORY) as directory:
        size = 0
        lines: dict[str, tuple[Any, ...]] = {
            "backup": ("library", "backup", Path(directory, "backup")),
            "check": ("sanity-check",),
            "export": ("library", "export", Path(directory, "exported")),
            "restore of nothing": ("library", "restore", Path(directory, "backup"), "--yes"),
            "restore of all": ("library", "restore", Path(directory, "backup"), "--yes"),
        }
        for name, line in lines.items():
            if name == "restore of all":
                size = _lose_contents(url)
            tracemalloc.start()
            _run_command(url, *line)
            peaks[name] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    return size, peaks


def measure(effort: Effort) -> Report:
    """The peaks with 5,000 stories of 20 kB."""
    stories = effort.of(_STORIES)
    report = Report("peak of memory while a library is backed up, checked, exported and restored, in sealed lists", "")
    _measure_commands(min(stories, _WARM_UP))
    size, peaks = _measure_commands(stories)
    for name, peak in peaks.items():
        report.bound(f"{stories} stories, {size / 1e6:.3g} MB sealed", name, peak / size, "x", _MOST)
    return report
