"""Export a library as files for people: stories, texts, lorebooks, presets; and sealed data of what did not open.

The files are values, made one object after the other, so a library need not fit into memory twice. The contents are
copied byte by byte; only `.txt` files are generated.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from ..codecs.sealed_objects import OpenedObject
from ..codecs.secret_box import write_json
from ..story.files.story_file import build_story_file, extract_field
from ..story.utf16 import replace_lone_surrogates
from .contents import Library, Suspicion, iter_failures, iter_objects
from .file_names import choose_file_names
from .opened_story import OpenedStory

__all__ = ["ExportedFile", "encodable_text", "export_files"]

_EXTENSIONS: Final = {"presets": ".preset"}
_SEALED: Final = "sealed"

_Path: TypeAlias = tuple[str, ...]
_Files: TypeAlias = Iterator[tuple[_Path, bytes]]


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file to write."""

    path: _Path
    "Directories and name: valid on every common system, and unique even where case is ignored."
    data: bytes = field(repr=False)
    done: int
    "How many of the library's objects are exported with this file and those before it."
    total: int


def export_files(library: Library, only: Iterable[OpenedStory] | None = None) -> Iterator[ExportedFile]:
    """Iterate over the files of a library, or of some of its stories.

    ==========================  =====================================================================================
    ``stories/*.story``         card and content, as `read_story_file` reads them; ``.json`` has a card without content
    ``stories/*.txt``           the text, if it can be read
    ``stories/*.lorebook``      if the story's lorebook has entries
    ``storycontent/*.json``     a content without a card, and its text
    ``presets/*.preset``
    ``TYPE/*.json``             other objects that opened, by type
    ``sealed/TYPE/*.sealed``    sealed data of objects that did not open; ``.json`` has the reason and the other fields
    ==========================  =====================================================================================

    Args:
        library: the library to export.
        only: export these stories; their files have the same names as in an export of the whole library.
    """
    wanted = None if only is None else {id(story) for story in only}
    plan = [unit.make_files for unit in _plan_units(library) if wanted is None or wanted & unit.stories]
    for done, make_files in enumerate(plan, 1):
        for path, data in make_files():
            yield ExportedFile(path, data, done, len(plan))


class _Unit(NamedTuple):
    """Objects that are exported together."""

    stories: frozenset[int]
    "The `id` of each `OpenedStory` that they belong to."
    make_files: Callable[[], _Files]


def _plan_units(library: Library) -> Iterator[_Unit]:
    """Return the units by type: first the objects that opened, then the others."""
    belongs: dict[int, set[int]] = {}
    for story in library.stories:
        for item in (story.card, story.content):
            belongs.setdefault(id(item), set()).add(id(story))
    cards = {id(story.card): story for story in library.stories}
    in_story_file = {id(story.content) for story in library.stories if story.ok}
    suspicions = {id(item): suspicion for (_, item), suspicion in iter_failures(library)}
    types = tuple(dict.fromkeys(("stories", "storycontent", *library.others)))
    *folders, sealed = choose_file_names((name, name) for name in (*types, _SEALED))
    for type_, folder in zip(types, folders, strict=True):
        mine = [
            item for listed_as, item in iter_objects(library) if listed_as == type_ and id(item) not in in_story_file
        ]
        opened = [item for item in mine if item.ok]
        for item, name in zip(
            opened, choose_file_names((_title_of(item), item.stored.id) for item in opened), strict=True
        ):
            make_files = partial(_opened_files, (folder, name), type_, item, cards.get(id(item)))
            yield _Unit(frozenset(belongs.get(id(item), ())), make_files)
        failed = [item for item in mine if not item.ok]
        for item, name in zip(
            failed, choose_file_names((item.stored.id, item.stored.id) for item in failed), strict=True
        ):
            make_files = partial(_sealed_files, (sealed, folder, name), item, suspicions[id(item)])
            yield _Unit(frozenset(belongs.get(id(item), ())), make_files)


def _title_of(item: OpenedObject) -> str:
    """Return an object's title or name; its id if it has neither."""
    document = item.json()
    return next((name for key in ("title", "name") if isinstance(name := document.get(key), str)), item.stored.id)


def encodable_text(content: OpenedObject) -> str | None:
    """Return the text of a story content as `OpenedStory.text` does, without lone surrogates, so that it can be encoded.

    A surrogate pair may be split over two fragments and is joined; a lone surrogate becomes U+FFFD.
    """
    text = OpenedStory(content, content).text  # which does not read the card
    return None if text is None else replace_lone_surrogates(text)


# ---- the files of an object


def _opened_files(path: _Path, type_: str, item: OpenedObject, story: OpenedStory | None) -> _Files:
    content = item if story is None and type_ == "storycontent" else None
    if story is not None and story.content is not None and story.content.ok:
        content = story.content
        yield _with_extension(path, ".story"), build_story_file(item.plaintext, content.plaintext)
    else:
        yield _with_extension(path, _EXTENSIONS.get(type_, ".json")), item.plaintext
    if content is not None:
        yield from _text_files(path, content)


def _sealed_files(path: _Path, item: OpenedObject, suspicion: Suspicion | None) -> _Files:
    stored = item.whole().stored
    document = stored.document
    reason = {
        "state": item.state.value,
        "category": item.category,
        "problem": item.problem,
        "suspicion": None if suspicion is None else suspicion.value,
    }
    if stored.data is not None:
        yield _with_extension(path, ".sealed"), stored.data.encode("utf-8", "surrogatepass")
        del document["data"]
    yield _with_extension(path, ".json"), write_json({**reason, "object": document})


def _text_files(path: _Path, content: OpenedObject) -> _Files:
    """Return the files of a content's text and of its lorebook."""
    text = encodable_text(content)
    if text is not None:
        yield _with_extension(path, ".txt"), text.encode()
    lorebook = extract_field(content.plaintext, "lorebook")
    if lorebook.startswith(b"{") and _NONEMPTY_LIST.match(extract_field(lorebook, "entries")):
        yield _with_extension(path, ".lorebook"), lorebook


_NONEMPTY_LIST: Final = re.compile(rb"\[\s*[^\s\]]")


def _with_extension(path: _Path, extension: str) -> _Path:
    return (*path[:-1], path[-1] + extension)
