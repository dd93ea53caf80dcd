"""Whether the service answers: an outcome for each of a session's addresses.

See docs/protocol/native.md#5-get--health-check.
"""

from __future__ import annotations

import json
import pickle
import re
import socket
from collections.abc import Iterator

import pytest

import nai_proto as nai
from nai_proto.emulator.clock import Clock
from nai_proto.emulator.http.host_profiles import restrict_to_host
from nai_proto.testing import play, run_in_memory
from nai_transports.servers.serve import serve_in_thread
from nai_transports.sync import Client
from tests.cases import for_each
from tests.support import an_emulator

from .test_cli import nai as run_command

HOSTS = nai.Session(
    account="http://image.test", text="http://text.test", image="http://image.test", api="http://api.test"
)
OK, FAILING, UNREACHABLE = nai.HealthOutcome.OK, nai.HealthOutcome.FAILING, nai.HealthOutcome.UNREACHABLE
REFUSED = b'{"statusCode": 401, "message": "Unauthorized"}'
PAGE = b"<!DOCTYPE html>\n<html><head><title>\n It works! </title></head><body>...</body></html>"
TIMED_OUT = nai.TimedOut("no response within 60 s", sent=True, phase="read")


def test_each_address_is_asked_once_and_without_a_wait() -> None:
    played = play(nai.health(), [nai.Head(200), b"OK", b"", nai.Head(503), b"", nai.Head(200), b"OK", b""], HOSTS)
    assert [action.request.url for action in played.actions if isinstance(action, nai.Send)] == [
        *("http://image.test/", "http://text.test/", "http://api.test/")
    ]
    assert played.kinds == "Send Receive Receive Send Receive Send Receive Receive"
    assert [(host.url, host.roles) for host in played.result] == [
        ("http://image.test", (nai.Host.ACCOUNT, nai.Host.IMAGE)),
        ("http://text.test", (nai.Host.TEXT,)),
        ("http://api.test", (nai.Host.API,)),
    ]
    assert pickle.loads(pickle.dumps(played.result)) == played.result
    assert pickle.loads(pickle.dumps(nai.health())) == nai.health()


@for_each(
    "script, outcome, detail",
    [
        ([nai.Head(200), b"OK", b""], OK, "answers"),
        ([nai.Head(200), b"<html>", b"", nai.Head(401), REFUSED, b""], OK, "answers"),
        ([nai.Head(404), REFUSED, b""], OK, "404"),
        ([nai.Head(404), b"", nai.Head(401), REFUSED, b""], OK, "404"),
        ([nai.Head(429), b"", nai.Head(429), REFUSED, b""], OK, "429"),
        ([nai.Head(301), b"", nai.Head(401), REFUSED, b""], OK, "301"),
        ([nai.Head(200), PAGE, b"", nai.Head(404), PAGE, b""], FAILING, "a web page, 'It works!'"),
        ([nai.Head(200), PAGE, b"", nai.Head(200), PAGE, b""], FAILING, "a web page, 'It works!'"),
        ([nai.Head(403), PAGE, b"", nai.Head(403), PAGE, b""], FAILING, "a web page"),
        (
            [nai.Head(200), b"Ollama is running", b"", nai.Head(404), b"404 page not found", b""],
            FAILING,
            "another text",
        ),
        (
            [nai.Head(200), b'{"up": true}', b"", nai.Head(404), b'{"detail": "Not Found"}', b""],
            FAILING,
            "not as NovelAI",
        ),
        ([nai.Head(200), b"", nai.Head(404), b""], FAILING, "it sends nothing"),
        ([nai.Head(200), PAGE, b"", nai.Head(502), b""], FAILING, "502"),
        ([nai.Head(200), PAGE, b"", TIMED_OUT], UNREACHABLE, "no response within 60 s"),
        ([nai.Head(500), b""], FAILING, "500"),
        ([nai.Head(503), b""], FAILING, "503"),
        ([nai.RemoteProtocolError("this is not HTTP")], FAILING, "this is not HTTP"),
        ([nai.TransportError("api.test: no such host", sent=False, phase="connect")], UNREACHABLE, "no such host"),
        ([TIMED_OUT], UNREACHABLE, "no response within 60 s"),
    ],
)
def test_an_address_has_the_outcome_that_its_answer_means(
    script: list[nai.Head | bytes | nai.NaiError], outcome: nai.HealthOutcome, detail: str
) -> None:
    (host,) = play(nai.health(), script, nai.Session(base_url="http://api.test")).result
    assert (host.outcome, host.is_reachable) == (outcome, outcome is OK)
    assert detail in host.detail
    assert host.roles == tuple(nai.Host)


def test_the_closer_look_sends_no_token() -> None:
    session = nai.Session(base_url="http://api.test", token="pst-secret")
    played = play(nai.health(), [nai.Head(200), PAGE, b"", nai.Head(401), REFUSED, b""], session)
    closer = [action.request for action in played.actions if isinstance(action, nai.Send)][-1]
    assert closer.path == "/user/information"
    assert closer.headers.get("authorization") is None


def test_what_says_nothing_of_an_address_is_an_error_of_the_run() -> None:
    for error in (nai.ClosedError("the client is closed"), nai.TimedOut("all is over", sent=False, phase="total")):
        assert play(nai.health(), [error], HOSTS).error is error


def test_the_emulator_answers_on_each_of_its_hosts() -> None:
    emulator, _ = an_emulator()
    for role in (None, *nai.Host):
        app = emulator if role is None else restrict_to_host(role, emulator)
        (host,) = run_in_memory(nai.health(), app).result
        assert host.is_reachable
        assert host.detail == "answers" if role in (None, nai.Host.API) else host.detail.startswith("404")


# ---- time and clock


def test_an_answer_has_its_time_and_the_skew_of_its_clock() -> None:
    head = nai.Head(200, nai.Headers.of(date="Tue, 14 Nov 2023 22:13:20 GMT"))  # 1 700 000 000
    refusal = nai.Head(404, nai.Headers.of(date="Tue, 14 Nov 2023 22:14:20 GMT"))
    now = iter([1_700_000_000.0, 1_700_000_002.0, 1_700_000_003.0, 1_700_000_005.0, 1_700_000_006.0, 1_700_000_007.0])
    played = play(
        nai.health(),
        [head, b"OK", b"", refusal, REFUSED, b"", nai.TransportError("no such host", sent=False, phase="connect")],
        HOSTS,
        clock=Clock(source=lambda: next(now)),
    )
    first, second, third = played.result
    assert (first.seconds, first.clock_skew) == (2.0, -1.0)
    assert (second.seconds, second.clock_skew) == (2.0, 56.0)
    assert (third.seconds, third.clock_skew) == (None, None)


@for_each("date", ["", "yesterday", "1700000000"])
def test_an_answer_without_a_date_says_nothing_of_the_clock(date: str) -> None:
    head = nai.Head(200, nai.Headers.of(date=date))
    (host,) = play(nai.health(), [head, b"OK", b""], nai.Session(base_url="http://api.test")).result
    assert (host.outcome, host.clock_skew) == (OK, None)


# ---- over sockets, and as a command


@pytest.fixture
def served() -> Iterator[str]:
    emulator, _ = an_emulator()
    with serve_in_thread(emulator) as url:
        yield url


def closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_a_real_host_answers_and_a_closed_port_does_not(served: str) -> None:
    session = nai.Session(account=served, image=served, text=closed_port(), api=served)
    with Client(session) as client:
        here, there = client.run(nai.health())
    assert (here.outcome, there.outcome) == (OK, UNREACHABLE)
    assert "127.0.0.1" in there.detail


def test_the_command_shows_each_address_and_its_exit_code_says_whether_all_work(served: str) -> None:
    done = run_command("health", "--url", served)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(
        rf"ok\t{re.escape(served)} \(account, text, image, api\): answers \(\d\.\d\d s\)\n", done.stdout
    )
    (said,) = json.loads(run_command("health", "--json", "--url", served).stdout)
    assert said.pop("seconds") >= 0
    assert said == {
        "url": served,
        "roles": ["account", "text", "image", "api"],
        "outcome": "ok",
        "detail": "answers",
        "clock_skew": None,
    }
    url = closed_port()
    done = run_command("health", "--url", url)
    assert (done.returncode, done.stderr) == (5, "")
    assert done.stdout.startswith(f"unreachable\t{url} (")
