"""Begin a story from a file: a story, a scenario, a lorebook, a card with one of them, or plain text.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ...arguments import BYTES, LIMITS, TEXT, TIME
from ...codecs.file_problems import find_file_problem
from ...codecs.image_headers import describe_file, detect_format
from ...codecs.secret_box import Entropy, system_entropy
from ...errors import InvalidFile
from ...limits import Limits
from ..placeholders import check_answers
from ..sections import Origin
from ..story import Story
from .file_kinds import FileKind, read_file
from .scenario import Scenario
from .story_file import read_story_file

__all__ = ["import_story"]

_DOCUMENT_SUFFIXES: Final = (*(f".{kind}" for kind in FileKind), ".json", ".png")
"""The names of files that are never plain text."""
_WEB_PAGE_SUFFIXES: Final = (".html", ".htm", ".xhtml")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_OBJECT_START: Final = re.compile(rb'\s*\{\s*(?:["}]|\Z)')


def import_story(
    data: bytes,
    *,
    name: str,
    now: float,
    answers: Mapping[str, str] | None = None,
    limits: Limits = Limits(),
    entropy: Entropy = system_entropy,
) -> Story:
    """Return a new story that begins as a file says; `nai_proto.library.Library.create` stores it.

    A story keeps its text, history and settings. A scenario begins a story, its placeholders replaced by answers. A lorebook
    is that of an empty story. Plain text is the prompt of a story. The kind is told by the content.

    Args:
        data: the whole file.
        name: of the file, without directories. Error messages begin with it, and a story that has no title of its own is
            called by it.
        now: seconds since 1970.
        answers: for the placeholders of a scenario, by key; other files have none.
        limits: for the nesting of the file, and for texts in pictures.
        entropy: for the ids of sections and nodes.

    Raises:
        InvalidFile: the file is none of these; the message says what it is.
        InvalidRequestError: an answer is to no placeholder.
        LimitExceeded: the file is nested too deeply, or the picture is too large.
    """
    data = BYTES.convert(data, "data")
    TEXT.check(name, "name")
    TIME.convert(now, "now")
    LIMITS.check(limits, "limits")
    title = name.rpartition(".")[0] or name
    if not _is_document(data, name):
        text = _read_plain_text(data, name)
        check_answers(answers or {}, ())
        story = Story.new(title, now=now, limits=limits, entropy=entropy)
        story.append(text, now=now, origin=Origin.PROMPT)
        return story
    file = read_file(data, where=name, limits=limits)
    if file.kind is not FileKind.SCENARIO:
        check_answers(answers or {}, ())
    match file.kind:
        case FileKind.STORY:
            card, content = read_story_file(file.data, where=name, limits=limits)
            return Story.from_data(card, content, limits=limits, entropy=entropy)
        case FileKind.SCENARIO:
            return Scenario(file.document).start_story(answers, now=now, limits=limits, entropy=entropy)
        case FileKind.LOREBOOK:
            story = Story.new(title, now=now, limits=limits, entropy=entropy)
            story.fields["lorebook"] = file.document
            return story
        case _:
            raise InvalidFile(f"{name}: a {file.kind} begins no story; stories, scenarios, lorebooks and texts do")


def _is_document(data: bytes, name: str) -> bool:
    """Return whether a file is called like one of another kind, or begins like a JSON object or a picture.

    Such a file is not taken for text: a broken story would be. Texts may begin with a brace, as instructions do.
    """
    begins_like_json = _OBJECT_START.match(data.removeprefix(_BYTE_ORDER_MARK)) is not None
    return begins_like_json or detect_format(data) is not None or name.lower().endswith(_DOCUMENT_SUFFIXES)


def _read_plain_text(data: bytes, name: str) -> str:
    """Return the text of a file with line feeds only, without the last one.

    Raises:
        InvalidFile: it is not plain text, or has none.
    """
    if problem := _find_text_problem(data, name):
        raise InvalidFile(f"{name}: {problem}")
    text = data.removeprefix(_BYTE_ORDER_MARK).decode()
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")


def _find_text_problem(data: bytes, name: str) -> str:
    """Return why a file is no plain text, for an error message; empty if it is."""
    kind = describe_file(data) or ("a web page" if name.lower().endswith(_WEB_PAGE_SUFFIXES) else None)
    if kind is not None:
        return find_file_problem(data) if "UTF" in kind or not data else f"this is {kind}; save it as plain text"
    try:
        text = data.removeprefix(_BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError:
        return f"{find_file_problem(data)}; save it as UTF-8"
    if "\0" in text:
        return f"it has a NUL (byte {data.index(0)}), which no text has"
    return "" if text.strip() else "it has no text"
