"""The tables of options: read from the declarations of their keys, and from the tables that requests are checked with."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from nai_proto.image.families import Generation
from nai_proto.image.options import WIRE_NAMES, ImageOptions, ImageParameters
from nai_proto.image.parameter_rules import RULES as IMAGE_RULES
from nai_proto.image.parameter_rules import ImageParameterRule
from nai_proto.openai.request_checks import RULES as OPENAI_RULES
from nai_proto.openai.request_options import CompletionOptions, OpenAIOptions
from nai_proto.text.models import MODELS
from nai_proto.text.options import TextOptions
from nai_proto.text.parameter_rules import RULES as TEXT_RULES
from nai_proto.text.parameter_rules import ParameterRule
from nai_proto.text.samplers import INTERNAL_MODELS, SAMPLERS
from nai_proto.text.text_parameters import TextParameters

from .rst import format_heading, format_table

__all__ = ["TABLES", "OptionRow", "OptionTable", "build_page"]

_DEFAULT: Final = re.compile(
    r"[;,] ((?:[^;,.]|\.\d)+) if not given(?:, as all clients send it)?(?=[;,.])"
    r"| If not given: ((?:[^.]|\.\d)+)\."
    r"|(?<=\.) ([^.;,]+) if not given\."
)
"""The words of a description that say what holds if an option is not given."""
_GENERATIONS: Final = re.compile(r" (V[\d.]+(?: (?:to|and) V[\d.]+| and later)?)\.$")
"""The end of a description that says for which generations an option is."""
_UNLISTED: Final = frozenset(INTERNAL_MODELS)


@dataclass(frozen=True, slots=True)
class OptionRow:
    """What is known of one option; texts are markup."""

    name: str
    type: str
    range: str
    models: str
    wire: str
    "What it is called in the request; empty if that is its own name, or if the library makes other parameters of it."
    default: str
    description: str


@dataclass(frozen=True, slots=True)
class OptionTable:
    """The options of some functions."""

    title: str
    introduction: str
    classes: tuple[type, ...]
    "The classes that declare them, in the order of the sections."
    complete: Callable[[OptionRow], OptionRow]
    "Adds range, models and wire name."

    def rows(self, declared: type) -> Iterator[OptionRow]:
        """Yield a row for each option that a class declares itself."""
        for name, type_, description in _list_keys(declared):
            default, rest = _split_default(description)
            yield self.complete(OptionRow(name, type_, "", "all", "", default, rest))


def build_page() -> str:
    """Return the page with all tables."""
    return "\n".join([format_heading("Options"), _INTRODUCTION, *(part for each in TABLES for part in _format(each))])


def _format(table: OptionTable) -> Iterator[str]:
    yield format_heading(table.title, "-")
    yield f"{table.introduction}\n"
    for declared in table.classes:
        yield format_heading(f"``{declared.__name__}``", "~")
        yield f".. py:currentmodule:: {_find_package(declared)}\n"
        rows = (_format_row(declared.__name__, row) for row in table.rows(declared))
        yield format_table(_HEADINGS, rows, "options")


_HEADINGS: Final = ("option", "what it does", "range", "if not given", "models")


def _format_row(owner: str, row: OptionRow) -> tuple[str, ...]:
    option = f".. py:attribute:: {owner}.{row.name}\n   :type: {row.type}\n"  # what the search and the index find
    if row.wire:
        option += f"\nsent as ``{row.wire}``"
    return option, row.description, row.range, row.default or "not sent", row.models


def _find_package(declared: type) -> str:
    """Return the package that exports a class, such as ``nai_proto.text``."""
    return ".".join(declared.__module__.split(".")[:2])


def _list_keys(declared: type) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and description of each key that a TypedDict declares itself."""
    (body,) = ast.parse(inspect.getsource(declared)).body
    assert isinstance(body, ast.ClassDef)
    for node, following in zip(body.body, body.body[1:], strict=False):
        match node, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, ast.unparse(node.annotation).removesuffix(" | None"), " ".join(text.split())
            case _:
                pass


def _split_default(description: str) -> tuple[str, str]:
    """Return what holds if the option is not given, in the description's words, and the rest of the description."""
    found = _DEFAULT.search(description)
    if found is None:
        return "", description
    return found[1] or found[2] or found[3], description[: found.start()] + description[found.end() :]


def _describe_range(rule: ParameterRule | ImageParameterRule | None) -> str:
    match rule:
        case ImageParameterRule(words=(_, *_) as words):
            return ", ".join(f"``{word}``" for word in words)
        case ParameterRule(items=int(items)):
            return f"at most {items:,} items on the text host"
        case ParameterRule(text_host_range=(low, high)):
            return f"{_format_bounds(rule.least, rule.most)}; on the text host {_format_bounds(low, high)}"
        case None:
            return ""
        case _:
            return _format_bounds(rule.least, rule.most)


def _format_bounds(least: float | None, most: float | None) -> str:
    def number(value: float) -> str:
        return f"{int(value):,}" if value == int(value) else f"{value:g}"

    if least is None:
        return ""
    return f"{number(least)} or more" if most is None else f"{number(least)} to {number(most)}"


# ---- which models, and where on the wire


_SAMPLED: Final = {key: sampler.models for sampler in SAMPLERS for key in sampler.keys}


def _complete_text(row: OptionRow) -> OptionRow:
    if row.name not in TEXT_RULES:
        return replace(row, default=row.default or "nothing")
    models = _SAMPLED.get(row.name)
    names = [model.name for model in MODELS if models is not None and model.id in models - _UNLISTED]
    if re.search("api host only", row.description, re.IGNORECASE):
        names = ["those on the api host"]
    return replace(
        row,
        range=_describe_range(TEXT_RULES[row.name]),
        models=", ".join(names) or "all",
    )


def _complete_image(row: OptionRow) -> OptionRow:
    rule = IMAGE_RULES.get(row.name)
    if rule is None:
        generations = _GENERATIONS.search(row.description)
        return replace(row, models=generations[1] if generations else "all", default=row.default or "nothing")
    return replace(
        row,
        range=_describe_range(rule),
        models="all" if rule.generations == frozenset(Generation) else _name_generations(rule),
        wire=WIRE_NAMES.get(row.name, ""),
        default=row.default or ("nothing" if rule.kind is bytes else "the model's"),
    )


def _name_generations(rule: ImageParameterRule) -> str:
    return ", ".join(each.value.upper().replace("_", ".") for each in Generation if each in rule.generations)


def _complete_openai(row: OptionRow) -> OptionRow:
    if row.name in OPENAI_RULES:
        return replace(row, range=_describe_range(OPENAI_RULES[row.name]))
    return replace(row, default=row.default or "nothing")


_INTRODUCTION: Final = """\
Options are keyword arguments. An option that is None is as good as not given.

*Range*: a value outside raises `InvalidRequestError`, and no request is sent. ``validate=False`` switches the check off.

*If not given*: "not sent" leaves the choice to the service; "nothing" changes nothing.

*Models*: "all" are the models of the functions above the table. Where something is different for a few of them, the
description says so.

*In the request*: the options of `TextOptions` and `ImageOptions` are not in the request; the library makes parameters of
them. All others but ``validate`` and ``extra`` are sent, under their own name or the one after "sent as": for text and
images as keys of ``parameters`` in the JSON of the body, for chats and completions as keys of the body itself.
``extra={…}`` sends keys that are not listed here.
"""

TABLES: Final = (
    OptionTable(
        "Text",
        "Of ``nai.text.generate`` and ``nai.text.generate_stream``. An option of the second table wins over what a preset "
        "and settings say.",
        (TextOptions, TextParameters),
        _complete_text,
    ),
    OptionTable(
        "Images",
        "Of ``nai.image.generate``, ``generate_stream`` and ``generate_cached``.",
        (ImageOptions, ImageParameters),
        _complete_image,
    ),
    OptionTable(
        "Chats and completions",
        "The first table is for chats and completions, the second for completions only.",
        (OpenAIOptions, CompletionOptions),
        _complete_openai,
    ),
)
"""All tables, in the order of the page."""
