"""Sources of tokenizer files: their order, and missing or damaged files.

See docs/protocol/native.md#113-where-tokenizer-data-comes-from.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
import sys
import threading
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
from nai_proto.tokenizers import TOKENIZERS, TokenizerInfo
from nai_transports import files, installer
from nai_transports.tokenizer_files import (
    DIRECTORY_VARIABLE,
    cache_directory,
    find_file,
    finder,
    installed_packages,
    load,
    novelai_api_wheel,
)
from nai_transports.tokenizer_files.novelai_api_wheel import download

NAME = "nerdstash_v2"
FILE = "nerdstash_v2.model"
GOOD = b"the file that everyone knows"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Machine:
    """A simulated machine: a cache, a package registry, and the requests to it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.cache = root, root / "cache" / "tokenizers"
        self.monkeypatch = monkeypatch
        self.requests: list[Sequence[str]] = []
        self.answer: Callable[[Path], subprocess.CompletedProcess[str]] = self.offline

    def offline(self, _: Path) -> subprocess.CompletedProcess[str]:
        said = "WARNING: Retrying\nERROR: No matching distribution pst-secret123\n"
        return subprocess.CompletedProcess([], 1, "", said)

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.requests.append(command)
        if "--target" not in command:
            return subprocess.CompletedProcess([], 0, "", "")
        return self.answer(Path(command[command.index("--target") + 1]))

    def publish(self, files: dict[str, bytes]) -> None:
        """Publish a wheel with these members in the registry."""

        def answer(into: Path) -> subprocess.CompletedProcess[str]:
            for name, data in files.items():
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                (into / name).write_bytes(data)
            return subprocess.CompletedProcess([], 0, "", "")

        self.answer = answer

    def install(self, data: bytes) -> None:
        """Put an installed distribution that has the file on the path."""
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
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path, monkeypatch)
    info = replace(TOKENIZERS[NAME], files={FILE: sha256(GOOD), "other.model": None})
    monkeypatch.setitem(cast("dict[str, TokenizerInfo]", TOKENIZERS), NAME, info)
    monkeypatch.setattr(installed_packages, "_FOLDERS", {"made-up": "novelai_api/tokenizers"})
    monkeypatch.setattr(novelai_api_wheel, "_DISTRIBUTION", "made-up")
    monkeypatch.setattr(novelai_api_wheel, "_start", made.run)
    monkeypatch.setattr(installer, "has_pip", lambda: True)
    monkeypatch.setattr(finder, "cache_directory", lambda: made.cache)
    monkeypatch.setattr(finder, "_loaded", {})
    monkeypatch.setattr(finder, "read", lambda data, name, specials: (name, data))
    monkeypatch.delenv(DIRECTORY_VARIABLE, raising=False)
    return made


def write_file(directory: Path, data: bytes, name: str = FILE) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(data)
    return directory / name


IN_WHEEL = {f"novelai_api/tokenizers/{FILE}": GOOD}


def ignore_progress(what: str, done: int, total: int) -> None:
    pass


def test_places_are_searched_in_order(machine: Machine) -> None:
    """Remove each place in turn; the next one is used."""
    given, own = write_file(machine.root / "given", b"given"), write_file(machine.root / "own", b"own")
    write_file(machine.cache, GOOD)
    machine.install(GOOD)
    machine.monkeypatch.setenv(DIRECTORY_VARIABLE, str(own.parent))
    assert find_file(NAME, path=given) == b"given"
    assert find_file(NAME, path=given.parent) == b"given"
    assert find_file(NAME) == b"own"
    own.unlink()
    assert find_file(NAME) == GOOD  # the cache's
    (machine.cache / FILE).unlink()
    assert find_file(NAME) == GOOD  # the installed distribution's
    (machine.root / "site" / "novelai_api" / "tokenizers" / FILE).unlink()
    assert machine.requests == []
    machine.publish(IN_WHEEL)
    assert find_file(NAME, progress=ignore_progress) == GOOD
    assert len(machine.requests) == 1
    assert find_file(NAME) == GOOD  # kept
    assert len(machine.requests) == 1
    assert "novelai_api" not in sys.modules


def test_without_downloads_only_what_is_on_this_machine_is_found(machine: Machine) -> None:
    machine.publish(IN_WHEEL)
    for place in ("", "http://127.0.0.1:9/"):
        machine.monkeypatch.setenv(DIRECTORY_VARIABLE, place)
        with pytest.raises(FileError, match=r"no tokenizer file is in .*; allow its download, or type: .*pip install"):
            load(NAME, download=False)
    write_file(machine.cache, GOOD)
    assert load(NAME, download=False) is load(NAME, download=False)
    assert find_file(NAME, download=False) == GOOD
    assert machine.requests == []


def test_the_best_file_of_the_caller_s_directory_is_used_without_verification(machine: Machine) -> None:
    write_file(machine.root, b"second", "other.model")
    assert find_file(NAME, path=machine.root) == b"second"
    write_file(machine.root, b"first")
    assert find_file(NAME, path=machine.root) == b"first"


def test_pip_retries_once_with_a_short_timeout(machine: Machine) -> None:
    with pytest.raises(TransportError):
        find_file(NAME, progress=ignore_progress)
    ((*_, requirement),) = machine.requests
    assert "--retries 1 --timeout 10" in " ".join(machine.requests[0])
    assert requirement == novelai_api_wheel.requirement()


def test_a_path_without_a_file_is_an_error_and_no_other_place_is_searched(machine: Machine) -> None:
    write_file(machine.cache, GOOD)
    with pytest.raises(FileError, match=rf"{NAME}: no tokenizer file at .*nowhere; possible names are {FILE}"):
        find_file(NAME, path=machine.root / "nowhere")


def test_a_damaged_file_in_the_cache_is_downloaded_again(machine: Machine) -> None:
    kept = write_file(machine.cache, GOOD[:-1])
    machine.publish(IN_WHEEL)
    assert find_file(NAME, progress=ignore_progress) == GOOD
    assert kept.read_bytes() == GOOD


def test_a_damaged_or_other_file_of_an_installed_distribution_is_ignored(machine: Machine) -> None:
    machine.install(b"of another release")
    machine.publish(IN_WHEEL)
    assert find_file(NAME, progress=ignore_progress) == GOOD
    assert len(machine.requests) == 1


def test_offline_the_error_says_what_to_do_and_shows_no_token(machine: Machine) -> None:
    with pytest.raises(
        TransportError, match=r"ERROR: No matching distribution .*type: \S+ -m pip install --no-deps made-up==0.34.1$"
    ) as caught:
        find_file(NAME, progress=ignore_progress)
    assert not caught.value.sent
    assert "secret123" not in str(caught.value)
    assert not machine.cache.exists()


@pytest.mark.parametrize("is_there", [True, False])
def test_the_error_names_the_directories_that_were_searched_and_their_source(machine: Machine, is_there: bool) -> None:
    own = machine.root / "own"
    machine.monkeypatch.delenv(DIRECTORY_VARIABLE, raising=False)
    with pytest.raises(
        TransportError, match=rf"is in {re.escape(str(machine.cache))} \(the default; {DIRECTORY_VARIABLE}"
    ):
        find_file(NAME, progress=ignore_progress)
    machine.monkeypatch.setenv(DIRECTORY_VARIABLE, str(own))
    if is_there:
        own.mkdir()
    source = rf"\(from {DIRECTORY_VARIABLE}{'' if is_there else ', but it does not exist'}\)"
    with pytest.raises(
        TransportError, match=rf"is in {re.escape(str(own))} {source} or {re.escape(str(machine.cache))}"
    ):
        find_file(NAME, progress=ignore_progress)


def test_a_silent_installer_or_none_is_an_error_too(machine: Machine) -> None:
    machine.answer = lambda _: subprocess.CompletedProcess([], 7, "", "")
    with pytest.raises(TransportError, match="pip: it ended with 7"):
        find_file(NAME, progress=ignore_progress)
    have(machine, set())
    with pytest.raises(TransportError, match=r"\(the package registry: .* has no pip, and there is no uv\)"):
        find_file(NAME, progress=ignore_progress)
    assert len(machine.requests) == 1


def have(machine: Machine, programs: set[str]) -> None:
    """The environment has only these of pip, uv, and ensurepip, with which venv makes an environment that has pip."""

    def find(name: str) -> str | None:
        return name if name in programs else None

    machine.monkeypatch.setattr(installer, "has_pip", lambda: "pip" in programs)
    machine.monkeypatch.setattr("shutil.which", find)
    for user in (installer, novelai_api_wheel):
        machine.monkeypatch.setattr(user, "find_spec", find)


def test_without_pip_the_files_are_downloaded_by_uv(machine: Machine) -> None:
    have(machine, {"uv", "ensurepip"})
    machine.publish(IN_WHEEL)
    assert find_file(NAME, progress=ignore_progress) == GOOD
    (command,) = machine.requests
    assert command[:5] == ["uv", "pip", "install", "--python", sys.executable]
    assert {"--no-deps", "--only-binary", "--target"} < set(command)


def test_without_pip_and_uv_the_pip_of_a_temporary_environment_downloads_them(machine: Machine) -> None:
    have(machine, {"ensurepip"})
    machine.publish(IN_WHEEL)
    assert find_file(NAME, progress=ignore_progress) == GOOD
    first, second = machine.requests
    assert first[:3] == [sys.executable, "-m", "venv"]
    assert second[0].startswith(first[3])
    assert list(second[1:4]) == ["-m", "pip", "install"]
    assert not os.path.exists(first[3])


def test_the_reason_of_uv_is_told_with_its_cause(machine: Machine) -> None:
    have(machine, {"uv"})
    machine.answer = lambda _: subprocess.CompletedProcess([], 1, "", "error: No solution\n  cause: it is gone\n")
    with pytest.raises(TransportError, match=r"\(the package registry: uv: error: No solution cause: it is gone\)"):
        find_file(NAME, progress=ignore_progress)


@pytest.mark.parametrize(
    ("has_pip", "others", "typed"),
    [
        (True, {"uv", "ensurepip"}, "PYTHON -m pip install --no-deps made-up==0.34.1"),
        (False, {"uv", "ensurepip"}, "uv pip install --python PYTHON --no-deps made-up==0.34.1"),
        (False, {"uv"}, "uv pip install --python PYTHON --no-deps made-up==0.34.1"),
        (False, {"ensurepip"}, "PYTHON -m ensurepip && PYTHON -m pip install --no-deps made-up==0.34.1"),
        (False, set[str](), "uv pip install --python PYTHON --no-deps made-up==0.34.1"),
    ],
)
def test_the_command_installs_with_what_this_environment_has(
    machine: Machine, has_pip: bool, others: set[str], typed: str
) -> None:
    have(machine, {*others, *(["pip"] if has_pip else [])})
    with pytest.raises(FileError) as caught:
        load(NAME, download=False)
    assert str(caught.value).endswith(f"type: {typed.replace('PYTHON', shlex.quote(sys.executable))}")


def test_no_reason_of_a_failed_download_is_cut(machine: Machine) -> None:
    long = f"ERROR: {'x' * 200} is why"
    machine.answer = lambda _: subprocess.CompletedProcess([], 1, "", f"{long}\n")
    with pytest.raises(TransportError, match=rf"\(the package registry: pip: {long}\)\. To get one, "):
        find_file(NAME, progress=ignore_progress)


def test_pip_has_a_timeout(machine: Machine) -> None:
    def answer(_: Path) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired("pip", 300)

    machine.answer = answer
    with pytest.raises(TimedOut, match="longer than 300 s"):
        download(machine.cache, ignore_progress)


def test_pip_unpacks_one_wheel_of_one_release_elsewhere(machine: Machine) -> None:
    with pytest.raises(TransportError):
        find_file(NAME, progress=ignore_progress)
    ((python, *arguments),) = machine.requests
    assert python == sys.executable
    assert arguments[:3] == ["-m", "pip", "install"]
    assert {"--no-deps", "--only-binary", "--no-input", "--target"} < set(arguments)
    assert arguments[-1] == "made-up==0.34.1"


def test_only_known_data_files_are_kept(machine: Machine) -> None:
    others = {
        "novelai_api/__init__.py": b"raise AssertionError",
        "novelai_api/tokenizers/unknown.json": b"{}",
        f"elsewhere/{FILE}": b"not this one",
        "novelai_api/tokenizers/other.model": b"known, but without a digest",
    }
    machine.publish(others | IN_WHEEL)
    seen: list[tuple[int, int]] = []
    download(machine.cache, lambda what, done, total: seen.append((done, total)))
    assert [(file.name, file.read_bytes()) for file in machine.cache.iterdir()] == [(FILE, GOOD)]
    assert seen == [(0, 0), (0, len(GOOD)), (len(GOOD), len(GOOD))]


def test_each_file_in_the_wheel_is_verified(machine: Machine) -> None:
    machine.publish({f"novelai_api/tokenizers/{FILE}": b"another"})
    with pytest.raises(RemoteProtocolError, match=f"{FILE} in made-up 0.34.1 does not have the known SHA-256"):
        download(machine.cache, ignore_progress)


def test_a_wheel_without_the_file_is_downloaded_once(machine: Machine) -> None:
    machine.publish({})
    with pytest.raises(TransportError, match="the package registry: it has no file of this tokenizer"):
        find_file(NAME, progress=ignore_progress)
    assert len(machine.requests) == 1


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_file_is_written_completely_or_not_at_all(machine: Machine, step: str) -> None:
    machine.publish(IN_WHEEL)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with machine.monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(FileError, match=rf"{FILE} cannot be written: No space left on device"):
            find_file(NAME, progress=ignore_progress)
    assert list(machine.cache.iterdir()) == []


def test_the_error_for_an_unreadable_file_names_it(machine: Machine) -> None:
    path = write_file(machine.root, b"")

    def locked(*_: object, **__: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    machine.monkeypatch.setattr(files, "open", locked, raising=False)
    with pytest.raises(FileError, match=rf"{FILE} cannot be read: Permission denied"):
        find_file(NAME, path=path)


def test_a_tokenizer_without_a_source_causes_no_download(machine: Machine) -> None:
    with pytest.raises(
        FileError, match=r"glm-4\.6: no tokenizer .* none can be .* put glm-4.6_tokenizer.json into a .*"
    ):
        find_file("glm-4.6")
    only_own = replace(TOKENIZERS["pile"], files={"own.json": None}, substitutes={})
    machine.monkeypatch.setitem(cast("dict[str, TokenizerInfo]", TOKENIZERS), "pile", only_own)
    with pytest.raises(FileError, match=rf"put own.json into a directory, and type: export {DIRECTORY_VARIABLE}="):
        find_file("pile")
    assert machine.requests == []


# ---- load


def test_a_tokenizer_is_read_once_per_process_under_all_its_names(machine: Machine) -> None:
    write_file(machine.cache, GOOD)
    one = load(Model.KAYRA)
    assert one == cast("Any", (NAME, GOOD))
    assert load("kayra-v1") is load(NAME) is one
    other = write_file(machine.root, b"other")
    assert load(NAME, path=other) == cast("Any", (NAME, b"other"))
    assert load(NAME) is one


def test_threads_that_load_the_same_tokenizer_download_it_once(machine: Machine) -> None:
    machine.publish(IN_WHEEL)
    threads = [threading.Thread(target=load, args=(NAME,), kwargs={"progress": ignore_progress}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(machine.requests) == 1


def test_a_failure_is_not_cached(machine: Machine) -> None:
    with pytest.raises(TransportError):
        load(NAME, progress=ignore_progress)
    machine.publish(IN_WHEEL)
    assert load(NAME, progress=ignore_progress) == cast("Any", (NAME, GOOD))


def test_an_unknown_model_is_an_error_before_any_download(machine: Machine) -> None:
    with pytest.raises(InvalidRequestError, match="no tokenizer or model is called"):
        load("nobody")
    assert machine.requests == []


def test_a_flow_loads_a_tokenizer_off_the_event_loop(machine: Machine) -> None:
    write_file(machine.cache, GOOD)
    played = play(compute(lambda: load(NAME)), [])
    assert played.kinds == "Compute"
    assert played.result == cast("Any", (NAME, GOOD))


# ---- cache and progress


def test_the_cache_is_in_the_user_s_cache_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_directory().name == "tokenizers"
    assert "nai-proto" in cache_directory().parts
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    with pytest.raises(MissingExtra, match="the extra 'tokenizers'"):
        cache_directory()


def test_without_a_terminal_each_task_is_one_line(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.publish(IN_WHEEL)
    find_file(NAME)
    fetched, unpacked = capsys.readouterr().err.splitlines()
    assert fetched == "downloading the tokenizer files of made-up 0.34.1 …"
    assert unpacked == "unpacking the tokenizer files of made-up 0.34.1 …"


def test_a_terminal_shows_a_bar(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.publish(IN_WHEEL)
    machine.monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    machine.monkeypatch.setenv("TERM", "xterm")
    machine.monkeypatch.setenv("COLUMNS", "120")
    find_file(NAME)
    shown = capsys.readouterr()
    assert "unpacking the tokenizer files" in shown.err
    assert shown.out == ""


def test_without_any_stderr_nothing_fails(machine: Machine) -> None:
    machine.publish(IN_WHEEL)
    machine.monkeypatch.setattr(sys, "stderr", None)
    assert find_file(NAME) == GOOD


def test_pip_s_output_and_exit_status_are_captured(tmp_path: Path) -> None:
    done = novelai_api_wheel._start([sys.executable, "-c", "import sys; sys.stderr.write('said'); sys.exit(3)"])
    assert (done.returncode, done.stderr) == (3, "said")
