"""What people type first, and what they are told when it is not quite right."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nai_proto.errors import InvalidRequestError
from nai_transports.cli.app import app
from nai_transports.cli.common.output import format_duration
from nai_transports.cli.text.model_choice import choose_chat_model
from nai_transports.cli.text.parameter_settings import OPENAI_PARAMETERS, TEXT_PARAMETERS, format_settings_page
from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each

from .support import an_emulator, cuts
from .terminal_runner import TerminalRunner

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


@for_each(
    "arguments, said",
    [
        (("library", "undo", "x"), "nai library: no command is called 'undo' here; there is nai story undo (see "),
        (("story", "verfy"), "nai story: no command is called 'verfy' here; did you mean nai library verify? (see "),
        (("list",), "nai: no command is called 'list' here; there is nai story list and nai library list"),
        (("lst",), "nai: no command is called 'lst' here; did you mean nai story list or nai library list?"),
        (("backup",), "nai: no command is called 'backup' here; there is nai library backup"),
        (("library", "lst"), "nai library: no command is called 'lst'; did you mean 'list'? There are list, show, "),
        (("generat",), "nai: no command is called 'generat'; did you mean 'generate'? nai --help lists all"),
        (("image", "fox", "--n", "2"), "nai image: there is no option --n; did you mean '--number'?"),
        (("generate", "x", "--sed", "3"), "nai generate: there is no option --sed (see nai generate --help)"),
        (("generate", "x", "--modle", "kayra"), "nai generate: there is no option --modle; did you mean '--model'?"),
        (("image", "fox", "--neg", "2"), "nai image: there is no option --neg; did you mean '--negative'?"),
        (
            ("image", "fox", "--no", "2"),
            "nai image: there is no option --no; did you mean '--noise' or '--noise-schedule'?",
        ),
        (("image", "fox", "--nosuch"), "nai image: there is no option --nosuch (see nai image --help)"),
        (("story", "undo", "A tale", "99"), "nai story undo: '99' is too much: this command takes STORY"),
        (("chat", "x", "--continue", "old.json"), "nai chat: --continue takes no value: 'old.json' is too much"),
        (
            ("generate", "The", "--model", "kayra", "lamp"),
            "nai generate: 'lamp' is too much: this command takes PROMPT",
        ),
        (
            ("story", "export", "A tale", "h.txt"),
            "nai story export: 'h.txt' goes with --output; type: nai story export \"A tale\" --output h.txt",
        ),
        (("library", "backup", "-o", "bk"), "nai library backup: there is no option -o; type: nai library backup DIR"),
        (("version",), "nai: no command is called 'version' here; type: nai --version"),
        (("image", "fox", "--s", "2"), "nai image: there is no option --s (see nai image --help)"),
        (("image", "fox", "-o", ""), "nai image: --output: the path is empty"),
        (("library", "backup", ""), "nai library backup: DIRECTORY: the path is empty"),
        (("story", "import", ""), "nai story import: FILE: the path is empty"),
        (("presets", "show", "a", "b", "c"), "nai presets show: 'b c' are too much: this command takes NAME"),
        (
            ("presets", "a", "b", "c"),
            "nai presets: no command is called 'a'; there are list, show (see nai presets --help)",
        ),
        (
            ("models", "V4.5", "Full"),
            'nai models: words that belong together need quotation marks; type: nai models "V4.5 Full"',
        ),
        (("module", "show", "1f", "2e"), "nai module show: '2e' is too much: this command takes ID"),
        (
            ("account", "--email"),
            "nai account: --email needs a value: Log in with this e-mail (see nai account --help)",
        ),
        (("account", "show", "--email"), "nai account show: --email needs a value: "),
        (("image", "fox", "--sampler"), "nai image: --sampler needs a value: Sampler: "),
        (("image", "fox", "--json=1"), "nai image: --json takes no value (see nai image --help)"),
        (("story", "show", "--answer"), "nai story show: --answer needs a value: Value of a placeholder"),
        (
            ("image", "fox", "-o", "fox.gif"),
            "nai image: -o fox.gif: this can be written as .png, .jpg, .jpeg, .webp, not",
        ),
        (("image", "fox", "-o", "fox.webp", "--format", "png"), "nai image: -o fox.webp and --format png are two form"),
        (("image", "fox", "-o", "fox.gif", "--token-is-missing"), "nai image: there is no option --token-is-missing"),
        (("whoami", "--timeout", "0"), "nai whoami: --timeout: 0 is out of range: "),
        (("emulate", "--port", "70000"), "nai emulate: --port: 70000 is out of range: from 0 to 65535 (see "),
        (("image", "fox", "-n", "x"), "nai image: --number: 'x' is no whole number (see "),
        (("emulate", "--switch", "a"), "nai emulate: --switch: 'a' is not NAME=VALUE (see "),
        (("director", "foo", "x.png"), "nai director: TOOL: no director tool is called 'foo'; there are "),
        (("login", "--keep", "foo"), "nai login: --keep: no login secret is called 'foo'; there are password, token "),
        (
            ("whoami", "--profile", "nosuch"),
            "nai whoami: --profile: there is no profile 'nosuch'. To create one, type: nai login --profile nosuch",
        ),
        (("whoami", "--profile", "no such"), "nai whoami: --profile: there is no profile 'no such'. To create one, "),
        (("record", "a.jsonl", "--to", "foo"), "nai record: --to: http:// or https:// is missing: write http://foo"),
    ],
)
def test_a_wrong_command_line_is_told_with_the_command_and_what_is_meant(arguments: tuple[str, ...], said: str) -> None:
    status, line = fail(*arguments)
    assert status == 2
    assert line.startswith(said)


@for_each(
    "line, typed",
    [
        ("generate The keeper lit", 'nai generate "The keeper lit"'),
        ("generate --max-tokens 5 The keeper lit", 'nai generate --max-tokens 5 "The keeper lit"'),
        ("generate The The keeper --echo", 'nai generate "The The keeper" --echo'),
        ("chat It costs $5", "nai chat 'It costs $5'"),
        ("image a sea --seed 7", 'nai image "a sea" --seed 7'),
        ("tags blue eyes", 'nai tags "blue eyes"'),
        ("story append X a b", 'nai story append X "a b"'),
        ("tokens 'The keeper'", 'nai tokens encode "The keeper"'),
        ("tokens The keeper", 'nai tokens encode "The keeper"'),
        ("presets Carefree", "nai presets show Carefree"),
        ("presets Fresh Coffee", 'nai presets show "Fresh Coffee"'),
        ("presets show Fresh Coffee", 'nai presets show "Fresh Coffee"'),
        ("library The Quiet", 'nai library show "The Quiet"'),
        ("lorebook X", "nai lorebook test X"),
        ("lorebook test X 'a text'", 'nai lorebook test X --text "a text"'),
        ("presets show Carefree Kayra", "nai presets show Carefree --model Kayra"),
        ("director emotion fox.png", "nai director emotion fox.png --emotion happy"),
        ("director emotion fox.png sad", "nai director emotion fox.png --emotion sad"),
        ("upscale a.png b.png", "nai upscale a.png --output b.png"),
        ("health http://127.0.0.1:1", "nai health --url http://127.0.0.1:1"),
        ("director", "nai director lineart picture.png"),
        ("module train notes.txt", "nai module train notes.txt --name "),
        ("completion", "nai completion bash"),
    ],
)
def test_a_wrong_command_line_is_told_with_the_line_to_type(line: str, typed: str) -> None:
    status, said = fail(*shlex.split(line))
    assert status == 2
    assert said.removesuffix(f" (see {typed} --help)").partition(": ")[2].count(typed) == 1


@for_each(
    "line, said",
    [
        ("vibe encode fox.png", "'encode' is no file that exists; type: nai vibe fox.png"),
        ("upscale fox.png fox.png", "'fox.png' is too much: this command takes FILE (see nai upscale --help)"),
        ("lorebook test X fox.png", "'fox.png' goes with --file; type: nai lorebook test X --file fox.png"),
    ],
)
def test_a_file_that_exists_is_never_told_to_be_the_output(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fox.png").touch()
    assert fail(*shlex.split(line)) == (2, f"nai {' '.join(line.split()[:-2])}: {said}")


@for_each(
    "line, said",
    [
        ("generate x --model kaira", "'kaira'; did you mean 'kayra-v1'? nai models lists all"),
        ("generate x --model kirin", "'kirin'; nai models lists all"),
        ("generate x --preset Carefre", "'Carefre'; did you mean 'Carefree'? nai presets list lists all"),
        ("image x --model 'V5 Ful'", "'V5 Ful'; did you mean 'nai-diffusion-5-full'? nai models lists all"),
        ("emulate --switch lingr=1", "'lingr'; did you mean 'linger'? nai emulate --list-switches lists all"),
        ("emulate --switch zzz=1", "'zzz'; nai emulate --list-switches lists all"),
        ("emulate --fault cutt:at=1", "'cutt'; did you mean 'cut'? nai emulate --list-faults lists all"),
        ("tokens encode x --model foo", "'foo'; nai models lists all"),
        ("tokens count x --model kaira", "'kaira'; did you mean 'kayra-v1'? nai models lists all"),
        ("image x --size potrait --price", "'potrait'; did you mean 'portrait'? There are small_portrait, "),
    ],
)
def test_of_many_names_only_the_nearest_is_told_and_what_lists_all(line: str, said: str) -> None:
    status, message = fail(*shlex.split(line))
    assert (status, message.partition(" is called ")[2].startswith(said)) == (2, True), message


def test_a_command_without_arguments_does_not_repeat_what_may_be_a_password() -> None:
    status, said = fail("login", "swordfish")
    assert (status, said) == (2, "nai login: this command takes options only, and no argument (see nai login --help)")


def test_a_preset_without_a_model_is_of_the_model_that_generate_uses() -> None:
    done = CliRunner().invoke(app, ["presets", "show", "Carefree"], prog_name="nai")
    assert (done.exit_code, done.stderr) == (0, "nai presets show: of Kayra, since no --model is given\n")


@for_each(
    "model, said",
    [
        ("glm-4-6", "glm-4-6 is a chat model, and draws no images: nai chat --model glm-4-6"),
        ("kayra", "kayra-v1 is a model for stories, and draws no images: nai generate --model kayra-v1"),
    ],
)
def test_a_model_that_draws_nothing_is_told_with_its_command(model: str, said: str) -> None:
    assert fail("image", "fox", "--model", model) == (2, f"nai image: {said}")


@for_each(
    "name, said",
    [
        ("kyra", "; kayra-v1 is a model for stories: nai generate --model kayra-v1"),
        ("glm-46", "; did you mean 'glm-4-6'? There are "),
        ("zzz", "; there are glm-4-5, glm-4-6, xialong-v1, glm-9"),
    ],
)
def test_a_wrong_chat_model_is_told_with_chat_models_only(name: str, said: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        choose_chat_model(name, lambda: ["glm-9", "kayra-v1"])
    assert caught.value.plain_message.startswith("no chat model is called ")
    assert said in caught.value.plain_message
    assert "did you mean 'kayra-v1'" not in caught.value.plain_message


@for_each(
    "seconds, words",
    [
        (0.04, "0.0 s"),
        (0.44, "0.4 s"),
        (5, "5 s"),
        (59.6, "1 min"),
        (90, "1 min 30 s"),
        (3600, "1 hour"),
        (5400, "1 hour 30 min"),
        (7889, "2 hours 11 min"),
        (86_400, "1 day"),
        (200_000, "2 days 7 hours"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


def test_whoami_says_that_nobody_is_logged_in() -> None:
    assert fail("whoami") == (
        3,
        "nai whoami: nobody is logged in at https://novelai.net (profile default): run `nai login`",
    )


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


# ---- parameters


@for_each("command", ["generate", "chat", "complete"])
def test_an_unknown_parameter_is_told_with_the_nearest_and_the_page_that_lists_all(command: str) -> None:
    for setting, said in (("topp=1", "'topp'; did you mean 'top_p'?"), ("zzzz=1", "'zzzz';")):
        status, line = fail(command, "x", "--set", setting)
        assert status == 2
        assert line == f"nai {command}: --set: no parameter is called {said} nai help parameters lists all"


def test_the_page_of_parameters_lists_what_each_takes() -> None:
    page = format_settings_page()
    assert re.search(r"^  top_p +a number from 0 to 1$", page, re.MULTILINE)
    for rules in (TEXT_PARAMETERS, OPENAI_PARAMETERS):
        assert {*rules} <= {*page.split()}
    assert max(map(len, page.splitlines())) <= 80


# ---- groups without a command


@for_each("group", ["", "story", "library", "module", "presets", "tokens", "lorebook"])
def test_a_group_without_a_command_prints_its_help_page_on_stdout_and_ends_with_0(group: str) -> None:
    done = CliRunner().invoke(app, group.split(), prog_name="nai")
    help_page = CliRunner().invoke(app, [*group.split(), "--help"], prog_name="nai")
    assert (done.exit_code, done.stdout.strip(), done.stderr) == (0, help_page.stdout.strip(), "")


# ---- what is piped


def test_a_text_that_is_missing_is_what_is_piped_into_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
        for command in (
            "generate --echo",
            "complete",
            "speak -o -",
            "image --price",
            "tokens count --remote --model glm-4-6",
        ):
            done = CliRunner().invoke(app, command.split(), prog_name="nai", input="The keeper\n")
            assert done.exit_code == 0, done.stderr
        assert "The keeper" in CliRunner().invoke(app, ["generate", "--echo"], input="The keeper\n").stdout


@pytest.mark.parametrize("command", ["generate", "complete", "speak", "image"])
def test_a_text_that_is_missing_at_a_terminal_or_in_an_empty_pipe_is_told_with_a_line_to_type(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for is_at_terminal in (False, True):
        monkeypatch.setattr("nai_transports.cli.common.text_input.is_terminal", lambda _, at=is_at_terminal: at)
        status, line = fail(command)
        assert status == 2
        assert re.fullmatch(rf"nai {command}: give a text .* or through a pipe; type: nai {command} \".*", line)


@for_each("columns", ["40", "60", "80", "90"])
@for_each(
    "typed, line",
    [
        ("library backup", "nai library backup backups"),
        ("chat hi --set topp=1", "nai help parameters"),
        ("tokens The keeper lit", 'nai tokens encode "The keeper lit"'),
        ("emulate 8901", "nai emulate --port 8901"),
    ],
)
def test_a_line_to_type_is_not_broken_on_a_terminal(typed: str, line: str, columns: str) -> None:
    done = TerminalRunner().invoke(app, typed.split(), prog_name="nai", env={"COLUMNS": columns})
    assert any(line in each for each in done.stderr.splitlines())


# ---- conversations


def test_a_name_of_several_models_is_told_with_the_one_that_is_used_unless_it_is_to_be_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
        for command in ("chat", "complete"):
            for options, said in (
                (("--model", "glm"), "glm is GLM 4.6 here (--model glm-4-6)\n"),
                (("--model", "glm", "--quiet"), ""),
                (("--model", "glm-4-6"), ""),
                (("--model", "GLM 4.6"), ""),
                ((), ""),
            ):
                done = CliRunner().invoke(app, [command, "hello", *options], prog_name="nai")
                assert (done.exit_code, done.stderr) == (0, said and f"nai {command}: {said}")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/modl", "there is no command /modl; did you mean '/model'?"),
        ("/load x.png", "x.png is not a conversation that nai chat saved"),
        ("/load x.txt", "x.txt is not a conversation that nai chat saved"),
        ("/load x.json", "x.json is not a conversation that nai chat saved"),
        ("/load nothing.json", "nothing.json"),
        ("/save nodir/x.json", "nodir does not exist\n"),
    ],
)
def test_what_is_typed_wrongly_in_a_conversation_is_told_so(
    typed: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAI_TOKEN", "pst-" + "a" * 64)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    Path("x.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    Path("x.txt").write_text("The keeper\n")
    Path("x.json").write_text('{"model": "glm-4-6"}')
    done = CliRunner().invoke(app, ["chat"], prog_name="nai", input=f"{typed}\n")
    assert done.exit_code in (1, 2)
    assert f"nai chat: {said}" in done.stderr
