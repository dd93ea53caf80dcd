"""What people type first, and what they are told when it is not quite right."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from nai_transports.cli.app import app
from nai_transports.servers.serve import serve_in_thread

from .support import cuts

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 999\r\n\r\n"
TOKEN = b'event: newToken\nid: 0\ndata: {"token":"AAA=","ptr":0,"final":false}\n\n'


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("NAI_TOKEN", "NAI_EMAIL", "NAI_PASSWORD", "NAI_URL", "NAI_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NAI_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))


def fail(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, arguments, prog_name="nai")
    return done.exit_code, done.stderr.rstrip("\n").split("\n")[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("story", "list"), "nai story: no command is called 'list' here; there is nai library list (see "),
        (("library", "undo", "x"), "nai library: no command is called 'undo' here; there is nai story undo (see "),
        (("image", "fox", "--sampler"), "nai image: option '--sampler' "),
        (("story", "show", "--answer"), "nai story show: option '--answer' "),
        (("image", "fox", "-o", "fox.gif", "--token-is-missing"), "nai image: there is no option --token-is-missing"),
        (("whoami", "--timeout", "0"), "nai whoami: invalid value for '--timeout': 0 is out of range: "),
    ],
)
def test_a_wrong_command_line_is_told_with_the_command_and_what_is_meant(arguments: tuple[str, ...], said: str) -> None:
    status, line = fail(*arguments)
    assert status == 2
    assert line.startswith(said)


def test_whoami_says_that_nobody_is_logged_in() -> None:
    assert fail("whoami") == (3, "nai whoami: nobody is logged in (profile default): run `nai login`")


def test_an_official_preset_is_found_in_any_case() -> None:
    done = CliRunner().invoke(app, ["presets", "show", "carefree", "--model", "kayra", "--json"])
    assert done.exit_code == 0
    assert '"name":"Carefree"' in done.stdout.replace(" ", "")


def test_an_address_that_has_answered_is_not_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-" + "x" * 64)
    with serve_in_thread(cuts(STREAM + TOKEN)) as url:
        monkeypatch.setenv("NAI_URL", url)
        status, line = fail("generate", "The keeper")
    assert status == 1
    assert "NAI_URL" not in line
