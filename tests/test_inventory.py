"""Nothing of the two documents that this library began with is forgotten.

The tables in `inventory` have an entry for each public name, parameter, command and promise of novelai-api's
documentation, and of the TypeScript SDK's page about the compatible API:

    says        what the document says of it
    ours        what does it here: a dotted name (``nai`` is `nai_proto`), or a command (``$ nai …``)
    parameters  its parameters, each with the name of ours
    dropped     its parameters that ours has not; `differs` says why
    shown       the tests that show it: ``file.py::test``, or a file of them
    differs     how ours differs, and why
"""

from __future__ import annotations

import importlib
import inspect
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import typer

import nai_proto as nai
from nai_transports.cli.app import app

HERE: Final = Path(__file__).parent
TABLES: Final = {table.stem: tomllib.loads(table.read_text("utf-8")) for table in sorted(HERE.glob("inventory/*.toml"))}
MODULES: Final = TABLES.pop("modules")
UNPACKED: Final = re.compile(r"Unpack\[(\w+)\]")


@dataclass(frozen=True)
class Entry:
    """What one of the documents says, and what became of it here."""

    name: str
    says: str
    ours: str | list[str] = field(default_factory=list[str])
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    dropped: list[str] = field(default_factory=list[str])
    shown: str | list[str] = field(default_factory=list[str])
    differs: str = ""

    def __str__(self) -> str:
        return self.name


ENTRIES: Final = [Entry(name, **fields) for table in TABLES.values() for name, fields in table.items()]


def listed(value: str | list[str]) -> list[str]:
    """One value or several, as a list."""
    return [value] if isinstance(value, str) else value


def resolve(name: str) -> Any:
    """The object that a dotted name or a command is."""
    if name.startswith("$ nai "):
        return resolve_command(name.split()[2:])
    package, *rest = name.replace("nai.", "nai_proto.", 1).split(".") if name.startswith("nai.") else name.split(".")
    found: Any = importlib.import_module(package)
    for part in rest:
        found = member(found, part)
    return found


def member(owner: Any, name: str) -> Any:
    """An attribute, also one that only its instances have: then its annotation, or the parameter that it is set by."""
    if inspect.ismodule(owner) and not hasattr(owner, name):
        return importlib.import_module(f"{owner.__name__}.{name}")
    if hasattr(owner, name):
        return getattr(owner, name)
    if inspect.isclass(owner):
        for base in owner.__mro__:
            if name in inspect.get_annotations(base):
                return inspect.get_annotations(base)[name]
        return inspect.signature(owner).parameters[name]
    raise AttributeError(name)


def resolve_command(words: list[str]) -> Any:
    """The command that these words are."""
    found: Any = typer.main.get_command(app)
    for word in words:
        found = found.get_command(None, word)
        if found is None:
            raise KeyError(word)
    return found


def parameters(thing: Any) -> Iterator[str]:
    """The parameters of a function, a class or a command; the keywords of its options, too."""
    if isinstance(thing, typer.core.TyperCommand):
        yield from (str(parameter.name) for parameter in thing.params)
        return
    for name, parameter in inspect.signature(thing).parameters.items():
        yield name
        if options := UNPACKED.fullmatch(str(parameter.annotation)):
            packages = (nai.text, nai.image, nai.openai)
            (keywords,) = {getattr(package, options[1]) for package in packages if hasattr(package, options[1])}
            yield from keywords.__annotations__


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in a file."""
    return frozenset(re.findall(r"^ *(?:async )?def (\w+)\(", (HERE / file).read_text("utf-8"), re.MULTILINE))


def test_the_inventory_is_whole() -> None:
    assert len(ENTRIES) + len(MODULES) > 136
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)


def test_an_entry_is_shown_by_a_test_or_says_why_ours_differs() -> None:
    assert [entry.name for entry in ENTRIES if not entry.differs and not (entry.shown and entry.ours)] == []
    assert [entry.name for entry in ENTRIES if not entry.differs and entry.dropped] == []
    lost: list[str] = []
    for entry in ENTRIES:
        for node in listed(entry.shown):
            file, _, name = node.partition("::")
            if not (HERE / file).is_file() or (name and name not in names_in(file)):
                lost.append(f"{entry}: {node}")
    assert lost == []


def test_what_does_it_here_is_there_with_its_parameters() -> None:
    lost: list[str] = []
    for entry in ENTRIES:
        try:
            things = [resolve(name) for name in listed(entry.ours)]
        except (AttributeError, ImportError, KeyError) as error:
            lost.append(f"{entry}: {entry.ours} is not there ({error})")
            continue
        wanted = set(entry.parameters.values()) if things else set[str]()
        there = {name for thing in things if wanted for name in parameters(thing)}
        lost += [f"{entry}: {name}" for name in sorted(wanted - there)]
    assert lost == []


def test_the_modules_of_the_list_are_here_with_their_models() -> None:
    ours = {module.id: module for module in nai.text.MODULES.values()}
    lost: list[str] = []
    for id_, listing in MODULES.items():
        module, models = ours[id_], listing["models"]
        wanted = {"Sigurd", "Euterpe", "Krake", "Clio", "Kayra"} if models == "All" else set(models)
        there = {model.name for model in nai.text.MODELS if module.is_available_for(model)}
        if listing["name"] not in ("-", module.name):
            lost.append(f"{id_} is called {module.name}")
        lost += [f"{id_} is not for {name}" for name in sorted(wanted - there)]
    assert lost == []
