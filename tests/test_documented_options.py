"""What `help()` and an editor show of request functions: each parameter and each option, with its range."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from nai_proto import account, image, library, modules, objects, openai, story, text, tokenizers, voice
from nai_proto.image.options import ImageOptions, ImageParameters
from nai_proto.image.parameter_rules import RULES as IMAGE_RULES
from nai_proto.openai.request_checks import RULES as OPENAI_RULES
from nai_proto.openai.request_options import CompletionOptions, OpenAIOptions
from nai_proto.story.continuation_options import ContinuationOptions
from nai_proto.text.options import TextOptions
from nai_proto.text.parameter_rules import RULES as TEXT_RULES
from nai_proto.text.text_parameters import TextParameters
from tests.cases import for_each

PACKAGES: Final = (account, image, library, modules, objects, openai, story, text, tokenizers, voice)
OPTIONS: Final = {
    each.__name__: each for each in (TextOptions, ImageOptions, OpenAIOptions, CompletionOptions, ContinuationOptions)
}
TYPED_DICTS: Final = (TextParameters, ImageParameters, *OPTIONS.values())
ENTRY: Final = re.compile(r"^ {4}([a-z]\w*(?:, \w+)*): ", re.MULTILINE)


def public_functions(package: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in package.__all__:
        value = getattr(package, name)
        if callable(value) and not isinstance(value, type) and name[0].islower():
            yield f"{package.__name__}.{name}", value


FUNCTIONS: Final = dict(each for package in PACKAGES for each in public_functions(package))


def documented_names(doc: str, *sections: str) -> set[str]:
    """Return the names that the given sections of a docstring list."""
    found: set[str] = set()
    for section in sections:
        _, _, rest = inspect.cleandoc(doc).partition(f"\n{section}:\n")  # 3.13 takes the indentation away itself
        body = re.split(r"\n(?=\S)|\n\n", rest, maxsplit=1)[0]
        found |= {name for entry in ENTRY.findall(body) for name in entry.split(", ")}
    return found


def test_each_parameter_of_a_public_function_is_documented() -> None:
    missing: dict[str, set[str]] = {}
    for name, function in FUNCTIONS.items():
        documented = documented_names(function.__doc__ or "", "Args")
        if silent := inspect.signature(function).parameters.keys() - documented:
            missing[name] = silent
    assert missing == {}


@for_each("name", [name for name, function in FUNCTIONS.items() if "Unpack" in str(inspect.signature(function))])
def test_a_function_with_options_says_where_they_are_listed(name: str) -> None:
    annotation = inspect.signature(FUNCTIONS[name]).parameters["options"].annotation
    options = re.fullmatch(r"Unpack\[(\w+)\]", annotation)
    assert options is not None
    assert options[1] in OPTIONS
    assert f"help(nai.{name.split('.')[1]}.{options[1]})" in (FUNCTIONS[name].__doc__ or "")


@for_each("options", TYPED_DICTS)
def test_help_lists_each_option(options: type) -> None:
    assert documented_names(options.__doc__ or "", "Options", "Parameters") == {*all_keys(options)}


@for_each("options", TYPED_DICTS)
def test_an_option_is_described_in_the_same_words_under_its_key_and_in_the_list(options: type) -> None:
    listed = entries(options.__doc__ or "")
    described = key_docstrings(options)
    assert described
    for name, sentence in described.items():
        assert listed[name] == sentence


@for_each(
    "options, rules",
    [(TextParameters, TEXT_RULES), (ImageParameters, IMAGE_RULES), (CompletionOptions, OPENAI_RULES)],
)
def test_the_description_of_a_number_has_the_range_that_is_checked(options: type, rules: Mapping[str, Any]) -> None:
    listed = entries(options.__doc__ or "")
    for name, rule in rules.items():
        if name not in listed or rule is None or rule.least is None:
            continue
        if rule.most is None:
            assert re.search(rf"\b{rule.least:g} or more|\b{rule.least:g} to \d", listed[name]), name
        elif name not in ("width", "height"):  # of these the area counts
            ranges = (f"{rule.least:g} to {rule.most:.10g}", f"{rule.least:g} to {rule.most:,g}")
            assert any(each in listed[name] for each in (*ranges, f"{rule.least:g} to {rule.most:,}")), name


def all_keys(options: type) -> frozenset[str]:
    return frozenset(options.__required_keys__ | options.__optional_keys__)  # type: ignore[attr-defined]


def entries(doc: str) -> dict[str, str]:
    """Return the sentences that a docstring lists, by name."""
    parts = re.split(r"^ {4}(\w+): ", inspect.cleandoc(doc), flags=re.MULTILINE)
    return {name: " ".join(body.split("\n\n")[0].split()) for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def key_docstrings(options: type) -> dict[str, str]:
    """Return what stands under each key in the source of a TypedDict."""
    path = inspect.getfile(__import__(options.__module__, fromlist=["x"]))
    tree = ast.parse(Path(path).read_text("utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == options.__name__).body
    found: dict[str, str] = {}
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            assert isinstance(following, ast.Expr), f"{node.target.id} of {options.__name__} has no description"
            assert isinstance(following.value, ast.Constant)
            found[node.target.id] = " ".join(str(following.value.value).split())
    return found
