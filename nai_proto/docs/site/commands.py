"""The pages of the command line: one for each heading of its first help page, with every command below it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, cast

from typer.main import get_command

from nai_transports.cli.app import app
from nai_transports.cli.command_table import FIRST_PAGE
from nai_transports.cli.common.account_options import AccountOptions
from nai_transports.cli.common.examples import EXAMPLES
from nai_transports.cli.common.help_page import ACCOUNT_PANEL, explain_parameter, format_usage, name_parameter
from nai_transports.cli.common.parameters import Parameter, list_parameters

from .rst import escape, format_heading, format_table, indent

__all__ = ["build_pages", "list_commands"]


def list_commands() -> Iterator[tuple[str, Any]]:
    """Yield the name of each command and group as it is typed after ``nai``, and what typer made of it."""

    def walk(command: Any, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        if names:
            yield " ".join(names), command
        for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
            yield from walk(command.get_command(None, name), (*names, name))

    return walk(get_command(app), ())


def build_pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page, and of the one that lists them."""
    pages = [f"commands-{heading.lower()}" for heading in FIRST_PAGE]
    contents = [
        format_heading("Commands"),
        ".. toctree::",
        "   :maxdepth: 2",
        "",
        *(f"   {page}" for page in pages),
        "",
    ]
    yield "commands", "\n".join([*contents, *_format_account_options()])
    for page, (heading, lines) in zip(pages, FIRST_PAGE.items(), strict=True):
        first = {name for line in lines for name in line.names}
        sections = [
            part
            for name, command in list_commands()
            if name.split()[0] in first
            for part in _format_command(name, command)
        ]
        yield page, "\n".join([format_heading(f"Commands: {heading.lower()}"), *sections])


def _format_account_options() -> Iterator[str]:
    yield f".. _account-options:\n\n{format_heading('Options of most commands', '-')}"
    yield "What ``nai help options`` prints: whose account it is, and how it is reached.\n"
    yield _format_parameters(list_parameters(AccountOptions))


def _format_command(name: str, command: Any) -> Iterator[str]:
    yield format_heading(f"``nai {name}``", "-" if " " not in name else "~")
    yield f"{_format_prose(command.help or '')}\n"
    function = _find_function(command)
    if function is not None:
        yield from _format_signature(name, list_parameters(function))
    if name in EXAMPLES:
        yield ".. code-block:: sh\n"
        yield f"{indent(chr(10).join(EXAMPLES[name]))}\n"


def _find_function(command: Any) -> Callable[..., None] | None:
    """Return the function of a command, or of a group's default command; None if the group has none."""
    if not hasattr(command, "list_commands"):
        return cast("Callable[..., None]", command.callback)
    return _find_function(command.get_command(None, command.default)) if getattr(command, "default", "") else None


def _format_signature(name: str, parameters: Sequence[Parameter]) -> Iterator[str]:
    yield f".. code-block:: text\n\n{indent(format_usage(f'nai {name}', parameters).removeprefix('Usage: '))}\n"
    own = [each for each in parameters if each.panel != ACCOUNT_PANEL]
    if own:
        yield _format_parameters(own)
    if len(own) < len(parameters):
        yield "It takes the :ref:`options of most commands <account-options>` too.\n"


def _format_parameters(parameters: Sequence[Parameter]) -> str:
    rows = [(f"``{name_parameter(each)}``", _format_prose(explain_parameter(each)) or "—") for each in parameters]
    return format_table(("argument or option", "what it does"), rows, "parameters")


_CODE: Final = re.compile(r"`+([^`]+)`+")


def _format_prose(text: str) -> str:
    """Return the paragraphs of a help text, with what it quotes in backquotes as code."""
    parts = _CODE.split(inspect.cleandoc(text))
    return "".join(f"``{part}``" if place % 2 else escape(part) for place, part in enumerate(parts))
