"""Check a library: find objects that do not open, do not fit together, or have been lost.

The check changes nothing, and completes whatever the objects contain. Each problem is a `Finding`, with a sentence for
people that quotes none of the user's text.

See docs/protocol/content.md#9-sanity-check-of-the-existing-command-line.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ..codecs.sealed_objects import PLAIN_TYPES, OpenedObject
from ..codecs.secret_box import KEY_SIZE
from ..limits import Limits
from ..objects import TYPES
from .contents import Library, ListedObject, Suspicion, iter_failures, iter_objects
from .opened_story import drop_content
from .story_problems import find_document_problem, find_field_problem, find_history_problem, find_text_problem

__all__ = ["Finding", "FindingKind", "LibraryChecker", "ObjectName", "SanityReport", "Severity", "TypeCount", "check"]


class Severity(enum.Enum):
    """The severity of a finding."""

    LOSS = "loss"
    "Something cannot be read."
    FAULT = "fault"
    "Everything can be read, but does not fit together; some programs will fail."
    NOTE = "note"
    "Harmless, and nothing to do: the key of an object that was deleted."


class FindingKind(enum.Enum):
    """The kind of a finding."""

    NOT_OPENED = "not opened"
    NOT_LISTED = "not listed"
    STORY_WITHOUT_CONTENT = "story without content"
    NO_TEXT = "no text"
    BROKEN_TEXT = "broken text"
    UNREADABLE_DOCUMENT = "unreadable document"
    CONTENT_WITHOUT_STORY = "content without story"
    BROKEN_HISTORY = "broken history"
    UNREAD_FIELD = "field not read"
    SHARED_META = "shared meta"
    METAS_DIFFER = "metas differ"
    WRONG_ID = "wrong id"
    WRONG_REMOTE_ID = "wrong remoteId"
    WRONG_REMOTE_STORY_ID = "wrong remoteStoryId"
    UNUSABLE_KEY = "unusable key"
    REPAIRED_KEYSTORE = "repaired keystore"
    UNUSED_KEY = "unused key"

    @property
    def severity(self) -> Severity:
        """Return how severe it is."""
        return _SEVERITIES.get(self, Severity.FAULT)


_SEVERITIES: Final[Mapping[FindingKind, Severity]] = {
    FindingKind.NOT_OPENED: Severity.LOSS,
    FindingKind.NOT_LISTED: Severity.LOSS,
    FindingKind.STORY_WITHOUT_CONTENT: Severity.LOSS,
    FindingKind.NO_TEXT: Severity.LOSS,
    FindingKind.BROKEN_TEXT: Severity.LOSS,
    FindingKind.UNREADABLE_DOCUMENT: Severity.LOSS,
    FindingKind.UNUSED_KEY: Severity.NOTE,
}


class ObjectName(NamedTuple):
    """An object's type, id and meta."""

    type: str
    "The type under which it was listed; ``keystore`` for the keystore, which has no id."
    id: str
    meta: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem."""

    kind: FindingKind
    type: str
    "The type under which the object was listed; ``keystore`` for the keystore and its keys."
    id: str
    "The object's id; empty if it has none."
    meta: str | None
    sentence: str
    "A description for people; it quotes no content."
    category: str = ""
    "If it did not open: the check that failed, by docs/protocol/content.md#34-errors-a-reader-has-to-tell-apart."
    suspicion: Suspicion | None = None
    "If its box does not open: the likely reason."
    others: tuple[ObjectName, ...] = ()
    "Other objects that are involved."

    @property
    def severity(self) -> Severity:
        """Return how severe it is."""
        return self.kind.severity


@dataclass(frozen=True, slots=True)
class TypeCount:
    """The number of objects of a type."""

    type: str
    opened: int
    total: int


@dataclass(frozen=True, slots=True)
class SanityReport:
    """The result of a check."""

    counts: tuple[TypeCount, ...]
    "Numbers of objects by type, in the order in which the types were listed."
    keys: int
    "The number of keys in the keystore."
    findings: tuple[Finding, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Return whether nothing is lost or at fault; there may be notes."""
        return not self.problems

    @property
    def problems(self) -> tuple[Finding, ...]:
        """Return the findings with which there is something to do: all but notes."""
        return tuple(finding for finding in self.findings if finding.severity is not Severity.NOTE)

    def of(self, *kinds: FindingKind) -> tuple[Finding, ...]:
        """Return the findings of these kinds."""
        return tuple(finding for finding in self.findings if finding.kind in kinds)


def check(library: Library, limits: Limits = Limits()) -> SanityReport:
    """Return all findings about a library, in the order of `FindingKind`.

    Each content is read once, which takes about as long as opening it did. In a flow, use `nai_proto.compute`.

    Args:
        library: the library to check.
        limits: limits for the documents, which are decoded.
    """
    checker = LibraryChecker(limits)
    for type_, item in iter_objects(library):
        checker.keep(type_, item)
    return checker.finish(library)


class LibraryChecker:
    """Checks a library while it is opened, with one batch of contents in memory at a time::

        checker = LibraryChecker()
        library = client.run(open_library(email, password, keep=checker.keep))
        report = checker.finish(library)

    Args:
        limits: limits for the documents, which are decoded.
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        self._limits = limits
        self._findings: list[Finding] = []

    def keep(self, type: str, item: OpenedObject) -> OpenedObject:  # noqa: A002
        """Check the content of an object; return the object without it, as `drop_content` does.

        Args:
            type: under which it is listed.
            item: the object as it was opened.
        """
        self._findings += _check_content((type, item), self._limits)
        return drop_content(type, item)

    def finish(self, library: Library) -> SanityReport:
        """Return all findings, in the order of `FindingKind`.

        Args:
            library: has all the objects, with or without their contents.
        """
        return _check_connections(library, self._findings)


def _check_connections(library: Library, contents: Iterable[Finding]) -> SanityReport:
    items = list(iter_objects(library))
    order = {kind: number for number, kind in enumerate(FindingKind)}
    findings = [
        *_find_unlisted(library),
        *_find_unopened(library),
        *contents,
        *_check_stories(library),
        *_check_ids(items),
        *_find_shared_metas(items),
        *_check_keys(library, items),
    ]
    findings.sort(key=lambda finding: order[finding.kind])  # a stable sort
    opened = Counter(type_ for type_, item in items if item.ok)
    total = Counter(type_ for type_, _ in items)
    types = (_STORIES, _CONTENTS, *library.others)
    return SanityReport(
        tuple(TypeCount(each, opened[each], total[each]) for each in types), len(library.keystore), tuple(findings)
    )


_STORIES: Final = "stories"
_CONTENTS: Final = "storycontent"
_KEYSTORE: Final = "keystore"
_WITH_ID: Final = (_STORIES, "shelf")
"""Types whose JSON has the object's meta as its ``id``.

See:
    docs/protocol/content.md#41-stories
    docs/protocol/content.md#44-shelf
"""


def _make_finding(kind: FindingKind, listed: ListedObject, sentence: str, *others: ObjectName, **more: Any) -> Finding:
    return Finding(kind, *_name_of(listed), sentence, others=others, **more)


def _name_of(listed: ListedObject) -> ObjectName:
    type_, item = listed
    return ObjectName(type_, item.stored.id, item.stored.meta)


# ---- objects that cannot be read


def _find_unlisted(library: Library) -> Iterator[Finding]:
    for type_, error in library.unread.items():
        yield Finding(FindingKind.NOT_LISTED, type_, "", None, f"Objects of this type could not be listed: {error}.")


def _find_unopened(library: Library) -> Iterator[Finding]:
    for each, suspicion in iter_failures(library):
        item = each[1]
        sentence = f"It does not open: {item.problem.removeprefix('object: ')}{_LIKELY_REASONS[suspicion]}."
        yield _make_finding(FindingKind.NOT_OPENED, each, sentence, category=item.category, suspicion=suspicion)


_LIKELY_REASONS: Final = {
    None: "",
    Suspicion.DAMAGED: "; other objects open, so probably this one is damaged",
    Suspicion.WRONG_KEY: "; no object opens, so probably the keys are wrong",
}


def _check_content(each: ListedObject, limits: Limits) -> Iterator[Finding]:
    type_, item = each
    if type_ != _CONTENTS or not item.ok:
        return
    content = item.json()
    story, document = content.get("story"), content.get("document")
    if story is None and document is None:
        yield _make_finding(FindingKind.NO_TEXT, each, "It has neither a story nor a document.")
    if document is not None and (problem := find_document_problem(document, limits)):
        yield _make_finding(FindingKind.UNREADABLE_DOCUMENT, each, f"Its text cannot be read completely: {problem}.")
    if story is not None and (problem := find_text_problem(story)):
        yield _make_finding(FindingKind.BROKEN_TEXT, each, f"Its text cannot be read: {problem}.")
    if story is not None and (problem := find_history_problem(story)):
        yield _make_finding(FindingKind.BROKEN_HISTORY, each, f"Its history is inconsistent: {problem}.")
    if problem := find_field_problem(content):
        yield _make_finding(FindingKind.UNREAD_FIELD, each, f"A field is not read: {problem}.")


# ---- objects that do not fit together


def _check_stories(library: Library) -> Iterator[Finding]:
    for content in library.orphans:
        yield _make_finding(FindingKind.CONTENT_WITHOUT_STORY, (_CONTENTS, content), "No story links to this content.")
    for story in library.stories:
        card = (_STORIES, story.card)
        if story.content is None:
            yield _make_finding(FindingKind.STORY_WITHOUT_CONTENT, card, "There is no content for this story.")
        elif not story.is_consistent:
            sentence = "The story and its content do not have the same meta."
            yield _make_finding(FindingKind.METAS_DIFFER, card, sentence, _name_of((_CONTENTS, story.content)))


def _check_ids(items: Sequence[ListedObject]) -> Iterator[Finding]:
    by_id: dict[object, list[ListedObject]] = {}
    for each in items:
        by_id.setdefault(each[1].stored.id, []).append(each)
    contents = [item.stored for type_, item in items if type_ == _CONTENTS]
    ids, metas = {stored.id: stored.meta for stored in contents}, {stored.meta for stored in contents}
    for each in items:
        type_, item = each
        if type_ not in _WITH_ID or not item.ok:
            continue
        card, meta = item.json(), item.stored.meta
        if meta and card.get("id") != meta:
            yield _make_finding(FindingKind.WRONG_ID, each, "The id inside it is not its meta.")
        if type_ != _STORIES:
            continue
        if (linked_id := card.get("remoteId")) != item.stored.id or not linked_id:
            yield _make_id_finding(FindingKind.WRONG_REMOTE_ID, each, linked_id, by_id)
        linked_id = card.get("remoteStoryId")
        if not isinstance(linked_id, str) or linked_id not in ids or (ids[linked_id] != meta and meta in metas):
            yield _make_id_finding(FindingKind.WRONG_REMOTE_STORY_ID, each, linked_id, by_id)


def _make_id_finding(
    kind: FindingKind, listed: ListedObject, linked_id: object, by_id: Mapping[object, Iterable[ListedObject]]
) -> Finding:
    name = kind.value.removeprefix("wrong ")
    if not isinstance(linked_id, str) or not linked_id:
        return _make_finding(kind, listed, f"It has no {name}.")
    others = tuple(map(_name_of, by_id.get(linked_id, ())))
    return _make_finding(kind, listed, f"Its {name} names {'another' if others else 'no'} object.", *others)


def _find_shared_metas(items: Sequence[ListedObject]) -> Iterator[Finding]:
    by_meta: dict[str, list[ListedObject]] = {}
    for each in items:
        if meta := each[1].stored.meta:
            by_meta.setdefault(meta, []).append(each)
    for first, *others in by_meta.values():
        types = sorted((first[0], *(type_ for type_, _ in others)))
        if others and types != [_STORIES, _CONTENTS]:
            sentence = f"{len(types)} objects have the same meta, and so the same key: {', '.join(types)}."
            yield _make_finding(FindingKind.SHARED_META, first, sentence, *map(_name_of, others))


# ---- the keystore


def _check_keys(library: Library, items: Sequence[ListedObject]) -> Iterator[Finding]:
    keys = library.keystore
    if keys.repaired:
        sentence = "Another program damaged it. It could be read; saving it again repairs it."
        yield Finding(FindingKind.REPAIRED_KEYSTORE, _KEYSTORE, "", None, sentence)
    used: dict[str, list[ObjectName]] = {}
    for each in (each for each in items if each[0] not in PLAIN_TYPES):
        used.setdefault(each[1].stored.meta or "", []).append(_name_of(each))
    for meta in keys.unusable:
        sentence = (
            f"This key has {len(keys[meta])} bytes instead of {KEY_SIZE}: nothing can be opened or sealed with it."
        )
        yield Finding(FindingKind.UNUSABLE_KEY, _KEYSTORE, "", meta, sentence, others=tuple(used.get(meta, ())))
    if all(type_ in library.others for type_ in TYPES if type_ not in (*PLAIN_TYPES, _STORIES, _CONTENTS)):
        for meta in keys:
            if meta not in used:
                yield Finding(FindingKind.UNUSED_KEY, _KEYSTORE, "", meta, "No object uses this key.")
