"""``nai login``, ``nai logout`` and ``nai whoami``, against the emulator."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nai_proto.emulator import Emulator
from nai_proto.secret import Password
from nai_transports.cli.app import app
from nai_transports.cli.common.examples import EXAMPLES
from nai_transports.servers.serve import serve_in_thread
from tests.keyrings import BrokenKeyring, MemoryKeyring, keyring_entry, use_keyring
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.test_cli import NAI

OTHER = "reader@example.com"


def build_token(expires_at: float) -> str:
    """A token with the form of a login's, which nobody signed."""
    parts = ({"alg": "HS256"}, {"exp": int(expires_at)})
    return ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts) + ".x"


EXPIRED = build_token(1_000_000_000)


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch, config: Path) -> Iterator[tuple[Emulator, Any]]:
    """An emulator that the commands ask, and its account; nobody is logged in."""
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        yield emulator, owner


@pytest.fixture
def owner(emulated: tuple[Emulator, Any]) -> Any:
    return emulated[1]


def nai(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=typed)


def succeed(*arguments: str, typed: str = "") -> str:
    """Run a command that succeeds, and return what it prints."""
    done = nai(*arguments, typed=typed)
    assert done.exit_code == 0, done.stderr
    assert PASSWORD not in done.output
    assert "pst-" not in done.output.replace("pst-…", "")
    return done.stdout


def log_in_with_password(*arguments: str, keep: str = "password") -> str:
    return succeed("login", "--email", EMAIL, "--with-password", "--keep", keep, *arguments, typed=PASSWORD + "\n")


def get_kept(ring: MemoryKeyring, profile: str = "default") -> Any:
    return json.loads(ring.kept[keyring_entry(os.environ["NAI_URL"], profile)])


# ---- what is kept


@pytest.mark.usefixtures("owner")
def test_with_the_password_every_command_works_afterwards(ring: MemoryKeyring) -> None:
    assert nai("whoami").exit_code == 3
    assert "The password is in the system's keyring." in log_in_with_password()
    kept = get_kept(ring)
    assert (kept["email"], kept["password"], kept["token"][:3]) == (EMAIL, PASSWORD, "eyJ")
    assert succeed("account", "settings") is not None
    assert "Harbour" in succeed("library", "list")
    facts = json.loads(succeed("whoami", "--json"))
    assert (facts["profile"], facts["email"], facts["source"]) == ("default", EMAIL, "the system's keyring")
    assert (facts["address"], facts["tier"], facts["active"]) == (os.environ["NAI_URL"], "opus", True)


@pytest.mark.usefixtures("ring", "owner")
def test_a_login_at_an_address_that_was_given_says_how_commands_find_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--url" not in nai("login", "--email", EMAIL, "--with-password", typed=PASSWORD + "\n").stderr
    url = os.environ["NAI_URL"]
    monkeypatch.delenv("NAI_URL")
    done = nai("login", "--email", EMAIL, "--with-password", "--url", url, typed=PASSWORD + "\n")
    assert (
        f"nai login: commands act for it with --url {url}; NAI_URL, set to this address, stands in for" in done.stderr
    )


@pytest.mark.usefixtures("ring", "owner")
def test_a_kept_token_without_an_email_is_told_where_the_password_is_needed() -> None:
    token = nai("access-token", "--email", EMAIL, "--unsafe-password", PASSWORD).stdout.strip()
    assert nai("login", "--with-token", typed=token + "\n").exit_code == 0
    done = nai("library", "list")
    assert (done.exit_code, "kept only a token" in done.stderr) == (3, True)


@pytest.mark.usefixtures("owner")
def test_with_a_token_commands_that_need_the_password_say_so(ring: MemoryKeyring) -> None:
    assert "The token is in the system's keyring." in log_in_with_password(keep="token")
    kept = get_kept(ring)
    assert (kept["email"], "password" in kept) == (EMAIL, False)
    assert "eyJ" in kept["token"]
    assert succeed("models")
    assert "token expires at" in succeed("whoami")
    done = nai("library", "list")
    assert done.exit_code == 3
    assert "kept only a token. Run `nai login` and keep the password" in done.stderr


@pytest.mark.usefixtures("owner", "ring")
def test_the_advice_to_log_in_names_the_profile() -> None:
    log_in_with_password("--profile", "work", keep="token")
    assert "Run `nai login --profile work` and keep the password" in nai("library", "list", "--profile", "work").stderr
    succeed("logout", "--profile", "work")
    assert "run `nai login --profile work`" in nai("whoami", "--profile", "work").stderr


def test_a_persistent_token_is_read_from_stdin(owner: Any, ring: MemoryKeyring) -> None:
    for ending in ("", "\n", "\r\n"):
        succeed("login", "--with-token", typed=owner.persistent_token.reveal() + ending)
        assert get_kept(ring) == {"token": owner.persistent_token.reveal()}
    assert "persistent token" in succeed("whoami")


@pytest.mark.usefixtures("owner")
def test_without_a_choice_and_a_terminal_only_a_token_is_kept(ring: MemoryKeyring) -> None:
    succeed("login", "--email", EMAIL, "--with-password", typed=PASSWORD)
    assert "password" not in get_kept(ring)


@pytest.mark.usefixtures("owner", "terminal")
@pytest.mark.parametrize(("answer", "key"), [("", "password"), ("p", "password"), ("x\nTOKEN", "token")])
def test_a_person_chooses_what_is_kept(ring: MemoryKeyring, answer: str, key: str) -> None:
    done = nai("login", typed=f"{EMAIL}\n{PASSWORD}\n{answer}\n")
    assert done.exit_code == 0, done.stderr
    assert key in get_kept(ring)
    assert "every command works" in done.stderr
    assert "library and stories ask for the password" in done.stderr
    assert PASSWORD not in done.output


@pytest.mark.usefixtures("terminal")
def test_a_person_may_type_a_token_instead(owner: Any, ring: MemoryKeyring) -> None:
    succeed("login", typed=f"-\n{owner.persistent_token.reveal()}\n")
    assert get_kept(ring) == {"token": owner.persistent_token.reveal()}


@pytest.mark.usefixtures("owner")
def test_the_spelling_that_logged_in_is_kept(ring: MemoryKeyring) -> None:
    succeed("login", "--email", EMAIL.title(), "--with-password", "--keep", "password", typed=PASSWORD)
    assert get_kept(ring)["email"] == EMAIL
    assert "Harbour" in succeed("library", "list")


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize("example", EXAMPLES["login"])
def test_the_examples_of_its_help_page_work(
    emulated: tuple[Emulator, Any], example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator, owner = emulated
    emulator.add_account("mira@example.com", Password(PASSWORD))
    line, _, file = example.removeprefix("nai ").partition(" < ")
    typed = owner.persistent_token.reveal()
    if not file:
        monkeypatch.setattr("nai_transports.cli.common.prompts.is_interactive", lambda: True)
        typed = f"{PASSWORD}\n\n" if "--email" in line else f"{EMAIL}\n{PASSWORD}\n\n"
    succeed(*line.split(), typed=typed)


# ---- the token of the last login


def count_logins(emulator: Emulator) -> int:
    return sum(each.path == "/user/login" for each in emulator.requests)


def test_with_the_password_one_login_is_enough_for_all_commands(
    emulated: tuple[Emulator, Any], ring: MemoryKeyring
) -> None:
    emulator, _ = emulated
    log_in_with_password()
    succeed("subscription")
    succeed("generate", "The keeper")
    succeed("account", "gift-keys")  # takes no persistent token
    assert count_logins(emulator) == 1
    assert "token" in get_kept(ring)


@pytest.mark.parametrize("token", [None, EXPIRED, "eyJ.replaced.x"])
def test_a_token_that_is_missing_expired_or_refused_is_replaced_by_a_new_login(
    emulated: tuple[Emulator, Any], ring: MemoryKeyring, token: str | None
) -> None:
    emulator, _ = emulated
    entry = keyring_entry(os.environ["NAI_URL"])
    kept = {"email": EMAIL, "password": PASSWORD} | ({} if token is None else {"token": token})
    ring.kept[entry] = json.dumps(kept)
    for _ in range(2):
        succeed("generate", "The keeper")
        assert count_logins(emulator) == 1
    assert get_kept(ring)["token"] not in (None, EXPIRED, "eyJ.replaced.x")


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize(("years", "logins"), [(-30, 1), (30, 2)])
def test_a_clock_that_jumps_costs_a_new_login_at_most(
    emulated: tuple[Emulator, Any], monkeypatch: pytest.MonkeyPatch, years: int, logins: int
) -> None:
    log_in_with_password()
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + years * 365 * 86_400)
    succeed("generate", "The keeper")
    assert count_logins(emulated[0]) == logins


@pytest.mark.usefixtures("owner")
def test_a_login_that_is_deleted_meanwhile_is_not_kept_again(
    ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {"email": EMAIL, "password": PASSWORD}
    entry = keyring_entry(os.environ["NAI_URL"])
    ring.kept[entry] = json.dumps(kept)

    def read_once(service: str, username: str) -> str | None:
        return ring.kept.pop((service, username), None)

    monkeypatch.setattr(ring, "get_password", read_once)
    succeed("subscription")
    assert ring.kept == {}


# ---- what is refused


@pytest.mark.usefixtures("owner", "terminal")
@pytest.mark.parametrize(("wrong", "status"), [(1, 0), (2, 0), (3, 3)])
def test_a_wrong_password_is_asked_for_again_up_to_three_times(ring: MemoryKeyring, wrong: int, status: int) -> None:
    typed = [*["open sesame"] * wrong, PASSWORD, "token"]
    done = nai("login", "--email", EMAIL, typed="\n".join(typed) + "\n")
    assert done.exit_code == status, done.stderr
    assert done.stderr.count("try again") == min(wrong, 2)
    assert "sesame" not in done.output
    assert bool(ring.kept) == (status == 0)


@pytest.mark.usefixtures("owner", "terminal")
def test_a_mistyped_email_is_asked_for_again_with_the_password(ring: MemoryKeyring) -> None:
    done = nai("login", typed="\n".join(["rwiter@example.com", PASSWORD, EMAIL, PASSWORD, "token"]) + "\n")
    assert done.exit_code == 0, done.stderr
    assert "E-mail [rwiter@example.com]:" in done.stderr
    assert ring.kept


@pytest.mark.usefixtures("owner", "terminal")
def test_whoever_has_no_login_is_told_where_the_email_is_asked_for() -> None:
    done = nai("account", typed=f"{EMAIL}\n{PASSWORD}\n")
    assert done.exit_code == 0, done.stderr
    first, _, rest = done.stderr.partition("\n")
    assert first == f"There is no login for {os.environ['NAI_URL']}; `nai login` keeps one for all commands."
    assert rest.startswith("E-mail: ")


@pytest.mark.usefixtures("owner", "terminal")
def test_a_login_that_the_file_keeps_for_another_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with use_keyring(BrokenKeyring()):
        log_in_with_password("--insecure-storage")
        url = os.environ["NAI_URL"]
        monkeypatch.delenv("NAI_URL")
        other = f"(a login is kept for {url}; give --url or set NAI_URL)"
        assert nai("whoami").stderr.rstrip().endswith(f"(profile default): run `nai login` {other}")
        assert f"There is no login for NovelAI {other}; `nai login`" in nai("account").stderr
        assert "a login is kept" not in nai("whoami", "--profile", "other").stderr
        assert "a login is kept" not in nai("whoami", "--url", f"{url}/").stderr


@pytest.mark.usefixtures("terminal")
def test_whoever_has_only_a_token_is_told_that_the_password_is_needed(
    owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
    done = nai("library", "list", typed=f"{EMAIL}\n{PASSWORD}\n")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.startswith(f"This command needs the password, not only a token for {os.environ['NAI_URL']};")


@pytest.mark.usefixtures("terminal", "no_pauses")
@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_service_that_does_not_check_the_password_is_not_asked_again(
    emulated: tuple[Emulator, Any], ring: MemoryKeyring, status: int
) -> None:
    emulator, _ = emulated
    emulator.replies.add(*[{"path": "/user/login", "status": status}] * 9)
    done = nai("login", "--email", EMAIL, typed=f"{PASSWORD}\n{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code not in (0, 3)
    assert done.stderr.count("Password") == 1
    assert ring.kept == {}


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    ("arguments", "typed", "status", "problem"),
    [
        (("--email", EMAIL, "--with-password"), "open sesame", 3, "no account has this e-mail and password"),
        (("--with-token",), "pst-unknown", 3, "does not accept this token; nothing was kept"),
        (("--with-token",), "open sesame", 2, "printable ASCII"),
        (("--with-token",), "", 2, "stdin must have a token in one line"),
        (("--with-token",), "pst-sesame\npst-b\n", 2, "stdin must have a token in one line"),
        (("--email", EMAIL, "--with-password"), "sesame\n\n", 2, "stdin must have a password in one line"),
        (("--with-password", "--with-token"), "sesame", 2, "not both"),
        (("--with-token", "--keep", "password"), "pst-sesame", 2, "no password to keep"),
        (("--email", EMAIL, "--unsafe-password", "sesame"), "", 2, "no password as an option"),
        ((), "", 3, "no terminal to ask at"),
        (("--with-password",), PASSWORD, 3, "--email"),
    ],
)
def test_what_cannot_log_in_is_one_line_and_keeps_nothing(
    ring: MemoryKeyring, arguments: tuple[str, ...], typed: str, status: int, problem: str
) -> None:
    done = nai("login", *arguments, typed=typed)
    assert done.exit_code == status
    (line,) = done.stderr.splitlines()
    assert problem in line
    assert "sesame" not in done.output
    assert ring.kept == {}


@pytest.mark.usefixtures("owner")
def test_bytes_that_are_not_text_are_refused(ring: MemoryKeyring) -> None:
    done = CliRunner().invoke(app, ["login", "--email", EMAIL, "--with-password"], input=b"\xff\xfe")
    assert done.exit_code != 0
    assert "UTF-8" in done.stderr
    assert ring.kept == {}


def test_a_token_that_was_kept_and_is_refused_says_to_log_in_again(owner: Any, ring: MemoryKeyring) -> None:
    entry = keyring_entry(os.environ["NAI_URL"])
    ring.kept[entry] = json.dumps({"token": EXPIRED})
    done = nai("models")
    assert done.exit_code == 3
    assert "expired on 2001-09-09 01:46 UTC: run `nai login` again" in done.stderr
    ring.kept[entry] = json.dumps({"token": "pst-replaced"})
    done = nai("models")
    assert done.exit_code == 3
    assert "was replaced" in done.stderr
    assert "run `nai login` again" in done.stderr
    assert "pst-replaced" not in done.stderr


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize("command", [("models",), ("library", "list"), ("access-token",)])
def test_a_password_that_is_refused_is_named_by_its_source(
    ring: MemoryKeyring, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.kept[keyring_entry(os.environ["NAI_URL"])] = json.dumps({"email": EMAIL, "password": "of last year"})
    done = nai(*command)
    assert done.exit_code == 3
    (line,) = done.stderr.splitlines()
    assert "no account has this e-mail and password" in line
    assert "The password is what `nai login` kept in the system's" in line
    assert "of last year" not in line
    monkeypatch.setenv("NAI_EMAIL", EMAIL)
    monkeypatch.setenv("NAI_PASSWORD", "of the environment")
    assert nai(*command).stderr.endswith(". The password is that of NAI_PASSWORD\n")
    assert "The password is" not in nai(*command, "--unsafe-password", "wrong").stderr


@pytest.mark.usefixtures("owner", "ring")
def test_a_refused_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", EXPIRED)
    done = nai("models")
    assert done.exit_code == 3
    assert "The token of NAI_TOKEN expired" in done.stderr
    monkeypatch.setenv("NAI_TOKEN", "pst secret")
    done = nai("models")
    assert "NAI_TOKEN: " in done.stderr
    assert "secret" not in done.stderr


# ---- without a keyring


@pytest.mark.usefixtures("owner")
def test_without_a_keyring_the_file_is_used_only_when_allowed(config: Path) -> None:
    path = config / "credentials.json"
    with use_keyring(BrokenKeyring()):
        done = nai("login", "--email", EMAIL, "--with-password", typed=PASSWORD)
        assert done.exit_code != 0
        assert "--insecure-storage" in done.stderr
        assert not path.exists()
        assert str(path) in log_in_with_password("--insecure-storage")
        assert PASSWORD in path.read_text("utf-8")
        done = nai("models")
        assert (done.exit_code, done.stderr) == (0, "")  # and no word of the keyring
        assert str(path) in succeed("logout")
        assert not path.exists()


@pytest.mark.usefixtures("owner", "terminal")
@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_is_asked_before_the_file_is_used(config: Path, answer: str) -> None:
    with use_keyring(BrokenKeyring()):
        done = nai("login", typed=f"{EMAIL}\n{PASSWORD}\n\n{answer}\n")
    assert "not encrypted" in done.stderr
    assert "does not work (RuntimeError)" in done.stderr
    path = config / "credentials.json"
    if answer == "y":
        assert done.exit_code == 0
        assert PASSWORD not in path.read_text(
            "utf-8"
        )  # what an empty answer chooses is a token, where nothing is encrypted
    else:
        assert done.exit_code == 1
        assert not path.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk")
@pytest.mark.usefixtures("owner", "ring")
def test_a_file_that_cannot_be_written_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_CONFIG_DIR", "/dev/full/x")
    with use_keyring(BrokenKeyring()):
        done = nai("login", "--email", EMAIL, "--with-password", "--insecure-storage", typed=PASSWORD)
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "/dev/full/x" in line


# ---- profiles


def test_two_profiles_are_two_accounts(emulated: tuple[Emulator, Any], ring: MemoryKeyring) -> None:
    emulator, _ = emulated
    emulator.add_account(OTHER, Password("another harbour"))
    log_in_with_password()
    arguments = ("--email", OTHER, "--with-password", "--keep", "password")
    said = succeed("login", "--profile", "work", *arguments, typed="another harbour")
    assert "profiles.toml: commands act for it with --profile work." in said
    emails = [json.loads(succeed("whoami", "--json", *more))["email"] for more in ((), ("--profile", "work"))]
    assert emails == [EMAIL, OTHER]
    assert len(ring.kept) == 2
    succeed("logout", "--profile", "work")
    assert nai("whoami", "--profile", "work").exit_code == 3
    assert json.loads(succeed("whoami", "--json"))["email"] == EMAIL


def test_a_new_profile_has_the_address_that_it_logged_in_at(
    owner: Any, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = os.environ["NAI_URL"]
    monkeypatch.delenv("NAI_URL")
    succeed("login", "--profile", "emulator", "--url", url, "--with-token", typed=owner.persistent_token.reveal())
    assert json.loads(succeed("whoami", "--profile", "emulator", "--json"))["address"] == url
    monkeypatch.setenv("NAI_PROFILE", "emulator")
    assert succeed("models")


@pytest.mark.usefixtures("ring")
def test_a_login_with_a_new_profile_names_the_profile_and_not_its_address(
    owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = os.environ["NAI_URL"]
    for name in ("first", "second"):
        done = nai("login", "--profile", name, "--url", url, "--with-token", typed=owner.persistent_token.reveal())
        assert done.stdout.endswith(f"commands act for it with --profile {name}.\n")
        assert "--url" not in done.output
        monkeypatch.delenv("NAI_URL", raising=False)


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize(
    ("command", "begins"),
    [
        ("whoami", "nai whoami: nobody is logged in at http://127.0.0.1:9 (profile work)"),
        ("library list", "nai library list: no account (--url"),
        ("logout", "No login is kept for the profile work at http://127.0.0.1:9"),
    ],
)
def test_who_misses_a_profiles_login_learns_that_another_address_wins(
    owner: Any, monkeypatch: pytest.MonkeyPatch, command: str, begins: str
) -> None:
    url = os.environ["NAI_URL"]
    monkeypatch.delenv("NAI_URL")
    succeed("login", "--profile", "work", "--url", url, "--with-token", typed=owner.persistent_token.reveal())
    line = (*command.split(), "--profile", "work")
    said = nai(*line, "--url", "http://127.0.0.1:9").output
    assert said.startswith(begins)
    assert f"(--url wins over the profile's own address, {url}; leave it out to use that)" in said
    monkeypatch.setenv("NAI_URL", "http://127.0.0.1:9")
    assert f"(NAI_URL wins over the profile's own address, {url}; unset it to use that)" in nai(*line).output


@pytest.mark.usefixtures("ring", "terminal")
def test_who_types_a_password_for_another_address_than_the_profiles_is_told(
    owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = os.environ["NAI_URL"]
    monkeypatch.delenv("NAI_URL")
    succeed("login", "--profile", "work", "--url", url, "--with-token", typed=owner.persistent_token.reveal())
    there = url.replace("127.0.0.1", "localhost")
    line = ("subscription", "--profile", "work", "--email", EMAIL, "--url", there)
    done = nai(*line, typed=f"{PASSWORD}\n")
    assert f"This is to log in as {EMAIL} at {there} (--url wins over the profile's own address, {url};" in " ".join(
        done.stderr.split()
    )


@pytest.mark.usefixtures("owner", "ring")
def test_the_advice_to_log_in_names_an_address_that_was_given() -> None:
    assert "run `nai login --url http://127.0.0.1:9`" in nai("whoami", "--url", "http://127.0.0.1:9").stderr
    assert "run `nai login`" in nai("whoami").stderr


@pytest.mark.usefixtures("owner", "ring")
@pytest.mark.parametrize(("keep", "expires"), [("password", False), ("token", True)])
def test_whoami_says_whether_a_password_or_a_token_is_kept(keep: str, expires: bool) -> None:
    log_in_with_password(keep=keep)
    facts = json.loads(succeed("whoami", "--json"))
    assert (facts["login"], facts["token_expires_at"] is not None) == (keep, expires)
    assert ("token expires at" in succeed("whoami")) is expires


def test_the_token_of_one_address_is_never_sent_to_another(
    emulated: tuple[Emulator, Any], ring: MemoryKeyring, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, owner = emulated
    succeed("login", "--with-token", typed=owner.persistent_token.reveal())
    other, _ = an_emulator()
    with serve_in_thread(other) as elsewhere:
        assert nai("subscription", "--url", elsewhere).exit_code == 3
        monkeypatch.delenv("NAI_URL")
        (config).mkdir()
        (config / "profiles.toml").write_text(f'[default]\nurl = "{elsewhere}"\n')
        monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
        monkeypatch.setenv("NAI_EMAIL", EMAIL)
        monkeypatch.setenv("NAI_PASSWORD", PASSWORD)
        done = nai("subscription")
    assert done.exit_code == 3
    assert [*other.requests] == []


@pytest.mark.usefixtures("owner", "ring")
def test_a_profile_is_for_its_e_mail(config: Path) -> None:
    config.mkdir()
    (config / "profiles.toml").write_text(f'[default]\nemail = "{OTHER}"\n')
    done = nai("login", "--email", EMAIL, "--with-password", typed=PASSWORD)
    assert done.exit_code == 2
    assert f"the profile default is for {OTHER}" in done.stderr


@pytest.mark.usefixtures("owner", "ring")
@pytest.mark.parametrize(
    "command", [("whoami",), ("models",), ("library", "list"), ("health",), ("login",), ("logout",)]
)
def test_a_damaged_profile_file_ends_every_command_with_its_line(config: Path, command: tuple[str, ...]) -> None:
    config.mkdir()
    (config / "profiles.toml").write_text("[default]\nemail: a@b\n")
    done = nai(*command)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "profiles.toml, line 2: not TOML" in line


@pytest.mark.usefixtures("owner", "ring")
def test_logout_says_what_was_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    log_in_with_password()
    assert "default at http://127.0.0.1" in succeed("logout")
    assert "No login is kept for the profile default" in succeed("logout")
    monkeypatch.setenv("NAI_TOKEN", "pst-x")
    assert "NAI_TOKEN is still set" in nai("logout").stderr


@pytest.mark.usefixtures("owner")
def test_logout_of_a_profile_that_does_not_exist_names_those_that_do(config: Path) -> None:
    config.mkdir()
    (config / "profiles.toml").write_text("[work]\n[play]\n")
    done = nai("logout", "--profile", "wrok")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "there is no profile 'wrok'; did you mean 'work'?" in done.stderr
    assert "profiles.toml has work, play. No login is kept for it at http://127.0.0.1" in done.stderr
    assert nai("logout", "--profile", "work").stdout.startswith("No login is kept for the profile work at http://127.")


@pytest.mark.usefixtures("owner")
def test_logout_where_no_login_is_kept_names_the_addresses_that_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    log_in_with_password("--insecure-storage")
    url = os.environ["NAI_URL"]
    monkeypatch.delenv("NAI_URL")
    assert f"at https://novelai.net (a login is kept for {url}; give --url or set NAI_URL)." in succeed("logout")


@pytest.mark.usefixtures("ring")
def test_login_says_which_variable_wins_over_it(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    token = owner.persistent_token.reveal()
    assert nai("login", "--with-token", typed=token).stderr == ""
    monkeypatch.setenv("NAI_TOKEN", token)
    (note,) = nai("login", "--with-token", typed=token).stderr.splitlines()
    assert note.startswith("nai login: NAI_TOKEN, which the environment has, wins over this login")
    assert json.loads(succeed("whoami", "--json"))["source"] == "NAI_TOKEN"
    monkeypatch.delenv("NAI_TOKEN")
    monkeypatch.setenv("NAI_EMAIL", EMAIL)
    monkeypatch.setenv("NAI_PASSWORD", PASSWORD)
    (note,) = nai("login", "--with-token", typed=token).stderr.splitlines()
    assert note.startswith("nai login: NAI_EMAIL and NAI_PASSWORD, which")


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals there")
@pytest.mark.usefixtures("owner")
def test_a_login_at_a_terminal_shows_no_secret(config: Path) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [*NAI, "login"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        output = b""
        answers = (b"token: ", EMAIL), (b"Password: ", PASSWORD), (b"[token]: ", "p"), (b"there? [Y/n]: ", "")
        for prompt, answer in answers:
            while prompt not in output:
                output += os.read(ours, 1000)
            os.write(ours, answer.encode() + b"\n")
        assert process.wait(50) == 0
    os.close(ours)
    assert PASSWORD.encode() not in output
    path = config / "credentials.json"
    assert PASSWORD in path.read_text("utf-8")
    said = " ".join(output.decode().split())  # the terminal's lines are as wide as it is
    assert (
        f"A file can keep e-mail and password: {path}, not encrypted; only you can read it (permissions 0600)." in said
    )


@pytest.mark.usefixtures("owner", "terminal")
@pytest.mark.parametrize(
    ("answer", "is_kept"), [("", True), ("Yes", True), ("what?\n", True), ("n", False), ("NO", False)]
)
def test_without_a_keyring_a_login_is_kept_in_a_file_unless_the_answer_is_no(
    config: Path, answer: str, *, is_kept: bool
) -> None:
    done = nai("login", typed=f"{EMAIL}\n{PASSWORD}\n\n{answer}\n")
    assert done.exit_code == (not is_kept), done.stderr
    assert (config / "credentials.json").exists() == is_kept


@pytest.mark.usefixtures("owner", "terminal")
def test_an_answer_that_will_not_do_is_told_before_the_question_is_asked_again(config: Path) -> None:
    wrong_then_right = ("keeper", "", EMAIL, "", PASSWORD, "both", "pass", "perhaps", "y")
    done = nai("login", typed="".join(f"{answer}\n" for answer in wrong_then_right))
    assert (done.exit_code, PASSWORD in (config / "credentials.json").read_text("utf-8")) == (0, True)
    said = " ".join(done.stderr.split())
    assert "a token: That is not an e-mail, which has an @. E-mail, or" in said
    assert "a token: Nothing was typed: try again, or press Ctrl-C. E-mail, or" in said
    assert "Nothing was typed: try again, or press Ctrl-C. Password:" in said  # the blank behind it is on stdout
    assert "'both' is not an answer: type password or token, or the beginning of one. Keep" in said
    assert "'perhaps' is not an answer: type y or n. Keep it there?" in said


def test_the_help_page_of_login_has_no_option_that_login_refuses() -> None:
    assert "--unsafe-password" not in succeed("login", "--help")


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals there")
@pytest.mark.usefixtures("owner")
def test_ctrl_c_at_the_password_ends_with_130_and_keeps_nothing(config: Path) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [*NAI, "login", "--email", EMAIL], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        output = b""
        while b"Password: " not in output:
            output += os.read(ours, 1000)
        while process.poll() is None:  # a signal just before the program begins to read waits for the next one
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(2)
        assert process.returncode == 130
    os.close(ours)
    assert not config.exists()
