"""An opened library as files for people: stories, texts, lorebooks, presets; sealed what did not open.

The files are values, made one item after the other, so a library need not fit into memory twice. What is in an account is
taken over byte by byte; only `.txt` files are made anew.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from ..codecs.box import write_json
from ..codecs.sealed import Opened
from ..story.files.story_file import field_of, story_file
from ..story.utf16 import replace_lone_surrogates
from .file_names import file_names
from .listing import listed, suspicions
from .values import Library, Story, Suspicion

__all__ = ["ExportedFile", "exported", "text_of"]

_EXTENSIONS: Final = {"presets": ".preset"}
_SEALED: Final = "sealed"

_Path: TypeAlias = tuple[str, ...]
_Files: TypeAlias = Iterator[tuple[_Path, bytes]]


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file to be written."""

    path: _Path
    "Folders and name: safe on every common system, and no two the same on any."
    data: bytes = field(repr=False)
    done: int
    "How many of the library's items are exported with this file and those before."
    total: int


def exported(library: Library, only: Iterable[Story] | None = None) -> Iterator[ExportedFile]:
    """The files of a library, or of some of its stories.

    ==========================  =====================================================================================
    ``stories/*.story``         card and content, as `read_story_file` reads them; ``.json`` has a card without content
    ``stories/*.txt``           the text, where it can be read
    ``stories/*.lorebook``      where the story has entries in one
    ``storycontent/*.json``     a content without a card, and its text
    ``presets/*.preset``
    ``TYPE/*.json``             whatever else opened, by its type
    ``sealed/TYPE/*.sealed``    what did not open, as it is stored; ``.json`` says why, and what else is known of it
    ==========================  =====================================================================================

    Args:
        library: to export.
        only: some of its stories; their files have the names that they have in an export of all.
    """
    wanted = None if only is None else {id(story) for story in only}
    plan = [unit.files for unit in _plan(library) if wanted is None or wanted & unit.stories]
    for done, files in enumerate(plan, 1):
        for path, data in files():
            yield ExportedFile(path, data, done, len(plan))


class _Unit(NamedTuple):
    """What is exported together."""

    stories: frozenset[int]
    "The stories that it belongs to, by `id`."
    files: Callable[[], _Files]


def _plan(library: Library) -> Iterator[_Unit]:
    """Type by type: what opened, and then what did not."""
    belongs: dict[int, set[int]] = {}
    for story in library.stories:
        for item in (story.card, story.content):
            belongs.setdefault(id(item), set()).add(id(story))
    cards = {id(story.card): story for story in library.stories}
    told = {id(story.content) for story in library.stories if story.ok}
    suspected = {id(item): suspicion for (_, item), suspicion in suspicions(library)}
    types = tuple(dict.fromkeys(("stories", "storycontent", *library.others)))
    *folders, sealed = file_names((name, name) for name in (*types, _SEALED))
    for type_, folder in zip(types, folders, strict=True):
        mine = [item for listed_as, item in listed(library) if listed_as == type_ and id(item) not in told]
        opened = [item for item in mine if item.ok]
        for item, name in zip(opened, file_names((_title(item), item.stored.id) for item in opened), strict=True):
            files = partial(_opened, (folder, name), type_, item, cards.get(id(item)))
            yield _Unit(frozenset(belongs.get(id(item), ())), files)
        failed = [item for item in mine if not item.ok]
        for item, name in zip(failed, file_names((item.stored.id, item.stored.id) for item in failed), strict=True):
            files = partial(_failed, (sealed, folder, name), item, suspected[id(item)])
            yield _Unit(frozenset(belongs.get(id(item), ())), files)


def _title(item: Opened) -> str:
    """What people call it, which is its id where nothing else is known."""
    document = item.json()
    return next((name for key in ("title", "name") if isinstance(name := document.get(key), str)), item.stored.id)


def text_of(content: Opened) -> str | None:
    """The text as `Story.text` has it, but such that it can be encoded.

    A character may be spread over two fragments, a half in each; a half that stands alone becomes U+FFFD.
    """
    text = Story(content, content).text  # which does not ask the card
    return None if text is None else replace_lone_surrogates(text)


# ---- the files of an item


def _opened(path: _Path, type_: str, item: Opened, story: Story | None) -> _Files:
    content = item if story is None and type_ == "storycontent" else None
    if story is not None and story.content is not None and story.content.ok:
        content = story.content
        yield _with(path, ".story"), story_file(item.plaintext, content.plaintext)
    else:
        yield _with(path, _EXTENSIONS.get(type_, ".json")), item.plaintext
    if content is not None:
        yield from _written(path, content)


def _failed(path: _Path, item: Opened, suspicion: Suspicion | None) -> _Files:
    document = item.stored.document
    why = {
        "state": item.state.value,
        "category": item.category,
        "problem": item.problem,
        "suspicion": None if suspicion is None else suspicion.value,
    }
    if item.stored.data is not None:
        yield _with(path, ".sealed"), item.stored.data.encode("utf-8", "surrogatepass")
        del document["data"]
    yield _with(path, ".json"), write_json({**why, "object": document})


def _written(path: _Path, content: Opened) -> _Files:
    """What people have written in a content: its text, and its lorebook."""
    text = text_of(content)
    if text is not None:
        yield _with(path, ".txt"), text.encode()
    lorebook = field_of(content.plaintext, "lorebook")
    if lorebook.startswith(b"{") and _LIST.match(field_of(lorebook, "entries")):
        yield _with(path, ".lorebook"), lorebook


_LIST: Final = re.compile(rb"\[\s*[^\s\]]")
"""A list that is not empty."""


def _with(path: _Path, extension: str) -> _Path:
    return (*path[:-1], path[-1] + extension)
