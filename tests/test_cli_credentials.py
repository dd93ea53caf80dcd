"""Where credentials come from: environment, keyring, prompt, and no argument but the one that is named unsafe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nai_proto.errors import FileError, MissingExtra
from nai_proto.secret import Password, PersistentToken, Token
from nai_transports.cli.app import app
from nai_transports.cli.common import system_keyring
from nai_transports.cli.common.credentials import Credentials, CredentialSources
from nai_transports.cli.common.errors import MissingCredentials
from nai_transports.cli.common.profile_file import UserProfile
from nai_transports.cli.common.stored_logins import LoginPlace, StoredLogin, keep_in_keyring
from nai_transports.cli.emulator import serve_until_stopped as serve
from nai_transports.cli.emulator.ready_message import ReadyForm
from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each
from tests.forked_python import forked_nai
from tests.keyrings import BrokenKeyring, MemoryKeyring, use_keyring
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.test_cli import NAI
from tests.test_cli import nai as run_program


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An emulator that the commands ask; nobody is logged in."""
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        yield owner


def nai(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=typed)


def alone(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, whose stdin is open, says nothing, and is no terminal."""
    reading, writing = os.pipe()
    try:
        return subprocess.run(
            [*forked_nai(), *arguments],
            stdin=reading,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
            env={**os.environ, **environment},
        )
    finally:
        os.close(reading)
        os.close(writing)


# ---- the order


def build_sources(email: str | None = None, unsafe_password: str | None = None, **settings: Any) -> CredentialSources:
    """What a command knows whose profile has these settings."""
    named = settings.pop("is_profile_named", False)
    url = settings.pop("option_url", None)
    profile = UserProfile(**{"name": "default", **settings})
    return CredentialSources(
        profile=profile, is_profile_named=named, url=url, email=email, unsafe_password=unsafe_password
    )


def keep(secret: Password | Token, *, profile: str = "default", url: str | None = None, email: str = EMAIL) -> None:
    keep_in_keyring(LoginPlace(profile, url), StoredLogin(secret, email))


@pytest.mark.usefixtures("terminal", "ring")
def test_passwords_come_from_option_environment_login_and_prompt_in_this_order(monkeypatch: pytest.MonkeyPatch) -> None:
    questions: list[str] = []

    def prompt(question: str, alternative: str) -> str:
        questions.append(question)
        return "typed"

    def find(email: str, option: str | None = None) -> str:
        return build_sources(email, option).find_credentials().password.reveal()

    monkeypatch.setattr("nai_transports.cli.common.prompts.ask_secret", prompt)
    monkeypatch.setenv("NAI_PASSWORD", "of the environment")
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")  # says nothing of the password
    keep(Password("of the login"))
    assert find(EMAIL, "of the flag") == "of the flag"
    assert find(EMAIL) == "of the environment"
    monkeypatch.setenv("NAI_PASSWORD", "")
    assert find(EMAIL) == "of the login"
    assert find(EMAIL.upper()) == "of the login"
    assert not questions
    assert find("someone@example.com") == "typed"
    assert questions == ["Password"]


@pytest.mark.usefixtures("ring")
def test_tokens_come_from_options_environment_and_login_in_this_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(**options: Any) -> str:
        return build_sources(**options).find_token().source

    with pytest.raises(MissingCredentials):
        find()
    keep(PersistentToken("pst-kept"))
    assert find() == "the system's keyring"
    monkeypatch.setenv("NAI_EMAIL", EMAIL)
    monkeypatch.setenv("NAI_PASSWORD", PASSWORD)
    assert find(email=EMAIL) == "NAI_EMAIL and NAI_PASSWORD"
    monkeypatch.setenv("NAI_TOKEN", "pst-environment")
    assert find(email=EMAIL) == "NAI_TOKEN"
    assert find(email="other@example.com") == "NAI_PASSWORD"
    assert find(unsafe_password="typed", email=EMAIL) == "--unsafe-password"
    assert find(is_profile_named=True) == "the system's keyring"


@pytest.mark.usefixtures("ring")
def test_an_e_mail_is_of_the_option_the_environment_the_profile_or_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(Password(PASSWORD), email="login@example.com")
    of_profile = UserProfile(name="default", email="profile@example.com")
    assert build_sources().find_email() == "login@example.com"
    assert CredentialSources(profile=of_profile).find_email() == "profile@example.com"
    monkeypatch.setenv("NAI_EMAIL", "variable@example.com")
    of_variable = CredentialSources(profile=of_profile, email="variable@example.com")
    assert of_variable.find_email() == "variable@example.com"
    assert replace(of_variable, email="option@example.com").find_email() == "option@example.com"
    assert replace(of_variable, is_profile_named=True).find_email() == "profile@example.com"


@pytest.mark.usefixtures("ring")
def test_a_persistent_token_is_passed_over_where_it_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-environment")
    keep(Password(PASSWORD))
    found = build_sources().find_token(persistent=False)
    assert isinstance(found, Credentials)
    assert (found.email, found.password.reveal()) == (EMAIL, PASSWORD)


# ---- a secret and its address


@pytest.mark.usefixtures("ring")
def test_a_login_is_only_for_its_profile_and_its_address() -> None:
    keep(PersistentToken("pst-kept"), url="http://127.0.0.1:1234")
    assert build_sources(url="http://127.0.0.1:1234").find_token().source == "the system's keyring"
    assert build_sources(option_url="HTTP://127.0.0.1:1234/").find_token().source == "the system's keyring"
    for settings in ({}, {"url": "http://127.0.0.1:1235"}, {"url": "https://127.0.0.1:1234"}):
        with pytest.raises(MissingCredentials):
            build_sources(**settings).find_token()
    with pytest.raises(MissingCredentials):
        build_sources(name="work", url="http://127.0.0.1:1234").find_token()
    with pytest.raises(MissingCredentials):
        build_sources(url="http://127.0.0.1:1234", option_url="http://elsewhere.example").find_token()


@pytest.mark.usefixtures("ring")
def test_secrets_of_the_environment_are_not_sent_to_the_address_of_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-environment")
    monkeypatch.setenv("NAI_PASSWORD", PASSWORD)
    with pytest.raises(MissingCredentials):
        build_sources(EMAIL, url="http://gateway.example").find_token()
    assert (
        build_sources(url="http://gateway.example", option_url="http://own.example").find_token().source == "NAI_TOKEN"
    )


@pytest.mark.usefixtures("terminal", "ring")
@pytest.mark.parametrize(
    "command", [("subscription",), ("complete", "Once"), ("chat", "hello"), ("tokens", "count", "x", "--remote")]
)
def test_a_command_with_a_token_asks_for_nothing_else(
    owner: Any, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
    done = nai(*command)
    assert (done.exit_code, done.stderr) == (0, "")
    monkeypatch.delenv("NAI_TOKEN")
    done = nai(*command, "--email", EMAIL, "--unsafe-password", PASSWORD)
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.usefixtures("owner", "terminal")
def test_with_a_password_that_is_kept_nothing_is_asked_for(ring: MemoryKeyring) -> None:
    keep(Password(PASSWORD), url=os.environ["NAI_URL"])
    assert len(ring.kept) == 1
    done = nai("subscription")
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.usefixtures("owner", "terminal")
def test_a_broken_keyring_is_a_line_on_stderr_and_then_the_prompt() -> None:
    with use_keyring(BrokenKeyring()):
        done = nai("subscription", "--email", EMAIL, typed=f"{PASSWORD}\n")
    assert done.exit_code == 0, done.stderr
    note, prompt = done.stderr.splitlines()
    assert note == "nai subscription: the system's keyring does not work (RuntimeError)"
    assert prompt.strip() == "Password:"


@pytest.mark.usefixtures("owner", "terminal")
def test_without_the_package_keyring_there_is_only_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    done = nai("subscription", "--email", EMAIL, typed=f"{PASSWORD}\n")
    assert (done.exit_code, done.stderr.strip()) == (0, "Password:")


# ---- where nobody sits


def test_without_a_terminal_one_line_names_all_ways() -> None:
    done = alone("subscription", NAI_EMAIL=EMAIL)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (3, "")
    for way in ("NAI_PASSWORD", "nai login", "--unsafe-password", "NAI_TOKEN"):
        assert way in line


def test_a_system_without_a_keyring_is_no_crash() -> None:
    done = alone("subscription", NAI_EMAIL=EMAIL, PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    (line,) = done.stderr.splitlines()
    assert "NAI_PASSWORD" in line
    done = alone("subscription", NAI_EMAIL=EMAIL, PYTHON_KEYRING_BACKEND="no.such.Backend")
    assert "Traceback" not in done.stderr
    assert "NAI_PASSWORD" in done.stderr


def test_a_token_is_told_not_to_be_enough_where_keys_are_derived(owner: Any) -> None:
    done = alone("library", "list", NAI_TOKEN=owner.persistent_token.reveal())
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
    assert "this command needs an e-mail and a password, not only a token" in done.stderr


def test_without_an_e_mail_it_says_so() -> None:
    done = alone("subscription")
    (line,) = done.stderr.splitlines()
    assert "NAI_EMAIL" in line
    assert "NAI_TOKEN" in line


@pytest.mark.usefixtures("owner")
def test_a_password_is_never_read_from_a_pipe() -> None:
    done = nai("subscription", "--email", EMAIL, typed=f"{PASSWORD}\n")
    assert done.exit_code == 3
    assert "no terminal" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals there")
def test_a_password_is_typed_without_echo_and_stdout_has_only_the_result(owner: Any, tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    with (
        (tmp_path / "out").open("wb") as out,
        subprocess.Popen(
            [*NAI, "subscription", "--json"], stdin=theirs, stdout=out, stderr=theirs, start_new_session=True
        ) as process,
    ):
        os.close(theirs)
        output = b""
        for prompt, answer in ((b"E-mail: ", EMAIL), (b"Password: ", PASSWORD)):
            while prompt not in output:
                output += os.read(ours, 1000)
            os.write(ours, answer.encode() + b"\n")
        assert process.wait(50) == 0
    os.close(ours)
    assert PASSWORD.encode() not in output
    assert (tmp_path / "out").read_bytes().startswith(b"{")


# ---- addresses and proxies


def test_an_address_that_is_none_is_named_by_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    done = nai("health", "--url", "127.0.0.1:8901")
    (line,) = done.stderr.splitlines()
    assert done.exit_code == 2
    assert line == "nai health: --url: http:// or https:// is missing: write http://127.0.0.1:8901"
    monkeypatch.setenv("NAI_URL", "ftp://user:sesame@h")
    (line,) = nai("health").stderr.splitlines()
    assert line.startswith("nai health: NAI_URL: an address is http://HOST[:PORT]")
    assert "sesame" not in line


@pytest.mark.usefixtures("owner")
def test_only_https_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://user:sesame@127.0.0.1:9")
    assert nai("health").exit_code == 0
    done = nai("health", "--url", "https://text.example")
    assert done.exit_code != 0
    assert "the proxy 127.0.0.1" in done.stdout
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:sesame@127.0.0.1:9")
    done = nai("health", "--url", "https://text.example")
    (line,) = done.stderr.splitlines()
    assert line.startswith("nai health: HTTPS_PROXY: a proxy is http://")
    assert "sesame" not in done.output


# ---- what is shown


def test_credentials_show_nothing() -> None:
    assert repr(Credentials(EMAIL, Password(PASSWORD))) == "Credentials(…)"


@pytest.mark.parametrize("password", ["", "\ud800"])
@pytest.mark.usefixtures("owner")
def test_an_invalid_password_is_a_one_line_error(password: str) -> None:
    done = nai("subscription", "--email", EMAIL, "--unsafe-password", password)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1


def test_the_option_for_a_password_says_that_it_is_unsafe() -> None:
    help_text = " ".join(run_program("help", "options").stdout.split())
    assert "--unsafe-password" in help_text
    assert "Other users see it in the list of processes" in help_text


@for_each("arguments", [("--password", "sesame"), ("--password=sesame",), ("--unsafe-passwor=sesame",)])
def test_no_other_option_takes_a_password_or_repeats_it(arguments: tuple[str, ...]) -> None:
    done = nai("subscription", *arguments)
    assert done.exit_code == 2
    assert "sesame" not in done.output


@pytest.mark.parametrize(
    "change", [lambda: system_keyring.write("name", "text"), lambda: system_keyring.delete("name")]
)
def test_a_broken_keyring_and_a_missing_keyring_are_different_errors(
    change: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        use_keyring(BrokenKeyring()),
        pytest.raises(FileError, match=r"the system's keyring does not work \(RuntimeError\)"),
    ):
        change()
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtra, match="needs the extra 'keyring'"):
        change()


def test_an_error_of_ours_is_not_reported_as_an_address_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(served: Coroutine[Any, Any, None]) -> None:
        served.close()
        raise FileError("the disk is full")

    monkeypatch.setattr(serve, "run_on_selector_loop", failing)
    with pytest.raises(FileError, match="the disk is full"):
        serve.serve_until_stopped("emulate", an_emulator()[0], "127.0.0.1", 0, {}, ReadyForm.JSON)
