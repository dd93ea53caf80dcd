"""``nai generate``: a prompt on the command line, the story on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nai_proto import text
from nai_proto.exchange.reply import App, Handler
from nai_proto.http import Request
from nai_proto.text.preset import Preset
from nai_transports.cli.app import app
from nai_transports.cli.common.examples import EXAMPLES
from nai_transports.cli.common.finished_work import find_finished_work, open_stream
from nai_transports.preset_files import save_preset
from nai_transports.servers.serve import serve_in_thread
from nai_transports.sync import Client
from tests.cases import for_each
from tests.support import EMAIL, PASSWORD, ByteTokenizer, an_emulator, answers, streams, token
from tests.terminal_runner import TerminalRunner

PROMPT = "The lamp in the old lighthouse"
BYTES = ByteTokenizer()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An emulator that the command asks, as nobody; both have a small tokenizer."""
    monkeypatch.setattr("nai_transports.cli.text.generation_options.load", lambda _: BYTES)
    emulator, owner = an_emulator(tokenizers=lambda _: BYTES)
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        yield owner


def nai(*arguments: str, input: str = "") -> Result:  # noqa: A002 -- as the runner calls it
    return CliRunner().invoke(app, ["generate", *arguments], input=input)


def generate_on(server: App, *arguments: str) -> Result:
    with serve_in_thread(server) as url:
        return nai(PROMPT, "--url", url, *arguments)


def test_a_token_in_the_environment_is_used(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", service.persistent_token.reveal())
    done = nai(PROMPT, "--max-tokens", "12")
    assert done.exit_code == 0, done.stderr
    assert 12 <= len(done.stdout) <= 13, "tokens of a byte each, and a line feed"
    assert done.stderr == ""


@pytest.mark.usefixtures("service", "terminal")
def test_without_a_token_it_asks_for_e_mail_and_password() -> None:
    done = nai(PROMPT, input=f"{EMAIL}\n{PASSWORD}\n")
    assert done.exit_code == 0, done.stderr
    assert "E-mail" in done.stderr
    assert "Password" in done.stderr
    assert PASSWORD not in done.output
    assert done.stdout.strip()


@pytest.mark.usefixtures("service", "terminal")
def test_a_wrong_password_is_one_line_that_does_not_show_it() -> None:
    done = nai(PROMPT, "--email", EMAIL, input="open sesame\n")
    assert done.exit_code == 3
    assert "no account has this e-mail and password" in done.stderr
    assert "sesame" not in done.output
    assert len(done.stderr.strip().splitlines()) <= 2  # the prompt, and the error


def test_json_is_one_document(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", service.persistent_token.reveal())
    facts = json.loads(nai(PROMPT, "--json", "--model", "llama-3-erato-v1").stdout)
    assert [*facts] == ["model", "prompt", "text", "finish_reason", "ids", "logprobs"]
    assert (facts["model"], facts["finish_reason"]) == ("llama-3-erato-v1", "length")
    assert (facts["prompt"], facts["ids"], facts["logprobs"]) == (None, None, None)


def test_the_prompt_may_come_from_stdin(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", service.persistent_token.reveal())
    assert nai("-", input=PROMPT).exit_code == 0


def test_text_before_an_error_is_printed_and_the_error_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    broken = streams(token(" It was", 0), b'event: newToken\ndata: {"error": "node lost"}\n\n')
    done = generate_on(broken)
    assert done.exit_code == 1
    assert done.stdout == " It was"
    assert done.stderr.startswith("nai generate: ")
    assert "node lost" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "about"), [("pst-a b", "printable ASCII"), ("eyJ\n", "printable ASCII"), ("pst-abc", "Unauthorized")]
)
def test_an_invalid_token_is_a_one_line_error(text: str, about: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", text)
    refusal = json.dumps({"statusCode": 401, "message": "Unauthorized"}).encode()
    done = generate_on(answers(401, refusal, content_type="application/json"))
    assert done.exit_code == (3 if about == "Unauthorized" else 2)
    assert about in done.stderr
    assert text not in done.output


@pytest.mark.usefixtures("no_pauses")
def test_a_refused_connection_is_a_one_line_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    with serve_in_thread(an_emulator()[0]) as url:
        gone = url
    done = nai(PROMPT, "--url", gone)
    assert done.exit_code == 1
    assert done.stderr.startswith("nai generate: ")
    assert "Traceback" not in done.output


@pytest.fixture
def known(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", service.persistent_token.reveal())


@pytest.mark.usefixtures("known")
def test_the_prompt_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text(PROMPT, encoding="utf-8")
    assert nai("--file", str(tmp_path / "prompt.txt")).exit_code == 0


@pytest.mark.usefixtures("known")
def test_bans_biases_and_stop_sequences_are_texts_and_are_applied() -> None:
    output = nai(PROMPT, "--ban", "e", "--ban", "a", "--max-tokens", "250").stdout
    assert output.strip()
    assert "e" not in output
    assert "a" not in output
    assert nai(PROMPT, "--stop", "th", "--max-tokens", "250").stdout.rstrip("\n").endswith("th")
    assert "=" in nai(PROMPT, "--bias", "==30").stdout


@pytest.mark.usefixtures("known")
def test_a_preset_is_an_official_one_or_a_file(tmp_path: Path) -> None:
    facts = json.loads(nai(PROMPT, "--preset", "Genesis", "--model", "Euterpe", "--json", "--ids").stdout)
    assert facts["model"] == "euterpe-v2"
    preset = Preset.from_official("clio-v1", "Vingt-Un").set("max_length", 7)
    save_preset(preset, tmp_path / "mine.preset")
    facts = json.loads(nai(PROMPT, "--preset", str(tmp_path / "mine.preset"), "--ids", "--json").stdout)
    assert facts["model"] == "clio-v1"
    assert len(facts["ids"]) == 7
    assert BYTES.decode(facts["ids"]) == facts["text"]


@pytest.mark.usefixtures("known")
def test_logprobs_are_a_table_or_the_service_s_json() -> None:
    done = nai(PROMPT, "--logprobs", "2", "--max-tokens", "3")
    assert done.stdout.count("%") >= 3 * 3
    facts = json.loads(nai(PROMPT, "--logprobs", "2", "--max-tokens", "3", "--json").stdout)
    assert [len(entry["before"]) for entry in facts["logprobs"]] == [2, 2, 2]


@pytest.mark.usefixtures("known")
@for_each(
    "arguments, about",
    [
        ((), "give a text as an argument, by --file, or through a pipe; type: nai generate "),
        ((PROMPT, "--file", "x.txt"), "give a text or --file, not both"),
        ((PROMPT, "--preset", "Carefre"), "did you mean 'Carefree'?"),
        ((PROMPT, "--preset", "Genesis"), "no official preset of kayra-v1 is called 'Genesis'"),
        ((PROMPT, "--module", "theme_nothing"), "no module of kayra-v1 is called 'theme_nothing'"),
        ((PROMPT, "--module", "theme_naval", "--model", "snek"), "genji-python-6b"),
        ((PROMPT, "--model", "kayra-v9"), "no model for stories is called 'kayra-v9'; did you mean 'kayra-v1'"),
        ((PROMPT, "--model", "kayra-v9"), "did you mean 'kayra-v1'?"),
        ((PROMPT, "--model", "GLM"), "glm-4-6 is a chat model: nai chat --model glm-4-6"),
        ((PROMPT, "--model", "V4.5 Full"), "nai image --model nai-diffusion-4-5-full"),
        ((PROMPT, "--set", "top_p=7"), "--set top_p=7: kayra-v1 takes a number from 0 to 1"),
        (
            (PROMPT, "--set", "top_g=7", "--model", "Erato"),
            "--set top_g=7: top_g belongs to a sampler that llama-3-erato-v1 does not take",
        ),
        ((PROMPT, "--set", "topp=1"), "did you mean 'top_p'?"),
        ((PROMPT, "--set", "temperature=1", "--temperature", "1"), "--temperature and --set temperature are the same"),
        ((PROMPT, "--seed", "5"), "take no seed"),
        ((PROMPT, "--preset", "Golden Arrow"), "'Golden Arrow' is a preset of llama-3-erato-v1: give --model"),
        ((PROMPT, "--temperature", "0.01"), "--temperature 0.01: kayra-v1 takes a number from 0.1 to 100"),
        ((PROMPT, "--max-tokens", "0"), "0 is out of range: at least 1"),
        ((PROMPT, "--logprobs", "31"), "--logprobs 31: kayra-v1 takes "),
        ((PROMPT, "--max-tokens", "1000"), "--max-tokens: 1000 is too many: Kayra writes at most 250 tokens at a time"),
        ((PROMPT, "--set", "max_length=251"), "251 is too many"),
        ((PROMPT, "--bias", "swan"), "--bias is TEXT=NUMBER"),
        ((PROMPT, "--bias", "=1"), "a phrase is text"),
    ],
)
def test_a_usage_error_is_one_line_and_nothing_is_sent(arguments: tuple[str, ...], about: str) -> None:
    done = nai(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("nai generate: ")
    assert about in line


@pytest.mark.usefixtures("known")
def test_the_prompt_is_printed_first_on_demand() -> None:
    assert nai(PROMPT, "--echo", "--max-tokens", "9").stdout.startswith(PROMPT)
    facts = json.loads(nai(PROMPT, "--echo", "--json").stdout)
    assert facts["prompt"] == PROMPT
    assert not facts["text"].startswith(PROMPT)


@pytest.mark.usefixtures("known")
def test_several_continuations_are_separated_by_a_line() -> None:
    parts = nai(PROMPT, "--number", "3", "--max-tokens", "20").stdout.split("\n---\n")
    assert len(parts) == 3
    assert len(set(parts)) > 1


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("number", [1, 3])
def test_json_is_a_list_if_a_number_is_given(number: int) -> None:
    listed = json.loads(nai(PROMPT, "--number", str(number), "--json").stdout)
    assert len(listed) == number
    assert all(each["text"] for each in listed)


@pytest.mark.usefixtures("known")
def test_settings_decide_how_the_text_is_written() -> None:
    greedy = [nai(PROMPT, "--set", "order=top_k", "--set", "top_k=1", "--max-tokens", "30").stdout for _ in range(2)]
    assert greedy[0] == greedy[1]
    facts = json.loads(nai(PROMPT, "--set", "max_length=7", "--ids", "--json").stdout)
    assert len(facts["ids"]) == 7


def test_control_characters_are_escaped_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    app = streams(token("a\x1b[31m\tb\u3000\u200d", 0, True))
    assert generate_on(app).stdout == "a\x1b[31m\tb\u3000\u200d\n"
    monkeypatch.setattr("nai_transports.cli.common.text_stream.measure_width", lambda _: 80)
    assert generate_on(app).stdout == "a\\x1b[31m\tb\u3000\u200d\n"


def test_an_error_after_text_begins_a_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    monkeypatch.setattr("nai_transports.cli.common.text_stream.measure_width", lambda _: 80)
    done = generate_on(streams(token(" It was", 0), b'event: newToken\ndata: {"error": "node lost"}\n\n'))
    assert done.output.startswith("It was\nnai generate: ")


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (("--file", "nowhere.txt"), "nowhere.txt cannot be read"),
        ((PROMPT, "--preset", __file__), "test_cli_generate.py: not JSON"),
        ((PROMPT, "--preset", "gone.preset"), "gone.preset cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_no_question_of_usage(arguments: tuple[str, ...], about: str) -> None:
    done = nai(*arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    assert about in done.stderr


# ---- what was complete before an error


def fail_second(fail: App) -> App:
    """Return an app that answers the first request with a text, and leaves the others to another app."""
    complete = streams(token(" It was", 0, True))
    requests = 0

    def answer(request: Request) -> Handler:
        nonlocal requests
        requests += 1
        return (complete if requests == 1 else fail)(request)

    return answer


def interrupt(request: Request) -> Handler:
    os.kill(os.getpid(), signal.SIGINT)
    return streams()(request)


@pytest.mark.parametrize(
    ("fail", "status", "kind"), [(answers(402, b""), 4, "payment"), (interrupt, 130, "interrupted")]
)
def test_continuations_that_were_complete_before_an_error_are_in_its_json(
    fail: App, status: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    done = generate_on(fail_second(fail), "--number", "3", "--json")
    assert (done.exit_code, done.stdout) == (status, "")
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert error["kind"] == kind
    assert [each["text"] for each in error["completed"]] == [" It was"]
    alone = json.loads(generate_on(fail_second(fail), "--json").stdout)
    assert error["completed"] == [alone]


def test_a_continuation_has_its_heading_when_its_text_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    for server, shown in ((answers(402, b""), ""), (fail_second(answers(402, b"")), "--- 1 of 2 ---\nIt was\n")):
        with serve_in_thread(server) as url:
            done = TerminalRunner().invoke(app, ["generate", PROMPT, "--echo", "--url", url, "-n", "2"])
        assert (done.exit_code, done.stdout) == (4, shown.replace("It was", f"{PROMPT} It was"))


def test_the_text_that_had_arrived_stays_with_ctrl_c() -> None:
    with (
        serve_in_thread(streams(token(" It was", 0))) as url,
        Client(base_url=url, token="pst-x") as client,
        pytest.raises(KeyboardInterrupt) as caught,
        open_stream(client, text.generate_stream(PROMPT)) as stream,
    ):
        next(iter(stream))
        raise KeyboardInterrupt
    assert find_finished_work(caught.value).partial == " It was"


# ---- an emulator without tokenizer files


@pytest.fixture
def newcomer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Somebody whose emulator has no tokenizer file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
        yield


def _type(line: str) -> Result:
    return CliRunner().invoke(app, shlex.split(line)[1:], prog_name="nai", input="")


@pytest.mark.parametrize("line", [line for name in ("generate", "chat", "complete") for line in EXAMPLES[name]])
def test_the_first_examples_need_no_tokenizer_file(newcomer: None, line: str) -> None:
    Path("opening.txt").write_text("The keeper lit the lamp, and")
    if "--load" in line:
        assert _type("nai chat Hello --save talk.json").exit_code == 0
    done = _type(line)
    assert done.exit_code == 0, done.stderr
    assert "tokenizer" not in done.stderr


def test_an_emulator_that_needs_a_tokenizer_file_is_told_with_the_command_that_gets_it(newcomer: None) -> None:
    done = _type("nai generate Once --set 'stop_sequences=[[1]]'")
    assert (done.exit_code, done.stderr) == (
        1,
        "nai generate: the emulator has no tokenizer file of kayra-v1, and cannot read the token ids in stop_sequences of "
        "this request without it. To get the file, type: nai tokens encode test --model kayra-v1; then start the emulator "
        "again\n",
    )
