"""``nai module``: train, list, show, save and delete modules, and buy steps, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nai_proto.emulator import Account, Emulator, Switches
from nai_proto.secret import Password
from nai_proto.testing import Clock
from nai_transports.cli.app import app
from nai_transports.servers.serve import serve_in_thread
from tests.cli_images import count_anlas, nai
from tests.support import EMAIL, PASSWORD
from tests.terminal_runner import TerminalRunner

TEXTS = "The gryphon of Zanzibar whistled. " * 10
OPTIONS = ("--name", "Gryphons", "--steps", "100", "--learning-rate", "1")


class SteppingClock(Clock):
    """A clock that can be made to advance with each look at it."""

    step = 0.0

    def __call__(self) -> float:
        self.advance(self.step)
        return super().__call__()


CLOCK = SteppingClock(1_700_000_000.0)


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    drawn = iter(range(1 << 30))
    emulator = Emulator(
        now=CLOCK,
        entropy=lambda size: bytes((next(drawn) * 37) % 251 for _ in range(size)),
        switches=Switches(training_limit=5),
    )
    account = emulator.add_account(EMAIL, Password(PASSWORD))
    (tmp_path / "tale.txt").write_text(TEXTS, "utf-8")
    monkeypatch.chdir(tmp_path)
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        monkeypatch.setenv("NAI_TOKEN", account.persistent_token.reveal())
        yield account


def train(*arguments: str) -> dict[str, Any]:
    done = nai("module", "train", "tale.txt", *OPTIONS, "--yes", "--json", *arguments)
    assert (done.exit_code, done.stderr) == (0, "")
    trained: dict[str, Any] = json.loads(done.stdout)
    return trained


def test_a_module_is_trained_on_files_for_an_anlas_a_step(owner: Account) -> None:
    before = count_anlas(owner)
    trained = train("--description", "of gryphons")
    assert (trained["name"], trained["description"], trained["status"]) == ("Gryphons", "of gryphons", "pending")
    assert count_anlas(owner) == before - 100
    CLOCK.advance(60)
    shown = json.loads(nai("module", "show", trained["id"], "--json").stdout)
    assert (shown["status"], shown["losses"]) == ("ready", 10)


def test_nothing_is_trained_without_consent(owner: Account) -> None:
    before = count_anlas(owner)
    done = nai("module", "train", "tale.txt", *OPTIONS)
    assert done.exit_code == 2
    assert done.stderr.startswith(
        "nai module train: this costs 100 Anlas: 100 training steps at 1, and there is no terminal"
    )
    assert nai("module", "train", "tale.txt", *OPTIONS, "--yes", "--max-anlas", "99").exit_code == 4
    assert (count_anlas(owner), [*owner.modules]) == (before, [])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--steps", "49"), "steps is 49, and 50 is the least"),
        (("--name", ""), "name has 0 characters"),
        (("--model", "Genji"), "genji-jp-6b-v2 has no modules"),
    ],
)
def test_a_wrong_training_is_one_line_and_nothing_is_paid(owner: Account, wrong: tuple[str, ...], said: str) -> None:
    before = count_anlas(owner)
    done = nai("module", "train", "tale.txt", *OPTIONS, *wrong, "--yes")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"nai module train: {said}")
    assert len(done.stderr.splitlines()) == 1
    assert count_anlas(owner) == before


def test_modules_are_listed(owner: Account) -> None:
    assert nai("module", "list").stderr == "nai module list: the account has no modules\n"
    first, second = train(), train()
    listed = json.loads(nai("module", "list", "--json").stdout)
    assert [each["id"] for each in listed] == [first["id"], second["id"]]
    table = nai("module", "list").stdout
    assert "Gryphons" in table
    assert len([*owner.modules]) == 2


@pytest.mark.usefixtures("owner")
def test_the_prefix_of_a_module_is_printed_on_demand_and_taken_by_generate() -> None:
    trained = train()
    early = nai("module", "show", trained["id"], "--prefix")
    assert (early.exit_code, early.stdout) == (1, "")
    assert "is not ready: its status is" in early.stderr
    CLOCK.advance(60)
    prefix = nai("module", "show", trained["id"], "--prefix").stdout.strip()
    assert prefix.startswith("euterpe-v2:")
    assert prefix not in nai("module", "show", trained["id"]).stdout
    options = ("--model", "euterpe-v2", "--max-tokens", "30", "--module", prefix)
    assert "Zanzibar" in nai("generate", "The gryphon", *options).stdout


def test_a_saved_module_is_among_the_account_s_objects(owner: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = train()
    CLOCK.advance(60)
    monkeypatch.setenv("NAI_EMAIL", EMAIL)
    monkeypatch.setenv("NAI_PASSWORD", PASSWORD)
    done = nai("module", "save", trained["id"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert len(owner.storage.objects["aimodules"]) == 1


@pytest.mark.usefixtures("terminal")
def test_a_module_is_deleted_after_a_question(owner: Account) -> None:
    trained = train()
    assert nai("module", "delete", trained["id"], stdin="n\n").exit_code == 1
    assert len([*owner.modules]) == 1
    done = nai("module", "delete", trained["id"], stdin="y\n")
    assert (done.exit_code, done.stdout) == (0, "The module is deleted.\n")
    assert [*owner.modules] == []


def test_steps_are_bought_with_consent_only(owner: Account) -> None:
    before = count_anlas(owner)
    done = nai("module", "buy-steps", "2000")
    assert done.exit_code == 2
    assert done.stderr == (
        "nai module buy-steps: this costs money, and there is no terminal to ask at; give --yes to confirm\n"
    )
    assert nai("module", "buy-steps", "5", "--yes").exit_code == 2
    assert count_anlas(owner) == before
    assert nai("module", "buy-steps", "2000", "--yes").exit_code == 0
    assert count_anlas(owner) == before + 2000


@pytest.mark.usefixtures("owner")
def test_a_training_that_fails_is_awaited_and_gives_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tale.txt").write_text("short", "utf-8")
    monkeypatch.setattr("nai_transports.cli.text.module._INTERVAL_S", 0.0)
    monkeypatch.setattr(CLOCK, "step", 0.5)
    done = nai("module", "train", "tale.txt", *OPTIONS, "--yes", "--wait")
    assert done.exit_code == 1
    assert "The data is no text" in done.stdout


@pytest.mark.usefixtures("owner")
def test_a_training_that_is_awaited_has_a_line_for_its_status_and_not_for_each_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "dumb")  # there, a line that is drawn anew would be printed again
    monkeypatch.setattr("nai_transports.cli.text.module._INTERVAL_S", 0.0)
    monkeypatch.setattr(CLOCK, "step", 0.1)
    done = TerminalRunner().invoke(app, ["module", "train", "tale.txt", *OPTIONS, "--yes", "--wait"])
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stderr.splitlines() if line.endswith("…")]
    assert lines[:2] == ["waiting …", "pending …"]
    assert {"training, losses recorded: …", "ready, losses recorded: …"} <= {*lines}
    assert len({*lines}) == len(lines) <= 5


def test_a_module_that_does_not_exist_is_told_with_the_command_that_lists_all(owner: Account) -> None:
    done = nai("module", "show", "nosuch")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "nai module show: no module has the id 'nosuch'; nai module list lists all\n"


@pytest.mark.usefixtures("owner")
def test_the_beginning_of_an_id_is_enough_if_no_other_module_has_it() -> None:
    first, second = train()["id"], train()["id"]
    length = next(place for place in range(1, len(first)) if first[:place] != second[:place])
    shown = json.loads(nai("module", "show", first[:length], "--json").stdout)
    assert shown["id"] == first
    if length > 1:
        done = nai("module", "show", first[: length - 1])
        assert done.exit_code == 2
        assert first in done.stderr
        assert second in done.stderr
