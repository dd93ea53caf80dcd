"""What the code cites is there: each link to a protocol document leads to a heading of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.protocol_data import DATA

ROOT = Path(__file__).parent.parent
DOCUMENTS = DATA.parent.parent.parent  # `docs`, the directory that links begin with, is in it
SOURCES = sorted(
    file for room in ("nai_proto", "nai_transports", "tests", "benchmarks") for file in (ROOT / room).rglob("*.py")
)
LINK = re.compile(r"\bdocs/([\w/-]+\.md)(?:#([\w-]*))?")
SECTION = re.compile(r"\b(?:content|image|native|openai|sse) " + "§")


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


ANCHORS = {
    document.relative_to(DOCUMENTS / "docs").as_posix(): anchors(document)
    for document in (DOCUMENTS / "docs").rglob("*.md")
}


def test_there_is_much_to_cite() -> None:
    assert {"protocol/content.md", "protocol/image.md", "protocol/native.md"} <= ANCHORS.keys()
    assert sum(len(LINK.findall(file.read_text("utf-8"))) for file in SOURCES) > 500


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_each_citation_leads_to_a_heading(file: Path) -> None:
    text = file.read_text("utf-8")
    lost = [
        f"docs/{document}#{anchor}"
        for document, anchor in LINK.findall(text)
        if document not in ANCHORS or (anchor and anchor not in ANCHORS[document])
    ]
    assert lost == []
    assert not SECTION.search(text), "a section is cited by its number; give the link of its heading"


@pytest.mark.parametrize("document", ["../../README.md", *sorted(ANCHORS)])
def test_each_link_of_a_document_leads_somewhere(document: str) -> None:
    file = DOCUMENTS / "docs" / document
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", file.read_text("utf-8")):
        other = file.parent / target if target else file
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other), anchor
