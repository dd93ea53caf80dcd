"""Looking whether a library is sound: what does not open, does not fit together, or has been lost.

The check is pure and changes nothing. Whatever is in the objects, it goes on to the end: each thing that it finds is a
`Finding`, with a sentence for people that quotes nothing of what they wrote.

See docs/protocol/content.md#9-sanity-check-of-the-existing-command-line.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ..codecs.box import KEY_SIZE
from ..codecs.sealed import PLAIN_TYPES
from ..limits import Limits
from ..objects import TYPES
from .listing import Listed, listed, suspicions
from .structure import document_problem, history_problem, text_problem
from .values import Library, Suspicion

__all__ = ["Finding", "FindingKind", "ObjectName", "Report", "Severity", "TypeCount", "check"]


class Severity(enum.Enum):
    """How bad it is."""

    LOSS = "loss"
    "something cannot be read"
    FAULT = "fault"
    "all can be read, but does not fit together: some program will stumble"
    NOTE = "note"
    "harmless, and good to know"


class FindingKind(enum.Enum):
    """What was found."""

    NOT_OPENED = "not opened"
    NOT_LISTED = "not listed"
    STORY_WITHOUT_CONTENT = "story without content"
    NO_TEXT = "no text"
    BROKEN_TEXT = "broken text"
    UNREADABLE_DOCUMENT = "unreadable document"
    CONTENT_WITHOUT_STORY = "content without story"
    BROKEN_HISTORY = "broken history"
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
        """How bad it is."""
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
    """An object, by what it is called."""

    type: str
    "Under which it was listed; ``keystore`` for the keystore, which has no id."
    id: str
    meta: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    kind: FindingKind
    type: str
    "Of the object: under which it was listed; ``keystore`` for the keystore and its keys."
    id: str
    "Empty where there is none."
    meta: str | None
    sentence: str
    "For people; quotes no content."
    category: str = ""
    "Of what did not open: which check failed, by docs/protocol/content.md#34-errors-a-reader-has-to-tell-apart."
    suspicion: Suspicion | None = None
    "Of a box that does not open: what is likelier."
    others: tuple[ObjectName, ...] = ()
    "More objects that it is about."

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.kind.severity


@dataclass(frozen=True, slots=True)
class TypeCount:
    """How many objects of a type there are."""

    type: str
    opened: int
    total: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a check came to."""

    counts: tuple[TypeCount, ...]
    "By type, in the order in which they were listed."
    keys: int
    "In the keystore."
    findings: tuple[Finding, ...] = ()

    @property
    def clean(self) -> bool:
        """Was nothing found?"""
        return not self.findings

    def of(self, *kinds: FindingKind) -> tuple[Finding, ...]:
        """The findings of these kinds."""
        return tuple(finding for finding in self.findings if finding.kind in kinds)


def check(library: Library, limits: Limits = Limits()) -> Report:
    """All that is not as it should be, kind by kind in the order of `FindingKind`.

    Each content is read once, which takes about as long as opening it did: `nai_proto.compute` takes it off an event loop.

    Args:
        library: to look at.
        limits: for documents, which are decoded.
    """
    items = list(listed(library))
    order = {kind: number for number, kind in enumerate(FindingKind)}
    found = [
        *_not_listed(library),
        *_not_opened(library),
        *_contents(items, limits),
        *_stories(library),
        *_cards(items),
        *_metas(items),
        *_keys(library, items),
    ]
    found.sort(key=lambda finding: order[finding.kind])  # which is stable
    opened = Counter(type_ for type_, item in items if item.ok)
    total = Counter(type_ for type_, _ in items)
    types = (_STORIES, _CONTENTS, *library.others)
    return Report(
        tuple(TypeCount(each, opened[each], total[each]) for each in types), len(library.keystore), tuple(found)
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


def _finding(kind: FindingKind, about: Listed, sentence: str, *others: ObjectName, **more: Any) -> Finding:
    return Finding(kind, *_named(about), sentence, others=others, **more)


def _named(about: Listed) -> ObjectName:
    type_, item = about
    return ObjectName(type_, item.stored.id, item.stored.meta)


# ---- what cannot be read


def _not_listed(library: Library) -> Iterator[Finding]:
    for type_, error in library.unread.items():
        yield Finding(FindingKind.NOT_LISTED, type_, "", None, f"Objects of this type could not be listed: {error}.")


def _not_opened(library: Library) -> Iterator[Finding]:
    for each, suspicion in suspicions(library):
        item = each[1]
        sentence = f"It does not open: {item.problem.removeprefix('object: ')}{_LIKELIER[suspicion]}."
        yield _finding(FindingKind.NOT_OPENED, each, sentence, category=item.category, suspicion=suspicion)


_LIKELIER: Final = {
    None: "",
    Suspicion.ALTERED: "; others open, so it is likelier that this one was altered",
    Suspicion.WRONG_KEY: "; nothing opens, so it is likelier that the keys are wrong",
}


def _contents(items: Sequence[Listed], limits: Limits) -> Iterator[Finding]:
    for each in items:
        type_, item = each
        if type_ != _CONTENTS or not item.ok:
            continue
        content = item.json()
        story, document = content.get("story"), content.get("document")
        if story is None and document is None:
            yield _finding(FindingKind.NO_TEXT, each, "It holds neither a story nor a document.")
        if document is not None and (problem := document_problem(document, limits)):
            yield _finding(FindingKind.UNREADABLE_DOCUMENT, each, f"Its text cannot be read whole: {problem}.")
        if story is not None and (problem := text_problem(story)):
            yield _finding(FindingKind.BROKEN_TEXT, each, f"Its text cannot be read: {problem}.")
        if story is not None and (problem := history_problem(story)):
            yield _finding(FindingKind.BROKEN_HISTORY, each, f"Its history does not hang together: {problem}.")


# ---- what does not fit together


def _stories(library: Library) -> Iterator[Finding]:
    for content in library.orphans:
        yield _finding(FindingKind.CONTENT_WITHOUT_STORY, (_CONTENTS, content), "No story leads to this content.")
    for story in library.stories:
        card = (_STORIES, story.card)
        if story.content is None:
            yield _finding(FindingKind.STORY_WITHOUT_CONTENT, card, "There is no content for this story.")
        elif not story.consistent:
            sentence = "The story and its content do not have the same meta."
            yield _finding(FindingKind.METAS_DIFFER, card, sentence, _named((_CONTENTS, story.content)))


def _cards(items: Sequence[Listed]) -> Iterator[Finding]:
    by_id: dict[object, list[Listed]] = {}
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
            yield _finding(FindingKind.WRONG_ID, each, "The id inside it is not its meta.")
        if type_ != _STORIES:
            continue
        if (named := card.get("remoteId")) != item.stored.id or not named:
            yield _misnamed(FindingKind.WRONG_REMOTE_ID, each, named, by_id)
        named = card.get("remoteStoryId")
        if not isinstance(named, str) or named not in ids or (ids[named] != meta and meta in metas):
            yield _misnamed(FindingKind.WRONG_REMOTE_STORY_ID, each, named, by_id)


def _misnamed(kind: FindingKind, about: Listed, named: object, by_id: Mapping[object, Iterable[Listed]]) -> Finding:
    what = kind.value.removeprefix("wrong ")
    if not isinstance(named, str) or not named:
        return _finding(kind, about, f"It has no {what}.")
    others = tuple(map(_named, by_id.get(named, ())))
    return _finding(kind, about, f"Its {what} names {'another' if others else 'no'} object.", *others)


def _metas(items: Sequence[Listed]) -> Iterator[Finding]:
    by_meta: dict[str, list[Listed]] = {}
    for each in items:
        if meta := each[1].stored.meta:
            by_meta.setdefault(meta, []).append(each)
    for first, *others in by_meta.values():
        types = sorted((first[0], *(type_ for type_, _ in others)))
        if others and types != [_STORIES, _CONTENTS]:
            sentence = f"{len(types)} objects have the same meta, and so the same key: {', '.join(types)}."
            yield _finding(FindingKind.SHARED_META, first, sentence, *map(_named, others))


# ---- the keystore


def _keys(library: Library, items: Sequence[Listed]) -> Iterator[Finding]:
    keys = library.keystore
    if keys.repaired:
        sentence = "Another program has damaged it; it could be read all the same, and storing it again heals it."
        yield Finding(FindingKind.REPAIRED_KEYSTORE, _KEYSTORE, "", None, sentence)
    used: dict[str, list[ObjectName]] = {}
    for each in (each for each in items if each[0] not in PLAIN_TYPES):
        used.setdefault(each[1].stored.meta or "", []).append(_named(each))
    for meta in keys.unusable:
        sentence = f"This key has {len(keys[meta])} bytes instead of {KEY_SIZE}: it opens and seals nothing."
        yield Finding(FindingKind.UNUSABLE_KEY, _KEYSTORE, "", meta, sentence, others=tuple(used.get(meta, ())))
    if all(type_ in library.others for type_ in TYPES if type_ not in (*PLAIN_TYPES, _STORIES, _CONTENTS)):
        for meta in keys:
            if meta not in used:
                yield Finding(FindingKind.UNUSED_KEY, _KEYSTORE, "", meta, "No object uses this key.")
