"""What the program answers to a shell's script, and how: quickly, and without a word of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from nai_transports.cli.completion import shape_cache, shape_reader, shapes
from nai_transports.cli.completion.commands import Shell
from nai_transports.cli.completion.scripts import SCRIPTS

from .forked_python import forked_nai
from .test_cli import nai

_PROGRAM = """\
import sys
import threading
from nai_transports.cli import main
main()
print([name for name in ("typer", "click", "rich", "nai_proto.text") if name in sys.modules])
"""
_NOTHING = "[]"
"""What is printed of the modules when none of them was imported."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, and the home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    return tmp_path


def ask(*arguments: str) -> list[str]:
    """Return the lines that the program prints."""
    return _print_lines([*forked_nai(), *arguments])


def ask_new_process(*arguments: str) -> list[str]:
    """Return the lines that a new process prints, the last of which lists the heavy modules that it has imported."""
    return _print_lines([sys.executable, "-c", _PROGRAM, *arguments])


def _print_lines(line: Sequence[str]) -> list[str]:
    done = subprocess.run(line, capture_output=True, check=False, encoding="utf-8", timeout=50)
    assert done.stderr == ""
    return done.stdout.splitlines()


pytestmark = pytest.mark.usefixtures("here")


def test_a_command_is_completed_without_importing_any() -> None:
    *lines, imported = ask_new_process("__complete", "zsh", "gen")
    assert "generate\tContinue a prompt with a model for stories" in lines
    assert imported == _NOTHING


def test_an_option_is_completed_without_importing_its_command_but_for_the_first_time() -> None:
    first = ask_new_process("__complete", "zsh", "image", "--sam")
    *again, imported = ask_new_process("__complete", "zsh", "image", "--sam")
    assert again == first[:-1]
    assert "typer" in first[-1]
    assert imported == _NOTHING


def test_bash_gets_what_is_inserted() -> None:
    assert ask("__complete", "bash", " =:", "nai generate --preset=Wri") == ["Writer\\'s\\ Daemon"]
    assert ask("__complete", "bash", " =:", 'nai generate --preset "Wri') == ["Writer's Daemon"]


def test_bash_gets_a_value_in_its_own_letters_and_an_option_only_in_those_that_are_typed() -> None:
    assert ask("__complete", "bash", " =:", "nai generate --preset=wRI") == ["Writer\\'s\\ Daemon"]
    assert ask("__complete", "bash", " =:", "nai image -N") == []


def test_bash_gets_paths_too(here: Path) -> None:
    (here / "a b").mkdir()
    (here / "a.story").touch()
    (here / "a.txt").touch()
    (here / ".a").touch()
    assert ask("__complete", "bash", " =:", "nai story show a") == ["a\\ b/", "a.story"]
    assert ask("__complete", "bash", " =:", "nai generate --file=~/a.t") == ["~/a.txt"]
    assert ask("__complete", "bash", " =:", "nai library export a") == ["a\\ b/"]


def test_other_shells_are_asked_for_paths() -> None:
    assert ask("__complete", "fish", "generate", "--file", "") == ["\tfile"]
    assert ask("__complete", "zsh", "library", "export", "") == ["\tdirectory"]
    assert ask("__complete", "zsh", "generate", "--preset", "x")[-1] == "\tfile\t.preset"


@pytest.mark.parametrize(
    "arguments",
    [
        ("zsh", "nonsense", ""),
        ("zsh",),
        ("bash", ""),
        (),
        ("bash", " ", "nai generate --file /no/such/directory/"),
        ("bash", " ", "nai generate --model \udcff"),
    ],
)
def test_nothing_is_answered_to_what_means_nothing(arguments: tuple[str, ...]) -> None:
    assert ask("__complete", *arguments) == []


def test_the_service_is_not_waited_for_longer_than_a_person_waits() -> None:
    from nai_transports.cli.completion import account_values

    assert (
        account_values.list_stories({"url": ["http://127.0.0.1:1"], "email": ["a@b"], "unsafe_password": ["c"]}) == ()
    )


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer")
def test_whatever_takes_too_long_is_given_up_silently_and_the_timer_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    from nai_transports.cli.completion import account_values

    before = signal.getsignal(signal.SIGALRM)
    monkeypatch.setattr(account_values, "_PATIENCE_S", 0.01)
    ended = False
    try:
        with account_values._patience():
            threading.Event().wait(60)
            ended = True
        assert not ended
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    finally:
        signal.signal(signal.SIGALRM, before)


# ---- what commands take is kept


def test_a_change_of_the_sources_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    taken = shape_cache.load_shape(("health",))
    monkeypatch.setattr(shape_reader, "read_shape", lambda _: shapes.CommandShape("new", (), {}))
    assert shape_cache.load_shape(("health",)) == taken
    monkeypatch.setattr(shape_cache, "__version__", "0.0")
    assert shape_cache.load_shape(("health",)).summary == "new"


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '{"stamp": 1}', "\x00"])
def test_a_damaged_file_is_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: str) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    taken = shape_cache.load_shape(("health",))
    (file,) = tmp_path.rglob("health.json")
    file.write_text(damage, "utf-8")
    assert shape_cache.load_shape(("health",)) == taken
    assert json.loads(file.read_text("utf-8"))["shape"]


def test_a_directory_that_cannot_be_written_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "below"))
    monkeypatch.setattr("sys.platform", "linux")
    (tmp_path / "file").touch()
    assert shape_cache.load_shape(("health",)).summary


# ---- the command


def test_each_shell_has_a_script() -> None:
    assert [*SCRIPTS] == [*Shell]
    for shell in Shell:
        assert nai("completion", shell).stdout == SCRIPTS[shell]


def test_a_script_is_printed_without_importing_commands() -> None:
    *lines, imported = ask_new_process("completion", "bash")
    assert "\n".join(lines) + "\n" == SCRIPTS["bash"]
    assert imported == _NOTHING
