"""A book as EPUB 3.3: a package with a navigation document and a file for each chapter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from ...arguments import INTEGER, TEXT, check_type
from ...codecs.zipped import zipped
from ...errors import InvalidRequestError
from .page import STYLE, written, xml
from .values import Book, Break, Paragraph

__all__ = ["to_epub"]

_MOST: Final = 200_000
"""Characters in a file, more or less: readers are slow with long ones. A longer chapter has more than one."""
_TYPE: Final = "application/epub+zip"
_XHTML: Final = "application/xhtml+xml"
_EVER: Final = 253_402_300_800
_HEAD: Final = '<?xml version="1.0" encoding="utf-8"?>\n'
_CONTAINER: Final = f"""{_HEAD}\
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""


class _File(NamedTuple):
    """A file of the spine."""

    id: str
    heading: str | None
    "What the navigation calls it; None if it goes on with the one before."
    body: str


def to_epub(book: Book, *, identifier: str, modified: int) -> bytes:
    """The book as an EPUB file.

    Args:
        book: the book.
        identifier: what tells it from all other books, such as ``urn:uuid:…``; the same one for every edition.
        modified: UNIX time in seconds.

    Raises:
        InvalidRequestError: there is no identifier, or no such time.
    """
    check_type(book, Book, "book", "a Book")
    TEXT.check(identifier, "identifier")
    INTEGER.check(modified, "modified", "an int, UNIX time in seconds")
    if not identifier.strip():
        raise InvalidRequestError("an EPUB needs an identifier, such as urn:uuid:…", parameter="identifier")
    if not 0 <= modified < _EVER:
        raise InvalidRequestError(f"{modified} is no UNIX time in seconds before the year 10000", parameter="modified")
    files = list(_files(book))
    members = [
        ("mimetype", _TYPE),
        ("META-INF/container.xml", _CONTAINER),
        ("EPUB/package.opf", _package(book, files, identifier, modified)),
        ("EPUB/nav.xhtml", _navigation(book, files)),
        ("EPUB/style.css", STYLE),
        *((f"EPUB/{file.id}.xhtml", _page(book, file.heading or book.title, file.body)) for file in files),
    ]
    return zipped(((name, content.encode()) for name, content in members), stored=frozenset(("mimetype",)))


def _files(book: Book) -> Iterator[_File]:
    """The title, and the chapters."""
    about = [f'<p class="about">{xml(each)}</p>\n' for each in (book.author, book.description) if each.strip()]
    yield _File("title", book.title, f"<h1>{xml(book.title)}</h1>\n{''.join(about)}")
    number = 0
    for chapter in book.by_chapters():
        heading = chapter.heading
        for part in _parts(chapter.pieces):
            number += 1
            head = "" if heading is None else f"<h2>{xml(heading)}</h2>\n"
            yield _File(f"chapter-{number:04}", heading, head + written(part))
            heading = None


def _parts(pieces: Sequence[Break | Paragraph]) -> Iterator[Sequence[Break | Paragraph]]:
    """A chapter in as few parts as may be; at least one."""
    begin = size = 0
    for at, piece in enumerate(pieces):
        if size > _MOST:
            yield pieces[begin:at]
            begin, size = at, 0
        size += len(piece.text) if isinstance(piece, Paragraph) else 0
    yield pieces[begin:]


def _page(book: Book, title: str, body: str) -> str:
    return (
        f'{_HEAD}<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" '
        f'lang="{xml(book.language)}" xml:lang="{xml(book.language)}">\n<head>\n<title>{xml(title or "…")}</title>\n'
        f'<link rel="stylesheet" type="text/css" href="style.css"/>\n</head>\n<body>\n{body}</body>\n</html>\n'
    )


def _navigation(book: Book, files: Sequence[_File]) -> str:
    items = (
        f'<li><a href="{file.id}.xhtml">{xml(file.heading or "…")}</a></li>\n'
        for file in files
        if file.heading is not None
    )
    return _page(book, book.title, f'<nav epub:type="toc">\n<ol>\n{"".join(items)}</ol>\n</nav>\n')


def _package(book: Book, files: Sequence[_File], identifier: str, modified: int) -> str:
    about = [
        f'<dc:identifier id="id">{xml(identifier)}</dc:identifier>',
        f"<dc:title>{xml(book.title or '…')}</dc:title>",
        f"<dc:language>{xml(book.language)}</dc:language>",
        f'<meta property="dcterms:modified">{datetime.fromtimestamp(modified, UTC):%Y-%m-%dT%H:%M:%SZ}</meta>',
        *(f"<dc:creator>{xml(book.author)}</dc:creator>" for _ in range(bool(book.author.strip()))),
        *(f"<dc:description>{xml(book.description)}</dc:description>" for _ in range(bool(book.description.strip()))),
        *(f"<dc:subject>{xml(tag)}</dc:subject>" for tag in book.tags if tag.strip()),
    ]
    manifest = [
        f'<item id="nav" href="nav.xhtml" media-type="{_XHTML}" properties="nav"/>',
        '<item id="style" href="style.css" media-type="text/css"/>',
        *(f'<item id="{file.id}" href="{file.id}.xhtml" media-type="{_XHTML}"/>' for file in files),
    ]
    spine = [f'<itemref idref="{file.id}"/>' for file in files]
    lines = "\n".join
    return (
        f'{_HEAD}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" '
        f'xml:lang="{xml(book.language)}">\n'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">\n{lines(about)}\n</metadata>\n'
        f"<manifest>\n{lines(manifest)}\n</manifest>\n<spine>\n{lines(spine)}\n</spine>\n</package>\n"
    )
