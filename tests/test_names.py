"""Names say one thing each: the rules of docs/contributing.md#names that can be read from the code."""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.cases import for_each

ROOT = Path(__file__).parent.parent
SOURCES = sorted(file for room in ("nai_proto", "nai_transports") for file in (ROOT / room).rglob("*.py"))
EVERYTHING = sorted([*SOURCES, *(file for room in ("tests", "benchmarks") for file in (ROOT / room).rglob("*.py"))])

# Each driver has a client of its own, by the same name.
SHARED = {"AsyncClient", "AsyncStream", "Client", "Stream"}
BANNED = {
    *("told", "asked", "brought", "wish", "ears", "telling"),
    *("tellers", "standing", "lineage", "retold", "altered", "whose"),
}
"As names of anything."
BANNED_DEFINITIONS = {"quoted", "outside", "given", "found", "said", "shown"}
"As names of functions, classes and modules."
MAY_BE_A_RIDDLE = re.compile(
    rf"\b_*(?:{'|'.join(BANNED)})_*\s*(?:[^\w\s.'\"]|in\b)"
    rf"|\b(?:def|class)\s+_*(?:{'|'.join(BANNED | BANNED_DEFINITIONS)})_*\b"
)
"What the text of each file with such a name has, in small letters; only these files are parsed."
PUBLIC_PACKAGES = [
    "nai_proto",
    *(
        f"nai_proto.{name}"
        for name in ("account", "exchange", "image", "library", "openai", "story", "testing", "text")
    ),
    "nai_proto.tokenizers",
]


def place(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def test_no_two_public_classes_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for file in SOURCES:
        for name in re.findall(r"^class ([^\W_]\w*)", file.read_text("utf-8"), re.MULTILINE):
            places[name].append(place(file))
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in SHARED} == {}


def test_no_module_name_is_in_more_than_three_packages_of_one_parent() -> None:
    places: dict[tuple[Path, str], set[str]] = defaultdict(set)
    for file in SOURCES:
        if file.name != "__init__.py" and file.parent.parent != ROOT:
            places[file.parent.parent, file.stem].add(file.parent.name)
    assert {f"{parent}/*/{name}": found for (parent, name), found in places.items() if len(found) > 3} == {}


def defined_names(module: ast.Module) -> Iterator[tuple[str, int]]:
    """The names that a module gives to anything, with their lines."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def definitions(module: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno


def test_no_name_is_a_riddle() -> None:
    riddles = [place(file) for file in EVERYTHING if file.stem in BANNED | BANNED_DEFINITIONS]
    for file in EVERYTHING:
        text = file.read_text("utf-8")
        if not MAY_BE_A_RIDDLE.search(text.lower()):
            continue
        module = ast.parse(text)
        names = {each for each in defined_names(module) if each[0].strip("_").lower() in BANNED}
        names |= {each for each in definitions(module) if each[0].strip("_").lower() in BANNED_DEFINITIONS}
        riddles += [f"{place(file)}:{line} {name}" for name, line in sorted(names)]
    assert riddles == []


def test_a_riddle_is_found() -> None:
    text = "def f(told): ...\nclass _Given: ...\nfor wish in x: pass\nx.Ears_ = given\n"
    assert all(MAY_BE_A_RIDDLE.search(line.lower()) for line in text.splitlines())
    assert {name for name, _ in defined_names(ast.parse(text))} == {"f", "told", "_Given", "wish", "Ears_"}
    assert [name for name, _ in definitions(ast.parse(text))] == ["f", "_Given"]


@for_each("name", PUBLIC_PACKAGES)
def test_dir_of_a_public_package_shows_its_public_names(name: str) -> None:
    package = importlib.import_module(name)
    assert [*package.__all__] == sorted(package.__all__, key=order_of_all)
    assert [each for each in dir(package) if not each.startswith("__")] == sorted(package.__all__)


def order_of_all(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions and modules, each by the alphabet."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def test_what_is_not_measured_by_coverage_says_why() -> None:
    """As docs/contributing.md#coverage asks."""
    silent = re.compile(r"#\s*pragma: no (?:cover|branch)(?! -- \w+ \w+)")
    assert [place(file) for file in SOURCES if silent.search(file.read_text("utf-8"))] == []
    assert silent.search("return 1  # pragma: no cover")
