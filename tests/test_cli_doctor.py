"""``nai doctor``: what it finds, what it advises, and its exit status."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nai_proto.errors import FileError
from nai_proto.exchange.reply import App, Handler, Start, Write
from nai_proto.http import Head, Headers, Request
from nai_proto.secret import Password, PersistentToken
from nai_transports.cli.account import doctor, doctor_checks
from nai_transports.cli.app import app
from nai_transports.cli.common.profile_file import UserProfile
from nai_transports.cli.common.stored_logins import LoginPlace, StoredLogin, keep_in_file, keep_in_keyring
from nai_transports.installer import explain_install
from nai_transports.servers.serve import serve_in_thread
from tests.keyrings import BrokenKeyring, MemoryKeyring, use_keyring
from tests.support import EMAIL, PASSWORD, an_emulator, cuts, reading
from tests.terminal_runner import TerminalRunner
from tests.test_cli_login import EXPIRED, build_token


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch, config: Path, ring: MemoryKeyring) -> Iterator[Any]:
    """An emulator that the commands ask, and its account, whose token they have; a keyring that works."""
    emulator, owner = an_emulator()
    monkeypatch.setattr(doctor_checks, "TOKENIZERS", {})  # reading all files takes seconds
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
        yield owner


def nai(*arguments: str) -> Result:
    return CliRunner().invoke(app, ("doctor", *arguments))


def examine(*arguments: str, status: int) -> dict[str, list[dict[str, Any]]]:
    """Return the findings by what was checked."""
    done = nai("--json", *arguments)
    assert done.exit_code == status, done.output
    findings: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(done.stdout):
        findings.setdefault(each["check"], []).append(each)
    return findings


def find_problem(check: str, *arguments: str) -> dict[str, Any]:
    """Return the one problem that there is."""
    findings = examine(*arguments, status=5)
    problems = [each for group in findings.values() for each in group if each["outcome"] == "problem"]
    assert [each["check"] for each in problems] == [check]
    return problems[0]


def serve_clock(offset: float) -> App:
    """An emulator whose answers have a date that is so many seconds ahead."""
    emulator, _ = an_emulator()

    def app(request: Request) -> Handler:
        if request.path != "/":
            yield from emulator(request)
            return
        yield from reading(request)
        date = formatdate(time.time() + offset, usegmt=True)
        yield Start(Head(200, Headers.of(date=date, content_length="0")))
        yield Write(b"")

    return app


# ---- all is well


@pytest.mark.usefixtures("owner")
def test_a_working_installation_has_nothing_to_fix() -> None:
    findings = examine(status=0)
    assert {"version", "libraries", "profile", "credentials", "proxy", "host", "account", "keyring"} <= findings.keys()
    assert findings["account"][0]["detail"] == "accepted; tier Opus, active"
    (host,) = findings["host"]
    assert host["seconds"] >= 0
    assert findings["keyring"][0]["detail"].endswith("MemoryKeyring")
    for each in (each for group in findings.values() for each in group):
        assert each.keys() == {"check", "outcome", "detail", "advice", "seconds", "expires_at"}


@pytest.mark.usefixtures("owner")
def test_other_programs_get_four_values_a_line_and_a_terminal_gets_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in nai().stdout.splitlines():
        assert len(line.split("\t")) == 4
    monkeypatch.setenv("COLUMNS", "80")
    shown = TerminalRunner().invoke(app, ["doctor"]).stdout
    assert "\t" not in shown
    for line in re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines():
        assert len(line) <= 80 or len(line.split()) == 1  # a path


@pytest.mark.usefixtures("owner", "ring")
def test_the_last_line_counts_the_checks_and_the_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    done = nai()
    number = len(done.stdout.splitlines())
    assert (done.exit_code, done.stderr) == (0, f"{number} checks, none needs attention\n")
    monkeypatch.setenv("NAI_TOKEN", "pst-unknown")
    done = nai()
    assert (done.exit_code, done.stderr) == (5, f"{len(done.stdout.splitlines())} checks, 1 needs attention\n")
    assert nai("--json").stderr == ""


@pytest.mark.usefixtures("ring")
def test_it_shows_no_secret(owner: Any, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.mkdir()
    (config / "profiles.toml").write_text('[default]\nproxy = "http://user:sesame@proxy.example"\n')
    monkeypatch.setenv("NAI_EMAIL", EMAIL)
    monkeypatch.setenv("NAI_PASSWORD", PASSWORD)
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:sesame@h")
    for token in (owner.persistent_token.reveal(), EXPIRED, "pst-un known", ""):
        monkeypatch.setenv("NAI_TOKEN", token)
        for arguments in ((), ("--json",), ("--url", "https://127.0.0.1:9")):
            output = nai(*arguments).output
            for secret in (owner.persistent_token.reveal(), EXPIRED, "known", PASSWORD, "sesame"):
                assert secret not in output.replace("not known", "")


# ---- credentials


@pytest.mark.usefixtures("owner")
def test_without_a_login_it_says_how_to_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAI_TOKEN")
    problem = find_problem("credentials")
    assert (problem["detail"], problem["advice"]) == ("nobody is logged in", "run `nai login`")


@pytest.mark.usefixtures("owner")
def test_a_token_that_has_expired_is_a_problem_with_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", EXPIRED)
    problem = find_problem("credentials")
    assert "from NAI_TOKEN: it expired on 2001-09-09 01:46 UTC" in problem["detail"]
    assert "NAI_TOKEN" in problem["advice"]
    monkeypatch.delenv("NAI_TOKEN")
    keep_in_keyring(LoginPlace("default", os.environ["NAI_URL"]), StoredLogin(PersistentToken("pst-old")))
    problem = find_problem("account")
    assert "the system's keyring" in problem["detail"]
    assert "nai login" in problem["advice"]


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(("days", "outcome"), [(2, "note"), (20, "ok")])
def test_a_token_that_expires_soon_is_a_note(days: float, outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", build_token(time.time() + days * 86_400))
    (finding,) = examine(status=5)["credentials"]  # the emulator does not know it
    assert finding["outcome"] == outcome
    assert finding["detail"].startswith("access token of a login, from NAI_TOKEN")
    assert finding["expires_at"].endswith("Z")


@pytest.mark.usefixtures("owner")
def test_a_variable_that_is_no_token_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-a b")
    assert find_problem("credentials")["detail"].startswith("NAI_TOKEN: ")


@pytest.mark.usefixtures("owner")
def test_a_variable_that_hides_a_login_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_in_keyring(LoginPlace("default", os.environ["NAI_URL"]), StoredLogin(Password(PASSWORD), EMAIL))
    _, note = examine(status=0)["credentials"]
    assert (note["outcome"], note["detail"]) == (
        "note",
        "the login in the system's keyring is not used: NAI_TOKEN comes first",
    )
    monkeypatch.delenv("NAI_TOKEN")
    (finding,) = examine(status=0)["credentials"]
    assert finding["detail"] == "e-mail and password, from the system's keyring"


def test_an_account_without_a_subscription_is_a_note(owner: Any) -> None:
    owner.profile.active = False
    (finding,) = examine(status=0)["account"]
    assert finding["outcome"] == "note"


# ---- profile, address and keyring


@pytest.mark.usefixtures("owner")
def test_a_damaged_profile_file_is_a_problem_and_other_checks_go_on(config: Path) -> None:
    config.mkdir()
    (config / "profiles.toml").write_text("[default]\nurl = 8\n")
    findings = examine(status=5)
    assert "[default] url: a text in quotes" in findings["profile"][0]["detail"]
    assert "keyring" in findings
    assert "host" not in findings
    (config / "profiles.toml").unlink()
    assert "unknown" in find_problem("profile", "--profile", "unknown")["detail"]


@pytest.mark.usefixtures("owner")
def test_each_setting_is_named_with_its_source(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.mkdir()
    (config / "profiles.toml").write_text(
        '[work]\nchat_model = "xialong-v1"\npreset = "Carefree"\ntimeout = {connect = 5}\nproxy = "http://p.example:3128"\n'
    )
    monkeypatch.setenv("NAI_PROFILE", "work")
    findings = examine(status=0)
    assert ", named by NAI_PROFILE: proxy, chat_model, preset, timeout" in findings["profile"][0]["detail"]
    assert findings["setting url"][0]["detail"] == f"{os.environ['NAI_URL']}, from NAI_URL"
    assert findings["setting timeout"][0]["detail"].startswith("pool 30 s, connect 5 s")
    assert findings["setting timeout"][0]["detail"].endswith(", from the profile work")
    assert findings["setting chat_model"][0]["detail"] == "xialong-v1, from the profile work"
    assert findings["setting preset"][0]["detail"] == "Carefree, from the profile work"
    assert examine("--timeout", "9", status=0)["setting timeout"][0]["detail"] == "9 s at each step, from --timeout"
    proxies = examine("--url", "https://127.0.0.1:9", status=5)["proxy"]
    assert [each["detail"] for each in proxies] == ["https://127.0.0.1:9 through p.example:3128, from the profile work"]


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    ("key", "value"),
    [("text_model", "GLM"), ("text_model", "Kira"), ("chat_model", "Kayra"), ("image_model", "Kayra")],
)
def test_a_model_of_the_profile_that_does_not_fit_its_key_is_a_problem(config: Path, key: str, value: str) -> None:
    config.mkdir()
    (config / "profiles.toml").write_text(f'[default]\n{key} = "{value}"\n')
    problem = find_problem(f"setting {key}")
    assert problem["detail"].startswith(f"{value}, from the profile default: ")
    assert "profiles.toml" in problem["advice"]


@pytest.mark.usefixtures("owner")
def test_a_damaged_credentials_file_is_a_problem(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAI_TOKEN")
    keep_in_file(LoginPlace("default", None), StoredLogin(PersistentToken("pst-1")))
    (config / "credentials.json").write_text("{")
    assert "credentials.json is damaged: delete it" in find_problem("credentials")["detail"]


@pytest.mark.usefixtures("owner")
def test_an_address_that_is_none_is_a_problem() -> None:
    assert "--url" in find_problem("profile", "--url", "127.0.0.1:80")["detail"]


@pytest.mark.usefixtures("owner")
def test_a_keyring_is_broken_missing_or_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    with use_keyring(BrokenKeyring()):
        problem = find_problem("keyring")
    assert problem["detail"] == "the system's keyring does not work (RuntimeError)"
    monkeypatch.setenv("NAI_TOKEN", "pst-unknown")
    monkeypatch.setitem(sys.modules, "keyring", None)
    (finding,) = examine(status=5)["keyring"]
    assert (finding["outcome"], finding["advice"]) == ("note", explain_install("keyring"))


# ---- what is installed


def test_a_library_is_missing_too_old_or_new_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"anyio": "4.16.0", "pillow": "11.2.9", "trio": "0.32", "keyring": "24.0b1"}
    requirements = [
        "anyio>=4.16",
        "pillow>=11.3; extra == 'image'",
        'trio>=0.32; extra == "trio"',
        "tokenizers>=0.20; extra == 'tokenizers'",
        "keyring>=24; extra == 'keyring'",
        "hypothesis>=6; extra == 'dev'",
    ]

    def find_version(library: str) -> str:
        if library not in versions:
            raise metadata.PackageNotFoundError(library)
        return versions[library]

    monkeypatch.setattr(metadata, "requires", lambda _: requirements)
    monkeypatch.setattr(metadata, "version", find_version)
    found = {each.check: each for each in doctor_checks.check_extras()}
    needed = {name: each for name, each in found.items() if each.detail}
    assert {name: each.outcome.value for name, each in needed.items()} == {
        "libraries": "ok",
        "extra image": "problem",
        "extra trio": "ok",
        "extra tokenizers": "note",
        "extra keyring": "ok",
    }
    assert found["extra image"].detail == "too old: pillow 11.2.9 (needs 11.3)"
    assert explain_install("tokenizers") in str(found["extra tokenizers"].advice)


def test_this_installation_has_its_libraries() -> None:
    outcomes = {each.check: each.outcome.value for each in doctor_checks.check_extras()}
    assert outcomes["libraries"] == outcomes["extra cli"] == "ok"


def test_tokenizer_files_are_looked_for_and_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "find_file", find_nothing)
    (finding,) = doctor_checks.check_tokenizers()
    assert finding.outcome == "ok"
    assert finding.detail.startswith("on this machine: clip; downloaded when")
    monkeypatch.setenv("NAI_TOKENIZER_DIR", str(tmp_path / "nowhere"))
    problem, _ = doctor_checks.check_tokenizers()
    assert problem.outcome == "problem"
    assert "nowhere, which does not exist" in problem.detail


def find_nothing(name: str, *, download: bool) -> bytes:
    assert not download
    if name == "clip":
        return b""
    raise FileError("no file")


# ---- the way to the service


@pytest.mark.usefixtures("owner")
def test_a_host_that_does_not_answer_is_a_problem() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    problem = find_problem("host", "--url", url)
    assert url in problem["detail"]
    port = url.rpartition(":")[2]
    assert problem["advice"] == (f"The address {url} is from --url: nai emulate --port {port} starts an emulator there")
    with serve_in_thread(cuts(b"SSH-2.0-OpenSSH\r\n")) as ssh:
        assert "host" in find_problem("host", "--url", ssh)["check"]


@pytest.mark.usefixtures("owner")
def test_a_login_is_advised_for_when_the_host_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAI_TOKEN")
    monkeypatch.setenv("NAI_URL", "http://127.0.0.1:9")
    findings = examine(status=5)
    assert findings["host"][0]["advice"] == (
        "The address http://127.0.0.1:9 is from NAI_URL: nai emulate starts an emulator, and prints its address"
    )
    assert findings["credentials"][0]["advice"] == "when the host answers, run `nai login`"


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    ("offset", "detail"),
    [(3600 * 5, "5 hours behind"), (-3 * 86_400, "3 days ahead of"), (100, "seconds behind"), (0, None)],
)
def test_a_wrong_clock_is_a_problem(offset: float, detail: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_in_thread(serve_clock(offset)) as url:
        monkeypatch.setenv("NAI_URL", url)
        (finding,) = examine(status=0 if detail is None else 5)["clock"]
    assert finding["outcome"] == ("ok" if detail is None else "problem")
    assert detail is None or detail in finding["detail"]
    assert abs(finding["seconds"] - offset) < 30


def describe_proxies(*urls: str, proxy: str | None = None) -> list[str]:
    return [each.detail for each in doctor._check_proxy(urls, UserProfile(name="default", proxy=proxy))]


def test_it_shows_the_proxy_of_each_host_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    image, text = "https://image.novelai.net", "https://text.novelai.net"
    assert describe_proxies(image) == [f"{image} directly"]
    own = f"{image} through own.example:80, from the profile default"
    assert describe_proxies(image, proxy="http://u:p@own.example") == [own]
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "text.novelai.net")
    through = f"{image} through proxy.example:3128, from HTTPS_PROXY"
    assert describe_proxies(image, text, proxy="http://own.example") == [
        through,
        f"{text} directly, because of NO_PROXY",
    ]
    assert describe_proxies("http://127.0.0.1:8901") == ["none: only https goes through a proxy"]
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:secret@h")
    (problem,) = describe_proxies(image)
    assert problem.startswith("HTTPS_PROXY: a proxy is http://")
