"""Every command of the command line, with arguments with which it does its work against an emulator."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from nai_proto.codecs.picture_files import write_picture
from nai_proto.codecs.picture_metadata import Metadata
from nai_proto.codecs.pixels import Pixels
from nai_proto.codecs.secret_box import write_json
from nai_proto.codecs.token_packing import pack
from nai_proto.emulator import Account
from nai_proto.story import Lorebook, Story
from nai_proto.story.files import build_story_file
from nai_transports.cli.app import app
from nai_transports.cli.common.json_document import print_json
from nai_transports.servers.serve import serve_in_thread
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.test_continue_story import load_byte_tokenizer, load_word_tokenizer
from tests.test_library import change
from tests.test_tokenizers import sentencepiece_file

__all__ = ["COMMANDS", "SERVERS", "list_commands", "prepare", "run_command", "serve_account"]

COMMANDS: Final = {
    "generate": '"The boats" --echo --logprobs 2 --max-tokens 5',
    "chat": '"Who are you?" --max-tokens 5',
    "complete": '"The boats" --max-tokens 5',
    "models": "",
    "presets list": "--model kayra-v1",
    "presets show": "Carefree --model kayra-v1",
    "module train": "long.txt --name Sea --steps 50 --learning-rate 0.001 --yes",
    "module list": "",
    "module show": "{module} --prefix",
    "module save": "{module}",
    "module delete": "{module} --yes",
    "module buy-steps": "2000 --yes",
    "library list": "",
    "library show": '"The Quiet Harbour"',
    "library export": "exported",
    "library import": "draft.story notes.txt calm.preset broken.story --yes",
    "library backup": "backups",
    "library verify": "backups",
    "library restore": "backups --yes",
    "sanity-check": "",
    "story list": "",
    "story create": '"The Lighthouse" --text "The lamp went out at nine."',
    "story import": "draft.story notes.txt",
    "story append": '"The Quiet Harbour" " More."',
    "story undo": '"The Quiet Harbour"',
    "story redo": '"The Quiet Harbour"',
    "story rename": '"The Quiet Harbour" Loud',
    "story show": '"The Quiet Harbour"',
    "story tree": "draft.story",
    "story context": "draft.story",
    "story continue": '"The Quiet Harbour" --max-tokens 10',
    "story export": "draft.story -o draft.epub",
    "story delete": '"The Quiet Harbour" --backup backups --yes',
    "lorebook test": 'places.lorebook --text "The boats came in."',
    "login": f"--email {EMAIL} --with-password --keep token --insecure-storage",
    "logout": "",
    "whoami": "",
    "account show": "",
    "account priority": "",
    "account settings": "",
    "account gift-keys": "",
    "account change-password": "",
    "account verify": "",
    "account delete": "--yes",
    "subscription": "",
    "access-key": EMAIL,
    "access-token": EMAIL,
    "tokens encode": "boats --path nerdstash_v2.model",
    "tokens decode": "5 6 --path nerdstash_v2.model",
    "tokens count": "boats --path nerdstash_v2.model",
    "decode": f"kayra-v1 {pack([5, 6], 2)} --path nerdstash_v2.model",
    "health": "",
    "doctor": "",
    "image": "sea --size 64x64 --previews",
    "director": "lineart sea.png",
    "upscale": "sea.png --yes",
    "vibe": "sea.png --yes",
    "image-info": "sea.png",
    "tags": "cat",
    "speak": '"The lamp went out."',
    "demo": "",
}
"""Arguments with which each command prints what it finds or does; some of its lists may be empty."""
SERVERS: Final = {"emulate": "--hosts lenient --console", "record": "session.jsonl", "replay": "session.jsonl"}
"""Commands that print one thing when they are ready, and run until they are stopped."""
_TYPED: Final = {"login": PASSWORD, "account change-password": "a new password\na new password\n"}
"""What commands read from stdin."""
_BEFORE: Final = {
    "library verify": ("library backup backups",),
    "library restore": ("library backup backups",),
    "story undo": ('story append "The Quiet Harbour" " More."',),
    "story redo": ('story append "The Quiet Harbour" " More."', 'story undo "The Quiet Harbour"'),
    "logout": (f"login {COMMANDS['login']}",),
    "replay": ("record session.jsonl",),
    **dict.fromkeys(
        ("module list", "module show", "module save", "module delete"), (f"module train {COMMANDS['module train']}",)
    ),
}
"""The commands that make what a command works on."""
_LATER_S: Final = 60.0
"""After which a training has ended."""


def list_commands() -> Iterator[str]:
    """Yield the whole name of every command, without those of groups."""

    def walk(command: Any, names: tuple[str, ...]) -> Iterator[str]:
        if not hasattr(command, "list_commands"):
            yield " ".join(names)
            return
        for name in command.list_commands(None):
            yield from walk(command.get_command(None, name), (*names, name))

    return walk(get_command(app), ())


# ---- the account, and the files that are named


def make_story(title: str) -> Story:
    now = 1_700_000_000
    story = Story.new(title, now=now)
    story.fields["lorebook"]["entries"] = [
        {"id": "a", "displayName": "Boats", "text": "Of wood.", "keys": ["boats", "/(/"]}
    ]
    story.append("The boats came in.", now=now)
    story.append(" The tide turned.", now=now + 60)
    return story


@cache
def make_files() -> dict[str, bytes]:
    """Return the contents of the files that are named."""
    draft = make_story("Draft")
    pixels = Pixels(64, 64, bytes(64 * 64 * 3))
    metadata = Metadata.from_comment({"prompt": "sea", "seed": 7}, description="sea", source=None)
    scenario = {"scenarioVersion": 3, "title": "Quest", "prompt": "${hero[Ana]} woke."}
    return {
        "draft.story": build_story_file(*map(write_json, draft.to_data(now=1_700_000_000))),
        "places.lorebook": Lorebook(draft.fields["lorebook"]).dumps(),
        "notes.txt": b"The keeper slept.\n",
        "long.txt": b"The keeper slept by the sea.\n" * 10,
        "broken.story": b"{",
        "calm.preset": write_json({"presetVersion": 3, "name": "Calm", "parameters": {}}),
        "quest.scenario": write_json(scenario),
        "sea.png": write_picture(pixels, metadata),
        "nerdstash_v2.model": sentencepiece_file(),
    }


def write_files() -> None:
    for name, content in make_files().items():
        Path(name).write_bytes(content)


class Clock:
    """The emulator's clock, which can be put forward."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@contextmanager
def serve_account(monkeypatch: pytest.MonkeyPatch, directory: Path) -> Generator[tuple[Account, Clock], None, None]:
    """Serve an account that the commands ask, in a directory with the files that are named."""
    clock = Clock()
    emulator, owner = an_emulator(now=clock, tokenizers=load_byte_tokenizer)
    for module in ("continue_", "context"):
        monkeypatch.setattr(f"nai_transports.cli.story.{module}.load_or_none", load_word_tokenizer)
    monkeypatch.setattr("nai_transports.cli.emulator.ready_message.print_json", _print_and_stop)
    monkeypatch.setattr("nai_transports.cli.common.prompts.is_interactive", lambda: True)
    monkeypatch.chdir(directory)
    write_files()
    with serve_in_thread(emulator) as url:
        for name, value in {
            "NAI_URL": url,
            "NAI_EMAIL": EMAIL,
            "NAI_PASSWORD": PASSWORD,
            "NAI_CONFIG_DIR": str(directory / "config"),
            "NAI_VIBE_DIR": str(directory / "vibes"),
        }.items():
            monkeypatch.setenv(name, value)
        yield owner, clock


def _print_and_stop(document: object) -> None:
    """Print what a server prints when it is ready, and stop it."""
    print_json(document)
    os.kill(os.getpid(), signal.SIGTERM)


# ---- runs


def prepare(name: str, owner: Account, clock: Clock) -> list[str]:
    """Make what a command works on, and return its arguments behind its name."""
    for line in _BEFORE.get(name, ()):
        before = " ".join(shlex.split(line)[: 1 + (line.split()[0] in ("library", "story", "module"))])
        done = CliRunner().invoke(app, shlex.split(line), input=_TYPED.get(before))
        assert done.exit_code == 0, f"{line}: {done.output}"
    clock.ahead = _LATER_S
    if name in ("library restore", "sanity-check"):
        change(owner, "stories", 0, data="?")
    if name == "account verify":
        owner.profile.email_verified = False
    modules = [each.id for each in owner.modules]
    arguments = {**COMMANDS, **SERVERS}[name].format(module=modules[0] if modules else "")
    return shlex.split(arguments)


def run_command(name: str, *arguments: str, runner: CliRunner | None = None) -> Result:
    """Run a command with what it reads from stdin."""
    line = [*name.split(), *arguments]
    return (runner or CliRunner()).invoke(app, line, input=_TYPED.get(name), prog_name="nai")
