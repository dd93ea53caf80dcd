"""What `nai emulate` says to a person: that it is ready, what to type next, and what to type instead of something wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nai_transports.cli.app import app
from nai_transports.cli.emulator import serve_until_stopped
from nai_transports.cli.emulator.ready_message import print_ready
from tests.terminal_runner import TerminalRunner

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its event loop takes no signals")


@pytest.fixture(autouse=True)
def interrupted_when_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each server gets Ctrl-C as soon as it has said that it is ready."""

    def print_and_interrupt(*arguments: Any) -> None:
        print_ready(*arguments)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(serve_until_stopped, "print_ready", print_and_interrupt)


def on_terminal(*arguments: str) -> Result:
    return TerminalRunner().invoke(app, arguments, prog_name="nai", env={"NO_COLOR": "1"})


def piped(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="nai")


def test_a_person_is_told_the_address_the_account_the_line_to_type_the_console_and_how_it_ends() -> None:
    done = on_terminal("emulate", "--password", "the quiet harbour", "--token", "pst-" + "a" * 64)
    assert done.exit_code == 0, done.output
    facts = dict(re.findall(r"^(address|e-mail|password|console) +(.*)$", done.stdout, re.MULTILINE))
    url = facts["address"]
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", url), "the port that was free"
    assert (facts["e-mail"], facts["password"]) == ("writer@example.com", "the quiet harbour")
    assert facts["console"].startswith(f"{url}/_emulator/#key=")
    token = "pst-" + "a" * 64
    line = f"export NAI_URL={url} NAI_TOKEN={token} NAI_EMAIL=writer@example.com NAI_PASSWORD='the quiet harbour'"
    assert line in done.stdout.splitlines(), "the terminal wraps it, so that it is one line when it is copied"
    assert done.stdout.endswith("\nCtrl-C stops it.\n")
    assert "{" not in done.stdout


def test_each_address_is_told_if_hosts_have_addresses_of_their_own() -> None:
    said = on_terminal("emulate", "--hosts", "strict").stdout
    addresses = re.findall(r"^address \((\w+)\) +http://127\.0\.0\.1:\d+$", said, re.MULTILINE)
    assert addresses == ["account", "text", "image", "api"]


def test_what_a_server_does_not_have_is_left_out(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    assert "password" in on_terminal("emulate", "--state", state).stdout
    assert "password" not in on_terminal("emulate", "--state", state).stdout
    said = on_terminal("record", str(tmp_path / "made.jsonl"), "--to", "http://127.0.0.1:9").stdout
    assert re.search(r"^address  http://\S+$", said, re.MULTILINE)
    assert re.search(r"^export NAI_URL=http://\S+$", said, re.MULTILINE)
    assert "e-mail" not in said
    assert "e-mail" in on_terminal("replay", str(tmp_path / "made.jsonl")).stdout


@pytest.mark.parametrize(
    ("run", "options"),
    [(piped, ()), (piped, ("--json",)), (on_terminal, ("--json",))],
    ids=["in a pipe", "in a pipe, --json", "on a terminal, --json"],
)
def test_a_program_gets_one_line_of_json(run: Any, options: tuple[str, ...]) -> None:
    (line,) = run("emulate", *options).stdout.splitlines()
    assert json.loads(line)["console"] is None, "only a person is likely to want one"


@pytest.mark.parametrize("run", [piped, on_terminal])
def test_lines_for_a_shell_are_the_same_everywhere(run: Any) -> None:
    said = run("emulate", "--export").stdout
    assert re.fullmatch(r"(export NAI_(URL|TOKEN|EMAIL|PASSWORD)=\S+\n){4}", said)


@pytest.mark.parametrize("run", [piped, on_terminal])
def test_port_0_takes_a_free_port_and_prints_it(run: Any) -> None:
    assert re.search(r"http://127\.0\.0\.1:[1-9]\d+", run("emulate", "--port", "0").stdout)


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("8901", "nai emulate --port 8901"),
        ("localhost:8901", "nai emulate --port 8901 --host localhost"),
        ("http://127.0.0.1:8901/", "nai emulate --port 8901 --host 127.0.0.1"),
        (":8901", "nai emulate --port 8901"),
    ],
)
def test_an_address_where_a_command_belongs_is_told_with_its_option(typed: str, line: str) -> None:
    done = piped("emulate", typed)
    assert done.exit_code == 2
    assert done.stderr == f"nai emulate: {typed!r} is no command to run; type: {line}\n"


def test_a_port_behind_a_recording_is_told_with_its_option() -> None:
    done = piped("replay", "session.jsonl", "8902")
    assert done.exit_code == 2
    assert "'8902' is no command to run; type: nai replay session.jsonl --port 8902" in done.stderr


@pytest.mark.parametrize("command", [("emulate",), ("emulate", "--hosts", "strict"), ("record", "new.jsonl")])
def test_a_port_in_use_is_told_once_with_what_takes_a_free_one(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = piped(*command, "--port", port)
    assert done.exit_code == 1
    assert re.fullmatch(
        rf"nai {command[0]}: (port {port}|one of the ports {port} to \d+) of 127\.0\.0\.1 is in use: "
        r"--port 0 takes (any free one|free ones)\n",
        done.stderr,
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_told_with_the_usual_one(host: str) -> None:
    done = piped("emulate", "--host", host)
    assert (done.exit_code, done.stderr) == (
        1,
        f"nai emulate: this machine has no address {host}: --host 127.0.0.1 is the one for its own programs\n",
    )


def test_the_switches_are_listed_with_the_defaults_that_they_take() -> None:
    listed = dict(line.split("\t") for line in piped("emulate", "--list-switches").stdout.splitlines())
    document = json.loads(piped("emulate", "--list-switches", "--json").stdout)
    assert [each["name"] for each in document] == [*listed]
    assert {"strict_limits": True, "rate": None}.items() <= {each["name"]: each["default"] for each in document}.items()
    given = [part for name, value in listed.items() if value for part in ("--switch", f"{name}={value}")]
    assert json.loads(piped("emulate", *given).stdout)["url"]


def test_the_help_page_has_the_rare_options_last() -> None:
    page = piped("emulate", "--help").stdout
    panels = re.findall(r"^(\w[^\n]*):$", page, re.MULTILINE)
    assert panels == [
        *("Examples", "Arguments", "Options", "The account", "What it answers", "Recording"),
        "For tests of a client",
    ]
    assert len(page.splitlines()) <= 60
    assert page.index("\n  --port") < page.index("\n  --email") < page.index("\n  --switch")
