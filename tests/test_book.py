"""Stories as Markdown, HTML and EPUB, read back by parsers of these formats."""

from __future__ import annotations

import io
import re
import zipfile
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from nai_proto import InvalidRequestError
from nai_proto.story import Origin, Story
from nai_proto.story.book import Book, TextRun, build_book, split_lines, to_epub, to_html, to_markdown
from nai_proto.story.book.structure import Heading, Paragraph, SceneBreak, replace_unwritable
from tests.cases import for_each

STORY = """\
Chapter 1: The Gate

Mira waited *there*, alone. #not a tag
  "1 < 2 & 3 > 2," she said.
***
1. It was not a list.
# The Second
-- nor this_one_
"""
MARKED = st.text("ab1.)#*_`<>&[]()!|~$-+=\\ \t\n⁂é😀\ud800\x00{}:/'\"", max_size=60)
TEXTS = MARKED | st.text(max_size=60)


def make_book(text: str, **about: object) -> Book:
    return Book(title="The <Gate> & *more*", lines=split_lines(text), **about)  # type: ignore[arg-type]  # fields by name


def normalize_space(text: str) -> str:
    """Return a text as a reader sees it: white space is one space, and none at the edges."""
    return re.sub(r"\s+", " ", text).strip()


def expected_blocks(book: Book) -> list[tuple[str, str]]:
    """Return the blocks that a reader should see, with the tag of each."""
    kinds = {Paragraph: "p", Heading: "h2", SceneBreak: "hr"}
    return [
        (kinds[type(each)], "" if isinstance(each, SceneBreak) else normalize_space(each.text))
        for each in book.iter_blocks()
    ]


class Blocks(HTMLParser):
    """The text of a page by block."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("p", "h1", "h2", "hr", "li", "pre", "blockquote", "table", "em", "a"):
            self.tags.append((tag, ""))

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if self.tags:
            tag, before = self.tags[-1]
            self.tags[-1] = (tag, before + data)

    def blocks(self) -> list[tuple[str, str]]:
        return [(tag, normalize_space(text)) for tag, text in self.tags]


# ---- the structure of a book


def test_lines_are_paragraphs_headings_or_scene_breaks() -> None:
    assert expected_blocks(make_book(STORY)) == [
        ("h2", "Chapter 1: The Gate"),
        ("p", "Mira waited *there*, alone. #not a tag"),
        ("p", '"1 < 2 & 3 > 2," she said.'),
        ("hr", ""),
        ("p", "1. It was not a list."),
        ("h2", "The Second"),
        ("p", "-- nor this_one_"),
    ]


@for_each("line", ["Chapter Two", "[ Prologue ]", "PART III: Home", "## A day", "epilogue.", "chapter 12"])
def test_lines_that_are_headings(line: str) -> None:
    assert [kind for kind, _ in expected_blocks(make_book(line))] == ["h2"]


@for_each(
    "line",
    [
        "Part of him knew. He went on.",
        "#hashtag",
        "Chapters are long.",
        f"Part {'x' * 200}",
        "Partly cloudy",
        "Prologue to what came, and it was long enough to be a line of text itself",
    ],
)
def test_lines_that_are_not_headings(line: str) -> None:
    assert [kind for kind, _ in expected_blocks(make_book(line))] == ["p"]


@for_each("line", ["***", "* * *", "⁂", "----", "~~~", "###", "—", "• • •", " *** "])
def test_lines_that_are_scene_breaks(line: str) -> None:
    assert expected_blocks(make_book(line)) == [("hr", "")]


def test_headings_can_be_switched_off() -> None:
    assert expected_blocks(make_book("Chapter 1", chapters=False)) == [("p", "Chapter 1")]


def test_a_heading_begins_a_chapter() -> None:
    chapters = make_book("Before.\nChapter 1\nOne.\nTwo.\nChapter 2\n").list_chapters()
    assert [(chapter.heading, len(chapter.blocks)) for chapter in chapters] == [
        (None, 1),
        ("Chapter 1", 2),
        ("Chapter 2", 0),
    ]
    assert [chapter.heading for chapter in make_book("Chapter 1\nOne.").list_chapters()] == ["Chapter 1"]
    assert [chapter.heading for chapter in make_book("").list_chapters()] == [None]


@given(st.lists(st.builds(TextRun, TEXTS, st.sampled_from(["user", "ai", ""])), max_size=5))
def test_splitting_lines_keeps_every_character_and_its_origin(runs: list[TextRun]) -> None:
    lines = split_lines(runs)
    assert Book(title="", lines=lines).text == "".join(run.text for run in runs)
    for origin in ("user", "ai", ""):
        wanted = "".join(run.text for run in runs if run.origin == origin).replace("\n", "")
        assert "".join(run.text for line in lines for run in line if run.origin == origin) == wanted


# ---- the formats


@given(TEXTS)
@example("    indented\n\ttab")
@example("a\n===\nb")
@example("## x ##\n\\\n<b>x</b> <http://a.b> [a](b) ![c](d) &amp; ~~s~~")
@example("- a\n+ b\n* c\n1) d\n12. e\n> f\n--\n-\n1.")
@example("chapter ##\n# x #\n#\n##\n# #")
def test_markdown_shows_the_text_and_nothing_in_it_is_markup(text: str) -> None:
    book = make_book(text)
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(to_markdown(book).decode())
    assert Blocks(page).blocks() == [("h1", "The <Gate> & *more*"), *expected_blocks(book)]


@given(TEXTS)
def test_html_shows_the_text(text: str) -> None:
    book = make_book(text)
    assert Blocks(to_html(book).decode().partition("<body>")[2]).blocks() == [
        ("h1", "The <Gate> & *more*"),
        *expected_blocks(book),
    ]


def test_html_has_author_description_and_tags_escaped() -> None:
    page = to_html(make_book("x", author='A "B" <c>', description="d'e\x00", tags=["f&g"], language="de")).decode()
    assert '<html lang="de">' in page
    assert 'name="author" content="A &quot;B&quot; &lt;c&gt;"' in page
    assert 'content="d&#x27;e\ufffd"' in page
    assert 'content="f&amp;g"' in page


def test_html_can_mark_who_wrote_what() -> None:
    book = Book(title="x", lines=split_lines([TextRun("Go ", "user"), TextRun("north.\nThe", "ai"), TextRun(" end")]))
    page = to_html(book, origins=True).decode()
    assert '<p><span class="user">Go </span><span class="ai">north.</span></p>' in page
    assert '<p><span class="ai">The</span> end</p>' in page
    assert "<span" not in to_html(book).decode()


def open_epub(data: bytes) -> tuple[zipfile.ZipFile, ElementTree.Element]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
    (root,) = container.iter("{urn:oasis:names:tc:opendocument:xmlns:container}rootfile")
    return archive, ElementTree.fromstring(archive.read(root.attrib["full-path"]))


OPF = "{http://www.idpf.org/2007/opf}"
DC = "{http://purl.org/dc/elements/1.1/}"


def test_an_epub_begins_with_its_media_type_uncompressed() -> None:
    data = to_epub(make_book(STORY), identifier="urn:uuid:1", modified=1_700_000_000)
    assert data[30:58] == b"mimetypeapplication/epub+zip"
    archive, _ = open_epub(data)
    assert archive.testzip() is None
    first, *others = archive.infolist()
    assert first.compress_type == zipfile.ZIP_STORED
    assert {each.compress_type for each in others} == {zipfile.ZIP_DEFLATED}


def test_an_epub_has_its_metadata() -> None:
    about = {"author": "A & B", "description": "d<", "tags": ["x", " "], "language": "en-GB"}
    _, package = open_epub(to_epub(make_book(STORY, **about), identifier="urn:uuid:1", modified=1_700_000_000))
    metadata = {element.tag: element.text for element in package.iter() if element.tag.startswith(DC)}
    assert metadata == {
        f"{DC}identifier": "urn:uuid:1",
        f"{DC}title": "The <Gate> & *more*",
        f"{DC}language": "en-GB",
        f"{DC}creator": "A & B",
        f"{DC}description": "d<",
        f"{DC}subject": "x",
    }
    (modified,) = package.iter(f"{OPF}meta")
    assert modified.text == "2023-11-14T22:13:20Z"
    assert package.attrib["version"] == "3.0"
    assert package.attrib["unique-identifier"] == "id"


@given(TEXTS)
def test_the_files_of_an_epub_are_listed_and_read_as_the_book(text: str) -> None:
    book = make_book(text)
    archive, package = open_epub(to_epub(book, identifier="urn:uuid:1", modified=0))
    items = {item.attrib["id"]: item.attrib["href"] for item in package.iter(f"{OPF}item")}
    assert {f"EPUB/{href}" for href in items.values()} | {
        "mimetype",
        "META-INF/container.xml",
        "EPUB/package.opf",
    } == set(archive.namelist())
    pages = [archive.read(f"EPUB/{items[ref.attrib['idref']]}") for ref in package.iter(f"{OPF}itemref")]
    for page in (*pages, archive.read("EPUB/nav.xhtml")):
        ElementTree.fromstring(page)  # it is XML
    blocks = [block for page in pages for block in Blocks(page.decode().partition("<body>")[2]).blocks()]
    assert blocks == [("h1", "The <Gate> & *more*"), *expected_blocks(book)]


def test_the_navigation_of_an_epub_lists_its_chapters() -> None:
    archive, _ = open_epub(to_epub(make_book(STORY), identifier="urn:uuid:1", modified=0))
    page = archive.read("EPUB/nav.xhtml").decode()
    assert re.findall(r'href="([^"]+)">([^<]*)<', page) == [
        ("title.xhtml", "The &lt;Gate&gt; &amp; *more*"),
        ("chapter-0001.xhtml", "Chapter 1: The Gate"),
        ("chapter-0002.xhtml", "The Second"),
    ]


def test_a_long_chapter_is_split_into_files() -> None:
    archive, _ = open_epub(
        to_epub(make_book("word " * 200 + "\n" + ("x" * 999 + "\n") * 500), identifier="a", modified=0)
    )
    chapters = [info for info in archive.infolist() if "chapter" in info.filename]
    assert len(chapters) == 3
    assert max(info.file_size for info in chapters) < 250_000


def test_equal_books_are_written_as_equal_files() -> None:
    assert to_epub(make_book(STORY), identifier="a", modified=5) == to_epub(
        make_book(STORY), identifier="a", modified=5
    )


@for_each("identifier, modified", [(" ", 0), ("a", -1), ("a", 10**12)])
def test_an_epub_without_identifier_or_time_is_rejected(identifier: str, modified: int) -> None:
    with pytest.raises(InvalidRequestError):
        to_epub(make_book(""), identifier=identifier, modified=modified)


def test_the_repr_of_a_book_shows_no_text() -> None:
    book = make_book("secret\nChapter secret", author="secret", description="secret", tags=["secret"])
    assert "secret" not in f"{book!r}{book.lines!r}{book.list_chapters()!r}{list(book.iter_blocks())!r}"


def test_unwritable_characters_are_replaced() -> None:
    assert replace_unwritable("a\x00b\ud83d\r\tc\uffff") == "a\ufffdb\ufffd\ufffd\tc\ufffd"


# ---- the book of a story


@for_each("legacy", [False, True], ids=["newer", "legacy"])
def test_the_book_of_a_story_has_its_text_and_origins(legacy: bool) -> None:
    story = Story.new("Swans", now=0, legacy=legacy)
    story.card.update(description="A tale.", tags=["birds", 3])
    story.append("Chapter 1\nThe lake 🦢 was ", now=1, origin=Origin.PROMPT)
    story.append("frozen.\nSo", now=2, origin=Origin.AI)
    story.append(" they left.", now=3)
    book = build_book(story, author="Mira")
    assert book.text == story.text
    assert (book.title, book.author, book.description, book.tags) == ("Swans", "Mira", "A tale.", ("birds",))
    assert book.lines == [
        (TextRun("Chapter 1", "prompt"),),
        (TextRun("The lake 🦢 was ", "prompt"), TextRun("frozen.", "ai")),
        (TextRun("So", "ai"), TextRun(" they left.", "user")),
    ]
    assert [kind for kind, _ in expected_blocks(book)] == ["h2", "p", "p"]


# ---- the language


@for_each(
    "text, language",
    [
        ("", "en"),
        ("*** 12 ⁂", "en"),
        ("The dragon slept. L'été.", "en"),
        ("昨日アリスは森へ行った。", "ja"),
        ("東京、大阪、京都。そして奈良。", "ja"),
        ("国王来了。我在北京工作。", "zh"),
        ("国王来了。" * 20 + "ア", "zh"),
        ("앨리스가 왔다. 王.", "ko"),
        ("มังกรตัวใหญ่", "th"),
        ("Дракон идёт домой.", "ru"),
        ("Їжак.", "uk"),
        ("δράκος κοιμάται.", "el"),
        ("הדרקון ישן", "he"),
        ("التنين نائم", "ar"),
        ("अजगर सो रहा है", "hi"),
        ("Mira said: Привет! And she left the tower.", "en"),
    ],
)
def test_a_book_names_the_language_that_its_script_suggests(text: str, language: str) -> None:
    book = make_book(text)
    assert book.language == language
    assert f"<dc:language>{language}</dc:language>" in read_package(to_epub(book, identifier="urn:a", modified=5))
    assert f'<html lang="{language}">' in to_html(book).decode()


def test_a_language_that_is_given_is_named() -> None:
    story = Story.new("Swans", now=0)
    story.append("Дракон идёт домой.", now=0)
    assert build_book(story).language == "ru"
    assert build_book(story, language="bg").language == "bg"


def read_package(epub: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(epub)) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".opf"))
        return archive.read(name).decode()
