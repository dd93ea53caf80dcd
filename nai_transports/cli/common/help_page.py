"""Help pages: plain text of at most 80 columns, the same on every terminal and for other programs."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Final

from .parameters import Parameter

__all__ = ["ACCOUNT_PANEL", "OPTIONS_TOPIC", "format_command_page", "format_group_page", "format_options_page"]

ACCOUNT_PANEL: Final = "Account and connection"
"""The heading of the options that most commands have, which is one line on their pages."""
OPTIONS_TOPIC: Final = "options"
"""The argument of ``nai help`` that explains these options."""

_WIDTH: Final = 80
_INDENT: Final = "  "
_HELP_COLUMN: Final = 26


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


def format_group_page(path: str, description: str, commands: Mapping[str, str], examples: Sequence[str] = ()) -> str:
    """Return the help page of a group of commands.

    Args:
        path: the group as it is typed, such as ``nai story``.
        description: as for `format_command_page`.
        commands: what each does, by its name.
        examples: command lines.
    """
    return _join(
        [
            *_format_paragraphs(description, f"Usage: {path} COMMAND …"),
            _format_examples(examples),
            ["Commands:", *_format_entries(commands.items(), column=max(map(len, commands)) + 2 * len(_INDENT))],
            [f"{path} COMMAND --help explains a command."],
        ]
    )


def format_options_page(parameters: Sequence[Parameter]) -> str:
    """Return the page that explains the options which most commands have.

    Args:
        parameters: these options.
    """
    intro = "These options say where the service is and who a command acts for. Most commands have them."
    return _join([wrap(intro, _WIDTH), [f"{ACCOUNT_PANEL}:", *_format_parameters(parameters)]])


def _list_command_blocks(
    path: str, description: str, parameters: Sequence[Parameter], examples: Sequence[str]
) -> Iterator[Sequence[str]]:
    arguments = [each for each in parameters if not each.is_option]
    panels: dict[str, list[Parameter]] = {"": []}
    for each in parameters:
        if each.is_option:
            panels.setdefault(each.panel, []).append(each)
    account = panels.pop(ACCOUNT_PANEL, [])
    yield from _format_paragraphs(description, _format_usage(path, parameters))
    yield _format_examples(examples)
    if arguments:
        yield ["Arguments:", *_format_parameters(arguments)]
    for panel, options in panels.items():
        if options:
            yield [f"{panel or 'Options'}:", *_format_parameters(options)]
    if account:
        flags = " ".join("/".join(each.flags) for each in account)
        yield [f"{ACCOUNT_PANEL} (nai help {OPTIONS_TOPIC}):", *_wrap(flags, _INDENT)]


def _format_usage(path: str, parameters: Sequence[Parameter]) -> str:
    names = [
        (each.metavar if each.is_required else f"[{each.metavar}]") + ("…" if each.is_repeatable else "")
        for each in parameters
        if not each.is_option
    ]
    required = [_name_parameter(each) for each in parameters if each.is_option and each.is_required]
    return " ".join(["Usage:", path, *required, "[OPTIONS]", *names])


def _format_paragraphs(description: str, usage: str) -> Iterator[Sequence[str]]:
    first, *others = inspect.cleandoc(description).split("\n\n")
    yield _wrap(first)
    yield _wrap(usage)
    for each in others:
        yield _wrap(each)


def _format_examples(examples: Sequence[str]) -> Sequence[str]:
    return ["Examples:", *(_INDENT + each for each in examples)] if examples else []


def _format_parameters(parameters: Iterable[Parameter]) -> Iterator[str]:
    return _format_entries((_name_parameter(each), _explain_parameter(each)) for each in parameters)


def _name_parameter(parameter: Parameter) -> str:
    if not parameter.is_option:
        return parameter.metavar
    flags = ", ".join(sorted(parameter.flags, key=len))
    return f"{flags} {parameter.metavar}".rstrip()


def _explain_parameter(parameter: Parameter) -> str:
    """Return its sentences, with its range, its default and its environment variable, if they do not say them."""
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
    for name, explanation in entries:
        lines = wrap(explanation, _WIDTH - column, break_on_hyphens=False) or [""]
        head = f"{_INDENT}{name}"
        if len(head) + len(_INDENT) > column:
            yield head
            head = ""
        for line in lines:
            yield f"{head:<{column}}{line}".rstrip()
            head = ""


def _wrap(text: str, indent: str = "") -> Sequence[str]:
    return wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _join(blocks: Iterable[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(each) for each in blocks if each) + "\n"
