"""What a command tells while it waits: a line on stderr for each retry, beside text and bars, and not with ``--quiet``."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nai_proto.emulator import Emulator
from nai_proto.errors import (
    ConcurrentGenerationError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StatusError,
    TimedOut,
    TransportError,
    Truncated,
)
from nai_transports.cli.app import app
from nai_transports.cli.common.exchange_notes import note_wait
from nai_transports.events import Waiting
from nai_transports.servers.serve import serve_in_thread
from tests.forked_python import forked_nai, forked_python
from tests.support import an_emulator
from tests.terminal_runner import read_terminal

LOCKED = {"status": 429, "json": {"statusCode": 429, "message": "Concurrent generation is locked"}}
BUSY = {"status": 429, "json": {"statusCode": 429, "message": "Too Many Requests"}}
SHORT = {"headers": {"Retry-After": "0.2"}}


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator that the commands ask, as its owner."""
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
        yield emulator


def nai(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="nai")


# ---- the sentences


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RateLimitError(429, "Too Many Requests"), "The service is busy (429)"),
        (ServerError(503, "no", body=b"{}"), "The service is busy (503)"),
        (ServerError(500, "no"), "The service failed (500)"),
        (RequestTimeoutError(408, "late"), "The service failed (408)"),
        (ServerError(502, "Bad gateway", body=b"<html>"), "The gateway failed (502)"),
        (Truncated("cut"), "The response broke off"),
        (
            TimedOut("nothing within 3 s, connecting (a:1)", sent=False, phase="connect"),
            "Nothing within 3 s, connecting",
        ),
        (TransportError("reading of \x1b[2Ja:1: gone", sent=True, phase="read"), r"Reading of \x1b[2Ja:1: gone"),
    ],
)
def test_a_retry_says_why_how_long_and_which_attempt(
    error: Any, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    note_wait(Waiting(0.44, None, error, 2, 3))
    note_wait(Waiting(5.4, None, error, 3, 3))
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(reason)
    assert first.endswith(". Waiting 0.4 s, then trying again (attempt 2 of 3).")
    assert second.endswith(". Waiting 5 s, then trying again (attempt 3 of 3).")


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_retry_after_a_status_fits_into_80_columns(status: int, capsys: pytest.CaptureFixture[str]) -> None:
    note_wait(Waiting(120.0, None, StatusError.kind(status)(status, "no", body=b"<html>"), 2, 3))
    assert len(capsys.readouterr().err) <= 80


def test_a_retry_at_once_says_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    note_wait(Waiting(0.01, None, ServerError(500, "no"), 2, 3))
    assert capsys.readouterr().err == "The service failed (500). Trying again (attempt 2 of 3).\n"


def test_a_wait_for_another_generation_is_no_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    note_wait(Waiting(1.0, None, ConcurrentGenerationError(429, "locked"), None, None))
    written = capsys.readouterr().err
    assert written == "Another generation is running on this account. Waiting 1 s, then trying again.\n"


def test_pauses_of_the_work_itself_and_refused_connections_are_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    note_wait(Waiting(20.0, None, None, None, None))
    refused = TransportError("connecting to a:1: Connection refused", sent=False, phase="connect")
    note_wait(Waiting(0.5, None, refused, 2, 3))
    assert capsys.readouterr().err == ""
    note_wait(Waiting(2.0, None, refused, 3, 9))
    assert capsys.readouterr().err.startswith("Connecting to a:1: Connection refused. Waiting 2 s")


# ---- in commands


def test_each_retry_is_a_line_on_stderr_and_stdout_has_the_result_alone(emulator: Emulator) -> None:
    emulator.replies.add({**BUSY, **SHORT, "times": 2})
    done = nai("generate", "Once", "--max-tokens", "5")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.splitlines() == [
        f"The service is busy (429). Waiting 0.2 s, then trying again (attempt {attempt} of 3)." for attempt in (2, 3)
    ]
    assert "attempt" not in done.stdout


def test_the_generation_lock_is_waited_for_aloud(emulator: Emulator) -> None:
    emulator.replies.add({**LOCKED, **SHORT})
    done = nai("chat", "Hello", "--max-tokens", "5")
    assert done.exit_code == 0, done.stderr
    assert done.stderr == "Another generation is running on this account. Waiting 0.2 s, then trying again.\n"


def test_quiet_is_silent_about_waits(emulator: Emulator) -> None:
    emulator.replies.add({**BUSY, **SHORT, "times": 2})
    done = nai("generate", "Once", "--max-tokens", "5", "--quiet")
    assert (done.exit_code, done.stderr) == (0, "")


def test_with_json_waits_are_text_before_the_error(emulator: Emulator) -> None:
    emulator.replies.add({**BUSY, **SHORT, "times": None})
    done = nai("generate", "Once", "--json")
    assert (done.exit_code, done.stdout) == (4, "")
    *waits, error = done.stderr.splitlines()
    assert len(waits) == 2
    assert all(line.startswith("The service is busy") for line in waits)
    assert json.loads(error)["error"]["status"] == 429


@pytest.mark.parametrize("arguments", [("subscription",), ("tags", "cat"), ("health",), ("account", "--json")])
def test_commands_of_every_kind_tell_their_waits(emulator: Emulator, arguments: tuple[str, ...]) -> None:
    emulator.replies.add({"status": 503, "json": {"statusCode": 503, "message": "no"}, **SHORT})
    done = nai(*arguments)
    if arguments == ("health",):  # which asks each host once
        assert "attempt" not in done.stderr
    else:
        assert done.stderr == "The service is busy (503). Waiting 0.2 s, then trying again (attempt 2 of 3).\n"


# ---- on a terminal


def run_on_terminal(line: list[str], **environment: str) -> str:
    """What a program writes to stdout and stderr if both are a terminal of 80 columns."""
    return read_terminal(line, ("stdout", "stderr"), **environment)


HALF_A_LINE = """
from nai_transports.cli.common.standard_streams import guard_standard_streams
guard_standard_streams()
from nai_proto.errors import RateLimitError
from nai_transports.cli.common.exchange_notes import note_wait
from nai_transports.cli.common.text_stream import TextStream
from nai_transports.events import Waiting

with TextStream() as out:
    out.write("The lamp")
    for attempt in (2, 3):
        note_wait(Waiting(5.0, None, RateLimitError(429, "busy"), attempt, 3))
    {then}
"""
WAITS = [f"The service is busy (429). Waiting 5 s, then trying again (attempt {n} of 3)." for n in (2, 3)]

on_terminals = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


@on_terminals
@pytest.mark.parametrize(("then", "last"), [("out.write(' is lit.')", [" is lit."]), ("out.end_line()", [])])
def test_a_wait_after_half_a_line_begins_a_line_of_its_own(then: str, last: list[str]) -> None:
    written = run_on_terminal([*forked_python(), "-c", HALF_A_LINE.format(then=then)], TERM="dumb")
    assert written.splitlines() == ["The lamp", *WAITS, *last]


def test_a_wait_leaves_text_in_a_pipe_as_it_is() -> None:
    line = [*forked_python(), "-c", HALF_A_LINE.format(then="out.write(' is lit.')")]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=50)
    assert done.stdout == "The lamp is lit."
    assert done.stderr.splitlines() == WAITS


BAR = """
import time
from nai_proto.errors import RateLimitError
from nai_transports.cli.common.exchange_notes import note_wait
from nai_transports.cli.common.progress import show_progress
from nai_transports.events import Waiting

with show_progress("logging in") as progress:
    progress.update("stories", 5, 1200)
    time.sleep(0.3)
    note_wait(Waiting(5.0, None, RateLimitError(429, "busy"), 2, 3))
    time.sleep(0.3)
note_wait(Waiting(5.0, None, RateLimitError(429, "busy"), 3, 3))
"""


@on_terminals
@pytest.mark.parametrize("columns", ["80", "40"])
def test_a_wait_beside_a_bar_stays_above_it(columns: str) -> None:
    written = run_on_terminal([*forked_python(), "-c", BAR], COLUMNS=columns)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    plain = re.sub(r"\r\n  (?=\S)", " ", plain)  # wrapped between words
    lines = re.split(r"[\r\n]+", plain)
    assert [line for line in lines if "attempt" in line] == WAITS  # not cut
    assert plain.index("of 1,200") < plain.index(WAITS[0]) < plain.rindex("of 1,200") < plain.index(WAITS[1])


@on_terminals
def test_a_dumb_terminal_gets_plain_lines(emulator: Emulator) -> None:
    emulator.replies.add({**BUSY, **SHORT})
    written = run_on_terminal([*forked_nai(), "generate", "Once", "--max-tokens", "5"], TERM="dumb")
    assert "\x1b" not in written
    assert written.startswith("The service is busy (429). Waiting 0.2 s, then trying again (attempt 2 of 3).\r\n")


@on_terminals
def test_ctrl_c_ends_a_wait(emulator: Emulator) -> None:
    emulator.replies.add({**BUSY, "headers": {"Retry-After": "60"}})
    with subprocess.Popen(
        [*forked_nai(), "generate", "Once"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "Waiting 1 min" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert "Traceback" not in process.stderr.read()
