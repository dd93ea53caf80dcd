"""The house rules that are about imports: read from our own text, and tried in fresh processes."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

import nai_proto
import nai_transports
from tests.cases import for_each

CORE = Path(nai_proto.__file__).parent
TRANSPORTS = Path(nai_transports.__file__).parent

# What the core never touches, be it inside a function: it comes in as an argument, or stands above.
FORBIDDEN = (
    "socket ssl select selectors asyncio threading multiprocessing concurrent time random secrets logging subprocess "
    "pathlib os tempfile httpx httpx2 trio anyio requests aiohttp nai_transports"
)

# What is taken away from the core while it works. The libraries that it uses need `os` and `time`.
BLOCKED = "socket ssl select asyncio threading subprocess random secrets logging tempfile pathlib"

# The floors, from the ground up. A module belongs to the longest prefix that stands here.
FLOORS = (
    (
        "values",
        "nai_proto.lazy nai_proto.errors nai_proto.unknown_names nai_proto.arguments nai_proto.conflicts "
        "nai_proto.secret nai_proto.limits nai_proto.tier nai_proto.version",
    ),
    ("http", "nai_proto.http"),
    ("codecs", "nai_proto.codecs"),
    ("exchange", "nai_proto.exchange"),
    (
        "vocabulary",
        "nai_proto.account nai_proto.objects nai_proto.modules nai_proto.text nai_proto.tokenizers nai_proto.openai "
        "nai_proto.image nai_proto.story nai_proto.voice",
    ),
    ("library", "nai_proto.library"),
    ("emulator", "nai_proto.emulator"),
    ("testing", "nai_proto.testing"),
    # `python -m nai_proto` loads the command by its installed name, and imports nothing of it.
    ("doors", "nai_proto nai_proto.__main__"),
    (
        "driver parts",
        "nai_transports nai_transports.clients nai_transports.streams nai_transports.transport_errors "
        "nai_transports.httpx_messages nai_transports.httpx_phases nai_transports.httpx_first_bytes "
        "nai_transports.httpx_sync nai_transports.httpx_async nai_transports.events nai_transports.readiness "
        "nai_transports.proxy nai_transports.tls_connection nai_transports.terminals nai_transports.files "
        "nai_transports.installer nai_transports.signals nai_transports.terminal_echo",
    ),
    (
        "drivers",
        "nai_transports.memory nai_transports.sync nai_transports.httpx nai_transports.asyncio nai_transports.trio",
    ),
    ("servers", "nai_transports.servers nai_transports.asgi nai_transports.pytest_plugin"),
    (
        "files",
        "nai_transports.preset_files nai_transports.vibe_files nai_transports.tokenizer_files nai_transports.backups",
    ),
    ("command parts", "nai_transports.cli.common"),
    ("commands", "nai_transports.cli"),
)
FLOOR = {module: number for number, (_, modules) in enumerate(FLOORS) for module in modules.split()}
NAMES = [name for name, _ in FLOORS]
# Packages whose own name is a door to all below: nothing else may hide behind it.
DOORS = ("nai_proto", "nai_transports")


class Import(NamedTuple):
    importer: str
    imported: str
    "A module, as far as the text says."
    line: int


def modules(package: Path) -> dict[str, Path]:
    """Every module of a package by its full name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        if path.is_relative_to(package / "docs"):  # builds the site, and is no part of the wheel
            continue
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def all_modules() -> dict[str, Path]:
    return modules(CORE) | modules(TRANSPORTS)


class Source(NamedTuple):
    """What is asked of a module's text, which is parsed and walked once."""

    imports: list[Import]
    calls: list[tuple[str, int]]
    "The names that are called, and the lines."
    exports: list[str]
    "What ``__all__`` lists."
    bound: set[str]
    "The names that stand anywhere, other than as attributes."


@cache
def read_source(module: str) -> Source:
    path = all_modules()[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text("utf-8"))
    source = Source([], [], list_exports(tree), set())
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                source.imports.extend(Import(module, alias.name, node.lineno) for alias in node.names)
                source.bound.update(alias.asname or alias.name for alias in node.names)
            case ast.ImportFrom():
                above = package.rsplit(".", node.level - 1)[0] if node.level else ""
                base = ".".join(part for part in (above, node.module) if part)
                for alias in node.names:
                    name = f"{base}.{alias.name}"
                    source.imports.append(Import(module, name if name in all_modules() else base, node.lineno))
                    source.bound.add(alias.asname or alias.name)
            case ast.Call(func=ast.Name(id=name)):
                source.calls.append((name, node.lineno))
            case ast.Name(id=name):
                source.bound.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                source.bound.add(node.name)
    return source


def list_exports(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and [t.id for t in node.targets if isinstance(t, ast.Name)] == ["__all__"]:
            return [*ast.literal_eval(node.value)]
    return []


@cache
def imports() -> tuple[Import, ...]:
    return tuple(found for module in all_modules() for found in read_source(module).imports)


def floor(module: str) -> int | None:
    """The number of a module's floor; None when the table does not have it."""
    if module in FLOOR:
        return FLOOR[module]
    parent = module.rpartition(".")[0]
    return None if not parent or parent in DOORS else floor(parent)


def describe(found: Import) -> str:
    return f"{found.importer}:{found.line} imports {found.imported}"


# ---- (a) the core has no hands


def test_the_core_imports_nothing_that_does_io() -> None:
    bad = [
        describe(found)
        for found in imports()
        if found.importer.partition(".")[0] == "nai_proto" and found.imported.partition(".")[0] in FORBIDDEN.split()
    ]
    assert bad == []


def test_the_core_opens_nothing_and_prints_nothing() -> None:
    bad = [
        f"{module}:{line} calls {name}"
        for module in modules(CORE)
        for name, line in read_source(module).calls
        if name in ("open", "print", "input", "exec", "eval", "__import__")
    ]
    assert bad == []


PILLOW = "nai_proto.codecs.pillow_images"


def test_pillow_is_imported_inside_functions_of_one_module_and_numpy_nowhere() -> None:
    optional = [found for found in imports() if found.imported.partition(".")[0] in ("PIL", "numpy")]
    assert {found.importer for found in optional} == {PILLOW}
    tree = ast.parse(all_modules()[PILLOW].read_text("utf-8"))
    inside = {
        child.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        for child in ast.walk(node)
        if isinstance(child, ast.Import | ast.ImportFrom)
    }
    assert {found.line for found in optional} <= inside


def test_the_reader_of_imports_sees_them_all() -> None:
    """The tests above are only as good as this one."""
    seen = {(found.importer, found.imported) for found in imports()}
    assert ("nai_proto.secret", "hmac") in seen
    assert ("nai_proto.secret", "nai_proto.errors") in seen
    assert ("nai_proto.exchange.call", "nai_proto.errors") in seen  # from ..errors
    assert ("nai_transports.httpx_sync", "socket") in seen  # under TYPE_CHECKING
    assert ("nai_transports.memory", "nai_transports.clients") in seen  # from . import clients
    assert ("nai_transports.httpx", "httpx") in seen  # inside a function


# ---- (b) imports point down


def test_every_module_has_a_floor() -> None:
    assert [module for module in all_modules() if floor(module) is None] == []


def test_the_table_of_floors_names_nothing_that_is_not_there() -> None:
    assert sorted(module for module in FLOOR if module not in all_modules()) == []


def test_imports_point_down() -> None:
    up = []
    for found in imports():
        mine, theirs = floor(found.importer), floor(found.imported)
        if mine is not None and theirs is not None and theirs > mine:
            up.append(f"{describe(found)}, from {NAMES[mine]} up to {NAMES[theirs]}")
    assert up == []


def test_nothing_below_asks_at_the_core_s_door() -> None:
    """`import nai_proto` is for users and for what stands above the core."""
    assert [
        describe(found)
        for found in imports()
        if found.imported in DOORS and floor(found.importer) in range(NAMES.index("doors"))
    ] == []


def test_no_imports_run_in_a_circle() -> None:
    """Those for types alone are counted too. A package's own list of its names is a door, and leads nowhere itself."""
    doors = {module for module, path in all_modules().items() if path.name == "__init__.py"}
    graph: dict[str, set[str]] = {
        module: {each.imported for each in imports() if each.importer == module} - doors
        for module in all_modules()
        if module not in doors
    }
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert order.index("nai_proto.errors") < order.index("nai_proto.secret")


def test_no_package_imports_what_another_keeps_private() -> None:
    def private(each: Import) -> bool:
        package = each.importer.rpartition(".")[0]
        parent, _, name = each.imported.rpartition(".")
        return name.startswith("_") and each.imported in all_modules() and not package.startswith(parent)

    assert [describe(each) for each in imports() if private(each)] == []


def test_values_use_the_standard_library_only() -> None:
    bad = [
        describe(found)
        for found in imports()
        if floor(found.importer) == 0
        and found.imported.partition(".")[0] not in {*sys.stdlib_module_names, "nai_proto"}
    ]
    assert bad == []


def test_a_driver_imports_no_other_driver() -> None:
    drivers = {module for module in all_modules() if floor(module) == NAMES.index("drivers")}
    assert [describe(found) for found in imports() if found.importer in drivers and found.imported in drivers] == []


# ---- (c) and works where there are none


def run(code: str, *arguments: str, paths: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    """Code in a fresh interpreter without `site`, so that nothing is loaded before it."""
    searched = paths or [str(CORE.parent), str(Path(msgspec.__file__).parents[1])]
    head = f"import sys; sys.path[:0] = {searched!r}\n"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    done = subprocess.run(
        [sys.executable, "-S", "-W", "error", *arguments, "-c", head + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_core_works_with_everything_that_does_io_taken_away() -> None:
    core = [module for module in modules(CORE) if not module.startswith("nai_proto.testing.strategies")]
    done = run(
        f"""
        blocked = {BLOCKED!r}.split()
        for name in [*sys.modules]:
            if name.partition(".")[0] in blocked:
                del sys.modules[name]
        for name in blocked:
            sys.modules[name] = None

        class Blocked:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in blocked:
                    raise ImportError(f"{{name}} is blocked")
        sys.meta_path.insert(0, Blocked())

        for name in blocked:
            try:
                __import__(name)
            except ImportError:
                continue
            raise AssertionError(f"{{name}} is not blocked")

        from importlib import import_module
        for name in {core!r}:
            import_module(name)

        import nai_proto as nai
        from nai_proto.emulator import Emulator
        from nai_proto.testing import run_in_memory, play

        # against a script
        token = b'data:{{"token":" a time","ptr":0,"final":true}}\\n\\n'
        head = nai.Head(200, nai.Headers.of(content_type="text/event-stream"))
        played = play(nai.text.generate_stream("Once upon"), [head, token, b""])
        assert played.result.text == " a time", played.result
        assert played.kinds == "Send Receive Emit Receive", played.kinds

        # and from login to story against the server's side
        emulator = Emulator(now=lambda: 0.0, entropy=bytes)
        emulator.add_account("a@example.com", nai.Password("secret"))
        def story():
            token = yield from nai.account.login("A@example.com", "secret")
            return (yield from nai.text.generate_stream("Once upon a time", max_length=5).with_options(token=token))
        played = run_in_memory(story(), emulator)
        assert len(played.events) == 5, played.events
        assert played.result.finish_reason == "length"

        left = sorted(name for name in blocked if sys.modules[name] is not None)
        assert not left, left
        print("fine")
        """
    )
    assert done.stdout == "fine\n"


# ---- (d) a light door


def third_party(module: str) -> set[str]:
    """The third-party packages that importing ``module`` loads, as the interpreter itself reports them."""
    done = run(f"import {module}; print(*sys.modules)", "-X", "importtime")
    tried = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    loaded = tried & set(done.stdout.split())  # the standard library tries some that are not there
    assert module in loaded
    return {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - {"nai_proto"}


def test_importing_the_package_loads_no_third_party_module() -> None:
    assert third_party("nai_proto") == set()


def test_importing_text_loads_msgspec_and_no_other_third_party_module() -> None:
    loaded = third_party("nai_proto.text")
    assert "msgspec" in loaded
    assert loaded <= third_party("msgspec")  # which may bring something of its own


@pytest.mark.parametrize("module", ["nai_proto.codecs.picture_metadata", "nai_proto.image", "nai_proto.emulator"])
def test_importing_what_handles_pictures_does_not_load_pillow(module: str) -> None:
    assert "PIL" not in third_party(module)


def test_the_door_opens_nothing_but_its_hinge_until_it_is_asked() -> None:
    code = """
    import nai_proto
    print(*sorted(name for name in sys.modules if name.startswith("nai_proto")))
    nai_proto.NaiError
    print(*sorted(name for name in sys.modules if name.startswith("nai_proto")))
    """
    assert run(code).stdout.splitlines() == ["nai_proto nai_proto.lazy", "nai_proto nai_proto.errors nai_proto.lazy"]


# ---- (e) the names at the door


def names_for_checkers() -> set[str]:
    tree = ast.parse((CORE / "__init__.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            found = [child for child in node.body if isinstance(child, ast.ImportFrom)]
            assert len(found) == len(node.body)
            return {alias.asname or alias.name for child in found for alias in child.names}
    raise AssertionError("no TYPE_CHECKING block")


def order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then the rest."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_all_is_sorted() -> None:
    assert nai_proto.__all__ == sorted(set(nai_proto.__all__), key=order)


def test_all_is_what_the_type_checkers_see() -> None:
    assert set(nai_proto.__all__) == names_for_checkers()
    assert set(nai_proto.__all__) <= set(dir(nai_proto))


def test_every_name_resolves_to_what_the_type_checkers_see() -> None:
    tree = ast.parse((CORE / "__init__.py").read_text("utf-8"))
    homes = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    wrong: list[str] = []
    for name in nai_proto.__all__:
        value, home = getattr(nai_proto, name), homes[name]
        seen = sys.modules[f"nai_proto.{home or name}"]
        if value is not (seen if home is None else getattr(seen, name)):
            wrong.append(name)
    assert wrong == []


@for_each("name", ["Sesion", "session", "text_", "Generate", "__path", ""])
def test_a_misspelt_name_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match="nai_proto"):
        getattr(nai_proto, name)


def test_every_error_stands_at_the_door() -> None:
    from nai_proto import errors

    kinds = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)}
    assert kinds <= set(nai_proto.__all__)


def test_all_of_every_module_is_true() -> None:
    """Names in ``__all__`` exist and stand there once."""
    wrong: dict[str, list[str]] = {}
    for module in all_modules():
        source = read_source(module)
        repeated = [name for name, number in Counter(source.exports).items() if number > 1]
        if missing := [*repeated, *sorted(set(source.exports) - source.bound)]:
            wrong[module] = missing
    assert wrong == {}
