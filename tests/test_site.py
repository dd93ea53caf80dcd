"""The site's reference is complete: what is generated from the code has every public name, option and command."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from types import ModuleType

import pytest

import nai_proto as nai
from nai_proto.docs import conf
from nai_proto.docs.site import api, commands, options, states
from nai_proto.docs.site.rst import link
from tests.cases import for_each
from tests.every_command import list_commands
from tests.test_documented_options import all_keys
from tests.test_examples import EXAMPLES
from tests.test_readme import PAGES, PROGRAMS

MODULES = " ".join(api.MODULES.values()).split()


@cache
def list_names() -> dict[str, api.PublicName]:
    """Return what is public, by its whole name."""
    return {f"{each.module}.{each.name}": each for module in MODULES for each in api.list_public_names(module)}


def test_every_public_name_says_what_it_is() -> None:
    names = list_names()
    assert len(names) > 600
    assert [
        name for name, each in names.items() if not re.match(r"[`\"\w].*[\w\])`\"].*[.:?]$", _first_line(each))
    ] == []


def _first_line(each: api.PublicName) -> str:
    return " ".join(each.docstring.split("\n\n")[0].split())


def test_every_name_of_the_core_and_of_its_packages_is_in_the_reference() -> None:
    core = import_module("nai_proto")
    packages = [f"nai_proto.{name}" for name in core.__all__ if isinstance(getattr(core, name), ModuleType)]
    assert [name for name in packages if hasattr(import_module(name), "__all__") and name not in MODULES] == []
    pages = dict(api.build_pages())
    for module in MODULES:
        described = re.findall(
            r"^(?:\.\. (?:auto\w+|py:data):: |\* :py:obj:`\w+ <)([\w.]+)", pages[module], re.MULTILINE
        )
        assert len(described) == 1 + len(api.list_public_names(module)), module


def test_the_title_of_a_module_is_what_a_program_can_type() -> None:
    program = """
import sys
for title in sys.argv[1:]:
    for name in [name for name in sys.modules if name.startswith("nai_")]:
        del sys.modules[name]  # what others have imported is no attribute for who has not
    import nai_proto as nai
    eval(title)
"""
    titles = [api.module_title(module) for module in MODULES]
    assert {"nai.text", "nai_proto.testing.strategies", "nai_transports.sync"} <= {*titles}
    attributes = [title for title in titles if title not in MODULES]
    subprocess.run([sys.executable, "-c", program, *attributes], check=True)


def test_what_the_pages_and_examples_import_is_in_the_reference() -> None:
    imported: dict[str, set[str]] = {}
    for program in (*PROGRAMS.values(), *(path.read_text("utf-8") for path in EXAMPLES)):
        for node in ast.walk(ast.parse(program)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nai_"):
                imported.setdefault(node.module or "", set()).update(alias.name for alias in node.names)
            elif isinstance(node, ast.Import):
                assert {alias.name for alias in node.names if alias.name.startswith("nai_")} <= {*MODULES}
    for module, names in imported.items():
        loaded = import_module(module)
        for name in names:
            known = f"{module}.{name}" in (
                MODULES if isinstance(getattr(loaded, name, None), ModuleType) else list_names()
            )
            assert known, f"from {module} import {name}"


@for_each("runtime,name", [("sync", "Client"), ("asyncio", "Client"), ("trio", "Client"), ("memory", "AsyncClient")])
def test_a_client_has_its_arguments_and_its_methods_on_its_own_page(runtime: str, name: str) -> None:
    module = f"nai_transports.{runtime}"
    client = getattr(import_module(module), name)
    explained = f"{inspect.getdoc(client)}\n{inspect.cleandoc(client.__init__.__doc__)}"
    described = {*re.findall(r"^ {4}(\w+): ", explained, re.MULTILINE)}
    assert {*inspect.signature(client).parameters} <= described
    directive = dict(api.build_pages())[module].partition(f".. autoclass:: {module}.{name}\n")[2]
    assert "   :inherited-members: object" in directive.partition("\n\n")[0].splitlines()


@pytest.mark.parametrize("table", options.TABLES, ids=[table.title for table in options.TABLES])
def test_the_tables_have_every_option_with_a_sentence(table: options.OptionTable) -> None:
    rows = [row for declared in table.classes for row in table.rows(declared)]
    assert {row.name for row in rows} == {key for declared in table.classes for key in all_keys(declared)}
    assert all(row.type and row.models and row.description.endswith(".") for row in rows)


def test_the_tables_say_what_holds_if_an_option_is_not_given() -> None:
    rows = {row.name: row for row in options.TABLES[1].rows(options.TABLES[1].classes[1])}
    assert (rows["strength"].default, rows["strength"].range) == ("0.7", "0.01 to 0.99")
    assert (rows["auto_smea"].wire, rows["noise"].wire) == ("autoSmea", "")
    assert "if not given" not in rows["noise"].description


def test_the_search_finds_an_option_by_its_name() -> None:
    found = re.findall(r"^   \* - \.\. py:attribute:: (\w+\.\w+)$", options.build_page(), re.MULTILINE)
    tables = [(table, declared) for table in options.TABLES for declared in table.classes]
    assert found == [f"{declared.__name__}.{row.name}" for table, declared in tables for row in table.rows(declared)]


def test_every_command_has_a_section() -> None:
    text = "".join(page for _, page in commands.build_pages())
    sections = re.findall(r"^``nai ([\w -]+)``\n[-~]+$", text, re.MULTILINE)
    assert {*list_commands()} <= {*sections}
    assert len(sections) == len({*sections})


def test_a_docstring_is_markup_with_links() -> None:
    docstring = "Several `Preset`s.\n\nSee:\n    docs/protocol/sse.md#1-the-format\n    docs/protocol/image.md\n"
    linked = (
        "Several `Preset`\\ s.\n\nSee:\n\n* :document:`protocol/sse#1-the-format`\n* :document:`protocol/image`\n\n"
    )
    assert inspect.cleandoc(link(docstring)) == linked.rstrip()


def test_the_state_tables_have_every_transition_of_the_code() -> None:
    page = states.build_page()
    assert page.count("* - ``") == sum(len(transitions) for _, transitions in states.TABLES.values()) > 40


def test_the_concepts_name_what_the_code_has() -> None:
    cells = re.findall(r"^\| `(\w+)` \|", PAGES["concepts.md"].read_text("utf-8"), re.MULTILINE)
    actions = [each.__name__ for each in (nai.Send, nai.Receive, nai.Emit, nai.Sleep, nai.Compute, nai.GetContext)]
    assert cells == [*actions, "Repeat", *[each.name for each in nai.Repeat]]


def test_every_example_is_listed_and_included_in_the_page_of_programs_once() -> None:
    included = re.findall(
        r"^```{literalinclude} \.\./\.\./tests/examples/(\S+)$", PAGES["programs.md"].read_text(), re.M
    )
    assert sorted(included) == [path.name for path in EXAMPLES]
    listed = re.findall(r"^\| \[(\S+)\]\(\.\./\.\./tests/examples/\1\) \| .", PAGES["programs.md"].read_text(), re.M)
    assert listed == included


@for_each("kind", ["attribute", "data", "property"])
def test_the_sentence_of_an_attribute_is_not_torn_at_its_first_colon(kind: str) -> None:
    lines = ["Either of two: open, or closed."]
    conf.keep_sentences_whole(None, kind, "door", None, None, lines)
    assert lines == ["..", "", "Either of two: open, or closed."]
    napoleon = pytest.importorskip("sphinx.ext.napoleon", reason="Sphinx is in the extra docs")
    assert ":type:" not in str(napoleon.GoogleDocstring(lines, what=kind, name="door"))


def test_a_long_name_breaks_between_its_words_and_a_short_one_nowhere() -> None:
    body = '<h1>nai_proto.codecs.png<a href="#x">¶</a></h1><pre>import <span>nai_proto.text</span></pre>'
    code = '<span class="pre">{}</span>'
    names = ["client.run(nai.text.generate())", "normalize_reference_strength", "UnprocessableEntityError", "top_k=3"]
    context = {"body": body + "".join(map(code.format, names)), "furo_navigation_tree": "<a>nai_transports.sync</a>"}
    conf.break_names(None, "", "", context, None)
    assert context["furo_navigation_tree"] == "<a>nai_transports.<wbr>sync</a>"
    broken = re.findall(r"(?<=h1>).*?(?=<a)|(?<=import <span>).*?(?=</span)|(?<=pre\">).*?(?=</span>)", context["body"])
    assert broken == [
        "nai_proto.<wbr>codecs.<wbr>png",
        "nai_proto.text",
        "client.<wbr>run(<wbr>nai.<wbr>text.<wbr>generate())",
        "normalize_<wbr>reference_<wbr>strength",
        "Unprocessable<wbr>Entity<wbr>Error",
        "top_k=3",
    ]
