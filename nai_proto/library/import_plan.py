"""Plan how files get into an account: stories, presets, and what else an export has written, each of them once.

The objects of a file are treated as those of a backup of another account, so `plan_restore_elsewhere` plans them. What
identifies a file is the id in its story or preset, or else its content. So a file is imported once into an account, whatever
it is called, and a plan that was interrupted can be made again: it finds what is done. What the account has under the id in
the file, because it was exported from there, is not imported either.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from ..arguments import TIME, check_type, list_items
from ..codecs.sealed_objects import OpenedObject, OpenedState, StoredObject
from ..codecs.secret_box import Entropy, system_entropy, write_json
from ..errors import InvalidFile, InvalidRequestError, LimitExceeded
from ..limits import Limits
from ..story.files import FileKind, import_story, read_file, read_story_file
from ..story.files.story_file import extract_field
from ..story.json_records import read_json_object
from .contents import Library
from .object_identity import (
    CARDS,
    CONTENT_ID_FIELD,
    CONTENTS,
    ID_FIELD,
    OWN_ID_FIELD,
    Identity,
    has_same_content,
    identify,
)
from .restore import RestoreAction, RestoreStep
from .restore_elsewhere import plan_restore_elsewhere

__all__ = ["FileImport", "FileToImport", "plan_import"]

_PRESETS: Final = "presets"
_TEXT: Final = "text"
_EXPORTED_KINDS: Final = {_PRESETS: "preset", "aimodules": "module", "shelf": "shelf", "promptmacros": "macro"}
"""The kinds of the JSON files that an export writes into directories called like these types."""
_EXPORTED_SUFFIXES: Final = (".json", ".preset")
_SEALED_SUFFIX: Final = ".sealed"
_STORY_SUFFIX: Final = ".story"
_DERIVED_SUFFIXES: Final = (".txt", ".lorebook")
"""The files that an export makes of a story, and writes next to it."""


@dataclass(frozen=True, slots=True)
class FileToImport:
    """A file that was read."""

    path: str
    "Names it, with slashes. Directory and name tell which files an export has made of a story."
    data: bytes = field(repr=False)
    takes_text: bool = True
    "Does plain text begin a story? Else it is left out."


@dataclass(frozen=True, slots=True)
class FileImport:
    """What a plan does with one file."""

    path: str
    action: RestoreAction
    why: str
    "The reason for people, if nothing is created."
    kind: str = ""
    "One of `FileKind`, ``text``, ``shelf`` or ``macro``; empty if the file is left out because it is none."
    title: str = ""
    steps: tuple[RestoreStep, ...] = ()
    "What `Library.restore` has to carry out, the card of a story last."


def plan_import(
    library: Library,
    files: Iterable[FileToImport],
    *,
    now: float,
    entropy: Entropy = system_entropy,
) -> tuple[FileImport, ...]:
    """Return a plan after which an account has what is in files. This sends no request.

    Stories, scenarios, lorebooks and texts become stories, as by `nai_proto.story.files.import_story`; presets become
    presets, and the JSON files of an export what they were. `Library.restore` carries out the steps of one file, or of all.

    Args:
        library: the present library of the account, with all types and its e-mail.
        files: the files.
        now: seconds since 1970, when new stories begin.
        entropy: for the ids of sections and nodes of new stories.

    Returns:
        A plan for each file, in their order.

    Raises:
        InvalidRequestError: the library was read without its e-mail.
    """
    check_type(library, Library, "library", "a Library")
    listed = list_items(files, FileToImport, "files", "a list of FileToImport")
    TIME.convert(now, "now")
    plans: list[FileImport | _Document] = []
    story_files = {_stem(file.path): file.path for file in listed if file.path.lower().endswith(_STORY_SUFFIX)}
    account = _index(library)
    first: dict[_Key, _Document] = {}
    for file in listed:
        if (story := story_files.get(_stem(file.path))) and file.path.lower().endswith(_DERIVED_SUFFIXES):
            plans.append(FileImport(file.path, RestoreAction.NOTHING, f"it is in {story}"))
            continue
        try:
            document = _read(file, now, entropy)
        except (InvalidFile, InvalidRequestError, LimitExceeded) as error:
            why = str(error).removeprefix(f"{_name(file.path)}: ")
            plans.append(FileImport(file.path, RestoreAction.LEAVE_OUT, why))
            continue
        other = first.setdefault(document.key, document)
        plans.append(document if other is document else document.compare_with(other))
    documents = [plan for plan in plans if isinstance(plan, _Document) and not any(key in account for key in plan.keys)]
    steps = _plan_steps(library, documents)
    return tuple(
        plan
        if isinstance(plan, FileImport)
        else plan.with_steps(steps[plan.path])
        if plan.path in steps
        else plan.compare_with_account(account)
        for plan in plans
    )


_Key = tuple[str, Identity]
"""The type of an object, and what identifies it."""


def _index(library: Library) -> dict[_Key, OpenedObject]:
    """Return the objects of an account by what identifies them, and by the id in their JSON."""
    account = {(item.stored.type, identify(item)): item for item in library.items}
    for item in library.items:
        if item.ok and isinstance(id_ := item.json().get(ID_FIELD), str):
            account.setdefault((item.stored.type, id_), item)
    return account


@dataclass(frozen=True, slots=True)
class _Document:
    """The objects of a file, as another account would have them."""

    path: str
    kind: str
    title: str
    items: tuple[OpenedObject, ...]
    "The card of a story is the last one."

    @property
    def keys(self) -> list[_Key]:
        return [(item.stored.type, identify(item)) for item in self.items]

    @property
    def key(self) -> _Key:
        return self.keys[-1]

    @property
    def is_copy(self) -> bool:
        """Return whether the objects are as they are in the file, and not made of it."""
        return self.kind not in (FileKind.SCENARIO, FileKind.LOREBOOK, _TEXT)

    def _leave(self, action: RestoreAction, why: str) -> FileImport:
        return FileImport(self.path, action, why, self.kind, self.title)

    def compare_with(self, other: _Document) -> FileImport:
        """Return the plan for a file after another one with the same story or preset."""
        if not self.is_copy or all(map(has_same_content, self.items, other.items)):
            return self._leave(RestoreAction.NOTHING, f"{other.path} is the same")
        return self._leave(RestoreAction.LEAVE_OUT, f"{other.path} is another version of the same {self.kind}")

    def compare_with_account(self, account: dict[_Key, OpenedObject]) -> FileImport:
        """Return the plan for a file whose story or preset the account has under its own id."""
        present = [account.get(key) for key in self.keys]
        if all(
            there is not None and has_same_content(item, there) for item, there in zip(self.items, present, strict=True)
        ):
            return self._leave(RestoreAction.NOTHING, f"the account has this {self.kind}")
        return self._leave(RestoreAction.KEEP, f"the account has another version of this {self.kind}")

    def with_steps(self, steps: list[RestoreStep]) -> FileImport:
        """Return the plan for a file whose objects get ids of their own."""
        writes = tuple(step for step in steps if step.action.is_write)
        if writes:
            return replace(self._leave(writes[-1].action, ""), steps=writes)
        kept = next((step for step in steps if step.action is not RestoreAction.NOTHING), None)
        if kept is None or (not self.is_copy and kept.present is not None and kept.present.ok):
            return self._leave(RestoreAction.NOTHING, "it was imported before")
        return self._leave(kept.action, kept.why)


def _plan_steps(library: Library, documents: Iterable[_Document]) -> dict[str, list[RestoreStep]]:
    """Return the steps of each file by its path."""
    pairs = [(document.path, item) for document in documents for item in document.items]
    pairs.sort(key=lambda pair: pair[1].stored.type == CARDS)  # as a plan has them, so that each step finds its file
    pairs.sort(key=lambda pair: pair[1].stored.type != CONTENTS)
    items = [item for _, item in pairs]
    steps: defaultdict[str, list[RestoreStep]] = defaultdict(list)
    for (path, _), step in zip(pairs, plan_restore_elsewhere(library, items), strict=True):
        steps[path].append(step)
    return steps


# ---- files


def _read(file: FileToImport, now: float, entropy: Entropy) -> _Document:
    """Return the objects of a file.

    Raises:
        InvalidFile, InvalidRequestError, LimitExceeded: it is damaged, or of no kind that can be imported.
    """
    name = _name(file.path)
    if name.lower().endswith(_SEALED_SUFFIX):
        raise InvalidFile("sealed data that did not open when it was exported")
    folder = file.path.rpartition("/")[0].rpartition("/")[2]
    if folder in _EXPORTED_KINDS and name.endswith(_EXPORTED_SUFFIXES):
        document = read_json_object(file.data, where=name, limits=Limits())
        return _make_other(file, folder, _EXPORTED_KINDS[folder], document)
    try:
        found = read_file(file.data, where=name)
    except InvalidFile:
        story = import_story(file.data, name=name, now=now, entropy=entropy)  # and raise if it is no text either
        if not file.takes_text:
            raise InvalidFile("a text: to begin a story with it, name it on its own") from None
        card, content = story.to_data(now=now)
        return _make_story(file, _TEXT, _digest(file.data), card, write_json(content))
    match found.kind:
        case FileKind.PRESET:
            return _make_other(file, _PRESETS, found.kind, found.document)
        case FileKind.STORY:
            card, _ = read_story_file(found.data, where=name)
            id_ = card.get(ID_FIELD)
            key = id_ if isinstance(id_, str) and id_ else _digest(found.data)
            return _make_story(file, found.kind, key, card, extract_field(found.data, "content"))
        case _:
            card, content = import_story(file.data, name=name, now=now, entropy=entropy).to_data(now=now)
            return _make_story(file, found.kind, _digest(found.data), card, write_json(content))


def _make_story(file: FileToImport, kind: str, key: str, card: dict[str, Any], content: bytes) -> _Document:
    """Return a story whose objects have ``key`` as their id and their meta."""
    linked = write_json({**card, CONTENT_ID_FIELD: key})
    title = card.get("title")
    items = (_make_object(CONTENTS, key, content, meta=key), _make_object(CARDS, key, linked, meta=key))
    return _Document(file.path, kind, title if isinstance(title, str) else "", items)


def _make_other(file: FileToImport, type_: str, kind: str, document: dict[str, Any]) -> _Document:
    """Return an object that belongs to no story. Its JSON gets the id under which it is stored here, to be replaced."""
    key, own_id = _digest(file.data), document.get(ID_FIELD)
    meta = own_id if isinstance(own_id, str) and own_id else key
    title = next((text for name in ("title", "name") if isinstance(text := document.get(name), str)), "")
    item = _make_object(type_, key, write_json({**document, OWN_ID_FIELD: key}), "" if type_ == _PRESETS else meta)
    return _Document(file.path, kind, title, (item,))


def _make_object(type_: str, id_: str, plaintext: bytes, meta: str = "") -> OpenedObject:
    stored = StoredObject(type=type_, id=id_, meta=meta)
    return OpenedObject(stored, OpenedState.OPENED, source=plaintext, compressed=type_ == CONTENTS)


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    return path.rpartition(".")[0]
