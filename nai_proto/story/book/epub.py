"""Write a book as EPUB 3.3: a package with a navigation document and a file for each chapter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from ...arguments import TEXT, TIME, check_type
from ...codecs.zip_archive import zip_files
from ...errors import InvalidRequestError
from .html import STYLE, escape_xml, render_blocks
from .structure import Book, Paragraph, SceneBreak

__all__ = ["to_epub"]

_FILE_CHARACTERS: Final = 200_000
"""About how many characters a file has at most: readers are slow with long files. A longer chapter has several files."""
_EPUB_TYPE: Final = "application/epub+zip"
_XHTML_TYPE: Final = "application/xhtml+xml"
_XML_DECLARATION: Final = '<?xml version="1.0" encoding="utf-8"?>\n'
_CONTAINER: Final = f"""{_XML_DECLARATION}\
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""


class _EpubFile(NamedTuple):
    """A file in the reading order of the book."""

    id: str
    heading: str | None
    "Its name in the navigation; None if it continues the file before."
    body: str


def to_epub(book: Book, *, identifier: str, modified: float) -> bytes:
    """Return a book as an EPUB file.

    Args:
        book: the book.
        identifier: a globally unique identifier, such as ``urn:uuid:…``; all editions of a book have the same one.
        modified: seconds since 1970.

    Raises:
        InvalidRequestError: the identifier is blank, or the time is out of range.
    """
    check_type(book, Book, "book", "a Book")
    TEXT.check(identifier, "identifier")
    TIME.convert(modified, "modified")
    if not identifier.strip():
        raise InvalidRequestError("an EPUB needs an identifier, such as urn:uuid:…", parameter="identifier")
    files = list(_make_files(book))
    members = [
        ("mimetype", _EPUB_TYPE),
        ("META-INF/container.xml", _CONTAINER),
        ("EPUB/package.opf", _render_package(book, files, identifier, modified)),
        ("EPUB/nav.xhtml", _render_navigation(book, files)),
        ("EPUB/style.css", STYLE),
        *((f"EPUB/{file.id}.xhtml", _render_page(book, file.heading or book.title, file.body)) for file in files),
    ]
    return zip_files(((name, content.encode()) for name, content in members), stored=frozenset(("mimetype",)))


def _make_files(book: Book) -> Iterator[_EpubFile]:
    """Yield the title page and the files of the chapters."""
    about = [f'<p class="about">{escape_xml(each)}</p>\n' for each in (book.author, book.description) if each.strip()]
    yield _EpubFile("title", book.title, f"<h1>{escape_xml(book.title)}</h1>\n{''.join(about)}")
    number = 0
    for chapter in book.list_chapters():
        heading = chapter.heading
        for part in _split_chapter(chapter.blocks):
            number += 1
            head = "" if heading is None else f"<h2>{escape_xml(heading)}</h2>\n"
            yield _EpubFile(f"chapter-{number:04}", heading, head + render_blocks(part))
            heading = None


def _split_chapter(blocks: Sequence[SceneBreak | Paragraph]) -> Iterator[Sequence[SceneBreak | Paragraph]]:
    """Yield the blocks of a chapter in as few parts as possible; at least one."""
    begin = size = 0
    for at, block in enumerate(blocks):
        if size > _FILE_CHARACTERS:
            yield blocks[begin:at]
            begin, size = at, 0
        size += len(block.text) if isinstance(block, Paragraph) else 0
    yield blocks[begin:]


def _render_page(book: Book, title: str, body: str) -> str:
    language = escape_xml(book.language)
    return (
        f"{_XML_DECLARATION}<!DOCTYPE html>\n"
        f'<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" '
        f'lang="{language}" xml:lang="{language}">\n<head>\n<title>{escape_xml(title or "…")}</title>\n'
        f'<link rel="stylesheet" type="text/css" href="style.css"/>\n</head>\n<body>\n{body}</body>\n</html>\n'
    )


def _render_navigation(book: Book, files: Sequence[_EpubFile]) -> str:
    items = (
        f'<li><a href="{file.id}.xhtml">{escape_xml(file.heading or "…")}</a></li>\n'
        for file in files
        if file.heading is not None
    )
    return _render_page(book, book.title, f'<nav epub:type="toc">\n<ol>\n{"".join(items)}</ol>\n</nav>\n')


def _render_package(book: Book, files: Sequence[_EpubFile], identifier: str, modified: float) -> str:
    about = [
        f'<dc:identifier id="id">{escape_xml(identifier)}</dc:identifier>',
        f"<dc:title>{escape_xml(book.title or '…')}</dc:title>",
        f"<dc:language>{escape_xml(book.language)}</dc:language>",
        f'<meta property="dcterms:modified">{datetime.fromtimestamp(modified, UTC):%Y-%m-%dT%H:%M:%SZ}</meta>',
        *(f"<dc:creator>{escape_xml(book.author)}</dc:creator>" for _ in range(bool(book.author.strip()))),
        *(
            f"<dc:description>{escape_xml(book.description)}</dc:description>"
            for _ in range(bool(book.description.strip()))
        ),
        *(f"<dc:subject>{escape_xml(tag)}</dc:subject>" for tag in book.tags if tag.strip()),
    ]
    manifest = [
        f'<item id="nav" href="nav.xhtml" media-type="{_XHTML_TYPE}" properties="nav"/>',
        '<item id="style" href="style.css" media-type="text/css"/>',
        *(f'<item id="{file.id}" href="{file.id}.xhtml" media-type="{_XHTML_TYPE}"/>' for file in files),
    ]
    spine = [f'<itemref idref="{file.id}"/>' for file in files]
    lines = "\n".join
    return (
        f'{_XML_DECLARATION}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" '
        f'xml:lang="{escape_xml(book.language)}">\n'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">\n{lines(about)}\n</metadata>\n'
        f"<manifest>\n{lines(manifest)}\n</manifest>\n<spine>\n{lines(spine)}\n</spine>\n</package>\n"
    )
