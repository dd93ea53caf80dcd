"""The frame around every command: groups of options as parameters, and one way to end after an error.

A command is a function whose parameters are its arguments and options, as typer reads them. A parameter whose type is an
`OptionGroup` stands for all options of the group, and the command gets them as one value.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import fields
from itertools import takewhile
from typing import Any, ClassVar, Final, NoReturn, TypeVar, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from nai_proto.unknown_names import find_close_name, suggest_name, unknown_choice

from ...terminals import choose_colors
from .argument_encoding import decode_argument
from .error_messages import ServiceAddress
from .errors import CommandFailure, ExitStatus, end_with_failure, exit_on_error
from .examples import EXAMPLES
from .help_page import format_command_page, format_group_page
from .interrupts import listen_to_interrupts
from .option_values import parse_values_plainly
from .parameters import Parameter, list_parameters
from .usage_messages import MOST_NAMES, explain_missing, explain_surplus, explain_value, suggest_command

__all__ = ["CommandGroup", "Group", "OptionGroup", "build_command", "run_command_line"]

_CONTEXT: Final = "command_context"
_MOST_GUESSES: Final = 3
"Options that begin as a wrong one does, of which one may be meant."
_UsageError: Final[Any] = typer.BadParameter.__base__  # click's or typer's own, by the version of typer
_Function = TypeVar("_Function", bound=Callable[..., None])


class OptionGroup:
    """Options that belong together: a dataclass whose fields are typer's options, each with a default."""

    def enclose(
        self,
        command: str,  # noqa: ARG002 -- a group that has defaults for others needs them
        values: dict[str, Any],  # noqa: ARG002
        is_given: Callable[[str], bool],  # noqa: ARG002
    ) -> AbstractContextManager[object]:
        """Enclose a run of the command: replace defaults of its other parameters, or say more in its errors.

        A group does nothing unless it says otherwise.

        Args:
            command: the whole name of the command.
            values: its arguments and options, also those of groups, by their names; they may be changed.
            is_given: says whether an option is on the command line or in the environment.
        """
        return nullcontext()

    def find_address(self) -> ServiceAddress | None:
        """Return the service's address if the group has it, and if it is not NovelAI's own."""
        return None


class _Command(TyperCommand):
    """A command with a help page of ours."""

    # The classes of contexts and formatters depend on typer's version.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given, takes_more = [*args], ctx.allow_extra_args
        ctx.allow_extra_args = True  # to be refused in our own words
        try:
            rest = super().parse_args(ctx, args)
        except _UsageError as error:
            error.ctx = ctx  # the parser does not always know it
            raise
        ctx.allow_extra_args = takes_more
        if not ctx.resilient_parsing:
            self._check_required(ctx)
        if ctx.args and not takes_more and not ctx.resilient_parsing:
            ctx.fail(explain_surplus(_get_path(ctx), _list_parameters(self), given, ctx.args))
        return rest

    def _check_required(self, ctx: Any) -> None:
        """Check what typer 0.16 does not notice with click 8.3 or newer: that nothing is missing."""
        for parameter in self.params:
            if parameter.required and ctx.params.get(parameter.name) is None:
                ctx.fail(explain_missing(parameter.name or "", _list_parameters(self), _find_examples(ctx)))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(
            format_command_page(_get_path(ctx), self.help or "", _list_parameters(self), _find_examples(ctx))
        )


class Group(TyperGroup):
    """A group with a help page of ours."""

    default: ClassVar[str] = ""
    "The command that runs where none is named; empty for none."

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        names_command = bool(args) and (not args[0].startswith("-") or args[0] in ctx.help_option_names)
        if self.default and not names_command:
            args = ["", *args]  # the default command by no name, so that the group's name is its own too
        return super().parse_args(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, cmd_name or self.default)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        commands = {name: self.summarize_command(ctx, name) for name in self.list_commands(ctx)}
        options = _list_parameters(self.get_command(ctx, self.default)) if self.default else ()
        formatter.write(format_group_page(_get_path(ctx), self.help or "", commands, _find_examples(ctx), options))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name in self.list_commands(ctx) or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        likely = suggest_command(
            _get_path(ctx), self.list_commands(ctx), lambda each: _list_parameters(self.get_command(ctx, each)), args
        )
        problem = _explain_unknown_command(name, self.list_commands(ctx), _get_path(ctx))
        return ctx.fail(f"{problem}; perhaps type: {likely}" if likely else problem)

    def summarize_command(self, ctx: Any, name: str) -> str:
        """Return what a command does, in a sentence."""
        description = getattr(self.get_command(ctx, name), "help", None) or ""
        return " ".join(description.partition("\n\n")[0].split())


def _explain_unknown_command(name: str, names: Sequence[str], group: str) -> str:
    """Return that a group has no such command, with the nearest one, or with all that there are, if these are few."""
    error = unknown_choice(name, "command", names, parameter="command")
    if len(names) <= MOST_NAMES:
        return str(error)
    return f"no command is called {error.name!r}{suggest_name(name, names) or ';'} {group} --help lists all"


def _get_path(context: Any) -> str:
    """Return the name of a command with its groups, as it is typed."""
    path: str = context.command_path
    return path.rstrip()


def _list_parameters(command: Any) -> Sequence[Parameter]:
    return list_parameters(getattr(command, "callback", None) or _no_parameters)


def _no_parameters() -> None:
    """Stand for a command without a function."""


def _find_examples(ctx: Any) -> Sequence[str]:
    names: list[str] = []
    while ctx.parent is not None:
        names.insert(0, ctx.command.name)
        ctx = ctx.parent
    return EXAMPLES.get(" ".join(names), ())


class CommandGroup(typer.Typer):
    """A group of commands, each in its frame."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("cls", Group)
        super().__init__(context_settings={"help_option_names": ["-h", "--help"]}, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[_Function], _Function]:
        """Add a command, as `typer.Typer.command` does."""
        add = super().command(name, cls=_Command, **settings)

        def decorate(function: _Function) -> _Function:
            add(build_command(function))
            return function

        return decorate


def build_command(function: Callable[..., None]) -> Callable[..., None]:
    """Return the function that typer runs for a command.

    Its signature has the options of each group in the place of the group. An error of the library ends it as described at
    `nai_transports.cli.common.errors.exit_on_error`.
    """
    groups: dict[str, type[OptionGroup]] = {}
    parameters: list[inspect.Parameter] = []
    hints = get_type_hints(function, include_extras=True)
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        if isinstance(hint, type) and issubclass(hint, OptionGroup):
            groups[parameter.name] = hint
            parameters.extend(_list_options(hint))
        else:
            hint = parse_values_plainly(hint)
            parameters.append(parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY))
    own_context = next((name for name, hint in hints.items() if hint is typer.Context), None)
    if own_context is None:  # typer fills in only one
        parameters.append(inspect.Parameter(_CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context))

    def run(**values: Any) -> None:
        context: typer.Context = values.pop(_CONTEXT) if own_context is None else values[own_context]

        def is_given(name: str) -> bool:
            source: Any = context.get_parameter_source(name)
            return source is not None and source.name != "DEFAULT"

        as_json = bool(values.get("as_json"))
        frame = exit_on_error(_get_path(context), as_json=as_json, find_address=lambda: _find_address(groups, values))
        with frame, ExitStack() as enclosing:
            # what a program is started with is not ours to judge
            for parameter in context.command.params if context.allow_interspersed_args else ():
                if (key := parameter.name) in values:
                    values[key] = decode_argument(max(parameter.opts, key=len), values[key])
            for group in groups.values():
                enclosing.enter_context(_build_group(group, values).enclose(_get_path(context), values, is_given))
            arguments = {name: _build_group(group, values) for name, group in groups.items()}  # of the changed values
            in_groups = {field.name for group in groups.values() for field in fields(group)}  # type: ignore[arg-type]
            listen_to_interrupts()
            function(**{name: value for name, value in values.items() if name not in in_groups}, **arguments)

    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _build_group(group: type[OptionGroup], values: Mapping[str, Any]) -> OptionGroup:
    return group(**{field.name: values[field.name] for field in fields(group)})  # type: ignore[arg-type]


def _find_address(groups: Mapping[str, type[OptionGroup]], values: Mapping[str, Any]) -> ServiceAddress | None:
    """Return the service's address, if it is not NovelAI's own, and where it is from."""
    addresses = (_build_group(group, values).find_address() for group in groups.values())
    return next((address for address in addresses if address is not None), None)


def _list_options(group: type[OptionGroup]) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):  # type: ignore[arg-type]
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=parse_values_plainly(hints[field.name]),
        )


def run_command_line(
    main: Callable[..., object],
    args: Sequence[str] | None = None,
    *,
    name_command: Callable[[Sequence[str]], str],
    **settings: Any,
) -> NoReturn:
    """Run the command that the arguments name, and end the program.

    A wrong command line ends as other errors do: with one line that begins with the command's name, or with JSON.

    Args:
        main: `main` of click's group.
        args: of the command line; those of the process if None.
        name_command: returns the name of the command that the arguments name, with its group; empty if there is none.
        settings: further arguments of ``main``.
    """
    given = sys.argv[1:] if args is None else args
    as_json = "--json" in takewhile(lambda argument: argument != "--", given)
    settings |= {"standalone_mode": False, "color": choose_colors()}
    name: str = settings.get("prog_name") or "nai"
    try:
        with exit_on_error(name, as_json=as_json):
            status = main(args=[*given], **settings)
    except typer.Exit as ended:
        status = ended.exit_code
    except _UsageError as error:
        status = _end_with_usage_error(error, f"{name} {name_command(given)}".rstrip(), as_json=as_json)
    sys.exit(status if isinstance(status, int) else 0)


def _end_with_usage_error(error: Any, name: str, *, as_json: bool) -> int:
    context: Any = error.ctx
    parameters: Sequence[Parameter] = () if context is None else _list_parameters(context.command)
    message: str = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help page, unless that is printed already
        typer.echo(message, nl=bool(message))
        return 0
    command: str = name if context is None else _get_path(context)
    if hasattr(error, "possibilities"):  # of options
        message = _explain_unknown_option(error.option_name, context)
    elif type(error).__name__ == "BadOptionUsage":
        message = explain_value(error.option_name, parameters)
    elif type(error).__name__ == "BadParameter":
        message = _name_place(error, parameters) + error.message
    elif type(error).__name__ == "MissingParameter":
        message = explain_missing(error.param.name, parameters, _find_examples(context))
    if message[1:2].islower():
        message = f"{message[:1].lower()}{message[1:]}"
    if f"{command} " not in message:
        message = f"{message.rstrip('.')} (see {command} --help)"
    return end_with_failure(command, CommandFailure("usage", ExitStatus.USAGE, message), as_json=as_json)


def _name_place(error: Any, parameters: Sequence[Parameter]) -> str:
    """Return the option or the argument with a wrong value, as the help page has it, with a colon behind it."""
    found = next((each for each in parameters if each.name == getattr(error.param, "name", None)), None)
    place = error.param_hint or (found and (max(found.flags, key=len) if found.is_option else found.metavar))
    return f"{place}: " if place else ""


def _explain_unknown_option(name: str, context: Any) -> str:
    """Return which option was meant, or that `--set` sets a parameter of this name."""
    from nai_proto.openai.request_checks import RULES as OPENAI_RULES  # needed only when something is wrong
    from nai_proto.text.parameter_rules import RULES

    parameters: Sequence[Any] = [] if context is None else context.command.params
    refusing = {flag for each in parameters if each.hidden for flag in each.opts}
    written: list[list[str]] = [[*each.opts, *each.secondary_opts] for each in parameters if not each.hidden]
    flags = [flag for own in written for flag in own if flag.startswith("--")]
    parameter = name.lstrip("-").replace("-", "_")
    rules = RULES if any(each.name == "preset" for each in parameters) else OPENAI_RULES
    if len(parameter) > 1 and "--set" in flags and parameter in rules:
        return f"there is no option {name}; give --set {parameter}=VALUE"
    short = name.removeprefix("-")  # of --n, which is -n
    begun = [max(own, key=len) for own in written if short in own] or [flag for flag in flags if flag.startswith(name)]
    if name in ("-o", "--output") and not begun and context is not None:
        arguments = [each.metavar for each in _list_parameters(context.command) if not each.is_option]
        if arguments == ["DIRECTORY"]:
            return f"there is no option {name}; type: {_get_path(context)} DIRECTORY"
    if not begun:
        meant = f"--{find_close_name(name.lstrip('-'), (flag.lstrip('-') for flag in (*flags, *refusing)))}"
        return f"there is no option {name}" + (f"; did you mean {meant!r}?" if meant in flags else "")
    guess = f"; did you mean {' or '.join(map(repr, begun))}?" if len(begun) <= _MOST_GUESSES else ""
    return f"there is no option {name}{guess}"
