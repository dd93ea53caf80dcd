"""The reference's pages: one for each public module, with directives that Sphinx fills with the docstrings.

A name that several modules have is described once, in the module that it belongs to; the others link to it.
"""

from __future__ import annotations

import ast
import enum
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from .rst import format_heading, format_table, indent, link

__all__ = ["MODULES", "PublicName", "build_pages", "list_public_names", "module_title"]

MODULES: Final[Mapping[str, str]] = {
    "Requests": (
        "nai_proto nai_proto.text nai_proto.openai nai_proto.image nai_proto.voice nai_proto.account nai_proto.objects "
        "nai_proto.library nai_proto.story nai_proto.story.files nai_proto.story.book nai_proto.modules "
        "nai_proto.tokenizers nai_proto.tier"
    ),
    "Clients": (
        "nai_transports.sync nai_transports.httpx nai_transports.asyncio nai_transports.trio nai_transports.memory "
        "nai_transports.clients nai_transports.proxy nai_transports.events nai_transports.preset_files "
        "nai_transports.vibe_files nai_transports.tokenizer_files nai_transports.backups nai_transports.files"
    ),
    "Emulator and tests": (
        "nai_proto.emulator nai_proto.emulator.replies nai_proto.emulator.faults nai_proto.emulator.recording "
        "nai_proto.emulator.control nai_proto.testing nai_proto.testing.strategies nai_transports.pytest_plugin "
        "nai_transports.servers.serve nai_transports.servers.forwarding nai_transports.servers.recordings "
        "nai_transports.asgi"
    ),
    "Parts of drivers": "nai_proto.exchange nai_proto.http nai_proto.errors nai_proto.limits nai_proto.secret",
    "Formats": (
        "nai_proto.codecs.sse nai_proto.codecs.json nai_proto.codecs.image_frames nai_proto.codecs.picture_metadata "
        "nai_proto.codecs.picture_signature nai_proto.codecs.pixels nai_proto.codecs.png nai_proto.codecs.vibe_files "
        "nai_proto.codecs.keystore nai_proto.codecs.sealed_objects nai_proto.codecs.token_packing "
        "nai_proto.codecs.msgpackr nai_proto.codecs.zip_archive nai_proto.story.jsregex"
    ),
}
"""The modules of the reference, by the heading of its contents."""

_ALL_MODULES: Final = tuple(module for modules in MODULES.values() for module in modules.split())


@dataclass(frozen=True, slots=True)
class PublicName:
    """A name that a module exports."""

    module: str
    name: str
    home: str
    "The module that defines it."

    @property
    def value(self) -> Any:
        """Return the object that it names."""
        return getattr(import_module(self.module), self.name)

    @property
    def kind(self) -> str:
        """Return the heading that it belongs under."""
        if isinstance(self.value, type) and hasattr(self.value, "__qualname__"):
            return "Exceptions" if issubclass(self.value, BaseException) else "Classes"
        return "Functions" if inspect.isroutine(self.value) else "Constants and types"

    @property
    def docstring(self) -> str:
        """Return its docstring; of a constant, the text below it in the source."""
        if self.kind != "Constants and types":
            return inspect.getdoc(self.value) or ""
        return _find_assignment(self.home, self.name)[1]


def module_title(module: str) -> str:
    """Return what a program can type: ``nai.text`` after ``import nai_proto as nai``, or the path to import."""
    package, *parts = module.split(".")
    packages = [".".join((package, *parts[:at])) for at in range(len(parts))]
    is_attribute = module.startswith("nai_proto.") and all(
        part in getattr(import_module(parent), "__all__", ()) for parent, part in zip(packages, parts, strict=True)
    )
    return ".".join(("nai", *parts)) if is_attribute else module


@cache
def list_public_names(module: str) -> tuple[PublicName, ...]:
    """Return the names that a module exports, without the modules among them."""
    loaded = import_module(module)
    return tuple(
        PublicName(module, name, _find_home(module, name))
        for name in getattr(loaded, "__all__", ())
        if not isinstance(getattr(loaded, name), ModuleType)
    )


@cache
def _owners() -> Mapping[tuple[str, str], str]:
    """Return the module whose page describes a name, by the module that defines it and the name."""
    found: dict[tuple[str, str], str] = {}
    for module in _ALL_MODULES:
        for each in list_public_names(module):
            key = each.home, each.name
            nearest = max(
                (found.get(key, ""), module), key=lambda owner: len(owner) if each.home.startswith(owner) else 0
            )
            found[key] = nearest or module
    return found


def build_pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page, and of the one that lists them."""
    contents = [format_heading("Modules")]
    for heading, modules in MODULES.items():
        contents += [format_heading(heading, "-"), ".. toctree::\n   :maxdepth: 1\n"]
        contents += [f"   {module}" for module in modules.split()]
        contents.append("")
    yield "modules", "\n".join(contents)
    for module in _ALL_MODULES:
        yield module, "\n".join(_format_page(module))


def _format_page(module: str) -> Iterator[str]:
    yield format_heading(module_title(module))
    yield f".. automodule:: {module}\n"
    names = list_public_names(module)
    own = [each for each in names if _owners()[each.home, each.name] == module]
    for kind in ("Functions", "Classes", "Exceptions", "Constants and types"):
        members = [each for each in own if each.kind == kind]
        if members:
            yield format_heading(kind, "-")
            yield format_table(("name", "what it is"), map(_format_row, members), "names")
            yield from map(_DIRECTIVES[kind], members)
    if elsewhere := [each for each in names if each not in own]:
        yield format_heading("Described elsewhere", "-")
        yield "\n".join(
            f"* :py:obj:`{each.name} <{_owners()[each.home, each.name]}.{each.name}>`" for each in elsewhere
        )


def _format_row(each: PublicName) -> tuple[str, str]:
    first = " ".join(each.docstring.split("\n\n")[0].split()).replace("::", ".")
    return f":py:obj:`{each.name} <{each.module}.{each.name}>`", link(first)


def _format_function(each: PublicName) -> str:
    return f".. autofunction:: {each.module}.{each.name}\n"


def _format_class(each: PublicName) -> str:
    options = ["   :show-inheritance:"]
    if not typing.is_typeddict(each.value):  # its docstring lists the keys
        options.append("   :members:")
        described = [base for base in each.value.__mro__[1:] if not _is_hidden(base)]
        if each.kind == "Classes" and not _has_own_members(each.value):
            described = [base for base in described if not _is_ours(base)]  # such as a client: all it has is its base's
        if len(described) < len(each.value.__mro__) - 1:  # what it has of a base without a place of its own
            options.append(f"   :inherited-members: {', '.join(base.__name__ for base in described)}")
    if issubclass(each.value, enum.Enum):
        options.append("   :undoc-members:")
    return "\n".join([f".. autoclass:: {each.module}.{each.name}", *options, ""])


def _has_own_members(kind: type) -> bool:
    return any(not name.startswith("_") for name in vars(kind))


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in ("nai_proto", "nai_transports")


def _is_hidden(base: type) -> bool:
    """Return whether a class is ours and not in the reference."""
    return _is_ours(base) and (base.__module__, base.__name__) not in _owners()


def _format_constant(each: PublicName) -> str:
    options: list[str] = []
    node, docstring = _find_assignment(each.home, each.name)
    match node:
        case ast.AnnAssign(annotation=ast.Name(id="TypeAlias"), value=ast.expr() as value):
            options = [f"   :value: {ast.unparse(value)}"]
        case ast.AnnAssign(annotation=ast.Subscript(slice=type_)):
            options = [f"   :type: {ast.unparse(type_)}"]
        case _:
            pass
    return "\n".join([f".. py:data:: {each.module}.{each.name}", *options, "", indent(link(docstring)), ""])


_DIRECTIVES: Final[Mapping[str, Callable[[PublicName], str]]] = {
    "Functions": _format_function,
    "Classes": _format_class,
    "Exceptions": _format_class,
    "Constants and types": _format_constant,
}


@cache
def _parse(module: str) -> ast.Module:
    return ast.parse(_find_source(module).read_text("utf-8"))


def _find_source(module: str) -> Path:
    return Path(import_module(module).__file__ or "")


def _find_home(module: str, name: str) -> str:
    """Return the module that defines a name."""
    source = _list_imports(module).get(name)
    return module if source is None else _find_home(source, name)


@cache
def _list_imports(module: str) -> Mapping[str, str]:
    """Return the modules that a package imports its names from, by name, also where only a type checker imports them."""
    package = module if _find_source(module).name == "__init__.py" else module.rpartition(".")[0]
    found: dict[str, str] = {}
    for node in ast.walk(_parse(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            home = ".".join(part for part in (above, node.module) if part)
            if home.partition(".")[0] in ("nai_proto", "nai_transports"):
                found.update({alias.name: home for alias in node.names})
    return found


def _find_assignment(module: str, name: str) -> tuple[ast.AnnAssign | None, str]:
    """Return the annotated assignment to a name at the top of a module, with the text below it."""
    body = _parse(module).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        match node, following:
            case ast.AnnAssign(target=ast.Name(id=target)), ast.Expr(value=ast.Constant(value=str(text))) if (
                target == name
            ):
                return node, inspect.cleandoc(text)
            case _:
                pass
    return None, ""
