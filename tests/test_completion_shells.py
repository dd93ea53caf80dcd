"""Completion in real shells: what is typed and Tab, and then how the program is called."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from nai_proto.library.stories import create_story
from nai_proto.testing import run_in_memory
from nai_transports.servers.serve import serve_in_thread
from tests.shells import SHELLS, Shell, open_shell
from tests.support import EMAIL, PASSWORD, an_emulator, logged_in
from tests.test_cli_story import make_story
from tests.test_continue_story import KEY

TITLE = """It's "quiet" & $5: the harbour"""
TITLES = (TITLE, "Hello! key=value; `a*b`", "Größe — \\ ö", "Salt North", "SALT SOUTH")
LONG_TITLE = "A title of two stories that is so long that nobody would ever want to type it at all"
CHANGED = "1970-01-01 00:00 UTC"
"""The time of the clock with which the stories are stored."""

pytestmark = pytest.mark.skipif(not SHELLS, reason="no shell is installed")


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    """The address of an emulator whose account has stories with difficult titles."""
    emulator, _ = an_emulator()
    for title in (*TITLES, LONG_TITLE, LONG_TITLE):
        run_in_memory(logged_in(create_story(make_story(title), KEY)), emulator)
    with serve_in_thread(emulator) as url:
        yield url


@pytest.fixture(scope="module", params=SHELLS)
def shell(request: pytest.FixtureRequest, account: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    home: Path = tmp_path_factory.mktemp("home")
    (home / "my dir").mkdir()
    (home / "my dir" / "a.story").write_text("")
    (home / "my dir" / "b.txt").write_text("")
    (home / "my notes.txt").write_text("")
    with open_shell(request.param, home, NAI_URL=account, NAI_EMAIL=EMAIL, NAI_PASSWORD=PASSWORD) as opened:
        yield opened


@pytest.mark.parametrize(
    ("keys", "arguments"),
    [
        ("gener\t", ["generate"]),
        ("help gener\t", ["help", "generate"]),
        ("help story und\t", ["help", "story", "undo"]),
        ("help presets sh\t", ["help", "presets", "show"]),
        ("story und\t", ["story", "undo"]),
        ("generate --mode\tka\t", ["generate", "--model", "kayra-v1"]),
        ("generate --model=ka\t", ["generate", "--model=kayra-v1"]),
        ("image --sam\tk_l\t --no-such", ["image", "--sampler", "k_lms", "--no-such"]),
        ("director line\t", ["director", "lineart"]),
    ],
)
def test_commands_options_and_values_are_completed(shell: Shell, keys: str, arguments: list[str]) -> None:
    assert shell.run(f"nai {keys}") == arguments


@pytest.mark.parametrize("quote", ["", "'", '"'], ids=["bare", "single", "double"])
@pytest.mark.parametrize("typed", ["--preset Wri", "--preset=Wri"])
def test_a_preset_with_an_apostrophe_is_one_argument(shell: Shell, typed: str, quote: str) -> None:
    option = typed.removesuffix("Wri")
    called = shell.run(f"nai generate {option}{quote}Wri\t")
    assert " ".join(called) == f"generate {option}Writer's Daemon"


@pytest.mark.parametrize(
    ("quote", "title"), [*itertools.product(("", "'", '"'), TITLES[:1]), *itertools.product(("", '"'), TITLES[1:3])]
)
def test_the_title_of_a_story_is_one_argument_in_each_style_of_quotes(shell: Shell, title: str, quote: str) -> None:
    assert shell.run(f"nai story show {quote}{title[:2]}\t") == ["story", "show", title]


@pytest.mark.parametrize("typed", ["It\\'s\\ ", 'It\\\'s\\ \\"quiet\\"\\ \\&\\ \\$5:', "--answer=a \"It's"])
def test_a_title_is_completed_from_any_part_of_it(shell: Shell, typed: str) -> None:
    assert shell.run(f"nai story show {typed}\t")[-1] == TITLE


@pytest.mark.parametrize("typed", ["HELLO", "'hELLO", '"HELLO', "hello\\!\\ KEY=V", '"größE'])
def test_capital_and_small_letters_of_a_title_need_not_be_typed(shell: Shell, typed: str) -> None:
    """Bash cannot change what is before an equals sign; the story is found in each case."""
    title = TITLES[2] if "ö" in typed.casefold() else TITLES[1]
    assert shell.run(f"nai story show {typed}\t")[-1].casefold() == title.casefold()


@pytest.mark.parametrize("typed", ["--preset wri", "--preset=WRI", "--preset='wri"])
def test_capital_and_small_letters_of_a_preset_need_not_be_typed(shell: Shell, typed: str) -> None:
    assert shell.run(f"nai generate {typed}\t")[-1].removeprefix("--preset=") == "Writer's Daemon"


def test_titles_that_differ_in_capital_letters_shorten_nothing_that_is_typed(shell: Shell) -> None:
    assert shell.run("nai story show sal\t")[-1].casefold().strip() in {"sal", "salt"}


def test_paths_are_completed_where_a_story_may_be_a_file(shell: Shell) -> None:
    assert shell.run("nai story show my\ta\t") == ["story", "show", "my dir/a.story"]


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("--file my\\ n", "my notes.txt"),
        ('--file "my n', "my notes.txt"),
        ("--file=my\\ n", "--file=my notes.txt"),
    ],
)
def test_paths_with_blanks_are_completed(shell: Shell, typed: str, path: str) -> None:
    assert shell.run(f"nai generate {typed}\t")[-1] == path


def test_a_directory_is_completed_where_only_one_will_do(shell: Shell) -> None:
    *_, path = shell.run("nai library export m\t")
    assert path.removesuffix("/") == "my dir"  # zsh takes the slash away


def test_what_is_unknown_is_left_as_it_is(shell: Shell) -> None:
    assert shell.run("nai nonsense --mod\t") == ["nonsense", "--mod"]
    assert shell.run("nai story show zzz\t") == ["story", "show", "zzz"]
    assert "Traceback" not in shell.screen


def test_stories_with_one_title_are_listed_with_the_time_of_their_change(shell: Shell) -> None:
    shell.type("nai story show \t\t")
    shell.wait_for(CHANGED)
    shell.type("\x1b\x1b")
    assert shell.run("nai gen\t") == ["generate"]


@pytest.mark.parametrize("shell", [name for name in SHELLS if name != "fish"], indirect=True)
def test_a_title_beside_an_id_is_not_cut(shell: Shell) -> None:
    """Fish cuts what has no room in a line; the time comes first there."""
    shell.type("nai story show \t\t")
    shell.wait_for("at all")
    shell.type("\x1b\x1b")
    assert shell.run("nai gen\t") == ["generate"]


def test_the_choices_are_shown(shell: Shell) -> None:
    shell.type("nai library \t\t")
    shell.wait_for("restore")
    shell.wait_for("verify")
    shell.type("\x1b\x1b")
    assert shell.run("nai gen\t") == ["generate"]
