"""``--verbose``: each exchange on stderr, line by line with a marker, and never a secret or a content."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nai_proto import account
from nai_proto.emulator import Account, Emulator
from nai_proto.secret import Password
from nai_transports.cli import command_table
from nai_transports.cli.app import app
from nai_transports.cli.common.account_options import ServiceOptions
from nai_transports.cli.common.exchange_notes import note_exchange
from nai_transports.cli.common.parameters import list_parameters
from nai_transports.events import (
    ConnectionDiscarded,
    ConnectionOpened,
    ConnectionReused,
    ExchangeEnded,
    Waiting,
)
from nai_transports.servers.serve import serve_in_thread
from tests.forked_python import forked_nai
from tests.support import EMAIL, PASSWORD, ByteTokenizer, an_emulator
from tests.test_cli_waits import on_terminals, run_on_terminal

PROMPT = "a-prompt-that-nobody-else-may-read"
NEW_PASSWORD = "another-password-7"


@pytest.fixture
def emulator(
    monkeypatch: pytest.MonkeyPatch, config: Path, ring: object, terminal: None, tmp_path: Path
) -> Iterator[tuple[Emulator, Account]]:
    """An emulator that the commands ask, and its account, whose e-mail, password and token they have."""
    monkeypatch.chdir(tmp_path)
    emulator, owner = an_emulator(tokenizers=lambda _: ByteTokenizer())
    with serve_in_thread(emulator) as url:
        for name, value in {
            "NAI_URL": url,
            "NAI_EMAIL": EMAIL,
            "NAI_PASSWORD": PASSWORD,
            "XDG_DATA_HOME": str(tmp_path / "data"),
        }.items():
            monkeypatch.setenv(name, value)
        yield emulator, owner


@pytest.fixture
def url(emulator: tuple[Emulator, Account], monkeypatch: pytest.MonkeyPatch) -> str:
    """The emulator's address; the commands have a token only."""
    monkeypatch.delenv("NAI_EMAIL")
    monkeypatch.delenv("NAI_PASSWORD")
    monkeypatch.setenv("NAI_TOKEN", emulator[1].persistent_token.reveal())
    return os.environ["NAI_URL"]


def nai(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=typed, prog_name="nai")


# ---- the lines


def test_an_exchange_is_shown_with_its_fields_sizes_and_times(url: str) -> None:
    done = nai("generate", PROMPT, "--max-tokens", "5", "-v")
    assert done.exit_code == 0, done.stderr
    lines = [re.sub(r"\d+\.\d\d s", "N s", line) for line in done.stderr.splitlines()]
    host = url.removeprefix("http://")
    assert lines[:4] == [
        f"* Connected to {host} in N s (without TLS)",
        f"> POST {url}/ai/generate-stream",
        f"> Host: {host}",
        "> Authorization: [hidden]",
    ]
    assert "> content-type: application/json" in lines
    assert "< 200 OK" in lines
    assert any(re.fullmatch(r"> \(\d+ bytes of body\)", line) for line in lines)
    assert re.fullmatch(r"< \([\d,]+ bytes of body; N s in all\)", lines[-2])
    assert lines[-1] == f"* Closed the connection to {host}: the client is closed"
    assert done.stdout
    assert not re.search("(?m)^[<>*] ", done.stdout)


def test_a_retry_is_shown_between_its_exchanges(emulator: tuple[Emulator, Account], url: str) -> None:
    emulator[0].replies.add({"status": 503, "headers": {"Retry-After": "0.2"}})
    lines = nai("tags", "cat", "--verbose").stderr.splitlines()
    marks = "".join(line[0] for line in lines)
    assert re.fullmatch(r"\*>+<+\*\*>+<+\*", marks)
    assert [line for line in lines if re.match("< [0-9]", line)] == ["< 503 Service Unavailable", "< 200 OK"]
    assert "* The service is busy (503). Waiting 0.2 s, then trying again (attempt 2 of 3)." in lines
    assert f"* Using the open connection to {url.removeprefix('http://')}" in lines


@on_terminals
def test_beside_streamed_text_each_line_is_one_of_its_own(url: str) -> None:
    lines = run_on_terminal([*forked_nai(), "generate", PROMPT, "--max-tokens", "9", "-v"], TERM="dumb").splitlines()
    assert "" not in lines
    end = next(number for number, line in enumerate(lines) if line.startswith("< ") and "of body" in line)
    assert lines[end - 1][:2] not in ("* ", "> ", "< ")  # the text


def test_the_other_events_have_a_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    note_exchange(ConnectionOpened("text.example", 443, 0.21, "TLSv1.3", "proxy.example:3128"))
    note_exchange(ConnectionReused("text.example", 443))
    note_exchange(ConnectionDiscarded("text.example", 443, "idle for too long"))
    note_exchange(ExchangeEnded("GET", "https://text.example/", 200, 0, 1.5, is_complete=True))
    note_exchange(ExchangeEnded("GET", "https://text.example/", 200, 1, 1.5, is_complete=False))
    note_exchange(ExchangeEnded("GET", "https://text.example/", None, 0, 30.0, is_complete=False))
    note_exchange(Waiting(5.0, None, None, None, None))
    assert capsys.readouterr().err.splitlines() == [
        "* Connected to text.example:443 in 0.21 s (TLSv1.3, through the proxy proxy.example:3128)",
        "* Using the open connection to text.example:443",
        "* Closed the connection to text.example:443: idle for too long",
        "< (no body; 1.50 s in all)",
        "< (1 byte of body, not to its end; 1.50 s in all)",
        "* No response after 30.00 s",
        "* Waiting 5.0 s",
    ]


def test_a_field_of_the_service_cannot_control_the_terminal(emulator: tuple[Emulator, Account], url: str) -> None:
    emulator[0].replies.add({"status": 200, "headers": {"Server": "a\u009b2Jb"}, "json": {"tags": []}})
    assert "\u009b" not in nai("tags", PROMPT, "--verbose").stderr


def test_json_on_stdout_stays_one_document(url: str) -> None:
    done = nai("tags", "cat", "--json", "-v")
    assert isinstance(json.loads(done.stdout), list)
    assert all(line[:2] in ("* ", "> ", "< ") for line in done.stderr.splitlines())


def test_quiet_and_verbose_exclude_each_other(url: str) -> None:
    done = nai("tags", "cat", "--quiet", "--verbose")
    assert done.exit_code == 2
    assert done.stderr == "nai tags: --quiet and --verbose exclude each other\n"


# ---- secrets


def _change_password(_: Account) -> Result:
    return nai("account", "change-password", "--verbose", typed=f"{NEW_PASSWORD}\n{NEW_PASSWORD}\n")


def _log_in_with_token(owner: Account) -> Result:
    return nai("login", "--with-token", "--verbose", typed=owner.persistent_token.reveal())


def _run(*arguments: str) -> Callable[[Account], Result]:
    return lambda _: nai(*arguments, "--verbose", typed="y\n")


COMMANDS: dict[str, Callable[[Account], Result]] = {
    "login": lambda _: nai("login", "--verbose", "--keep", "token"),
    "login with a token": _log_in_with_token,
    "whoami": _run("whoami"),
    "doctor": _run("doctor"),
    "health": _run("health"),
    "account": _run("account"),
    "change-password": _change_password,
    "subscription": _run("subscription"),
    "access token": _run("access-token"),
    "persistent token": _run("access-token", "--persistent", "--overwrite"),
    "models": _run("models"),
    "generate": _run("generate", PROMPT, "--max-tokens", "4"),
    "chat": _run("chat", PROMPT, "--max-tokens", "4"),
    "complete": _run("complete", PROMPT, "--max-tokens", "4"),
    "image": _run("image", PROMPT, "--size", "64x64", "--steps", "1", "-o", "out.png"),
    "tags": _run("tags", PROMPT),
    "speak": _run("speak", PROMPT, "-o", "out.mp3"),
    "library list": _run("library", "list"),
    "library backup": _run("library", "backup", "kept"),
    "sanity-check": _run("sanity-check"),
    "story create": _run("story", "create", "A title", "--text", PROMPT),
    "story show": _run("story", "show", "The Quiet Harbour"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_secret_and_no_content_is_shown(emulator: tuple[Emulator, Account], name: str) -> None:
    owner = emulator[1]
    done = COMMANDS[name](owner)
    assert done.exit_code == 0, done.output
    exchanges = [line for line in done.stderr.splitlines() if line[:2] in ("* ", "> ", "< ")]
    assert any(line.startswith("> ") for line in exchanges)
    secrets = [
        PASSWORD,
        NEW_PASSWORD,
        PROMPT,
        owner.persistent_token.reveal(),
        *(account.access_key(EMAIL, Password(each)).reveal() for each in (PASSWORD, NEW_PASSWORD)),
    ]
    shown = "\n".join(exchanges)
    for secret in secrets:
        assert secret not in shown
        assert secret[:12] not in shown
    assert not re.search(r"pst-|eyJ|Bearer|@", shown)


# ---- every command


def test_every_command_that_talks_to_the_service_has_the_option() -> None:
    own = {each.name for each in list_parameters(ServiceOptions)}
    assert "verbose" in own
    cli = Path(command_table.__file__).parent
    direct = [
        str(path.relative_to(cli))
        for path in sorted(cli.rglob("*.py"))
        if re.search(r"(?<![\w.])(?:Async)?Client\(|= Client\b", path.read_text("utf-8"))
    ]
    assert direct == ["common/account_options.py", "emulator/demo_picture.py", "emulator/demo_runs.py"]
