"""``nai access-key`` and ``nai access-token``: they print the one secret that they are asked for, and no other."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nai_proto import account
from nai_proto.exchange.reply import Handler
from nai_proto.exchange.session import Session
from nai_proto.http import Request
from nai_proto.secret import AccessToken, Password, PersistentToken
from nai_transports.cli.app import app
from nai_transports.httpx import Client
from nai_transports.servers.serve import serve_in_thread
from tests.support import EMAIL, PASSWORD, an_emulator

# docs/protocol/native.md#3-key-derivation
ALICE = (
    "alice@example.com",
    "correct horse battery",
    "SVyABWBKeaJ9qGdbgdMsC_WAJ5yd4hBumPC5aIEoPLvWzYGwE1cs2hC9MCRtnZ8k",
)

OVERWRITE = ("access-token", EMAIL, "--persistent", "--overwrite")


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The account of an emulator that the commands ask, and whose password they have."""
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        monkeypatch.setenv("NAI_PASSWORD", PASSWORD)
        yield owner


def nai(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=typed)


def is_valid_token(token: AccessToken | PersistentToken, url: str) -> bool:
    with Client(Session(base_url=url, token=token)) as client:
        return client.run(account.get_subscription()).active


@pytest.mark.parametrize("name", ["access-key", "access_key", "get_access_key"])
def test_the_access_key_is_derived_and_nothing_is_sent(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    email, password, key = ALICE
    monkeypatch.setenv("NAI_PASSWORD", password)
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    monkeypatch.setenv("NAI_URL", "http://127.0.0.1:1")
    done = nai(name, email)
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"{key}\n", "")
    monkeypatch.setenv("NAI_EMAIL", email)
    assert json.loads(nai(name, "--json").stdout) == {"access_key": key}


def test_the_key_depends_on_the_case_of_the_e_mail_and_the_help_says_so() -> None:
    email, password, key = ALICE
    assert nai("access-key", email.title(), "--unsafe-password", password).stdout.strip() != key
    assert "depends on the case of the e-mail" in " ".join(nai("access-key", "--help").stdout.split())


@pytest.mark.parametrize("name", ["access-token", "access_token", "get_access_token"])
def test_the_access_token_is_the_one_of_a_login(owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    done = nai(name, EMAIL)
    assert (done.exit_code, done.stderr) == (0, "")
    monkeypatch.setenv("NAI_TOKEN", done.stdout.strip())
    assert nai("subscription").exit_code == 0
    assert nai("account", "settings").exit_code == 0
    printed = json.loads(nai(name, EMAIL, "--json").stdout)
    assert (bool(printed["access_token"]), printed["persistent_token"]) == (True, None)


@pytest.mark.usefixtures("owner")
def test_an_e_mail_that_was_typed_in_capitals_logs_in_too() -> None:
    assert nai("access-token", EMAIL.upper()).exit_code == 0


# ---- the persistent one


def test_a_persistent_token_is_not_replaced_by_accident(owner: Any) -> None:
    done = nai("access-token", EMAIL, "--persistent")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "already exists" in done.stderr
    done = nai(*OVERWRITE)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--yes" in done.stderr
    done = nai("access-token", EMAIL, "--overwrite")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--persistent" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_ctrl_c_while_a_persistent_token_is_made_says_that_it_may_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    emulator, _ = an_emulator()

    def interrupt(request: Request) -> Handler:
        if "persistent" in request.path:
            os.kill(os.getpid(), signal.SIGINT)
        return emulator(request)

    with serve_in_thread(interrupt) as url:
        monkeypatch.setenv("NAI_URL", url)
        monkeypatch.setenv("NAI_PASSWORD", PASSWORD)
        done = nai(*OVERWRITE, "--yes")
    assert done.exit_code == 130
    assert "A persistent token may be made" in done.stderr


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("answer", ["n\n", "\nno\n", ""])
def test_without_a_yes_the_token_is_kept(owner: Any, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = owner.persistent_token
    done = nai(*OVERWRITE, typed=answer)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "stop working everywhere" in done.stderr
    assert owner.persistent_token == before


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("more", "typed"), [(("--yes",), ""), ((), "y\n")])
def test_with_a_yes_the_token_is_replaced_and_the_older_one_is_invalid(
    owner: Any, more: tuple[str, ...], typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = owner.persistent_token.reveal()
    done = nai(*OVERWRITE, "--json", *more, typed=typed)
    assert done.exit_code == 0, done.stderr
    token = json.loads(done.stdout)["persistent_token"]
    assert token.startswith("pst-")
    monkeypatch.setenv("NAI_TOKEN", token)
    assert nai("subscription").exit_code == 0
    monkeypatch.setenv("NAI_TOKEN", before)
    done = nai("subscription")
    assert done.exit_code == 3
    assert "nai login" in done.stderr
    assert before not in done.output


# ---- no secret besides


@pytest.mark.parametrize("name", ["access-key", "get_access_key", "access-token", "get_access_token"])
def test_a_password_as_an_argument_is_refused_and_not_repeated(owner: Any, name: str) -> None:
    done = nai(name, EMAIL, "open sesame")
    (line,) = done.stderr.splitlines()
    assert (done.exit_code, done.stdout) == (2, "")
    assert "NAI_PASSWORD" in line
    assert "sesame" not in line


@pytest.mark.usefixtures("owner")
def test_a_refused_login_shows_neither_password_nor_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_PASSWORD", "open sesame")
    done = nai("access-token", EMAIL)
    (line,) = done.stderr.splitlines()
    assert (done.exit_code, done.stdout) == (3, "")
    assert "sesame" not in line
    assert account.access_key(EMAIL, Password("open sesame")).reveal() not in line
