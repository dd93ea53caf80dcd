"""Help pages: plain text of 80 columns, or of a narrower terminal's width. Other programs get 80 columns."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Final

from ...terminals import measure_page
from .parameters import Parameter
from .text_wrapping import wrap_text

__all__ = [
    "ACCOUNT_PANEL",
    "OPTIONS_TOPIC",
    "PARAMETERS_TOPIC",
    "explain_parameter",
    "format_command_page",
    "format_group_page",
    "format_narrow_page",
    "format_options_page",
    "format_parameters_page",
    "format_usage",
    "name_parameter",
]

ACCOUNT_PANEL: Final = "Account and connection"
"""The heading of the options that most commands have, which is one line on their pages."""
OPTIONS_TOPIC: Final = "options"
"""The argument of ``nai help`` that explains these options."""
PARAMETERS_TOPIC: Final = "parameters"
"""The argument of ``nai help`` that lists what ``--set`` takes."""

_INDENT: Final = "  "
_HELP_COLUMN: Final = 26
_NAMES_COLUMN: Final = 28
"Where the first page explains commands, two or three of which share a line."
_LEAST_HELP: Final = 30
"Columns beside a name in which an explanation can be read; with fewer, it stands below the name."
_PART: Final = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""")
"A word of a command line, with its quotation marks."
_NAME_PART: Final = re.compile(r"\[?[^\[|;\s]*[|;]*\s?")
"What stays whole of a name that is wider than the terminal."


def format_command_page(
    path: str, description: str, parameters: Sequence[Parameter], examples: Sequence[str] = ()
) -> str:
    """Return the help page of a command.

    Args:
        path: the command as it is typed, such as ``nai story undo``.
        description: a sentence, and paragraphs after blank lines.
        parameters: its arguments and options.
        examples: command lines.
    """
    return _join(_list_command_blocks(path, description, parameters, examples))


def format_group_page(
    path: str,
    description: str,
    commands: Mapping[str, str],
    examples: Sequence[str] = (),
    parameters: Sequence[Parameter] = (),
) -> str:
    """Return the help page of a group of commands.

    Args:
        path: the group as it is typed, such as ``nai story``.
        description: as for `format_command_page`.
        commands: what each does, by its name.
        examples: command lines.
        parameters: options of the group without a command; empty if it needs one.
    """
    return _join(
        [
            *_format_paragraphs(description, f"Usage: {path} {'[COMMAND]' if parameters else 'COMMAND'} …"),
            _format_examples(examples),
            ["Commands:", *_format_entries(commands.items(), column=max(map(len, commands)) + 2 * len(_INDENT))],
            *_list_option_blocks(parameters),
            _wrap(f"{path} COMMAND --help explains a command."),
        ]
    )


def format_narrow_page(introduction: Iterable[str], groups: Mapping[str, Iterable[tuple[str, str]]]) -> str:
    """Return the first page for a terminal that is too narrow for the one that is prepared.

    Args:
        introduction: its first sentences.
        groups: the names of commands and what they do, by the heading of their group.
    """
    blocks = ([heading, *_format_entries(entries, _NAMES_COLUMN)] for heading, entries in groups.items())
    return _join([[line for each in introduction for line in _wrap(each)], *blocks])


def format_options_page(parameters: Sequence[Parameter]) -> str:
    """Return the page that explains the options which most commands have.

    Args:
        parameters: these options.
    """
    intro = "These options say where the service is and who a command acts for. Most commands have them."
    return _join([_wrap(intro), [f"{ACCOUNT_PANEL}:", *_format_parameters(parameters)]])


def format_parameters_page(parameters: Mapping[str, Mapping[str, str]]) -> str:
    """Return the page that lists what ``--set`` takes.

    Args:
        parameters: what each takes, by its name, by the commands that have them.
    """
    intro = "--set NAME=VALUE sets these parameters of a request, by the service's own names for them."
    blocks = ([f"{commands}:", *_format_entries(entries.items(), 36)] for commands, entries in parameters.items())
    return _join([_wrap(intro), *blocks])


def _list_command_blocks(
    path: str, description: str, parameters: Sequence[Parameter], examples: Sequence[str]
) -> Iterator[Sequence[str]]:
    arguments = [each for each in parameters if not each.is_option]
    yield from _format_paragraphs(description, format_usage(path, parameters))
    yield _format_examples(examples)
    if arguments:
        yield ["Arguments:", *_format_parameters(arguments)]
    yield from _list_option_blocks(parameters)


def _list_option_blocks(parameters: Sequence[Parameter]) -> Iterator[Sequence[str]]:
    """Yield a block for each panel of options, and a line for those that most commands have."""
    panels: dict[str, list[Parameter]] = {"": []}
    for each in parameters:
        if each.is_option:
            panels.setdefault(each.panel, []).append(each)
    account = panels.pop(ACCOUNT_PANEL, [])
    for panel, options in panels.items():
        if options:
            yield [f"{panel or 'Options'}:", *_format_parameters(options)]
    if account:
        flags = " ".join("/".join(each.flags) for each in account)
        yield [*_wrap(f"{ACCOUNT_PANEL} (nai help {OPTIONS_TOPIC}):"), *_wrap(flags, len(_INDENT))]


def format_usage(path: str, parameters: Sequence[Parameter]) -> str:
    """Return how a command is typed."""
    names = [
        (each.metavar if each.is_required else f"[{each.metavar}]") + ("…" if each.is_repeatable else "")
        for each in parameters
        if not each.is_option
    ]
    required = [name_parameter(each) for each in parameters if each.is_option and each.is_required]
    return " ".join(["Usage:", path, *required, "[OPTIONS]", *names])


def _format_paragraphs(description: str, usage: str) -> Iterator[Sequence[str]]:
    first, *others = inspect.cleandoc(description).split("\n\n")
    yield _wrap(first)
    yield _wrap(usage)
    for each in others:
        yield _wrap(each)


def _format_examples(examples: Sequence[str]) -> Sequence[str]:
    return ["Examples:", *(line for each in examples for line in _format_example(each))] if examples else []


def _format_example(example: str) -> Iterator[str]:
    """Yield the lines of a command line, which can be copied together."""
    width = measure_page(sys.stdout)
    if len(_INDENT + example) <= width:
        yield _INDENT + example
        return
    line = _INDENT
    for part in _PART.findall(example):
        if line.strip() and len(line) + len(part) + len(" \\") > width:
            yield f"{line}\\"
            line = 3 * _INDENT
        line += f"{part} "
    yield line.rstrip()


def _format_parameters(parameters: Iterable[Parameter]) -> Iterator[str]:
    return _format_entries((name_parameter(each), explain_parameter(each)) for each in parameters)


def name_parameter(parameter: Parameter) -> str:
    """Return an option's flags and what stands for its value, or an argument's name."""
    if not parameter.is_option:
        return parameter.metavar
    flags = ", ".join(sorted(parameter.flags, key=len))
    return f"{flags} {parameter.metavar}".rstrip()


def explain_parameter(parameter: Parameter) -> str:
    """Return a parameter's sentences, with its range, its default and its environment variable, if they do not say them."""
    parts = [parameter.help]
    match parameter.minimum, parameter.maximum:
        case (None | 0, None):
            pass
        case (minimum, None):
            parts.append(f"At least {minimum:g}.")
        case (None, maximum):
            parts.append(f"At most {maximum:g}.")
        case (minimum, maximum):
            bounds = f"{minimum:g} to {maximum:g}"
            parts += [] if bounds in parameter.help else [f"{bounds}."]
    if parameter.default not in (None, "", False) and "Default:" not in parameter.help:
        parts.append(f"Default: {parameter.default if parameter.takes_value else parameter.flags[0]}.")
    if parameter.variable:
        parts.append(f"Also: {parameter.variable}.")
    return " ".join(parts)


def _format_entries(entries: Iterable[tuple[str, str]], column: int = _HELP_COLUMN) -> Iterator[str]:
    """Yield names, each with what it is in a column beside it, or below it where the name is long."""
    width = measure_page(sys.stdout)
    if width - column < _LEAST_HELP:
        column = 3 * len(_INDENT)
    for name, explanation in entries:
        lines = [line[column:] for line in _wrap(explanation, column)] or [""]
        head = f"{_INDENT}{name}"
        if len(head) + len(_INDENT) > column:
            yield from _wrap_name(head, width)
            head = ""
        for line in lines:
            yield f"{head:<{column}}{line}".rstrip()
            head = ""


def _wrap_name(head: str, width: int) -> Iterator[str]:
    """Yield the lines of an option with its value, which is broken between its parts."""
    line = _INDENT
    for part in _NAME_PART.findall(head[len(_INDENT) :]):
        if line.strip() and len(line) + len(part.rstrip()) > width:
            yield line.rstrip()
            line = 3 * _INDENT
        line += part
    yield line.rstrip()


def _wrap(text: str, column: int = 0) -> Sequence[str]:
    """Return the lines of a text, with this many blanks before each; commands are broken only where they have no room."""
    width = measure_page(sys.stdout)
    indent = " " * column
    text = " ".join(text.split())
    lines = (indent + wrap_text(text, width, column=column, hanging=column)).split("\n") if text else []
    if all(len(line) <= width for line in lines):
        return lines
    return wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _join(blocks: Iterable[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(each) for each in blocks if each) + "\n"
