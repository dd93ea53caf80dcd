"""``nai library``: what an account has stored, looked at and written down, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from nai_proto.emulator import Account
from nai_transports.cli.app import app
from nai_transports.serve import serving
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.test_library import TITLES, change


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account of an emulator that the commands ask, as its owner."""
    emulator, owner = an_emulator()
    with serving(emulator) as url:
        for name, value in {"NAI_URL": url, "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("COLUMNS", "200")
        yield owner


def nai(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["library", *arguments])


# ---- list


def test_the_list_has_every_story_with_its_state(owner: Account) -> None:
    change(owner, "storycontent", 1, data="?")
    change(owner, "stories", 2, data="?")
    done = nai("list")
    assert (done.exit_code, done.stderr) == (0, "")
    for shown in (*TITLES[:2], "ok", "content: damaged", "card: damaged"):
        assert shown in done.stdout
    ids = [item.id for item in owner.storage.objects["stories"]]
    listed = json.loads(nai("list", "--json").stdout)
    assert [facts["id"] for facts in listed] == ids
    assert [facts["title"] for facts in listed] == [*TITLES[:2], ""]
    assert [facts["state"] for facts in listed] == ["ok", "content: damaged", "card: damaged"]
    assert [facts["size"] is None for facts in listed] == [False, True, False]
    assert listed[0]["created_at"] == pytest.approx(owner.storage.objects["stories"][0].lastUpdatedAt, abs=1)
