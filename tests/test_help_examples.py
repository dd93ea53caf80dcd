"""Every example of every help page runs, as it stands, for a person with an account and the files that it names."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from nai_proto.emulator import Account
from nai_proto.tokenizers import Tokenizer, read
from nai_transports.cli.app import app
from nai_transports.cli.common.examples import EXAMPLES
from nai_transports.servers.serve import serve_in_thread
from nai_transports.tokenizer_files import finder

from .forked_python import forked_nai
from .support import EMAIL, PASSWORD, an_emulator
from .test_help_pages import list_commands
from .test_tokenizers import hugging_face_file, sentencepiece_file

_PROGRAMS = ("emulate", "record", "replay", "demo")
"""Commands that run until they are stopped, or start servers of their own: each runs as a program."""
_ANSWERS = {"nai account delete": f"{EMAIL}\n", "nai account change-password": "new password\nnew password\n"}
"""What a person types at the questions of a command that "y" does not answer."""
_MODULE = "1f0c2a"
"""The beginning of the id of the person's module in the examples."""

_STARTED = time.time()
_LINES = [(command, line) for command, lines in EXAMPLES.items() for line in lines]


@pytest.fixture
def owner(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    terminal: None,
    ring: object,
    config: Path,
) -> Iterator[Account]:
    """A person with an account in the environment, a module, and files in the working directory."""
    emulator, owner = an_emulator(now=_tell_fast_time, tokenizers=_load_tokenizer)
    (tmp_path / "tokenizers").mkdir()
    (tmp_path / "tokenizers" / "nerdstash_v2.model").write_bytes(sentencepiece_file())
    (tmp_path / "tokenizers" / "llama3.json").write_bytes(hugging_face_file())
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(finder, "_loaded", {})
    monkeypatch.setattr("nai_transports.cli.text.module._INTERVAL_S", 0.01)
    with serve_in_thread(emulator) as url:
        for name, value in {
            "NAI_URL": url,
            "NAI_EMAIL": EMAIL,
            "NAI_PASSWORD": PASSWORD,
            "NAI_TOKEN": owner.persistent_token.reveal(),
            "NAI_TOKENIZER_DIR": str(tmp_path / "tokenizers"),
            "NAI_VIBE_DIR": str(tmp_path / "vibes"),
            "XDG_DATA_HOME": str(tmp_path / "data"),
        }.items():
            monkeypatch.setenv(name, value)
        _write_files(here, owner.persistent_token.reveal())
        yield owner


def _tell_fast_time() -> float:
    """Return the emulator's time, which passes a thousand times as fast: a training takes milliseconds."""
    return _STARTED + (time.time() - _STARTED) * 1000


def _load_tokenizer(_: object) -> Tokenizer:
    return read(sentencepiece_file())


def _write_files(here: Path, token: str) -> None:
    (here / "token.txt").write_text(token + "\n")
    (here / "opening.txt").write_text("The keeper lit the lamp, and")
    (here / "notes.txt").write_text("The tide turned at nine.\n" * 20)
    Image.new("RGB", (64, 128), "navy").save(here / "picture.png")
    (here / "draft.story").write_bytes(_export("draft.story"))
    scenario = json.loads(_export("quest.scenario"))
    scenario["context"] = [{"text": "${hero[Ada]} is small."}]
    (here / "quest.scenario").write_text(json.dumps(scenario))
    (here / "harbour.lorebook").write_text(
        '{"lorebookVersion": 5, "entries": [{"text": "A bell.", "displayName": "Bell", "keys": ["bell"], "enabled": true}]}'
    )


@cache
def _export(file: str) -> bytes:
    """Return the file that a story of the account is exported to; it is the same for each account."""
    _run(f'nai story export "The Quiet Harbour" -o exported-{file}')
    exported = Path(f"exported-{file}")
    content = exported.read_bytes()
    exported.unlink()
    return content


def _run(line: str, typed: str = "y\n" * 3) -> Result:
    words = shlex.split(line)
    assert words[0] == "nai"
    if ">" in words:
        words = words[: words.index(">")]
    if "<" in words:
        at = words.index("<")
        typed, words = Path(words[at + 1]).read_text("utf-8"), words[:at]
    return CliRunner().invoke(app, words[1:], input=typed, prog_name="nai")


def test_every_command_has_two_or_three_examples_of_its_own() -> None:
    assert set(EXAMPLES) == {" ".join(path) for path in list_commands()}
    for command, lines in EXAMPLES.items():
        assert 2 <= len(lines) <= 3
        assert all(line.startswith(f"nai {command}") and len(line) <= 78 for line in lines)


@pytest.mark.parametrize(("command", "line"), [each for each in _LINES if each[0] not in _PROGRAMS])
def test_an_example_runs(owner: Account, command: str, line: str) -> None:
    if command.startswith("module") and _MODULE in line:
        line = line.replace(_MODULE, _train_module())
    if command in ("story undo", "story redo"):
        for _ in range(2):
            assert _run('nai story append "The Quiet Harbour" " More."').exit_code == 0
    if command == "story redo":
        assert _run('nai story undo "The Quiet Harbour" --steps 2').exit_code == 0
    if command == "chat" and "--load" in line:
        assert _run("nai chat Hello --save talk.json").exit_code == 0
    if command == "logout":
        assert _run("nai login --profile work --keep token").exit_code == 0
        assert _run("nai login --keep token").exit_code == 0
    if command == "account verify":
        owner.profile.email_verified = False
    if command == "library import":
        assert _run("nai library export exported").exit_code == 0
    if command in ("library verify", "library restore"):
        assert _run("nai library backup backups").exit_code == 0
    done = _run(line, _ANSWERS.get(line.split(" --")[0], "y\n" * 3))
    assert done.exit_code == 0, done.output


def _train_module() -> str:
    assert _run("nai module train notes.txt --name Notes --steps 100 --learning-rate 0.001 --yes --wait").exit_code == 0
    return _run("nai module list").stdout.split("\t")[0]


@pytest.mark.parametrize(("command", "line"), [each for each in _LINES if each[0] in _PROGRAMS])
def test_an_example_that_serves_runs_until_it_is_interrupted_or_done(owner: Account, command: str, line: str) -> None:
    recorded = f"nai record session.jsonl --to {os.environ['NAI_URL']}"  # not NovelAI
    if command == "record":
        line = line.replace("nai record session.jsonl", recorded)
    if command == "replay":
        _run_program(f"{recorded} -- nai subscription", ends=True)
    _run_program(line, ends=command == "demo" or " -- " in line)


def _run_program(example: str, *, ends: bool) -> None:
    """Run a line to its end, or interrupt it when it has said that it is ready."""
    scripts = Path(sys.executable).parent
    words = shlex.split(example.partition(" | ")[0])
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    line = [*forked_nai(), *words[1:]]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stdout is not None
        assert running.stdout.readline()
        if not ends:
            running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=50)
    assert running.returncode == 0, said
    assert "Traceback" not in said
