"""What the code cites is there: each link to a protocol document leads to a heading of it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tests.protocol_data import DATA

ROOT = Path(__file__).parent.parent
DOCUMENTS = DATA.parent.parent.parent  # `docs`, the directory that links begin with, is in it
SOURCES = sorted(
    file for room in ("nai_proto", "nai_transports", "tests", "benchmarks") for file in (ROOT / room).rglob("*.py")
)
LINK = re.compile(r"\bdocs/([\w/-]+\.md)(?:#([\w-]*))?")
SECTION = re.compile(r"\b(?:content|image|native|openai|sse) " + "§")


@cache
def anchors(document: Path) -> frozenset[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


ANCHORS = {
    document.relative_to(DOCUMENTS / "docs").as_posix(): anchors(document)
    for document in (DOCUMENTS / "docs").rglob("*.md")
}


def test_there_is_much_to_cite() -> None:
    assert {"protocol/content.md", "protocol/image.md", "protocol/native.md"} <= ANCHORS.keys()
    assert sum(len(LINK.findall(file.read_text("utf-8"))) for file in SOURCES) > 500


def test_each_citation_leads_to_a_heading() -> None:
    lost: list[str] = []
    for file in SOURCES:
        text, place = file.read_text("utf-8"), file.relative_to(ROOT).as_posix()
        lost += [
            f"{place}: docs/{document}#{anchor}"
            for document, anchor in LINK.findall(text)
            if document not in ANCHORS or (anchor and anchor not in ANCHORS[document])
        ]
        lost += [f"{place}: {found[0]} is a number; give the link of its heading" for found in SECTION.finditer(text)]
    assert lost == []


def test_each_link_of_a_document_leads_somewhere() -> None:
    lost: list[str] = []
    for document in ("../../README.md", *sorted(ANCHORS)):
        file = DOCUMENTS / "docs" / document
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", file.read_text("utf-8")):
            other = file.parent / target if target else file
            if not other.exists() or (anchor and anchor not in anchors(other)):
                lost.append(f"{document}: {target}#{anchor}")
    assert lost == []
