"""``nai chat``, ``nai complete``, ``nai models`` and ``nai tokens count --remote``, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nai_proto import openai
from nai_proto.exchange.retry import NO_RETRY
from nai_transports.cli.app import app
from nai_transports.cli.text import chat
from nai_transports.servers.serve import serve_in_thread
from tests.support import EMAIL, PASSWORD, an_emulator


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An emulator that the commands ask, as its account."""
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
        yield owner


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The turns of each chat that is turns for."""
    turns: list[list[str]] = []
    real = openai.chat_completion_stream

    def recording(messages: Any, **options: Any) -> Any:
        turns.append([f"{message.role}: {message.content}" for message in messages])
        return real(messages, **options)

    monkeypatch.setattr(openai, "chat_completion_stream", recording)
    return turns


def nai(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=typed)


@pytest.mark.usefixtures("owner")
def test_models_are_a_table_or_json() -> None:
    assert "glm-4-6" in nai("models").stdout
    cards = json.loads(nai("models", "--json").stdout)
    assert {"id": "glm-4-6", "owned_by": "novelai"} in cards


@pytest.mark.usefixtures("owner")
def test_complete_continues_its_prompt() -> None:
    done = nai("complete", "Once upon a time", "--max-tokens", "20")
    assert done.exit_code == 0, done.stderr
    assert len(done.stdout.split()) > 5
    facts = json.loads(nai("complete", "-", "--max-tokens", "9", "--json", typed="Once").stdout)
    assert facts["finish_reason"] == "length"


@pytest.mark.usefixtures("owner")
def test_stop_text_ends_a_completion_and_is_not_shown() -> None:
    facts = json.loads(nai("complete", "Once", "--max-tokens", "400", "--stop", "the", "--json").stdout)
    assert facts["finish_reason"] == "stop"
    assert "the" not in facts["text"]


@pytest.mark.usefixtures("owner")
def test_one_message_gets_one_answer() -> None:
    done = nai("chat", "Who are you?", "--max-tokens", "12")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.strip()
    facts = json.loads(nai("chat", "Who are you?", "--thinking", "--max-tokens", "300", "--json").stdout)
    assert facts["text"]
    assert facts["reasoning"]
    assert "<think>" not in facts["text"] + facts["reasoning"]


@pytest.mark.usefixtures("owner")
def test_a_conversation_remembers_every_turn(sent: list[list[str]]) -> None:
    done = nai("chat", "--system", "Be brief.", "--max-tokens", "8", typed="hello\n\nand then?\n")
    assert done.exit_code == 0, done.stderr
    first, second = sent
    assert first == ["system: Be brief.", "user: hello"]
    assert second[:2] == first
    assert second[2].startswith("assistant: ")
    assert second[3] == "user: and then?"
    assert len(second[2]) > len("assistant: ")


@pytest.mark.usefixtures("owner")
def test_ctrl_c_stops_an_answer_and_not_the_conversation(
    sent: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    def show(chunk: openai.ChatChunk) -> None:
        shown.append(chunk.text)
        if len(shown) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(chat, "_print_chunk", show)
    done = nai("chat", "--max-tokens", "200", typed="hello\ngo on\n")
    assert done.exit_code == 0, done.stderr
    remembered = sent[1][1].removeprefix("assistant: ")
    assert remembered.startswith("".join(shown[:4]))
    assert len(shown) > 5


def test_an_error_in_a_conversation_is_one_line_and_the_conversation_continues(owner: Any) -> None:
    owner.generating = True  # by somebody else, for ever
    real = openai.chat_completion_stream
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai, "chat_completion_stream", lambda *a, **o: real(*a, **o).with_options(retry=NO_RETRY))
        done = nai("chat", typed="hello\nhello again\n")
    assert done.exit_code == 0
    assert done.stderr.count("Concurrent generation is locked") == 2


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (("chat", "x", "--temperature", "7"), "temperature is 7.0"),
        (("complete", "x", "--max-tokens", "0"), "max_tokens is 0"),
        (("chat", "x", "--model", "gpt-17"), "gpt-17"),
    ],
)
@pytest.mark.usefixtures("owner")
def test_a_usage_error_is_one_line(arguments: tuple[str, ...], about: str) -> None:
    done = nai(*arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"nai {arguments[0]}: ")
    assert about in line


@pytest.mark.usefixtures("owner", "terminal")
def test_without_a_token_they_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAI_TOKEN")
    done = nai("models", "--json", "--email", EMAIL, typed=f"{PASSWORD}\n")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)
    assert PASSWORD not in done.output


@pytest.mark.usefixtures("owner")
def test_the_service_counts_tokens() -> None:
    assert int(nai("tokens", "count", "--remote", "hello world").stdout) > 0
    facts = json.loads(nai("tokens", "count", "--remote", "--json", "--model", "glm-4-6", typed="hello").stdout)
    assert facts["model"] == "glm-4-6"
    assert facts["count"] > 0


@pytest.mark.usefixtures("owner")
def test_without_a_tokenizer_file_the_service_counts_and_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NAI_TOKENIZER_DIR", str(tmp_path))
    done = nai("tokens", "count", "hello world", "--model", "glm-4-5")
    assert (done.exit_code, int(done.stdout) > 0) == (0, True)
    assert done.stderr == "no tokenizer file of glm-4-5 is here, so the service counts its tokens\n"
    refused = nai("tokens", "count", "hello world", "--tokenizer", "glm-4.6")
    assert (refused.exit_code, refused.stdout) == (1, "")
