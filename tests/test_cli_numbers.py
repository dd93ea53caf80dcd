"""Numbers on the command line: the same words for what is none, whatever library reads the options."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.testing import CliRunner, Result

from nai_transports.cli.common.command import CommandGroup
from tests.cases import for_each

app = CommandGroup(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def go(
    seed: Annotated[int | None, typer.Option()] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, max=8)] = 1,
    scale: Annotated[float | None, typer.Option(min=0)] = None,
    low: Annotated[float, typer.Option(max=0.5)] = 0.25,
    name: Annotated[str, typer.Option()] = "1",
    steps: Annotated[list[int] | None, typer.Option()] = None,
    fast: Annotated[bool, typer.Option("--fast")] = False,
) -> None:
    typer.echo(repr((seed, number, scale, low, name, steps, fast)))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_numbers_are_numbers_and_other_options_are_as_they_were() -> None:
    assert run().stdout == "(None, 1, None, 0.25, '1', None, False)\n"
    done = run(
        *[
            "--seed",
            "-7",
            "-n",
            "8",
            "--scale",
            "5",
            "--low",
            "-1e3",
            "--name",
            "7",
            "--steps",
            "1",
            "--steps",
            "2",
            "--fast",
        ]
    )
    assert done.stdout == "(-7, 8, 5.0, -1000.0, '7', [1, 2], True)\n"


@for_each(
    "option, value, problem",
    [
        ("--seed", "abc", "'abc' is no whole number"),
        ("--seed", "1.5", "'1.5' is no whole number"),
        ("--seed", "", "'' is no whole number"),
        ("--number", "0", "0 is out of range: from 1 to 8"),
        ("--number", "9", "9 is out of range: from 1 to 8"),
        ("--scale", "big", "'big' is no number"),
        ("--scale", "nan", "'nan' is no number"),
        ("--scale", "inf", "'inf' is no number"),
        ("--scale", "-0.1", "-0.1 is out of range: at least 0"),
        ("--low", "0.6", "0.6 is out of range: at most 0.5"),
    ],
)
def test_a_wrong_number_is_said_in_plain_words(option: str, value: str, problem: str) -> None:
    done = run(option, value)
    assert (done.exit_code, done.stdout) == (2, "")
    words = " ".join(done.stderr.replace("│", " ").split())
    assert option in words
    assert problem in words
