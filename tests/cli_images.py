"""What the tests of commands for pictures share: an emulator to ask, as its only customer, in a directory of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nai_proto.emulator import Account
from nai_transports.cli.app import app
from nai_transports.serve import serving
from tests.support import an_emulator

__all__ = ["anlas_of", "listing", "nai", "painting"]


@contextmanager
def painting(monkeypatch: pytest.MonkeyPatch, directory: Path) -> Iterator[Account]:
    """An emulator's account that the commands have a token of; they run in the directory, and keep vibes beside it."""
    emulator, owner = an_emulator()
    (directory / "here").mkdir()
    with serving(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
        monkeypatch.setenv("NAI_VIBE_DIR", str(directory / "kept"))
        monkeypatch.chdir(directory / "here")
        yield owner


def nai(*arguments: object, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)


def anlas_of(owner: Account) -> int:
    return owner.profile.anlas + owner.profile.bought_anlas


def listing() -> list[str]:
    """The names of the files that are here, hidden ones too."""
    return sorted(each.name for each in Path().iterdir())
