"""The help pages of the command line: complete, narrow, and the options that most commands have in one line."""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from nai_transports.cli import _run
from nai_transports.cli.app import app
from nai_transports.cli.common.account_options import AccountOptions
from nai_transports.cli.common.command import CommandGroup, OptionGroup, build_command
from nai_transports.cli.common.examples import EXAMPLES
from nai_transports.cli.common.help_page import ACCOUNT_PANEL, format_command_page
from nai_transports.cli.common.parameters import Parameter, list_parameters
from tests.cases import for_each

from .terminal_runner import TerminalRunner
from .test_cli import nai


def _walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):
            yield from _walk(command.get_command(None, name), (*path, name))


_COMMANDS = {path: command for path, command in _walk(get_command(app)) if path}


def list_commands() -> list[tuple[str, ...]]:
    """Every command and group by the words that name it."""
    return list(_COMMANDS)


_PATHS = list_commands()
_NAMES = [" ".join(path) for path in _PATHS]


@cache
def _show(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments, prog_name="nai")
    assert done.exit_code == 0
    return done.stdout


@for_each("path", _PATHS, ids=_NAMES)
def test_a_page_is_at_most_80_columns_wide_and_cites_no_document(path: tuple[str, ...]) -> None:
    page = _show(*path, "--help")
    assert max(map(len, page.splitlines())) <= 80
    assert "docs/" not in page


@for_each("path", [(), *_PATHS], ids=["nai", *_NAMES])
@pytest.mark.parametrize("width", [40, 60, 100])
def test_a_page_fits_a_narrow_terminal_and_says_the_same_there(
    path: tuple[str, ...], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    done = TerminalRunner().invoke(app, [*path, "--help"], prog_name="nai")
    assert max(map(len, done.stdout.splitlines())) <= min(width, 80)
    assert _join_lines(done.stdout) == _join_lines(_show(*path, "--help"))


@for_each("path", _PATHS, ids=_NAMES)
def test_a_page_names_only_options_of_its_command_unless_it_names_another_command(path: tuple[str, ...]) -> None:
    command = _COMMANDS[path]
    parameters = list_parameters(command.callback) if command.callback else ()
    said = " ".join((command.help or "", *(each.help for each in parameters)))
    named = re.findall("--[a-z][a-z-]*", re.sub("`[^`]*`", "", said))
    assert {*named} <= {flag for each in parameters for flag in each.flags}


def _join_lines(page: str) -> str:
    return "".join(sorted("".join(page.replace(" \\\n", " ").split())))


@pytest.mark.parametrize("arguments", [(), ("help",), ("help", "options")])
def test_pages_that_are_printed_without_a_command_fit_a_narrow_terminal(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "40")
    _run([*arguments])
    assert max(map(len, out.getvalue().splitlines())) <= 40


@pytest.mark.parametrize("width", [40, 60])
def test_the_lines_of_an_example_on_a_narrow_terminal_are_one_command_line(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for name, examples in EXAMPLES.items():
        page = TerminalRunner().invoke(app, [*name.split(), "--help"], prog_name="nai").stdout
        shown = page.partition("Examples:\n")[2].partition("\n\n")[0]
        lines = re.sub(r"\\\n", "", shown).split("\n")
        assert [shlex.split(line) for line in lines] == [shlex.split(example) for example in examples]


@for_each("path", _PATHS, ids=_NAMES)
def test_a_page_names_every_option(path: tuple[str, ...]) -> None:
    command, page = _COMMANDS[path], _show(*path, "--help")
    if not hasattr(command, "list_commands"):
        for each in list_parameters(command.callback):
            assert each.metavar in page or each.panel == ACCOUNT_PANEL
            assert all(re.search(rf"  .*{flag}(?![\w-])", page) for flag in each.flags), each


def test_help_and_a_short_flag_show_the_page_of_a_command() -> None:
    page = _show("story", "undo", "--help")
    assert page == _show("story", "undo", "-h") == nai("help", "story", "undo").stdout


def test_the_page_of_a_group_has_the_sentence_of_each_command() -> None:
    for group in ("story", "library"):
        shown = " ".join(_show(group, "--help").split())
        for path, command in _COMMANDS.items():
            if path[:-1] == (group,):
                assert path[-1] in shown
                assert command.help


def test_the_options_for_accounts_are_explained_on_one_page() -> None:
    page = nai("help", "options").stdout
    for parameter in list_parameters(AccountOptions):
        assert f"  {parameter.flags[0]}" in page


# ---- the parts of a page


class _Season(Enum):
    SPRING = "spring"
    AUTUMN = "autumn"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place(OptionGroup):
    city: Annotated[str, typer.Option(help="City.", envvar="TRIP_CITY", rich_help_panel="Place")] = "Lisbon"


def _go(
    files: Annotated[list[Path], typer.Argument(help="Maps.")],
    note: Annotated[str | None, typer.Argument(metavar="WORDS", help="What to note.")] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Number of nights.")] = 1,
    share: Annotated[float | None, typer.Option(min=0, max=1, help="Share of it.")] = None,
    season: Annotated[_Season | None, typer.Option(help="Season.")] = None,
    friend: Annotated[list[str] | None, typer.Option(metavar="NAME", help="A friend (repeatable).")] = None,
    loud: Annotated[bool, typer.Option("--loud", help="Sing.")] = False,
    rest: Annotated[bool, typer.Option(help="Sleep on the way.")] = True,
    *,
    place: _Place,
) -> None:
    """Go to a place.

    Takes the
    train.
    """


_PAGE = """\
Go to a place.

Usage: trip go [OPTIONS] FILES… [WORDS]

Takes the train.

Examples:
  trip go lisbon.map

Arguments:
  FILES                   Maps.
  WORDS                   What to note.

Options:
  -n, --number NUMBER     Number of nights. At least 1. Default: 1.
  --share NUMBER          Share of it. 0 to 1.
  --season spring|autumn  Season.
  --friend NAME           A friend (repeatable).
  --loud                  Sing.
  --rest, --no-rest       Sleep on the way. Default: --rest.

Place:
  --city TEXT             City. Default: Lisbon. Also: TRIP_CITY.
"""


def test_a_page_has_arguments_and_options_with_their_ranges_and_defaults() -> None:
    command = build_command(_go)
    page = format_command_page("trip go", command.__doc__ or "", list_parameters(command), ["trip go lisbon.map"])
    assert page == _PAGE


def test_parameters_are_read_through_the_frame_of_a_command() -> None:
    group = CommandGroup()
    group.command()(_go)
    friend, loud = (_find(get_command(group), name) for name in ("friend", "loud"))
    assert (friend.is_repeatable, friend.takes_value, friend.type) == (True, True, str)
    assert (loud.is_repeatable, loud.takes_value, loud.flags) == (False, False, ("--loud",))


def _find(command: Any, name: str) -> Parameter:
    return next(each for each in list_parameters(command.callback) if each.name == name)


def test_a_command_in_a_group_shows_its_own_page() -> None:
    group = CommandGroup(no_args_is_help=True)
    group.command("go")(_go)
    group.command("stay")(_go)
    assert "Usage: trip go [OPTIONS]" in CliRunner().invoke(group, ["go", "-h"], prog_name="trip").stdout
