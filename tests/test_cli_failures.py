"""How commands fail: one line, or JSON, and an exit status by the class of the error; and streams that cannot be written."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nai_proto.errors import (
    AuthenticationError,
    ConcurrentGenerationError,
    FileError,
    InvalidRequestError,
    NaiError,
    PaymentRequiredError,
    RateLimitError,
    RejectedRequestError,
    ServerError,
    StreamError,
    TimedOut,
    TransportError,
    UnknownNameError,
)
from nai_transports.cli.app import app
from nai_transports.cli.common.error_messages import ServiceAddress
from nai_transports.cli.common.errors import ExitStatus, MissingCredentials, OverLimit, describe_failure
from tests.cases import for_each
from tests.forked_python import forked_nai
from tests.test_cli import run_emulator

CLOSED = "http://127.0.0.1:9"
FULL = Path("/dev/full")
LISTINGS = (
    ("--version",),
    ("--help",),
    ("help", "options"),
    ("generate", "--help"),
    ("presets", "list"),
    ("presets", "list", "--json"),
    ("presets", "show", "Carefree", "--model", "kayra-v1"),
    ("health",),
    ("doctor",),
    ("models", "--json"),
    ("subscription",),
    ("account",),
    ("library", "list"),
    ("library", "list", "--json"),
    ("story", "show", "The Quiet Harbour", "--text"),
    ("story", "tree", "The Quiet Harbour"),
    ("sanity-check",),
    ("generate", "Once"),
    ("generate", "Once", "--json"),
    ("chat", "Hello"),
    ("complete", "Hello"),
    ("tags", "cat"),
    ("emulate", "--list-faults"),
    ("emulate",),
)


def run(
    *arguments: str, stdout: Any = subprocess.PIPE, redirect: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    line = ["sh", "-c", f'"$@" {redirect}', "sh", *forked_nai(), *arguments]
    return subprocess.run(
        line,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "NAI_TOKENIZER_DIR": "", "PIP_NO_INDEX": "1", **environment},
    )


@pytest.fixture(scope="module")
def service() -> object:
    with run_emulator() as (ready, _):
        yield {f"NAI_{name.upper()}": ready[name] for name in ("url", "email", "password", "token")}


def fails_with_one_line(done: subprocess.CompletedProcess[str]) -> bool:
    lines = [line for line in done.stderr.splitlines() if "stdout" in line]
    return (
        done.returncode == 1 and len(lines) == 1 and "Traceback" not in done.stderr and "Exception" not in done.stderr
    )


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("arguments", LISTINGS, ids=" ".join)
def test_a_full_stdout_ends_each_command_with_one_line(arguments: tuple[str, ...], service: dict[str, str]) -> None:
    done = run(*arguments, redirect=">/dev/full", **service)
    assert fails_with_one_line(done), done


@pytest.mark.parametrize("arguments", LISTINGS[::3], ids=" ".join)
def test_a_closed_stdout_ends_a_command_with_one_line(arguments: tuple[str, ...], service: dict[str, str]) -> None:
    done = run(*arguments, redirect=">&-", **service)
    assert fails_with_one_line(done), done


@pytest.mark.parametrize("arguments", LISTINGS[::3], ids=" ".join)
def test_a_closed_pipe_ends_a_command_silently(arguments: tuple[str, ...], service: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(*arguments, stdout=writing, **service)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_character_that_stdout_lacks_ends_a_command_with_one_line(service: dict[str, str]) -> None:
    done = run("library", "list", **service, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (
        1,
        "nai library list: stdout is ascii, which lacks U+7269: set PYTHONIOENCODING=utf-8\n",
    )


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full"])
def test_a_stderr_that_cannot_be_written_changes_nothing(redirect: str) -> None:
    assert run("generate", "x", "--url", CLOSED, redirect=redirect, NAI_TOKEN="pst-x").returncode == 1
    assert run("presets", "list", redirect=redirect).returncode == 0
    assert run("presets", "list", redirect=f">/dev/full {redirect}").returncode == 1


def test_an_error_after_half_a_line_begins_a_line_of_its_own() -> None:
    with run_emulator("--fault", "error:at=4,path=/ai/generate-stream") as (ready, _):
        done = run("generate", "Once", "--url", ready["url"], redirect="2>&1", NAI_TOKEN=ready["token"])
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("nai generate: ")
    assert len(done.stdout.splitlines()) > 1


# ---- errors as JSON


def parse_error(*arguments: str) -> tuple[int, dict[str, object]]:
    done = CliRunner().invoke(app, arguments, prog_name="nai", env={"NAI_TOKEN": "pst-x"})
    assert done.stdout == ""
    return done.exit_code, json.loads(done.stderr)["error"]


@pytest.mark.usefixtures("no_pauses")
def test_errors_are_json_with_json() -> None:
    status, error = parse_error("generate", "x", "--url", CLOSED, "--json")
    assert (status, error["kind"], error["exit_status"], error["command"]) == (1, "connection", 1, "nai generate")
    assert error.keys() == {
        "command",
        "kind",
        "message",
        "exit_status",
        "status",
        "retry_after",
        "request_id",
        "parameter",
        "partial",
        "completed",
        "files",
    }


@for_each("arguments", [("generate", "--nothing"), ("nothing",), ("generate", "--max-tokens", "x", "a")])
def test_usage_errors_are_json_with_json(arguments: tuple[str, ...]) -> None:
    status, error = parse_error(*arguments, "--json")
    assert (status, error["kind"], error["exit_status"]) == (2, "usage", 2)


def test_a_usage_error_is_one_line_that_names_the_command() -> None:
    done = CliRunner().invoke(app, ["generate", "--nothing"], prog_name="nai")
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("nai generate: ")
    assert line.endswith("(see nai generate --help)")


# ---- exit statuses and messages


def refusal(kind: type[NaiError], status: int, message: str, **fields: object) -> NaiError:
    return kind(status, message, method="POST", url="https://x.example/user/login", **fields)  # type: ignore[arg-type, call-arg]


PAGE = b"<!DOCTYPE html><title>Bad gateway</title>"


@for_each(
    "error, kind, status, said",
    [
        (InvalidRequestError("x"), "usage", ExitStatus.USAGE, "x"),
        (refusal(RejectedRequestError, 400, "no such model"), "rejected", ExitStatus.USAGE, "no such model"),
        (UnknownNameError("no story"), "not_found", ExitStatus.FAILED, "no story"),
        (MissingCredentials("x"), "credentials", ExitStatus.CREDENTIALS, "x"),
        (refusal(AuthenticationError, 401, "no"), "credentials", ExitStatus.CREDENTIALS, "e-mail and password"),
        (OverLimit("x"), "price", ExitStatus.LIMIT, "x"),
        (refusal(PaymentRequiredError, 402, "Not enough Anlas"), "payment", ExitStatus.LIMIT, "too few Anlas"),
        (refusal(PaymentRequiredError, 402, "A subscription"), "payment", ExitStatus.LIMIT, "no subscription"),
        (refusal(ConcurrentGenerationError, 429, "x"), "generation_lock", ExitStatus.LIMIT, "another generation"),
        (refusal(RateLimitError, 429, "x", retry_after=12.0), "rate_limit", ExitStatus.LIMIT, "try again in 12 s"),
        (refusal(ServerError, 502, "Bad gateway", body=PAGE), "gateway", ExitStatus.FAILED, "nai health"),
        (refusal(ServerError, 503, "Maintenance", body=PAGE), "gateway", ExitStatus.FAILED, "under maintenance"),
        (refusal(ServerError, 500, "x", request_id="r1"), "service", ExitStatus.FAILED, "quote r1"),
        (StreamError("x", status=429), "rate_limit", ExitStatus.LIMIT, "ended the response"),
        (TimedOut("nothing within 3 s", sent=True, phase="read"), "timeout", ExitStatus.FAILED, "--timeout SECONDS"),
        (TransportError("x", sent=False, phase="connect"), "connection", ExitStatus.FAILED, "online?"),
        (FileError("x"), "file", ExitStatus.FAILED, "x"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, NaiError) else None,
)
def test_the_class_of_an_error_decides_kind_status_and_message(
    error: NaiError, kind: str, status: ExitStatus, said: str
) -> None:
    failure = describe_failure(error)
    assert (failure.kind, failure.exit_status) == (kind, status)
    assert said in failure.message
    assert "Error" not in failure.message


@for_each(
    "status, said",
    [(501, "what answers there is not NovelAI's service (501 x)."), (502, "nai health shows which hosts answer.")],
)
def test_a_page_of_another_server_names_the_address_and_where_it_is_from(status: int, said: str) -> None:
    error = refusal(ServerError, status, "x", body=PAGE)
    message = describe_failure(error, ServiceAddress("http://127.0.0.1:8901", "NAI_URL")).message
    assert message.endswith(f"{said} The address http://127.0.0.1:8901 is from NAI_URL: is it right?")


@pytest.mark.parametrize(
    ("port", "starts"),
    [
        (8901, "nai emulate --port 8901 starts an emulator there"),
        (1024, "nai emulate --port 1024 starts an emulator there"),
        (1023, "nai emulate starts an emulator, and prints its address"),
        (80, "nai emulate starts an emulator, and prints its address"),
    ],
)
def test_a_refused_connection_names_the_address_and_the_emulator_at_a_port_that_a_user_may_take(
    port: int, starts: str
) -> None:
    url = "http://127.0.0.1" if port == 80 else f"http://127.0.0.1:{port}"
    error = TransportError(f"connecting to 127.0.0.1:{port}: Connection refused", sent=False, phase="connect")
    said = describe_failure(error, ServiceAddress(url, "NAI_URL")).message
    assert said == (f"connecting to 127.0.0.1:{port}: Connection refused. The address {url} is from NAI_URL: {starts}")


@for_each(
    "status, message, said",
    [
        (
            502,
            "an HTML page from a gateway: 502 Bad Gateway",
            "a gateway answers in place of the service (502 Bad Gateway)",
        ),
        (502, "an HTML page from a gateway", "a gateway answers in place of the service (502)"),
        (403, "an HTML page from a gateway: Just a moment", "refuses the connection (403 Just a moment)"),
    ],
)
def test_the_page_of_a_gateway_is_named_by_its_status_and_title_each_once(status: int, message: str, said: str) -> None:
    assert said in describe_failure(refusal(ServerError, status, message, body=PAGE)).message


@for_each("message, said", [("Too Many Requests", ": try"), ("10 a minute", " (10 a minute): try")])
def test_a_limit_of_requests_is_told_once(message: str, said: str) -> None:
    failure = describe_failure(refusal(RateLimitError, 429, message, retry_after=2.0))
    assert failure.message == f"too many requests{said} again in 2 s"


# ---- colours


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}])
@pytest.mark.parametrize(
    "arguments",
    [("presets", "list"), ("--help",), ("generate", "-h"), ("generate", "--nothing"), ("health", "--url", CLOSED)],
)
def test_no_color_and_dumb_terminals_are_obeyed(arguments: tuple[str, ...], variable: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    environment = {"TERM": "xterm", **inherited, **variable}
    with subprocess.Popen(
        [*forked_nai(), *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={"TERM": "xterm", **environment, **variable},
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65_536):
                shown += piece
        except OSError:  # the end, on Linux
            pass
        process.wait()
    os.close(ours)
    assert shown
    assert b"\x1b" not in shown


def test_markup_in_a_message_is_printed_as_it_is() -> None:
    done = CliRunner().invoke(app, ["generate", "--file", "[red]no[/red] [cli]"], prog_name="nai")
    assert done.stderr == "nai generate: [red]no[/red] [cli] cannot be read: No such file or directory\n"
