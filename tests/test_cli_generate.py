"""``nai generate``: a prompt on the command line, the story on stdout, everything else on stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nai_proto.exchange.reply import App
from nai_transports.cli.app import app
from nai_transports.serve import serving
from tests.support import EMAIL, PASSWORD, an_emulator, answers, streams, token

PROMPT = "The lamp in the old lighthouse"


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NAI_TOKEN", "NAI_EMAIL", "NAI_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An emulator that the command asks, as nobody."""
    emulator, owner = an_emulator()
    with serving(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        yield owner


def nai(*arguments: str, input: str = "") -> Result:  # noqa: A002 -- as the runner calls it
    return CliRunner().invoke(app, ["generate", *arguments], input=input)


def asking(server: App, *arguments: str) -> Result:
    with serving(server) as url:
        return nai(PROMPT, "--url", url, *arguments)


def test_a_token_in_the_environment_says_whose_account_it_is(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", service.persistent_token.reveal())
    done = nai(PROMPT, "--max-length", "12")
    assert done.exit_code == 0, done.stderr
    assert len(done.stdout.split()) > 5
    assert done.stderr == ""


@pytest.mark.usefixtures("service")
def test_without_a_token_it_asks_for_e_mail_and_password() -> None:
    done = nai(PROMPT, input=f"{EMAIL}\n{PASSWORD}\n")
    assert done.exit_code == 0, done.stderr
    assert "E-mail" in done.stderr
    assert "Password" in done.stderr
    assert PASSWORD not in done.output
    assert done.stdout.strip()


@pytest.mark.usefixtures("service")
def test_a_wrong_password_is_one_line_that_does_not_show_it() -> None:
    done = nai(PROMPT, "--email", EMAIL, input="open sesame\n")
    assert done.exit_code == 1
    assert "Access Key is incorrect" in done.stderr
    assert "sesame" not in done.output
    assert len(done.stderr.strip().splitlines()) <= 2  # the prompt, and the error


def test_json_is_one_document(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", service.persistent_token.reveal())
    facts = json.loads(nai(PROMPT, "--json", "--model", "llama-3-erato-v1").stdout)
    assert set(facts) == {"model", "text", "finish_reason"}
    assert (facts["model"], facts["finish_reason"]) == ("llama-3-erato-v1", "length")


def test_the_prompt_may_come_from_stdin(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", service.persistent_token.reveal())
    assert nai("-", input=PROMPT).exit_code == 0


def test_what_came_before_an_error_is_shown_and_the_error_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    broken = streams(token(" It was", 0), b'event: newToken\ndata: {"error": "node lost"}\n\n')
    done = asking(broken)
    assert done.exit_code == 1
    assert done.stdout == " It was"
    assert done.stderr.startswith("nai generate: ")
    assert "node lost" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "about"), [("pst-a b", "printable ASCII"), ("eyJ\n", "printable ASCII"), ("pst-abc", "Unauthorized")]
)
def test_a_token_that_is_none_is_told_in_one_line(text: str, about: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", text)
    refusal = json.dumps({"statusCode": 401, "message": "Unauthorized"}).encode()
    done = asking(answers(401, refusal, content_type="application/json"))
    assert done.exit_code == 1
    assert about in done.stderr
    assert text not in done.output


def test_nobody_listening_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    with serving(an_emulator()[0]) as url:
        gone = url
    done = nai(PROMPT, "--url", gone)
    assert done.exit_code == 1
    assert done.stderr.startswith("nai generate: ")
    assert "Traceback" not in done.output
