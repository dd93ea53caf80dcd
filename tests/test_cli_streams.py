"""What every command writes: nothing drawn into a pipe, no control sequence where none is wanted, no traceback."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from nai_proto.emulator import Account
from nai_transports.cli import main
from nai_transports.cli.app import app
from nai_transports.cli.common.json_document import print_json
from nai_transports.cli.common.text_wrapping import measure_text, wrap_text
from tests.every_command import COMMANDS, Clock, prepare, run_command, serve_account
from tests.forked_python import forked_nai
from tests.support import PASSWORD
from tests.terminal_runner import TerminalRunner

DRAWN: Final = re.compile("[\x1b\r\u2500-\u25ff]")
"""Control sequences, lines, blocks and circles."""
VALUES: Final = {
    "models": 6,
    "presets list": 3,
    "presets show": 3,
    "module list": 6,
    "library list": 5,
    "story list": 5,
    "story tree": 7,
    "tags": 3,
    "doctor": 4,
    "health": 2,
    "whoami": 2,
    "account show": 2,
    "account priority": 2,
    "subscription": 2,
    "image-info": 2,
    "image": 2,
    "director": 2,
    "upscale": 2,
    "vibe": 2,
    "speak": 2,
    "story context": 7,
    "lorebook test": 4,
}
"""How many values a line has, of commands that print a line for each row or fact."""
WITH_A_SUM: Final = ("story context", "lorebook test")
"""Those that print a sentence at the end."""
FULL: Final = Path("/dev/full")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Account, Clock]]:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    with serve_account(monkeypatch, tmp_path) as account:
        yield account


# ---- pipes and terminals


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "demo"])
def test_a_pipe_gets_lines_with_tabs_and_nothing_drawn(
    served: tuple[Account, Clock], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = prepare(command, *served)
    monkeypatch.setenv("TERM", "xterm-256color")
    done = run_command(command, *arguments)
    assert done.exit_code in (0, 1, 5), done.output
    assert not DRAWN.search(done.output), done.output
    lines = done.stdout.splitlines()[: -1 if command in WITH_A_SUM else None]
    if command in VALUES:
        assert {line.count("\t") + 1 for line in lines} == {VALUES[command]}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_color_takes_colours_and_styles_away_and_a_dumb_terminal_all_control_sequences(
    served: tuple[Account, Clock], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = prepare(command, *served)
    variables = [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, {"TERM": "dumb"}]
    for name, value in {"TERM": "xterm-256color", **variables[len(command) % len(variables)]}.items():
        monkeypatch.setenv(name, value)
    done = run_command(command, *arguments, runner=TerminalRunner())
    assert done.exit_code in (0, 1, 5), done.output
    excluded = "[\x1b\r]" if os.environ["TERM"] == "dumb" else r"\x1b\[[0-9;]*m"
    assert not re.search(excluded, done.output), done.output


@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_wider_than_the_terminal_if_it_can_be_broken_between_words(
    served: tuple[Account, Clock], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    width = (40, 60, 80)[len(command) % 3]
    monkeypatch.setenv("COLUMNS", str(width))
    arguments = prepare(command, *served)
    monkeypatch.setenv("TERM", "dumb")
    done = run_command(command, *arguments, runner=TerminalRunner())
    assert done.exit_code in (0, 1, 5), done.output
    for line in done.output.split("\n"):
        is_to_type = line.lstrip().startswith("nai ")  # in one line, to be copied
        assert measure_text(line) <= width or is_to_type or wrap_text(line, width) == line, done.output


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
@pytest.mark.parametrize(
    ("variable", "excluded"), [({"NO_COLOR": "1"}, rb"\x1b\[[0-9;]*m"), ({"TERM": "dumb"}, rb"\x1b")]
)
def test_a_conversation_there_has_none_of_them_either(
    served: tuple[Account, Clock], variable: dict[str, str], excluded: bytes
) -> None:
    assert served
    ours, theirs = os.openpty()
    line = [*forked_nai(), "chat", "--max-tokens", "5", "--no-history"]
    shown = b""
    with subprocess.Popen(
        line, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm", **variable}
    ):
        os.close(theirs)
        typed = [b"Hello\r", b"\x04"]
        try:
            while piece := os.read(ours, 65_536):
                shown += piece
                if typed and shown.endswith(b"> "):
                    os.write(ours, typed.pop(0))
        except OSError:  # the end, on Linux
            pass
    os.close(ours)
    assert b"> Hello" in shown
    assert not re.search(excluded, shown)


@pytest.mark.parametrize("command", ["whoami", "health", "models", "sanity-check"])
def test_force_color_adds_colours_and_nothing_else_to_a_pipe(
    served: tuple[Account, Clock], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run_command(command, *prepare(command, *served))
    monkeypatch.setenv("FORCE_COLOR", "1")
    colored = run_command(command)
    seconds = re.compile(r"\d\.\d\d s")
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", colored.stdout)
    assert seconds.sub("", stripped) == seconds.sub("", plain.stdout)
    assert colored.stderr == plain.stderr


# ---- streams that fail


class Ended:
    """How the command line ended: its status, and the lines on stderr."""

    def __init__(self, status: int, stderr: str) -> None:
        self.status = status
        self.stderr = stderr

    @property
    def about_stdout(self) -> list[str]:
        return [line for line in self.stderr.splitlines() if re.search(r"\bstdout\b", line)]


def run_main(monkeypatch: pytest.MonkeyPatch, stdout: Any, *arguments: str, has_stderr: bool = True) -> Ended:
    """Run the whole command line in this process with this stdout; None stands for a closed one."""
    with Path("stderr").open("w", encoding="utf-8") as stderr, monkeypatch.context() as patches:
        stdin = io.TextIOWrapper(io.BytesIO(PASSWORD.encode()), "utf-8")
        streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr if has_stderr else None}
        for name, stream in streams.items():
            patches.setattr(sys, name, stream)
        patches.setattr(sys, "argv", ["nai", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        sys.stderr.flush()
    status = ended.value.code
    return Ended(status if isinstance(status, int) else -1, Path("stderr").read_text("utf-8"))


def open_stdout(kind: str) -> AbstractContextManager[Any]:
    match kind:
        case "full":
            return FULL.open("w", encoding="utf-8")
        case "pipe":
            reading, writing = os.pipe()
            os.close(reading)
            return os.fdopen(writing, "w", encoding="utf-8")
        case "ascii":
            return open(os.devnull, "w", encoding="ascii")
        case _:
            return nullcontext()


KINDS: Final = ("full", "closed", "pipe", "ascii")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (name, KINDS[at % len(KINDS)])
        for at, name in enumerate(COMMANDS)
        if name not in ("demo", "account change-password")
    ],
)
def test_a_stdout_that_cannot_be_written_ends_every_command_without_a_traceback(
    served: tuple[Account, Clock], command: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = prepare(command, *served)
    with open_stdout(kind) as stdout:
        ended = run_main(monkeypatch, stdout, *command.split(), *arguments)
    assert "Traceback" not in ended.stderr
    if kind == "ascii" and not ended.about_stdout:  # all of it was ASCII
        assert ended.status in (0, 1, 5)
        return
    assert ended.status == 1, ended.stderr
    assert len(ended.about_stdout) == (0 if kind == "pipe" else 1), ended.stderr


DONE: Final = {
    "image": r"written: (sea-[-\w]+\.jpg, )+sea-\d+\.png",
    "director": r"written: sea-lineart\.png",
    "upscale": r"written: sea-\d+x\d+\.png",
    "vibe": r"written: sea\.naiv4vibe",
    "speak": r"written: The-lamp-went-out-Ligeia\.mp3",
    "module train": r"the training of the module \S+ was started",
    "module save": "the module is stored",
    "module delete": "the module is deleted",
    "module buy-steps": "bought: 2,000 steps",
    "library export": r"written: \d+ files in exported",
    "library import --json": "what is imported is stored in the account",
    "library backup": "backup 1 in backups is complete",
    "story create": r"stored: The Lighthouse \(\S+\)",
    "story import": r"stored: Draft \(\S+\)\. stored: notes \(\S+\)",
    "story append": r"stored: The Quiet Harbour \(\S+\)",
    "story undo": r"stored: The Quiet Harbour \(\S+\)",
    "story redo": r"stored: The Quiet Harbour \(\S+\)",
    "story rename": r"stored: Loud \(\S+\)",
    "story continue": "saved",
    "story export": r"written: draft\.epub",
    "story delete": r"deleted: The Quiet Harbour \(\S+\), kept in backups",
    "login": "the login is kept in ",
    "logout": "the login is deleted",
    "account verify": "the e-mail was sent",
    "account delete": "the account is deleted",
    "access-token --persistent --overwrite --yes": "nai access-token --persistent --overwrite makes another",
}
"""What was done for good, and cannot be printed."""


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("command", [*DONE, *(f"{name} --json" for name in DONE if "--json" not in name)])
def test_a_stdout_that_cannot_be_written_is_told_with_what_was_done(
    served: tuple[Account, Clock], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, *options = command.split(" --")
    with open_stdout("full") as stdout:
        ended = run_main(
            monkeypatch, stdout, *name.split(), *prepare(name, *served), *(f"--{each}" for each in options)
        )
    *_, last = ended.stderr.splitlines()
    error: Any = json.loads(last)["error"] if "json" in options else {"message": last, "files": []}
    assert ended.status == 1
    assert re.search(DONE.get(command) or DONE[command.removesuffix(" --json")], error["message"]), ended.stderr
    assert all(Path(file).stat().st_size for file in error["files"])
    assert bool(error["files"]) == ("json" in options and ". written: " in error["message"])


def test_a_closed_pipe_is_told_only_with_what_was_done(
    served: tuple[Account, Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_stdout("pipe") as stdout:
        ended = run_main(monkeypatch, stdout, "director", *prepare("director", *served))
    assert (ended.status, ended.stderr) == (1, "free with Opus\nnai director: written: sea-lineart.png\n")


@pytest.mark.parametrize("command", ["generate", "library list", "library import", "image", "tags", "login"])
def test_a_closed_stderr_changes_nothing(
    served: tuple[Account, Clock], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*command.split(), *prepare(command, *served)]
    with Path("stdout").open("w", encoding="utf-8") as stdout:
        ended = run_main(monkeypatch, stdout, *arguments, has_stderr=False)
    assert ended.status == (1 if command == "library import" else 0)  # of a damaged file
    assert Path("stdout").read_text("utf-8")
    assert run_main(monkeypatch, None, "tags", "cat", has_stderr=False).status == 1


def test_json_is_ascii_where_stdout_is_not_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"title": "物語 \U0001f600 \ud800", "more": "plain"}
    for encoding in ("ascii", "latin-1", "utf-8"):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding))
        print_json(document)
        sys.stdout.flush()
        assert json.loads(raw.getvalue()) == document
        assert raw.getvalue().isascii() is (encoding != "utf-8")


# ---- errors that come half-way


@pytest.mark.parametrize(
    "line",
    [
        ["generate", "x", "--number", "3", "--echo"],
        ["chat", "x"],
        ["complete", "x"],
        ["image", "sea", "--size", "64x64", "-n", "2", "--seed", "7"],
        ["module", "train", "long.txt", "--name", "Sea", "--steps", "50", "--learning-rate", "0.001"],
        ["story", "delete", "The Quiet Harbour", "--backup", "backups"],
    ],
    ids=lambda line: line[0],
)
def test_an_error_or_a_no_leaves_stdout_empty_and_ends_stderr_with_one_document(
    served: tuple[Account, Clock], line: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert served
    monkeypatch.setattr("nai_transports.cli.common.prompts.is_interactive", lambda: False)
    if "--steps" in line or "--backup" in line:
        expected = ("usage", 2)  # nobody can be asked
    else:
        monkeypatch.setattr("nai_transports.sync.Client.stream", fail)
        monkeypatch.setattr("nai_transports.sync.Client.run", fail)
        expected = ("interrupted", 130)
    done = CliRunner().invoke(app, [*line, "--json"], prog_name="nai")
    assert done.stdout == ""
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert (error["kind"], error["exit_status"]) == expected
    assert done.exit_code == expected[1]
    assert error["command"].startswith(f"nai {line[0]}")


@pytest.mark.parametrize(
    "line", ["image sea --show", "upscale sea.png --show", "speak x -o -", "story export draft.story -o -"]
)
def test_what_stdout_would_have_beside_the_document_is_refused(served: tuple[Account, Clock], line: str) -> None:
    assert served
    done = TerminalRunner().invoke(app, [*line.split(), "--json"], prog_name="nai")
    assert (done.exit_code, done.stdout) == (2, "")
    assert json.loads(done.stderr.splitlines()[-1])["error"]["kind"] == "usage"


def fail(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
