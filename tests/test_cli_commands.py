"""The frame of every command: `nai_transports.cli.common.command`."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Final

import pytest
import typer
from typer.testing import CliRunner

from nai_proto.errors import InvalidRequestError
from nai_transports.cli.common.command import CommandGroup, OptionGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place(OptionGroup):
    city: Annotated[str, typer.Option(help="City.")] = "Lisbon"
    distance: Annotated[int, typer.Option(min=0, help="Distance in kilometres.")] = 0


def _build_group() -> CommandGroup:
    group = CommandGroup(no_args_is_help=True)

    @group.command()
    def go(name: Annotated[str, typer.Argument()], *, place: _Place, loud: bool = False) -> None:
        """Go to a place."""
        if place.distance > 99:
            raise InvalidRequestError("that is too far")
        typer.echo(f"{name} {place.city} {place.distance} {loud}")

    @group.command()
    def stay(context: typer.Context) -> None:
        """Stay."""
        if context.info_name == "stay":
            raise InvalidRequestError("nobody stays")

    return group


_GO = CliRunner()


def _run(*arguments: str) -> tuple[int, str, str]:
    done = _GO.invoke(_build_group(), arguments, prog_name="trip")
    return done.exit_code, done.stdout, done.stderr


def test_a_group_of_options_stands_for_its_options() -> None:
    assert _run("go", "Ada", "--city", "Porto", "--distance", "3", "--loud") == (0, "Ada Porto 3 True\n", "")


def test_options_of_a_group_keep_their_defaults() -> None:
    assert _run("go", "Ada") == (0, "Ada Lisbon 0 False\n", "")


def test_options_of_a_group_are_checked_like_others() -> None:
    status, _, said = _run("go", "Ada", "--distance", "-1")
    assert status == 2
    assert "--distance" in said


def test_an_error_begins_with_the_whole_name_of_the_command() -> None:
    assert _run("go", "Ada", "--distance", "100") == (2, "", "trip go: that is too far\n")


def test_a_command_may_have_its_context() -> None:
    assert _run("stay") == (2, "", "trip stay: nobody stays\n")


def test_an_unknown_command_is_refused_with_the_one_that_comes_nearest() -> None:
    status, _, said = _run("stey")
    assert status == 2
    assert "'stey'; did you mean 'stay'?" in said
    status, _, said = _run("dance")
    assert (status, "did you mean" in said) == (2, False)


_NEVER: Final = ("PIL", "rich", "hypothesis", "asyncio", "ssl", "http.client", "keyring")
"""What no command needs before it talks to the service, or draws on a terminal."""
_ACCOUNT: Final = ("nai_proto.story", "nai_proto.library.load", "nai_proto.openai")
_LIST_MODULES: Final = """
import sys
import typer  # some versions import rich at once
before = {*sys.modules}
from nai_transports.cli import main
try:
    main()
finally:
    print(*sys.modules.keys() - before, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("line", "foreign"),
    [
        ("image fox --price", (*_ACCOUNT, "nai_proto.voice")),
        ("director -h", _ACCOUNT),
        ("speak -h", (*_ACCOUNT, "nai_proto.image", "nai_proto.text")),
        ("presets list", _ACCOUNT[:2]),
        ("doctor -h", ("nai_proto.story", "nai_proto.image.request")),
        ("story undo -h", ("nai_proto.image",)),
    ],
)
def test_a_command_imports_nothing_that_it_does_not_need(line: str, foreign: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", _LIST_MODULES, *line.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50)
    imported = done.stderr.split()
    assert "nai_transports.cli.command_table" in imported
    assert [name for name in (*_NEVER, *foreign) if name in imported] == []
