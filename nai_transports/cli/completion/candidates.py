"""From the words of a command line to what its last word can become.

Names of commands come from the table of commands. For a word behind a command, what the command takes is looked up, and for
a value, where its values come from; both are passed in. Nothing is matched with what was typed of the last word: zsh and
fish do that, each in its own way, and for bash `nai_transports.cli.completion.answer` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from ..command_table import ALIASES, COMMANDS, FIRST_PAGE, GROUPS, TOPICS
from .shapes import CommandShape, ParameterShape

__all__ = [
    "NOTHING",
    "Candidates",
    "FindValues",
    "LoadShape",
    "PathCandidates",
    "ValueRequest",
    "WordCandidate",
    "complete",
]

_HELP: Final = "help"


class WordCandidate(NamedTuple):
    """What a word can become."""

    value: str
    summary: str = ""
    is_id: bool = False
    "Does it say nothing without its summary?"


class PathCandidates(NamedTuple):
    """The word can be a path too; the shell lists those that there are."""

    is_directory: bool
    suffixes: tuple[str, ...] = ()
    "With their dots; none for all files."


class Candidates(NamedTuple):
    """All that a word can become."""

    words: tuple[WordCandidate, ...] = ()
    paths: PathCandidates | None = None
    prefix: str = ""
    "What stands before a path in the word: an option and ``=``. The words have it already."


class ValueRequest(NamedTuple):
    """Asks for the values of an argument or an option."""

    command: tuple[str, ...]
    parameter: ParameterShape
    typed: str
    "What is typed of the value."
    given: Mapping[str, Sequence[str]]
    "The values that options before it have, by the names of their parameters; an empty list for a flag."


LoadShape: TypeAlias = Callable[[tuple[str, ...]], CommandShape]
FindValues: TypeAlias = Callable[[ValueRequest], Candidates]

NOTHING: Final = Candidates()


def complete(words: Sequence[str], typed: str, load_shape: LoadShape, find_values: FindValues) -> Candidates:
    """Return what the last word of a command line can become; nothing if the words before it mean nothing.

    Args:
        words: those before the last one, without the name of the program.
        typed: the last word, as far as it is typed.
        load_shape: returns what the command with these names takes.
        find_values: returns the values of an argument or an option.
    """
    if words and words[0] == _HELP:
        return _complete_topic(words[1:], load_shape)
    if not words:
        return Candidates(tuple(_TOP_OPTIONS if typed.startswith("-") else _list_commands()))
    name, rest = ALIASES.get(words[0], words[0]), words[1:]
    if name not in COMMANDS:
        return NOTHING
    if name not in GROUPS:
        return _complete_command((name,), load_shape((name,)), rest, typed, find_values)
    if not rest:
        return Candidates(tuple(_HELP_OPTIONS if typed.startswith("-") else _list_group(name)))
    if rest[0] not in GROUPS[name]:
        return NOTHING
    path = name, rest[0]
    return _complete_command(path, load_shape(path), rest[1:], typed, find_values)


# ---- commands


def _complete_topic(words: Sequence[str], load_shape: LoadShape) -> Candidates:
    """Return the commands whose help page can be shown."""
    if not words:
        return Candidates((*_list_commands(), *(WordCandidate(*each) for each in TOPICS.items())))
    if words[1:] or words[0] not in COMMANDS:
        return NOTHING
    return Candidates(tuple(_list_group(words[0]) if words[0] in GROUPS else _list_nested(load_shape((words[0],)))))


def _list_commands() -> Iterator[WordCandidate]:
    summaries = {name: line.summary for lines in FIRST_PAGE.values() for line in lines for name in line.names}
    for name, command in COMMANDS.items():
        yield WordCandidate(name, (command.summary or summaries[name]).removesuffix("."))
    yield WordCandidate(_HELP, "Show the help page of a command")


def _list_group(name: str) -> Iterator[WordCandidate]:
    for each, command in GROUPS[name].items():
        yield WordCandidate(each, command.summary.removesuffix("."))


def _list_nested(group: CommandShape) -> Iterator[WordCandidate]:
    for name, command in group.commands.items():
        yield WordCandidate(name, command.summary)


_HELP_OPTIONS: Final = tuple(WordCandidate(option, "Show the help page and exit") for option in ("-h", "--help"))
_TOP_OPTIONS: Final = (
    *_HELP_OPTIONS,
    *(WordCandidate(option, "Print the version and exit") for option in ("-V", "--version")),
)


def _complete_command(
    path: tuple[str, ...], shape: CommandShape, words: Sequence[str], typed: str, find_values: FindValues
) -> Candidates:
    if not shape.commands:
        return _complete_parameter(_Position.read(shape, words), path, typed, find_values)
    if not words:
        return Candidates(tuple(_HELP_OPTIONS if typed.startswith("-") else _list_nested(shape)))
    if words[0] not in shape.commands:
        return NOTHING
    return _complete_command((*path, words[0]), shape.commands[words[0]], words[1:], typed, find_values)


# ---- arguments and options


class _Position(NamedTuple):
    """Where the last word stands among the parameters of a command."""

    shape: CommandShape
    given: Mapping[str, list[str]]
    "The values of the options before it, by the names of their parameters."
    awaiting: ParameterShape | None
    "The option whose value it is."
    arguments: int
    "How many arguments are before it."
    has_only_arguments: bool
    "Does it stand behind ``--``?"

    @classmethod
    def read(cls, shape: CommandShape, words: Sequence[str]) -> _Position:
        """Read the words before it."""
        options = {option: each for each in shape.parameters for option in each.options}
        given: dict[str, list[str]] = {}
        arguments, awaiting = 0, None
        left = iter(words)
        for word in left:
            if word == "--":
                return cls(shape, given, None, arguments + sum(1 for _ in left), True)
            if not word.startswith("-") or word == "-":
                arguments += 1
                continue
            name, equals, value = word.partition("=") if word.startswith("--") else (word[:2], word[2:], word[2:])
            option = options.get(name)
            if option is None:
                continue
            values = given.setdefault(option.name, [])
            missing = option.values - bool(equals) if option.values else 0
            values += [value] if equals and option.values else []
            for following in left if missing else ():
                values.append(following)
                missing -= 1
                if not missing:
                    break
            awaiting = option if missing else None
        return cls(shape, given, awaiting, arguments, False)

    @property
    def argument(self) -> ParameterShape | None:
        """The argument that comes next."""
        place = self.arguments
        for each in self.shape.parameters:
            if not each.options:
                if each.values < 0 or place < each.values:
                    return each
                place -= each.values
        return None


def _complete_parameter(position: _Position, path: tuple[str, ...], typed: str, find_values: FindValues) -> Candidates:
    def find(parameter: ParameterShape, value: str) -> Candidates:
        return find_values(ValueRequest(path, parameter, value, position.given))

    if position.awaiting is not None:
        return find(position.awaiting, typed)
    if typed.startswith("-") and not position.has_only_arguments:
        name, equals, value = typed.partition("=")
        option = next((each for each in position.shape.parameters if name in each.options and each.values), None)
        if equals and name.startswith("--"):
            return NOTHING if option is None else _add_prefix(find(option, value), f"{name}=")
        return Candidates(tuple(_list_options(position)))
    if position.argument is not None:
        return find(position.argument, typed)
    return NOTHING if typed else Candidates(tuple(_list_options(position)))


def _list_options(position: _Position) -> Iterator[WordCandidate]:
    """Yield the names of options; those that were given only if they are repeatable."""
    for parameter in position.shape.parameters:
        if parameter.is_repeatable or parameter.name not in position.given:
            for option in parameter.options:
                yield WordCandidate(option, parameter.summary)
    yield from _HELP_OPTIONS


def _add_prefix(found: Candidates, prefix: str) -> Candidates:
    words = (each._replace(value=prefix + each.value) for each in found.words)
    return Candidates(tuple(words), found.paths, prefix)
