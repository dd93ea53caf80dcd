"""``--set NAME=VALUE``: any parameter of a request, by the service's name for it.

Names, types and ranges come from the library's tables of parameters; nothing is listed here. A value is written as a
person writes it: ``0.8``, ``true``, text without quotes, ``temperature,top_p`` for the order of samplers, ``5,6`` for token
ids, and JSON for all other lists.

See docs/command-line.md#parameters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from nai_proto.errors import InvalidRequestError, excerpt
from nai_proto.openai.request_checks import RULES as OPENAI_RULES
from nai_proto.text.parameter_rules import RULES, ParameterKind, ParameterRule
from nai_proto.text.samplers import SAMPLERS, SamplerOrder
from nai_proto.text.text_parameters import PhraseRepPen, TextParameters
from nai_proto.unknown_names import fold_name, suggest_name, unknown_choice

from ..common.help_page import PARAMETERS_TOPIC, format_parameters_page

__all__ = [
    "NO_SEED",
    "OPENAI_PARAMETERS",
    "TEXT_PARAMETERS",
    "ParameterRules",
    "TypedParameters",
    "complete_setting",
    "format_settings_page",
    "parse_settings",
    "read_parameters",
]

T = TypeVar("T")

ParameterRules: TypeAlias = Mapping[str, ParameterRule | None]
"""The rules of parameters, by name; None for a parameter that is no single value."""

TEXT_PARAMETERS: Final[ParameterRules] = {name: RULES[name] for name in TextParameters.__annotations__}
"""What ``--set`` of ``nai generate`` takes."""
OPENAI_PARAMETERS: Final[ParameterRules] = {
    name: rule
    for name, rule in OPENAI_RULES.items()
    if name not in ("stream_options", "best_of", "n", "echo", "suffix")
}
"""What ``--set`` of ``nai chat`` and ``nai complete`` takes: what one streamed answer can have."""

NO_SEED: Final = (
    "models for stories take no seed: the service draws their random numbers; nai chat and nai complete take --seed"
)
_LONGEST_VALUE: Final = 60
"""Characters of a wrong value that an error shows."""


@dataclass(frozen=True, slots=True)
class TypedParameters:
    """The parameters of a request, and how the person typed them."""

    values: dict[str, object]
    "By name."
    options: Mapping[str, str]
    "The option of each, with its value if that is one."

    @contextmanager
    def name_in_errors(self) -> Generator[None, None, None]:
        """Raise errors about parameters with the options that were typed, such as ``--set min_p=9``."""
        try:
            yield
            return
        except InvalidRequestError as error:
            message, parameter = error.plain_message, error.parameter or ""
            if (option := self.options.get(parameter)) is None:
                raise
        if message.startswith(f"{parameter} is "):  # the option shows the value
            message = message.rpartition(", and ")[2]
        raise InvalidRequestError(f"{option}: {message}", parameter=parameter)


def read_parameters(
    assignments: Sequence[str], rules: ParameterRules, named: Mapping[str, tuple[str, object]]
) -> TypedParameters:
    """Return the parameters of ``--set`` and of the options for single parameters.

    Args:
        assignments, rules: as for `parse_settings`.
        named: by the name of a parameter, its option and the value, which is None if the option was not given.

    Raises:
        InvalidRequestError: as of `parse_settings`; or a parameter is given by both.
    """
    values = parse_settings(assignments, rules)
    options = {name: f"--set {_cut(text)}" for name, text in zip(values, assignments, strict=True)}
    for name, (option, value) in named.items():
        if value is not None and name in values:
            raise InvalidRequestError(f"{option} and --set {name} are the same: give one of them", parameter=name)
        if value is not None:
            values[name] = value
            options[name] = f"{option} {value:g}" if isinstance(value, int | float) else option
    return TypedParameters(values, options)


def parse_settings(assignments: Sequence[str], rules: ParameterRules) -> dict[str, object]:
    """Return parameters by name. Ranges are checked where the request is built, since they depend on the model.

    Args:
        assignments: texts of the form ``NAME=VALUE``.
        rules: the parameters that there are.

    Raises:
        InvalidRequestError: there is no such parameter, it is set twice, or its value is of another type.
    """
    parameters: dict[str, object] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise InvalidRequestError(f"--set is NAME=VALUE, such as top_p=0.9, not {_shorten(assignment)}")
        name = _find_name(name.strip(), rules)
        if name in parameters:
            raise InvalidRequestError(f"--set {name} is given twice", parameter=name)
        parameters[name] = _parse_value(name, value, rules[name])
    return parameters


def complete_setting(incomplete: str, rules: ParameterRules = TEXT_PARAMETERS) -> list[tuple[str, str]]:
    """Return what can complete the beginning of ``NAME=VALUE``, each with an explanation.

    Args:
        incomplete: what is typed so far: a part of a name, or a name, ``=`` and a part of a value.
        rules: the parameters that there are.
    """
    name, equals, _ = incomplete.partition("=")
    if not equals:
        candidates = [(f"{each}=", _describe_rule(rule)) for each, rule in rules.items()]
    elif (rule := rules.get(name)) is not None:
        candidates = [(f"{name}={value}", "") for value in _VALUES.get(rule.kind, ())]
    else:
        candidates = []
    return [(text, about) for text, about in candidates if text.startswith(incomplete)]


def format_settings_page() -> str:
    """Return the page of ``nai help parameters``."""
    tables = {"nai generate": TEXT_PARAMETERS, "nai chat, nai complete": OPENAI_PARAMETERS}
    return format_parameters_page(
        {
            commands: {name: _describe_rule(rule) for name, rule in sorted(rules.items())}
            for commands, rules in tables.items()
        }
    )


def _find_name(written: str, rules: ParameterRules) -> str:
    """Return the parameter of this name, also if it is written as ``Top-P``."""
    names = {fold_name(each): each for each in rules}
    if (name := names.get(fold_name(written))) is not None:
        return name
    if fold_name(written) == "seed":
        raise InvalidRequestError(f"--set seed: {NO_SEED}", parameter="seed")
    if (sampler := _SAMPLERS.get(fold_name(written))) is not None:
        own = ", ".join(SAMPLERS[sampler].keys)
        raise InvalidRequestError(f"--set: {written} is a sampler, whose parameters are {own}", parameter=written)
    shown = repr(excerpt(written, _LONGEST_VALUE))
    guess = suggest_name(written, rules) or ";"
    raise InvalidRequestError(
        f"--set: no parameter is called {shown}{guess} nai help {PARAMETERS_TOPIC} lists all", parameter=written
    )


def _parse_value(name: str, text: str, rule: ParameterRule | None) -> object:
    parse = json.loads if rule is None else _PARSERS.get(rule.kind, json.loads)
    try:
        return parse(text)
    except InvalidRequestError as error:
        problem = f"--set {name}: {error}"
    except (ValueError, RecursionError):
        problem = f"--set {name} takes {_describe_rule(rule)}, not {_shorten(text)}"
    raise InvalidRequestError(problem, parameter=name)


def _describe_rule(rule: ParameterRule | None) -> str:
    return "JSON" if rule is None else rule.describe()


def _shorten(text: str) -> str:
    return repr(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


# ---- values


def _parse_flag(text: str) -> bool:
    return _choose(text, _FLAGS, "value")


def _parse_integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,300}", text.strip()):
        raise ValueError(text)
    return int(text)


def _parse_number(text: str) -> float:
    """Return the number; an integer as one, so that an error shows ``7`` as it was typed."""
    try:
        return _parse_integer(text)
    except ValueError:
        return float(text)


def _parse_ids(text: str) -> object:
    return json.loads(text if text.lstrip().startswith("[") else f"[{text}]")


def _parse_order(text: str) -> list[int]:
    words = text.strip().removeprefix("[").removesuffix("]").split(",")
    return [_parse_sampler(word.strip()) for word in words if word.strip()]


def _parse_sampler(word: str) -> int:
    return int(word) if re.fullmatch("[0-9]{1,4}", word) else int(_choose(word, _SAMPLERS, "sampler"))


def _parse_phrase_rep_pen(text: str) -> str:
    return _choose(text, _PENALTIES, "value").value


def _choose(word: str, choices: Mapping[str, T], what: str) -> T:
    """Return the choice with this name, however it is written.

    Raises:
        InvalidRequestError: there is none.
    """
    folded = {fold_name(each): value for each, value in choices.items()}
    if (value := folded.get(fold_name(word))) is not None:
        return value
    raise unknown_choice(word, what, choices, parameter=what)


_FLAGS: Final = {"true": True, "false": False}
_SAMPLERS: Final[Mapping[str, SamplerOrder]] = {row.name: row.id for row in SAMPLERS}
_PENALTIES: Final[Mapping[str, PhraseRepPen]] = {each.value: each for each in PhraseRepPen}

_PARSERS: Final[Mapping[ParameterKind, Callable[[str], object]]] = {
    ParameterKind.BOOLEAN: _parse_flag,
    ParameterKind.INTEGER: _parse_integer,
    ParameterKind.NUMBER: _parse_number,
    ParameterKind.TEXT: str,
    ParameterKind.IDS: _parse_ids,
    ParameterKind.ORDER: _parse_order,
    ParameterKind.PHRASE_REP_PEN: _parse_phrase_rep_pen,
}
"""How values of each kind are written; all others are JSON."""

_VALUES: Final[Mapping[ParameterKind, Sequence[str]]] = {
    ParameterKind.BOOLEAN: tuple(_FLAGS),
    ParameterKind.PHRASE_REP_PEN: tuple(_PENALTIES),
    ParameterKind.ORDER: tuple(_SAMPLERS),
}
"""The values of kinds that have few, for completion."""
