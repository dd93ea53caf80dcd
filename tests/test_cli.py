"""The `nai` command, as a person or a script runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nai_proto import account, text
from nai_proto.exchange.flow import Flow, using
from nai_proto.exchange.session import Session
from nai_proto.library import open_library
from nai_proto.secret import PersistentToken
from tests.support import at

NAI = [sys.executable, "-c", "from nai_transports.cli import main; main()"]


def nai(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*NAI, *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "100", **environment},
    )


@contextmanager
def emulating(*arguments: str) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    with subprocess.Popen([*NAI, "emulate", *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline()), process
        finally:
            process.kill()


def test_the_demo_tells_the_same_story_over_every_transport() -> None:
    done = nai("demo")
    assert done.returncode == 0, done.stderr
    for transport in ("memory", "httpx", "asyncio", "trio"):
        assert transport in done.stdout
    assert "All transports told the same story." in done.stdout


def test_the_demo_prints_one_json_document_with_the_same_facts() -> None:
    done = nai("demo", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["same_text"] is True
    assert [told["transport"] for told in facts["transports"]] == ["memory", "httpx", "asyncio", "trio"]
    for told in facts["transports"]:
        assert told["tokens"] == 60
        assert told["finish_reason"] == "length"
        assert told["text"]


def test_emulate_prints_where_it_is_and_who_may_log_in() -> None:
    with emulating() as (ready, _):
        assert set(ready) == {"url", "email", "password", "token"}
        assert ready["token"].startswith("pst-")

        def flow() -> Flow[text.Token, text.Completion]:
            token = yield from account.login(ready["email"], ready["password"])
            return (yield from using(token, text.generate_stream("Once", max_length=5)))

        outcome = at("asyncio", Session.at(ready["url"]), [flow])[0]
        assert outcome.error is None
        session = Session.at(ready["url"], token=PersistentToken(ready["token"]))
        assert at("asyncio", session, [lambda: text.generate("Once", max_length=5)])[0].error is None


def test_emulate_takes_the_credentials_it_is_given() -> None:
    with emulating("--email", "a@b.example", "--password", "open sesame", "--token", "pst-abc") as (ready, _):
        assert (ready["email"], ready["password"], ready["token"]) == ("a@b.example", "open sesame", "pst-abc")


@pytest.mark.parametrize(("arguments", "stories"), [((), 3), (("--empty",), 0)])
def test_emulate_has_an_account_with_stories_or_one_without(arguments: tuple[str, ...], stories: int) -> None:
    with emulating(*arguments) as (ready, _):
        outcome = at("trio", Session.at(ready["url"]), [lambda: open_library(ready["email"], ready["password"])])[0]
        assert outcome.error is None
        assert [story.ok for story in outcome.result.stories] == [True] * stories


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_emulate_stops_cleanly_when_it_is_told_to_in_mid_stream(number: int) -> None:
    with emulating("--pace", "0.05") as (ready, process):
        session = Session.at(ready["url"], token=PersistentToken(ready["token"]))
        told: list[Any] = []

        def flow() -> Flow[text.Token, None]:
            steps = iter(text.generate_stream("Once", max_length=2000))
            incoming: Any = None
            while True:
                action = steps.send(incoming)
                told.append(action)
                if len(told) == 8:
                    process.send_signal(number)
                incoming = yield action

        outcome = at("asyncio", session, [flow])[0]
        assert outcome.error is not None
        assert process.wait(20) == 0


def test_a_token_that_is_none_is_refused_in_words() -> None:
    done = nai("emulate", "--token", "abc")
    assert done.returncode == 2
    assert "pst-" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_told_in_one_line() -> None:
    with emulating() as (ready, _):
        done = nai("emulate", "--port", ready["url"].rpartition(":")[2])
    assert done.returncode == 1
    assert "cannot listen" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_its_extra_the_command_says_what_to_install() -> None:
    program = "import sys; sys.modules['typer'] = None; from nai_transports.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 1
    assert "nai-proto[cli]" in done.stderr
    assert "Traceback" not in done.stderr


def test_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert nai("--version").stdout.strip() == version("nai-proto")
