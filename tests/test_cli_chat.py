"""``nai chat``, ``nai complete``, ``nai models`` and ``nai tokens count --remote``, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from nai_proto import openai
from nai_proto.errors import FileError
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.image.models import MODELS as IMAGE_MODELS
from nai_proto.text.models import CHAT_MODELS, MODELS
from nai_proto.tier import Tier
from nai_transports.cli.app import app
from nai_transports.cli.text import chat_session
from nai_transports.cli.text.chat_commands import format_help, parse_line
from nai_transports.cli.text.conversation import Conversation, format_conversation
from nai_transports.cli.text.model_table import build_model_table
from nai_transports.servers.serve import serve_in_thread
from tests.support import EMAIL, PASSWORD, an_emulator, answers, streams
from tests.terminal_runner import TerminalRunner
from tests.test_wrong_types import SUBSCRIPTION


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An emulator that the commands ask, as its account."""
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
        yield owner


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory for what programs keep is one of the test."""
    monkeypatch.setattr("nai_transports.cli.text.conversation_file.state_directory", lambda: tmp_path / "state")


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
def test_models_are_lines_or_json() -> None:
    lines = [line.split("\t") for line in nai("models").stdout.splitlines()]
    assert ["glm-4-6", "chat", "36864", "glm-4.6", "free with Opus", "GLM 4.6"] not in lines
    assert ["glm-4-6", "chat", "36864", "glm-4.6", "free with Tablet", "GLM 4.6"] in lines
    assert ["kayra-v1", "text", "8192", "nerdstash_v2", "free with Tablet", "Kayra"] in lines
    assert ["nai-diffusion-4-5-full", "image", "512", "t5", "free with Opus", "V4.5 Full"] in lines
    rows = {row["id"]: row for row in json.loads(nai("models", "--json").stdout)}
    assert rows["glm-4-6"]["listed"] is True
    assert rows["kayra-v1"]["contexts"] == {"paper": None, "tablet": 4096, "scroll": 8192, "opus": 8192}


@pytest.mark.usefixtures("owner")
def test_on_80_columns_each_model_is_a_line_with_its_name_and_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = TerminalRunner().invoke(app, ["models"]).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    names = {model.id: model.name for model in (*MODELS, *CHAT_MODELS)} | {each.id: each.name for each in IMAGE_MODELS}
    for id_, name in names.items():
        (line,) = (line for line in lines if line.endswith(f" {id_}"))
        assert line.startswith(f"{name} ")


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("kayra", "kayra-v1"),
        ("KAYRA V1", "kayra-v1"),
        ("kay", "kayra-v1"),
        ("GLM", "glm-4-6"),
        ("v4-5 full", "nai-diffusion-4-5-full"),
        ("nai-diffusion", "nai-diffusion"),
    ],
)
def test_one_model_is_shown_by_its_id_its_name_or_a_beginning_that_no_other_has(name: str, id_: str) -> None:
    facts = dict(line.split("\t") for line in nai("models", name).stdout.splitlines())
    document = json.loads(nai("models", name, "--json").stdout)
    assert (facts["id"], document) == (
        id_,
        next(each for each in json.loads(nai("models", "--json").stdout) if each["id"] == id_),
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kayar", "no model is called 'kayar'; did you mean 'kayra-v1'? nai models lists all"),
        ("foo", "no model is called 'foo'; nai models lists all"),
        ("V4", "4 models fit 'V4': 'V4.5 Full' (nai-diffusion-4-5-full), "),
    ],
)
def test_a_model_that_is_none_or_several_is_told_with_those_that_may_be_meant(name: str, said: str) -> None:
    done = nai("models", name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith(f"nai models: {said}")


def test_the_facts_of_a_model_have_its_command_and_its_context_with_each_tier() -> None:
    lines = nai("models", "kayra").stdout.splitlines()
    assert {"for\tnai generate", "context with Tablet\t4,096 tokens", "price\tfree with Tablet"} <= {*lines}


def test_every_model_that_the_library_knows_is_listed_without_an_account() -> None:
    done = nai("models", "--json")
    assert done.exit_code == 0
    assert "not logged in" in done.stderr
    rows = {row["id"]: row for row in json.loads(done.stdout)}
    text_models = {model.id for model in (*MODELS, *CHAT_MODELS)}
    assert text_models | {model.id for model in IMAGE_MODELS} == rows.keys()
    assert rows["nai-diffusion-4-5-full"]["anlas"] == 20
    assert {(row["listed"], row["included"]) for row in rows.values()} == {(None, None)}


@pytest.mark.parametrize(
    ("tier", "context", "included"), [(Tier.TABLET, 12_288, True), (Tier.PAPER, None, False), (Tier.OPUS, 36_864, True)]
)
def test_the_context_is_that_of_the_account_s_tier(tier: Tier, context: int | None, included: bool) -> None:
    subscription = msgspec.structs.replace(SUBSCRIPTION, tier=tier, active=tier is not Tier.PAPER)
    row = next(each for each in build_model_table(subscription, ["glm-9"]) if each.id == "glm-4-6")
    assert (row.context, row.is_included, row.is_listed) == (context, included, False)
    assert [each.id for each in build_model_table(subscription, ["glm-9"]) if each.is_listed] == ["glm-9"]


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


@pytest.mark.usefixtures("owner", "terminal")
def test_ctrl_c_stops_an_answer_and_not_the_conversation(
    sent: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    def show(_: object, chunk: openai.ChatChunk) -> None:
        shown.append(chunk.text)
        if len(shown) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(chat_session, "_write_chunk", show)
    done = nai("chat", "--max-tokens", "200", typed="hello\ngo on\n")
    assert done.exit_code == 0, done.stderr
    remembered = sent[1][1].removeprefix("assistant: ")
    assert remembered.startswith("".join(shown[:4]))
    assert len(shown) > 5


@pytest.mark.usefixtures("terminal")
def test_an_error_in_a_conversation_is_one_line_and_the_conversation_continues(owner: Any) -> None:
    owner.generating = True  # by somebody else, for ever
    real = openai.chat_completion_stream
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai, "chat_completion_stream", lambda *a, **o: real(*a, **o).with_options(retry=NO_RETRY))
        done = nai("chat", typed="hello\nhello again\n")
    assert done.exit_code == 0
    assert done.stderr.count("nai chat: another generation is running on this account") == 2


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (("chat", "x", "--temperature", "7"), "--temperature 7: a number from 0 to 2 is allowed"),
        (("complete", "x", "--max-tokens", "0"), "0 is out of range: at least 1"),
        (
            ("chat", "x", "--model", "gpt-17"),
            "no chat model is called 'gpt-17'; there are glm-4-5, glm-4-6, xialong-v1",
        ),
        (("chat", "x", "--model", "Kayra"), "nai generate --model kayra-v1"),
        (("complete", "x", "--model", "glm-4.7"), "did you mean"),
        (("chat", "--json"), "--json needs a message"),
        (("chat", "x", "--set", "top_p=7"), "--set top_p=7: a number from 0 to 1 is allowed"),
        (("chat", "x", "--seed", "1", "--set", "seed=1"), "--seed and --set seed are the same"),
        (("chat", "--continue"), "nai chat --save FILE"),
        (("chat", "--continue", "talk.json"), "--continue takes no file; type: nai chat --load talk.json"),
        (("chat", "--continue", "--load", "talk.json"), "give one of them"),
    ],
)
@pytest.mark.usefixtures("owner")
def test_a_usage_error_is_one_line(arguments: tuple[str, ...], about: str) -> None:
    done = nai(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"nai {arguments[0]}" in line
    assert about in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "min_p=9"), "--set min_p=9: a number from 0 to 1 is allowed"),
        (("--set", "Presence-Penalty=-3"), "--set Presence-Penalty=-3: a number from -2 to 2 is allowed"),
        (("--temperature", "99"), "--temperature 99: a number from 0 to 2 is allowed"),
    ],
)
def test_a_parameter_out_of_its_range_is_told_as_it_was_typed(arguments: tuple[str, ...], said: str) -> None:
    for command in ("chat", "complete"):
        done = nai(command, "hello", *arguments)
        assert (done.exit_code, done.stderr) == (2, f"nai {command}: {said}\n")


def test_an_option_and_its_parameter_are_not_both_taken() -> None:
    done = nai("chat", "hello", "--thinking", "--set", "enable_thinking=false")
    assert done.exit_code == 2
    assert "--thinking and --set enable_thinking are the same: give one of them" in done.stderr


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
    assert done.stderr == "nai tokens count: no tokenizer file of glm-4-5 is here, so the service counts its tokens\n"
    refused = nai("tokens", "count", "hello world", "--tokenizer", "glm-4.6")
    assert (refused.exit_code, refused.stdout) == (1, "")


# ---- conversations


@pytest.mark.parametrize("name", ["GLM", "glm", "xialong", "GLM 4.5"])
@pytest.mark.usefixtures("owner")
def test_a_family_s_name_is_its_newest_model(name: str) -> None:
    done = nai("chat", "hello", "--model", name, "--max-tokens", "5", "--json")
    assert json.loads(done.stdout)["model"] == {"xialong": "xialong-v1", "GLM 4.5": "glm-4-5"}.get(name, "glm-4-6")


@pytest.mark.usefixtures("owner")
def test_a_conversation_is_saved_after_each_turn_and_goes_on(tmp_path: Path, sent: list[list[str]]) -> None:
    path = tmp_path / "talk.json"
    assert nai("chat", "hello", "--save", str(path), "--max-tokens", "5").exit_code == 0
    saved = json.loads(path.read_text("utf-8"))
    assert [each["role"] for each in saved["messages"]] == ["user", "assistant"]
    refused = nai("chat", "hello", "--save", str(path))
    assert "already exists (--load" in refused.stderr
    for arguments, said in ((("--load", str(path)), ""), (("--continue",), f"nai chat: going on with {path}\n")):
        done = nai("chat", "more", *arguments, "--max-tokens", "5")
        assert (done.exit_code, done.stderr) == (0, said)
    assert [line.partition(":")[0] for line in sent[-1]] == ["user", "assistant", "user", "assistant", "user"]
    assert len(json.loads(path.read_text("utf-8"))["messages"]) == 6


@pytest.mark.usefixtures("owner")
def test_a_loaded_conversation_goes_on_in_the_new_file_of_save(tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    assert nai("chat", "hello", "--save", str(old), "--max-tokens", "5").exit_code == 0
    before = old.read_bytes()
    assert nai("chat", "more", "--load", str(old), "--save", str(new), "--max-tokens", "5").exit_code == 0
    assert old.read_bytes() == before
    assert [len(json.loads(path.read_bytes())["messages"]) for path in (old, new)] == [2, 4]


def test_the_help_of_a_conversation_says_how_to_begin_a_message_with_a_slash() -> None:
    assert parse_line("//etc/hosts is a file") == "/etc/hosts is a file"
    assert "//TEXT" in format_help()


@pytest.mark.usefixtures("owner")
def test_a_damaged_conversation_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    path.write_text("{", "utf-8")
    done = nai("chat", "hello", "--load", str(path))
    assert (done.exit_code, path.read_text("utf-8")) == (1, "{")
    assert done.stderr.startswith(f"nai chat: {path}: JSON is cut short")


@pytest.mark.usefixtures("owner", "terminal")
def test_commands_change_the_conversation(tmp_path: Path, sent: list[list[str]]) -> None:
    path = tmp_path / "talk.json"
    typed = f"""hello
/retry
/edit good day
/system Be brief.
/model xialong
/model Kayra
//slash
/undo
/save {path}
/undoo
/help
\"\"\"two
lines\"\"\"
/quit
never sent
"""
    done = nai("chat", "--max-tokens", "5", typed=typed.replace("\\", ""))
    assert done.exit_code == 0, done.stderr
    assert [turns[-1] for turns in sent] == [
        "user: hello",
        "user: hello",
        "user: good day",
        "user: /slash",
        "user: two\nlines",
    ]
    assert [len(turns) for turns in sent] == [1, 1, 1, 4, 4]
    assert sent[-1][0] == "system: Be brief."
    for part in (
        "taken back: /slash",
        "nai generate --model kayra-v1",
        "did you mean '/undo'?",
        "/load FILE",
        "saved as",
    ):
        assert part in done.stderr
    saved = json.loads(path.read_text("utf-8"))
    assert (saved["model"], saved["system"], len(saved["messages"])) == ("xialong-v1", "Be brief.", 4)


@pytest.mark.usefixtures("owner", "terminal")
def test_an_error_does_not_repeat_where_the_conversation_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    done = nai("chat", "--save", str(path), "--max-tokens", "5", typed="hello\n/foo\n")
    assert "there is no command /foo" in done.stderr
    assert "conversation is saved" not in done.stderr


@pytest.mark.usefixtures("owner", "terminal")
def test_a_loaded_conversation_shows_its_messages_as_they_arrived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = "It was a dark and stormy night, and the rain fell in torrents upon the town."
    path = tmp_path / "talk.json"
    path.write_bytes(format_conversation(Conversation(model="glm-4-6").with_question("hello").with_answer(answer)))
    monkeypatch.setattr(chat_session, "measure_width", lambda _: 40)
    done = nai("chat", "--load", str(path), typed="")
    assert "glm-4-6, 2 messages\n> hello\nIt was a dark and stormy night, and the\nrain fell" in done.stderr


@pytest.mark.usefixtures("owner")
def test_without_a_terminal_an_error_ends_the_conversation(sent: list[list[str]]) -> None:
    done = nai("chat", "--max-tokens", "5", typed="/nothing\nhello\n")
    assert done.exit_code == 2
    assert sent == []


@pytest.mark.usefixtures("owner", "terminal")
def test_answers_are_on_stdout_and_all_else_on_stderr() -> None:
    done = nai("chat", "--max-tokens", "5", typed="hello\n/model\n")
    assert "glm-4-6" not in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_a_broken_answer_keeps_what_came(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    chunk = json.dumps({"choices": [{"index": 0, "delta": {"content": "It was"}}]}).encode()
    with serve_in_thread(streams(b"data: " + chunk + b"\n\n", b'data: {"error": {"message": "node lost"}}\n\n')) as url:
        done = nai("chat", "hello", "--url", url, "--save", str(tmp_path / "talk.json"))
    assert done.exit_code == 1
    assert "node lost" in done.stderr
    saved = json.loads((tmp_path / "talk.json").read_text("utf-8"))
    assert saved["messages"][1] == {"role": "assistant", "content": "It was", "stopped": True}


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("pieces", "note", "kept"),
    [
        (2, "(stopped; what came is kept: type on, /retry or /undo; Ctrl-D ends)\n", 2),
        (0, "(stopped before an answer came: /retry or /undo; Ctrl-D ends)\n", 1),
    ],
)
def test_ctrl_c_during_an_answer_says_what_is_kept_and_what_to_type_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pieces: int, note: str, kept: int
) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    chunks = [
        b"data: %s\n\n" % json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode()
        for text in [*["It was "] * pieces, ""]
    ]
    seen: list[object] = []

    def press_ctrl_c(_: object, chunk: object) -> None:
        seen.append(chunk)
        if len(seen) == len(chunks):
            raise KeyboardInterrupt

    monkeypatch.setattr("nai_transports.cli.text.chat_session._write_chunk", press_ctrl_c)
    with serve_in_thread(streams(*chunks)) as url:
        done = nai("chat", "--url", url, "--save", str(tmp_path / "talk.json"), typed="hello\n/system\n")
    assert done.exit_code == 0
    assert note in done.stderr
    assert "there is no system prompt" in done.stderr  # the conversation goes on
    saved = json.loads((tmp_path / "talk.json").read_text("utf-8"))
    assert len(saved["messages"]) == kept


@pytest.mark.usefixtures("owner")
def test_a_conversation_that_cannot_be_written_leaves_no_empty_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def write(path: Path, _: bytes) -> None:
        raise FileError(f"{path} cannot be written: No space left on device")

    monkeypatch.setattr("nai_transports.files.write", write)
    done = nai("chat", "hello", "--save", str(tmp_path / "talk.json"))
    assert done.exit_code == 1
    assert "No space left on device" in done.stderr
    assert not (tmp_path / "talk.json").exists()


@pytest.mark.usefixtures("owner", "terminal")
def test_an_error_in_a_conversation_says_what_to_do_next_and_the_conversation_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    with serve_in_thread(answers(402, b'{"message": "no subscription"}', content_type="application/json")) as url:
        done = nai("chat", "--url", url, typed="hello\n/system\n")
    assert done.exit_code == 0
    assert "nai subscription shows its plan" in done.stderr
    assert "there is no system prompt" in done.stderr
