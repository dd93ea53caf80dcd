"""``nai account`` and ``nai subscription``, against the emulator."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nai_proto import account
from nai_proto.emulator import Emulator
from nai_proto.emulator.accounts.mailbox import MailKind
from nai_proto.exchange.reply import Cut, Handler
from nai_proto.http import Request
from nai_proto.secret import Password
from nai_transports.cli.app import app
from nai_transports.servers.serve import serve_in_thread
from tests.keyrings import MemoryKeyring, keyring_entry
from tests.support import EMAIL, PASSWORD, an_emulator, answers, reading

NEW = "a louder harbour"
SHOWING = [
    ("account",),
    ("account", "show"),
    ("account", "priority"),
    ("account", "settings"),
    ("account", "gift-keys"),
    ("subscription",),
]
LOGGING_IN = [("account", "delete", "--yes"), ("account", "change-password")]


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Emulator, Any]]:
    """An emulator that the commands ask, its account, whose e-mail and password they have."""
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        monkeypatch.setenv("NAI_EMAIL", EMAIL)
        monkeypatch.setenv("NAI_PASSWORD", PASSWORD)
        yield emulator, owner


@pytest.fixture
def owner(emulated: tuple[Emulator, Any]) -> Any:
    return emulated[1]


def nai(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=typed)


def run_and_parse(*arguments: str) -> dict[str, str]:
    """What each line says, by its name."""
    done = nai(*arguments)
    assert (done.exit_code, done.stderr) == (0, "")
    return dict(line.split("\t") for line in done.stdout.splitlines())


def run_json(*arguments: str) -> Any:
    done = nai(*arguments, "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    return json.loads(done.stdout)


# ---- what it is and has


def test_the_account_command_shows_the_account_by_default(owner: Any) -> None:
    owner.profile.trial_actions = 17
    facts = run_and_parse("account")
    assert facts == run_and_parse("account", "show")
    assert facts["tier"] == "Opus"
    assert facts["e-mail verified"] == "yes"
    assert facts["texts left of the trial"] == "17"
    assert facts["account made"].endswith(" UTC")
    assert facts["anlas"] == "10,000"
    assert not [name for name in facts if re.search("email|_|ban", name)]
    known = run_json("account")
    assert (known["tier"], known["trial_actions_left"]) == ("opus", 17)
    assert datetime.fromisoformat(known["account_created_at"]).timestamp() == owner.profile.created_at
    assert EMAIL not in json.dumps([facts, known])


def test_the_subscription_has_its_balance_and_perks(owner: Any) -> None:
    owner.profile.anlas, owner.profile.bought_anlas = 120, 7
    facts = run_and_parse("subscription")
    assert (facts["tier"], facts["anlas: total"], facts["anlas: purchased"]) == ("Opus", "127", "7")
    assert facts["included: context tokens"] == "8,192"
    assert facts["paid through PayPal"] == "no"
    assert facts["free V5 images: left"].endswith(" %")
    known = run_json("subscription")
    assert known["anlas"] == {"total": 127, "fixed": 120, "purchased": 7}
    assert datetime.fromisoformat(known["expires_at"]).timestamp() == owner.profile.expires_at
    assert "payment_processor_data" not in known


@pytest.mark.usefixtures("owner")
def test_priority_is_shown() -> None:
    assert run_and_parse("account", "priority")["actions of top priority"] == "1,000"
    assert run_json("account", "priority")["task_priority"] == 10


@pytest.mark.usefixtures("owner")
def test_what_belongs_together_is_shown_together() -> None:
    names = [*run_and_parse("account")]
    assert names[:4] == ["tier", "active", "expires at", "anlas"]
    assert names[4] == "account made"
    at = names.index("trial begun")
    assert names[at : at + 3] == ["trial begun", "texts left of the trial", "images left of the trial"]


def test_without_settings_nothing_is_printed_but_a_note(owner: Any) -> None:
    owner.profile.settings = b""
    done = nai("account", "settings")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.startswith("nai account settings: the account has none;")


def test_settings_are_printed_as_they_are_stored(owner: Any) -> None:
    owner.profile.settings = b'{"uiLanguage": "de"}'
    assert nai("account", "settings").stdout == '{"uiLanguage": "de"}\n'


def test_gift_keys_are_printed(owner: Any) -> None:
    assert run_and_parse("account", "gift-keys") == {"gift keys": "none"}
    owner.profile.gift_keys = [{"key": "GIFT-1", "used": False}, {"key": "GIFT-2", "used": True}]
    assert run_and_parse("account", "gift-keys")["gift key 2: key"] == "GIFT-2"
    assert run_json("account", "gift-keys") == {"gift_keys": owner.profile.gift_keys}


def test_a_persistent_token_is_used_where_the_service_accepts_it(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
    assert nai("account", "settings").exit_code == 0  # by logging in
    monkeypatch.delenv("NAI_PASSWORD")
    for command in ("account", "subscription"):
        assert nai(command).exit_code == 0
    done = nai("account", "settings")
    assert done.exit_code == 3
    assert "NAI_PASSWORD" in done.stderr


def test_text_of_the_service_cannot_control_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = json.dumps({"giftKeys": [{"\x1b]0;": "\x1b[2J", "at_at": 1e300}]}).encode()
    monkeypatch.setenv("NAI_TOKEN", "eyJ")
    with serve_in_thread(answers(200, keys, content_type="application/json")) as url:
        done = nai("account", "gift-keys", "--url", url)
    assert done.exit_code == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "1e+300" in done.stdout


# ---- a change of password


@pytest.mark.usefixtures("terminal")
def test_a_changed_password_opens_all_stories(owner: Any, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAI_PASSWORD")
    entry = keyring_entry(os.environ["NAI_URL"])
    ring.kept[entry] = json.dumps({"email": EMAIL, "password": PASSWORD})
    done = nai("account", "change-password", typed=f"{NEW}\nslipped\n{NEW}\n{NEW}\n")
    assert done.exit_code == 0, done.stderr
    assert "is changed" in done.stdout
    assert owner.key == account.access_key(EMAIL, Password(NEW))
    assert json.loads(ring.kept[entry]) == {"email": EMAIL, "password": NEW}
    assert NEW not in done.output
    assert nai("subscription").exit_code == 0


@pytest.mark.usefixtures("terminal", "owner")
def test_a_change_does_not_store_a_password_that_was_not_in_the_keyring(ring: MemoryKeyring) -> None:
    assert nai("account", "change-password", typed=f"{NEW}\n{NEW}\n").exit_code == 0
    assert ring.kept == {}


@pytest.mark.usefixtures("terminal")
def test_a_change_that_failed_midway_can_be_run_again(emulated: tuple[Emulator, Any]) -> None:
    emulator, owner = emulated

    def cut_off(request: Request) -> Handler:
        """Never an answer when the keystore is written."""
        if request.method == "PUT":
            yield from reading(request)
            yield Cut()
        else:
            yield from emulator(request)

    both = f"{NEW}\n{NEW}\n"
    with serve_in_thread(cut_off) as url:
        done = nai("account", "change-password", "--url", url, typed=both)
    assert done.exit_code == 1
    assert "do not forget the old password" in done.stderr
    assert "again with the same" in done.stderr
    assert owner.key == account.access_key(EMAIL, Password(NEW))
    done = nai("account", "change-password", typed=both)
    assert done.exit_code == 0, done.stderr


@pytest.mark.usefixtures("terminal", "owner")
def test_a_refused_change_says_that_nothing_is_changed() -> None:
    done = nai("account", "change-password", "--unsafe-password", "open sesame", typed=f"{NEW}\n{NEW}\n")
    assert done.exit_code == 3
    assert "This run changed nothing" in done.stderr


# ---- by mail


def test_an_e_mail_is_verified_with_the_token_of_the_mail(emulated: tuple[Emulator, Any]) -> None:
    emulator, owner = emulated
    owner.profile.email_verified = False
    assert nai("account", "verify").exit_code == 0
    (mail,) = emulator.mailbox.mails
    assert (mail.kind, mail.email) == (MailKind.VERIFICATION, EMAIL)
    done = nai("account", "verify", mail.token)
    assert (done.exit_code, done.stdout) == (0, "The e-mail is verified.\n")
    assert owner.profile.email_verified
    assert "64 characters" in nai("account", "verify", "short").stderr


# ---- the end


@pytest.mark.usefixtures("terminal")
def test_an_account_is_deleted_after_its_e_mail_was_typed(owner: Any) -> None:
    done = nai("account", "delete", typed="another@example.com\n")
    assert done.exit_code == 2
    assert "nothing was deleted" in done.stderr
    assert nai("account").exit_code == 0
    done = nai("account", "delete", typed=f"{EMAIL}\n")
    assert done.exit_code == 0, done.stderr
    assert nai("account").exit_code == 3


@pytest.mark.usefixtures("owner")
def test_the_login_of_a_deleted_account_is_forgotten(ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    ring.kept[keyring_entry(os.environ["NAI_URL"])] = json.dumps({"email": EMAIL, "password": PASSWORD})
    monkeypatch.delenv("NAI_PASSWORD")
    assert nai("account", "delete", "--yes").exit_code == 0
    assert ring.kept == {}


@pytest.mark.usefixtures("owner")
def test_without_a_terminal_it_is_deleted_only_with_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    done = nai("account", "delete")
    assert done.exit_code == 2
    assert "--yes" in done.stderr
    assert nai("account", "delete", "--yes").exit_code == 0
    assert nai("account").exit_code == 3


def test_a_token_is_not_enough_to_delete_an_account(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
    monkeypatch.delenv("NAI_PASSWORD")
    done = nai("account", "delete", "--yes")
    assert done.exit_code == 3
    assert nai("account").exit_code == 0


# ---- no secret anywhere


@pytest.mark.usefixtures("terminal", "ring", "no_pauses")
@pytest.mark.parametrize("command", [*SHOWING, *LOGGING_IN], ids=" ".join)
@pytest.mark.parametrize("trouble", ["none", "a wrong password", "nobody there"])
def test_no_command_shows_a_secret(
    owner: Any, command: tuple[str, ...], trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = "open sesame" if trouble == "a wrong password" else PASSWORD
    monkeypatch.setenv("NAI_PASSWORD", password)
    if trouble == "nobody there":
        with serve_in_thread(an_emulator()[0]) as url:
            monkeypatch.setenv("NAI_URL", url)
    done = nai(*command, typed=f"{NEW}\n{NEW}\n")
    assert done.exit_code == {"none": 0, "a wrong password": 3, "nobody there": 1}[trouble]
    assert "Traceback" not in done.output
    key, opening = account.access_key(EMAIL, Password(password)), account.encryption_key(EMAIL, Password(password))
    for secret in (password, NEW, key.reveal(), opening.reveal().hex(), owner.persistent_token.reveal(), "eyJ"):
        assert secret not in done.output


@pytest.mark.parametrize("command", [*SHOWING, *LOGGING_IN], ids=" ".join)
def test_no_command_waits_for_input_without_a_terminal(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = nai(*command)
    assert (done.exit_code, done.stdout) == (3, "")
    assert "NAI_EMAIL" in done.stderr
    monkeypatch.setenv("NAI_EMAIL", EMAIL)
    done = nai(*command, typed=f"{PASSWORD}\n")
    (line,) = done.stderr.splitlines()
    assert "NAI_PASSWORD" in line
