"""What a word can become: `nai_transports.cli.completion`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from nai_proto.library.stories import create_story
from nai_proto.testing import run_in_memory
from nai_proto.text.models import MODELS, Model
from nai_proto.text.official_presets import find_presets
from nai_transports.cli.app import app
from nai_transports.cli.command_table import COMMANDS, GROUPS, LIBRARY, STORY
from nai_transports.cli.common.parameters import list_parameters
from nai_transports.cli.completion.candidates import NOTHING, Candidates, complete
from nai_transports.cli.completion.shape_reader import import_command, read_shape
from nai_transports.cli.completion.shapes import CommandShape, ParameterShape
from nai_transports.cli.completion.values import SOURCES, find_values
from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each

from .support import EMAIL, PASSWORD, an_emulator, logged_in
from .test_cli_story import make_story
from .test_continue_story import KEY


def _complete(line: str) -> Candidates:
    """Complete the last word of a line; words have no blanks."""
    *words, typed = line.split(" ")
    return complete(words, typed, _read_shape, find_values)


def _read_shape(path: tuple[str, ...]) -> CommandShape:
    return read_shape(import_command(path))


def _values(line: str) -> list[str]:
    return [each.value for each in _complete(line).words]


# ---- commands


def test_the_first_word_is_a_command() -> None:
    assert _values("") == [*COMMANDS, "help"]
    assert all(each.summary for each in _complete("").words)


def test_a_group_has_its_commands() -> None:
    assert _values("story ") == [*STORY]
    assert _values("library ") == [*LIBRARY]
    assert _values("presets ") == ["list", "show"]


def test_help_has_every_command_and_group() -> None:
    assert _values("help ") == [*COMMANDS, "help", "options", "parameters"]
    assert _values("help story ") == [*STORY]
    assert _values("help tokens ") == ["encode", "decode", "count"]


def test_each_command_has_a_summary_of_its_own() -> None:
    """Zsh puts what has one summary on one line."""
    for line in ("", "help ", *(f"{group} " for group in GROUPS)):
        summaries = [each.summary for each in _complete(line).words]
        assert len({*summaries}) == len(summaries)


def test_each_summary_is_a_short_line() -> None:
    for line in ("", "story ", "library ", "account "):
        for each in _complete(line).words:
            assert each.summary
            assert "\n" not in each.summary
            assert not each.summary.endswith(".")


@for_each("line", ["nonsense ", "story nonsense ", "tokens nonsense -", "help image x", "account --json "])
def test_nothing_follows_what_is_no_command(line: str) -> None:
    assert _complete(line) == NOTHING


# ---- options


@for_each("name", [name for name in COMMANDS if name not in GROUPS])
def test_all_options_of_a_command_are_offered(name: str) -> None:
    command = get_command(app).get_command(None, name)  # type: ignore[attr-defined]
    if hasattr(command, "list_commands"):
        assert _values(f"{name} -") == ["-h", "--help"]
        return
    flags = [flag for each in list_parameters(command.callback) for flag in each.flags]
    assert {*flags, "-h", "--help"} <= {*_values(f"{name} -")}


def test_an_option_is_offered_once_unless_it_is_repeatable() -> None:
    offered = _values("image --size portrait --character mira -n2 -")
    assert "--character" in offered
    assert not {"--size", "--number", "-n"} & {*offered}


def test_the_opposite_of_a_given_flag_is_not_offered() -> None:
    assert {"--store", "--no-store"} <= {*_values("story continue x -")}
    assert not {"--store", "--no-store"} & {*_values("story continue x --no-store -")}


def test_options_are_offered_where_no_argument_is_left() -> None:
    assert "--json" in _values("models kayra ")
    assert "--json" in _values("story show x ")
    assert _values("health x") == []


def test_no_option_follows_two_dashes() -> None:
    assert _values("director -- li") == _values("director li")
    assert "lineart" in _values("director -- -")


# ---- values


def test_values_follow_an_option_or_an_equals_sign() -> None:
    after_blank, after_sign = _values("generate --model "), _values("generate --model=")
    assert after_blank == [each.id for each in MODELS]
    assert after_sign == [f"--model={each}" for each in after_blank]


def test_names_of_models_are_offered_when_something_is_typed() -> None:
    assert "Kayra" not in _values("generate --model ")
    assert {"Kayra", "kayra-v1"} <= {*_values("generate --model K")}


def test_models_are_those_of_the_command() -> None:
    assert "nai-diffusion-5-full" in _values("image --model ")
    assert "glm-4-6" in _values("chat --model ")
    assert "glm-4-6" not in _values("generate --model ")
    assert {"kayra-v1", "glm-4-6"} <= {*_values("tokens count --model ")}
    assert {"kayra-v1", "glm-4-6", "nai-diffusion-5-full"} <= {*_values("models ")}


def test_presets_are_those_of_the_chosen_model() -> None:
    assert _values("generate --preset ") == [each.name for each in find_presets(Model.KAYRA)]
    assert _values("generate --model erato --preset ") == [each.name for each in find_presets(Model.ERATO)]
    assert _complete("generate --preset ").paths == (False, (".preset",))
    assert "Carefree" in _values("presets show ")


@for_each(
    "line, value",
    [
        ("director ", "bg-removal"),
        ("director emotion face.png --emotion ", "happy"),
        ("image --sampler ", "k_euler_ancestral"),
        ("image --noise-schedule ", "karras"),
        ("image --uc ", "heavy"),
        ("image --quality ", "standard"),
        ("image --size ", "large_portrait"),
        ("image --format ", "webp"),
        ("tokens encode --tokenizer ", "nerdstash_v2"),
        ("story context x --tier ", "opus"),
        ("story export x --format ", "epub"),
        ("emulate --tier ", "trial"),
        ("emulate --switch ", "rate="),
        ("emulate --fault ", "cut:"),
        ("emulate --hosts ", "strict"),
        ("speak hello --voice ", "Ligeia"),
        ("speak hello --version v1 --voice ", "Cyllene"),
        ("generate --module ", "theme_textadventure"),
        ("completion ", "fish"),
    ],
)
def test_values_come_from_the_tables_of_the_library(line: str, value: str) -> None:
    assert value in _values(line)


def test_a_parameter_of_a_request_is_completed_and_then_its_value() -> None:
    assert {"top_p=", "order="} <= {*_values("generate --set to")}
    assert _values("generate --set phrase_rep_pen=")[0].startswith("phrase_rep_pen=")
    assert _values("generate --set=phrase_rep_pen=")[0].startswith("--set=phrase_rep_pen=")
    assert _values("generate --set nonsense=") == []
    assert "frequency_penalty=" in _values("chat hello --set ")


def test_each_source_of_values_is_that_of_a_parameter() -> None:
    parameters = {parameter for command in _walk() for parameter in command}
    assert SOURCES.keys() - parameters == set()


def _walk() -> Iterator[set[str]]:
    """Yield the names of the parameters of each command, and with the command before them."""

    def read(path: tuple[str, ...], shape: CommandShape) -> Iterator[set[str]]:
        names = {each.name for each in shape.parameters}
        yield names | {f"{' '.join(path)}: {name}" for name in names}
        for name, command in shape.commands.items():
            yield from read((*path, name), command)

    for name in COMMANDS:
        for path in [(name, each) for each in GROUPS[name]] if name in GROUPS else [(name,)]:
            yield from read(path, _read_shape(path))


@for_each(
    "line, is_directory",
    [
        ("generate --file ", False),
        ("image -o ", False),
        ("image-info a.png b.png ", False),
        ("library backup ", True),
        ("library export ", True),
        ("story delete x --backup ", True),
    ],
)
def test_paths_are_offered_where_a_file_or_a_directory_belongs(line: str, is_directory: bool) -> None:
    assert _complete(line).paths == (is_directory, ())


def test_a_path_behind_an_equals_sign_keeps_its_option() -> None:
    assert _complete("generate --file=no").prefix == "--file="


@for_each("line", ["generate ", "generate --max-tokens ", "tags "])
def test_nothing_is_offered_where_any_text_will_do(line: str) -> None:
    assert _complete(line) == NOTHING


@given(st.lists(st.text(max_size=6), max_size=4), st.text(max_size=8))
def test_any_words_can_be_completed(words: list[str], typed: str) -> None:
    show = CommandShape("", (ParameterShape("a", (), "", 1, False, ("x",), ""),), {})
    complete(["story", "show", *words], typed, lambda _: show, find_values)
    complete(words, typed, lambda _: show, find_values)


# ---- the account


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("NAI_CONFIG_DIR", str(tmp_path))
    emulator, _ = an_emulator()
    for title in ("The Harbour", "Twice", "Twice", "--json", "notes.story", ""):
        run_in_memory(logged_in(create_story(make_story(title), KEY)), emulator)
    with serve_in_thread(emulator) as url:
        for name, value in {"NAI_URL": url, "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD}.items():
            monkeypatch.setenv(name, value)
        yield


CHANGED = "1970-01-01 00:00 UTC"
"""The time of the clock with which the stories are stored."""


@pytest.mark.usefixtures("owner")
def test_a_story_is_offered_by_its_title_and_by_its_id_where_the_title_means_something_else() -> None:
    offered = _complete("story show ").words
    titles = {each.value: each.summary for each in offered}
    assert "The Harbour" in titles
    assert not {"Twice", "--json", "notes.story", ""} & titles.keys()
    by_id = [each.summary.removeprefix(CHANGED).strip() for each in offered if each.is_id]
    assert {"Twice": 2, "--json": 1, "notes.story": 1, "": 1}.items() <= Counter(by_id).items()
    assert titles["The Harbour"] == CHANGED
    assert all(summary.startswith(CHANGED) for summary in titles.values() if "Twice" in summary)


@pytest.mark.usefixtures("owner")
def test_ids_of_stories_are_offered_when_something_is_typed() -> None:
    (id_,) = [each.value for each in _complete("story show T").words if each.summary == f"{CHANGED}  The Harbour"]
    assert id_ not in _values("story show ")
    assert id_ in _values(f"story show {id_[:3]}")


@pytest.mark.usefixtures("owner")
def test_options_on_the_line_say_whose_stories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_PASSWORD", "wrong")
    assert _values("story show ") == []
    found = complete(["story", "show", "--unsafe-password", PASSWORD], "", _read_shape, find_values)
    assert "The Harbour" in [each.value for each in found.words]


def test_without_credentials_there_are_no_stories_but_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAI_CONFIG_DIR", str(tmp_path))
    found = _complete("story show ")
    assert found.words == ()
    assert found.paths == (False, (".story", ".scenario", ".png"))


def test_names_of_profiles_are_offered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAI_CONFIG_DIR", str(tmp_path))
    (tmp_path / "profiles.toml").write_text("[work]\n[play]\n")
    assert _values("models --profile ") == ["work", "play"]
