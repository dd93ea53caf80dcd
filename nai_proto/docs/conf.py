"""The site: ``python -m sphinx -W --keep-going -b html nai_proto/docs build/site``.

Pages for people are Markdown in this directory. Those of the reference are made here from the code, into `generated`, before
Sphinx reads anything.
"""

from __future__ import annotations

import builtins
import re
from pathlib import Path
from typing import Any

from nai_proto.docs.site import api, commands, options, states
from nai_proto.docs.site.rst import link
from nai_proto.version import __version__

HERE = Path(__file__).parent

project = "nai-proto"
author = "The nai-proto authors"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["site"]
html_theme = "furo"
html_title = f"nai-proto {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
pygments_dark_style = "a11y-high-contrast-dark"  # goes with the light one that the theme chooses
html_copy_source = False
html_show_copyright = False
suppress_warnings = ["misc.highlighting_failure"]  # the protocol's JSON has ellipses, and requests above it

smartquotes = False  # two hyphens begin an option
myst_heading_anchors = 6  # as repository browsers have them
default_role = "py:obj"
add_module_names = False
toc_object_entries = False  # each page has a table of its names, and the site is built in half the time
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
autodoc_member_order = "bysource"
autoclass_content = "both"  # the arguments of some classes are in the docstring of a base's __init__
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = False
napoleon_custom_sections = [("Options", "params_style")]


def write_generated_pages(_: Any) -> None:
    """Write the pages that are made from the code; leave those alone that are as they were, which Sphinx need not read."""
    directory = HERE / "generated"
    directory.mkdir(exist_ok=True)
    pages = dict([*api.build_pages(), *commands.build_pages()])
    pages |= {"options": options.build_page(), "states": states.build_page()}
    for page in directory.glob("*.rst"):
        if page.stem not in pages:
            page.unlink()
    for name, text in pages.items():
        page = directory / f"{name}.rst"
        if not page.exists() or page.read_text("utf-8") != text:
            page.write_text(text, "utf-8")


def link_citations(app: Any, what: str, name: str, value: Any, settings: Any, lines: list[str]) -> None:
    """Turn the citations in a docstring into links, before its sections are read."""
    lines[:] = link("\n".join(lines)).split("\n")


def skip_fields_without_words(app: Any, what: str, name: str, value: Any, skip: bool, settings: Any) -> bool | None:
    """Leave out the fields of a NamedTuple that have no docstring but Python's."""
    return True if (getattr(value, "__doc__", "") or "").startswith("Alias for field number") else None


def make_document_link(
    name: str,
    rawtext: str,
    text: str,
    line: int,
    inliner: Any,
    options: Any = None,
    content: Any = None,
) -> tuple[list[Any], list[Any]]:
    """Return the link of the role ``document``: to a page, or to a heading by the anchor of repository browsers."""
    from docutils import nodes
    from sphinx.addnodes import pending_xref

    page, _, anchor = text.partition("#")
    environment = inliner.document.settings.env
    reference = pending_xref(
        "",
        refdomain="doc",
        reftype="myst",
        reftarget=page,
        reftargetid=anchor or None,
        refexplicit=False,
        refdoc=environment.docname,
    )
    reference += nodes.inline("", "", classes=["xref", "myst"])
    reference.source, reference.line = inliner.document.current_source, line
    return [reference], []


def write_dashes(_: Any, document: Any) -> None:
    """Write a dash between a parameter and what it is, which is two hyphens where no quotes are replaced."""
    from docutils.nodes import Text

    for node in [*document.findall(Text)]:
        if node == " -- ":
            node.parent.replace(node, Text(" – "))


def leave_builtins_alone(_: Any, document: Any) -> None:
    """Have types such as ``type`` not be looked up among the attributes of our classes."""
    from sphinx.addnodes import pending_xref

    for node in document.findall(pending_xref):
        if node.get("refdomain") == "py" and hasattr(builtins, node["reftarget"]) and "refspecific" in node:
            del node["refspecific"]


def resolve_by_last_name(app: Any, environment: Any, node: Any, content: Any) -> Any:
    """Resolve a Python reference that has no module, or another one, if a single public object has this name."""
    if node.get("refdomain") != "py":
        return None
    domain = environment.get_domain("py")
    name = node["reftarget"].rpartition(".")[2]
    found = [
        (key, entry) for key, entry in domain.objects.items() if key.rpartition(".")[2] == name and not entry.aliased
    ]
    classes = [each for each in found if each[1].objtype in ("class", "exception", "data")] or found
    if len(classes) != 1:
        return None
    from sphinx.util.nodes import make_refnode

    ((key, entry),) = classes
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content, key)


def keep_sentences_whole(_: Any, kind: str, name: str, __: object, ___: object, lines: list[str]) -> None:
    """Begin the docstring of an attribute with an empty comment: Napoleon takes what is before a colon there for a type."""
    if kind in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]


def break_names(_: Any, __: str, ___: str, context: dict[str, Any], ____: object) -> None:
    """Let a browser break the names of modules after a dot, and long code where a word of it ends."""
    for part in ("body", "furo_navigation_tree"):
        text = _MODULE.sub(lambda found: found[0].replace(".", ".<wbr>"), context.get(part, ""))
        context[part] = _LONG_CODE.sub(lambda found: _WORD_END.sub(r"\g<0><wbr>", found[0]), text)


_MODULE = re.compile(r"(?<=>)(?:nai_proto|nai_transports)\.[\w.]+(?=</a>|<a )")  # links and headings, not programs
_LONG_CODE = re.compile(r'(?<=<span class="pre">)[^<]{20,}(?=</span>)')
_WORD_END = re.compile(r"(?<=\w|\))[.,/=_(\[{](?=[\w\"])|[a-z](?=[A-Z][a-z])|[\da-f]{16}(?=\w)")


def setup(app: Any) -> None:
    """Connect what this file does to what Sphinx does."""
    app.connect("builder-inited", write_generated_pages)
    app.connect("autodoc-process-docstring", link_citations, priority=400)
    app.connect("autodoc-process-docstring", keep_sentences_whole, priority=400)
    app.connect("autodoc-skip-member", skip_fields_without_words)
    app.connect("doctree-read", leave_builtins_alone)
    app.connect("doctree-read", write_dashes)
    app.connect("missing-reference", resolve_by_last_name)
    app.connect("html-page-context", break_names, priority=900)  # the theme's navigation is in it then
    app.add_role("document", make_document_link)
