"""What is said of a wrong command line: what is wrong with it, and the line to type instead.

typer knows what is missing or too much. What a person wanted is read from what they typed: words without quotation marks, a
value where an option is wanted, an argument where a command is. Elsewhere an example of the command is shown.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from nai_proto.errors import UnknownChoiceError, excerpt
from nai_proto.unknown_names import find_close_name, suggest_name

from .parameters import Parameter

__all__ = [
    "MOST_NAMES",
    "explain_choice",
    "explain_missing",
    "explain_surplus",
    "explain_value",
    "quote",
    "suggest_command",
]

MOST_NAMES: Final = 12
"""Names that a message lists beside the one that was probably meant."""

_QUOTED_PLAINLY: Final = frozenset('"$`\\!')
"Characters that mean something between double quotation marks."
_LONGEST_NAME: Final = 40
_READING: Final = ("show", "encode", "test")
"Commands of groups that may be suggested: they change nothing."
_LISTS: Final[Mapping[str | None, str]] = {
    "emotion": "nai director --help",
    "fault": "nai emulate --list-faults",
    "model": "nai models",
    "name": "nai presets list",
    "switch": "nai emulate --list-switches",
}
"What lists the names that a parameter can have, of those that can have more than `MOST_NAMES`."
_PROSE: Final = frozenset({"LOREBOOK", "MESSAGE", "PROMPT", "STORY", "TEXT", "TITLE", "WORD"})
"Arguments that are a text or a title, in which any words may be; the NAME of a preset has only some."


def quote(word: str) -> str:
    """Return an argument as a shell takes it, in double quotation marks if it needs some and they will do."""
    if shlex.quote(word) == word:
        return word
    return shlex.quote(word) if _QUOTED_PLAINLY & {*word} else f'"{word}"'


def _join(words: Iterable[str]) -> str:
    return " ".join(map(quote, words))


def explain_choice(error: UnknownChoiceError) -> str:
    """Return that nothing has this name, which was meant, and all that there are; or what lists them, if they are many."""
    message, lists = error.plain_message, _LISTS.get(error.parameter)
    if len(error.choices) <= MOST_NAMES or lists is None:
        return message
    before = message.removesuffix(", ".join(error.choices)).removesuffix("There are ").removesuffix("there are ")
    return f"{before}{lists} lists all"


def explain_missing(name: str, parameters: Sequence[Parameter], examples: Sequence[str]) -> str:
    """Return which argument or option is missing, and an example.

    Args:
        name: in Python.
        parameters: the command's.
        examples: of the command.
    """
    parameter = next(each for each in parameters if each.name == name)
    what = parameter.flags[0] if parameter.is_option else f"the argument {parameter.metavar}"
    fitting = [each for each in examples if not parameter.is_option or parameter.flags[0] in each]
    return f"{what} is missing; type: {fitting[0]}" if fitting else f"{what} is missing"


def explain_value(option: str, parameters: Sequence[Parameter]) -> str:
    """Return that an option needs a value, and which; or that it takes none, where one was given."""
    found = next((each for each in parameters if option in each.flags), None)
    if found is not None and not found.takes_value:
        return f"{option} takes no value"
    about = "" if found is None else found.help.partition(". ")[0].rstrip(".")
    return f"{option} needs a value{f': {about}' if about else ''}"


def explain_surplus(command: str, parameters: Sequence[Parameter], given: Sequence[str], surplus: Sequence[str]) -> str:
    """Return what to do with arguments that a command does not take.

    Args:
        command: with its groups, such as ``nai director``.
        parameters: the command's.
        given: all that was typed behind the command.
        surplus: the arguments that are too many.
    """
    arguments = [each for each in parameters if not each.is_option]
    kept = _remove(given, surplus)
    if (option := _find_option(surplus, parameters)) is not None:
        line = _join([*kept, option, " ".join(surplus)])
        return f"{_name_all(surplus)} goes with {option}; type: {command} {line}"
    if not arguments:
        return "this command takes options only, and no argument"
    at = next((at for at in range(len(kept)) if given[at] != kept[at]), len(kept)) - 1  # of the word before the surplus
    before, united = kept[at], " ".join((kept[at], *surplus))
    if before.startswith("-"):
        return f"{before} takes no value: {_name_all(surplus)} is too much"
    if arguments[-1].type is Path and [*map(os.path.exists, (before, *surplus))] == [False, True]:
        line = _join([*kept[:at], *surplus, *kept[at + 1 :]])
        return f"{_name_all([before])} is no file that exists; type: {command} {line}"
    is_value = at > 0 and any(each.takes_value and kept[at - 1] in each.flags for each in parameters)
    if not is_value and " " not in before and _may_be(arguments[-1], united):
        line = _join([*kept[:at], united, *kept[at + 1 :]])
        return f"words that belong together need quotation marks; type: {command} {line}"
    names = " and ".join(each.metavar for each in arguments)
    return f"{_name_all(surplus)} {'is' if len(surplus) == 1 else 'are'} too much: this command takes {names}"


def suggest_command(
    group: str, names: Iterable[str], list_parameters: Callable[[str], Sequence[Parameter]], given: Sequence[str]
) -> str:
    """Return the command of a group that takes what was typed where the command's name belongs; empty if none is likely.

    Args:
        group: such as ``nai tokens``.
        names: of its commands, in order.
        list_parameters: returns those of a command.
        given: what was typed behind the group.
    """
    names = [*names]
    if suggest_name(given[0], names):
        return ""
    for name in filter(names.__contains__, _READING):
        arguments = [each for each in list_parameters(name) if not each.is_option]
        if arguments and (arguments[0].is_required or _takes_words(arguments[0])):
            end = next((at for at, word in enumerate(given) if word.startswith("-")), len(given))
            words = [*given[:end]]
            if len(arguments) == 1 < len(words):
                words = [" ".join(words)]
                if not _may_be(arguments[0], words[0]):
                    return ""
            return f"{group} {name} {_join([*words, *given[end:]])}"
    return ""


def _name_all(words: Sequence[str]) -> str:
    return repr(excerpt(" ".join(words), _LONGEST_NAME))


def _takes_words(argument: Parameter) -> bool:
    """Return whether an argument is one text, which may have blanks, and neither a path, a number nor a choice."""
    return argument.type is str and not argument.is_repeatable and "|" not in argument.metavar


def _may_be(argument: Parameter, text: str) -> bool:
    """Return whether a text with blanks can be what an argument is: prose, a title, a model, or near a preset's name."""
    from nai_proto.text.models import MODELS  # needed only when something is wrong
    from nai_proto.text.official_presets import find_presets

    if argument.metavar == "MODEL":
        return _is_model(text)
    if argument.metavar == "NAME":
        return find_close_name(text, (preset.name for model in MODELS for preset in find_presets(model))) is not None
    return argument.metavar in _PROSE


def _is_model(text: str) -> bool:
    from nai_proto.image.models import ImageModel  # needed only when something is wrong
    from nai_proto.text.models import Model

    return Model.named(text).is_listed or ImageModel.named(text).is_listed


def _remove(given: Sequence[str], surplus: Sequence[str]) -> list[str]:
    """Return what was typed without the surplus words, which are the last ones of their kind."""
    kept = [*reversed(given)]
    for word in surplus:
        kept.remove(word)
    return [*reversed(kept)]


def _find_option(surplus: Sequence[str], parameters: Sequence[Parameter]) -> str | None:
    """Return the option that surplus arguments are probably for."""
    flags = {flag for each in parameters if each.takes_value for flag in each.flags}
    return next((option for option in _guess_options(surplus) if option in flags), None)


def _guess_options(surplus: Sequence[str]) -> Iterator[str]:
    """Yield the options that could take the arguments, the likeliest first."""
    from nai_proto.image import Emotion  # needed only when something is wrong

    text = " ".join(surplus)
    if text.startswith(("http://", "https://")):
        yield "--url"
    if text in {*Emotion}:
        yield "--emotion"
    if _is_model(text):
        yield "--model"
    if text.isdecimal():
        yield "--port"
    if os.path.isfile(text):
        yield "--file"
    elif len(surplus) == 1 and Path(text).suffix[1:2].isalpha():
        yield "--output"
    yield "--text"
