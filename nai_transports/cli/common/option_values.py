"""Numbers, choices and paths on the command line: what is none of them, or is out of range, is said in plain words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import typer
from typer.models import ParameterInfo

from nai_proto.unknown_names import unknown_choice

from .usage_messages import explain_choice

__all__ = ["parse_path", "parse_values_plainly"]

_Number = TypeVar("_Number", int, float)

_WORD_START: Final = re.compile("(?<=[a-z])(?=[A-Z])")
_PLAIN: Final = re.compile(r"[-+.0-9A-Za-z]+")


def parse_values_plainly(hint: Any) -> Any:
    """Return the type of a parameter with typer's settings, by which a wrong value gets a message in plain words.

    Args:
        hint: as in a command's signature. Every other type than a number, a choice, a path or paths is returned as it is.
    """
    if get_origin(hint) is not Annotated:
        return hint
    annotated, *settings = get_args(hint)
    is_union = get_origin(annotated) in (Union, UnionType)
    types = [each for each in get_args(annotated) if each is not NoneType] if is_union else [annotated]
    type_ = types[0] if len(types) == 1 else None
    if type_ == list[Path]:
        type_ = Path
    if isinstance(type_, type) and (type_ in (int, float, Path) or issubclass(type_, Enum)):
        return Annotated[(annotated, *(_set_parser(each, type_) for each in settings))]
    return hint


def parse_path(text: str | Path) -> Path:
    """Return a path; refuse an empty one, as of an unset variable of a shell, which Python takes for this directory.

    Raises:
        typer.BadParameter: it is empty.
    """
    if not str(text):
        raise typer.BadParameter("the path is empty")
    return Path(text)


def _set_parser(setting: Any, type_: type[Any]) -> Any:
    own = ("parser", "click_type", "count")  # some of them by the version of typer
    if not isinstance(setting, ParameterInfo) or any(getattr(setting, name, None) for name in own):
        return setting
    changed = copy(setting)
    if issubclass(type_, Enum):
        changed.parser = _build_choice_parser(type_)
    elif issubclass(type_, Path):
        changed.parser = parse_path
    else:
        changed.parser = _build_number_parser(type_, setting.min, setting.max)
    return changed


def _build_choice_parser(type_: type[Enum]) -> Callable[[str | Enum], Enum]:
    choices = {str(each.value): each for each in type_}

    def parse(text: str | Enum) -> Enum:
        if isinstance(text, type_):
            return text
        if text not in choices:
            what = _WORD_START.sub(" ", type_.__name__).lower()
            raise typer.BadParameter(explain_choice(unknown_choice(str(text), what, choices, parameter=what)))
        return choices[str(text)]

    return parse


def _build_number_parser(
    type_: type[_Number], least: float | None, most: float | None
) -> Callable[[str | _Number], _Number]:
    def parse(text: str | _Number) -> _Number:
        number: _Number | None = None
        if _PLAIN.fullmatch(str(text)):  # Python also takes 1_000, blanks, and the digits of every script
            with suppress(ValueError):
                number = type_(text)
        if number is None or not math.isfinite(number):
            raise typer.BadParameter(f"{text!r} is no {'whole ' if type_ is int else ''}number")
        if (least is not None and number < least) or (most is not None and number > most):
            raise typer.BadParameter(f"{text} is out of range: {_describe_range(least, most)}")
        return number

    return parse


def _describe_range(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f"from {least:g} to {most:g}"
    return f"at most {most:g}" if least is None else f"at least {least:g}"
