"""What the tests of commands for pictures share: an emulator to ask, as its only customer, in a directory of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from nai_proto.codecs.picture_metadata import read_metadata
from nai_proto.emulator import Account
from nai_transports.cli.app import app
from nai_transports.servers.serve import serve_in_thread
from tests.support import an_emulator

__all__ = [
    "NAME",
    "PROMPT",
    "SMALL",
    "count_anlas",
    "emulated_images",
    "generate_image",
    "list_files",
    "nai",
    "read_parameters",
    "read_size",
    "write_image",
]


PROMPT = "1girl, lighthouse at dusk"
NAME = "1girl-lighthouse-at-dusk"
SMALL = ("--size", "64x128", "--seed", "7")


@contextmanager
def emulated_images(monkeypatch: pytest.MonkeyPatch, directory: Path) -> Iterator[Account]:
    """An emulator's account that the commands have a token of; they run in the directory, and keep vibes beside it."""
    emulator, owner = an_emulator()
    (directory / "here").mkdir()
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
        monkeypatch.setenv("NAI_VIBE_DIR", str(directory / "kept"))
        monkeypatch.chdir(directory / "here")
        yield owner


def nai(*arguments: object, stdin: str | bytes = "") -> Result:
    """Runs a command; the first argument is its name."""
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)


def count_anlas(owner: Account) -> int:
    return owner.profile.anlas + owner.profile.bought_anlas


def list_files() -> list[str]:
    """The names of the files that are here, hidden ones too."""
    return sorted(each.name for each in Path().iterdir())


def generate_image(*arguments: object, prompt: str = PROMPT) -> dict[str, Any]:
    done = nai("image", prompt, *SMALL, *arguments, "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def read_parameters(name: str) -> dict[str, Any]:
    """What a picture says of its parameters."""
    metadata = read_metadata(Path(name).read_bytes())
    assert metadata is not None
    return metadata.parameters()


def read_size(name: str) -> tuple[int, int]:
    with Image.open(name) as image:
        return image.size


def write_image(name: str, width: int, height: int, colour: tuple[int, int, int] = (200, 30, 10)) -> str:
    Image.new("RGB", (width, height), colour).save(name)
    return name
