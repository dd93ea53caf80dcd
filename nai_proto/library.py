"""An account's stories, opened: log in, open the keystore, fetch and open the objects, link cards to contents.

One item that does not open never stops the rest: it is in the result with its state and its untouched text. A keystore
that does not open stops everything, since an account without its keys is not an empty account (content §2.3).

Opening is heavy work, so it is handed out as computations of about a megabyte each, with an event after each. Facts:
content §3, §4.1; native §7.5.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import msgspec

from .account import login_spelled
from .codecs.keys import encryption_key
from .codecs.keystore import Keystore, open_keystore
from .codecs.sealed import PLAIN_TYPES, Opened, OpenedState, StoredObject, open_objects
from .exchange.flow import Emit, Flow, compute, using
from .limits import Limits
from .objects import keystore, list_objects
from .secret import AccessToken, Password

__all__ = ["Library", "LibraryEvent", "Story", "Suspicion", "link", "open_library"]

_SLICE: Final = 1_048_576
"""Characters of sealed text that one computation opens: some milliseconds."""
_STORIES: Final = "stories"
_CONTENTS: Final = "storycontent"


@dataclass(frozen=True, slots=True)
class LibraryEvent:
    """Some more objects have been opened, or found not to open."""

    type: str
    items: tuple[Opened, ...] = field(repr=False)
    done: int
    "How many of this type, these included."
    total: int


class Suspicion(enum.Enum):
    """What is likelier when a box does not open; the cipher cannot tell."""

    ALTERED = "altered"
    "others opened with keys of the same keystore"
    WRONG_KEY = "wrong key"
    "nothing opened at all"


@dataclass(frozen=True, slots=True)
class Story:
    """A card and its content."""

    card: Opened
    content: Opened | None
    "None when the account has no content for it."

    @property
    def ok(self) -> bool:
        """Are both there, and opened?"""
        return self.card.ok and self.content is not None and self.content.ok

    @property
    def consistent(self) -> bool:
        """Do card and content have the same meta, and so the same key? It is the rule (content §3.3)."""
        return self.content is not None and self.content.stored.meta == self.card.stored.meta

    @property
    def title(self) -> str:
        """The card's title; empty when it did not open or has none."""
        title = self.card.json().get("title") if self.card.ok else None
        return title if isinstance(title, str) else ""

    @property
    def text(self) -> str | None:
        """The text of a content in the older form (content §5), as it now stands; None for documents (content §7)."""
        if self.content is None or not self.content.ok:
            return None
        try:
            story = msgspec.convert(self.content.json(), _Content).story
        except msgspec.ValidationError:
            return None
        return "".join([fragment.data for fragment in story.fragments])


@dataclass(frozen=True, slots=True)
class Library:
    """All stories of an account."""

    keystore: Keystore
    stories: tuple[Story, ...]
    "In the order in which the service lists the cards."
    orphans: tuple[Opened, ...] = ()
    "Contents that no card leads to."
    change_index: float | None = None
    "The keystore's, to be sent with a change; None if the account has none."
    token: AccessToken | None = field(default=None, compare=False)
    "What the library was opened with, for what comes next: `using` puts it on a flow."

    @property
    def items(self) -> Iterator[Opened]:
        """Every card and content once."""
        seen: set[int] = set()
        for story in self.stories:
            for item in (story.card, story.content):
                if item is not None and id(item) not in seen:
                    seen.add(id(item))
                    yield item
        yield from self.orphans

    @property
    def failed(self) -> tuple[Opened, ...]:
        """What did not open."""
        return tuple(item for item in self.items if not item.ok)

    def suspicion(self, item: Opened) -> Suspicion | None:
        """Why a box of this library did not open, most likely; None for an item whose state says why."""
        if item.state is not OpenedState.NOT_AUTHENTIC:
            return None
        opened = any(other.ok and other.stored.type not in PLAIN_TYPES for other in self.items)
        return Suspicion.ALTERED if opened else Suspicion.WRONG_KEY


def open_library(email: str, password: Password | str, limits: Limits = Limits()) -> Flow[LibraryEvent, Library]:
    """Log in, and open all stories of the account.

    Args:
        email: as for `nai_proto.account.login`; the spelling that logs in is the one that the keystore's key comes from.
        password: of the account.
        limits: for what is inflated and decoded. Those of the answers themselves are the session's.

    Raises (when run):
        AuthenticationError: no account has these.
        DecryptionFailed, Damaged: the keystore does not open, or was withheld.
    """
    secret = password if isinstance(password, Password) else Password(password)
    token, spelling = yield from login_spelled(email, secret)
    key = yield from compute(partial(encryption_key, spelling, secret))
    sealed = yield from using(token, keystore())
    keys = yield from compute(partial(open_keystore, sealed.keystore, key, limits=limits))
    cards = yield from using(token, list_objects(_STORIES))
    opened_cards = yield from _open_all(_STORIES, cards, keys, limits)
    contents = yield from using(token, list_objects(_CONTENTS))
    opened_contents = yield from _open_all(_CONTENTS, contents, keys, limits)
    stories, orphans = yield from compute(partial(link, opened_cards, opened_contents))
    return Library(keys, stories, orphans, sealed.changeIndex, token)


def link(cards: Sequence[Opened], contents: Sequence[Opened]) -> tuple[tuple[Story, ...], tuple[Opened, ...]]:
    """Stories, and the contents that belong to none (content §4.1).

    A card's ``remoteStoryId`` is the id of its content. Where it is not to be had, or names nothing, the meta that both
    share leads there.
    """
    by_id = {content.stored.id: content for content in contents}
    by_meta = {content.stored.meta: content for content in reversed(contents) if content.stored.meta}
    stories: list[Story] = []
    for card in cards:
        named = card.json().get("remoteStoryId") if card.ok else None
        content = by_id.get(named) if isinstance(named, str) and named else None
        stories.append(Story(card, content or by_meta.get(card.stored.meta or "")))
    claimed = {id(story.content) for story in stories}
    return tuple(stories), tuple(content for content in contents if id(content) not in claimed)


def _open_all(
    type: str,  # noqa: A002
    items: Sequence[StoredObject],
    keys: Keystore,
    limits: Limits,
) -> Flow[LibraryEvent, list[Opened]]:
    opened: list[Opened] = []
    for batch in _slices(items):
        done = yield from compute(partial(open_objects, batch, keys, limits))
        opened += done
        yield Emit([LibraryEvent(type, tuple(done), len(opened), len(items))])
    return opened


def _slices(items: Sequence[StoredObject]) -> Iterator[list[StoredObject]]:
    """Neighbours of about `_SLICE` characters together, at least one."""
    batch: list[StoredObject] = []
    size = 0
    for item in items:
        batch.append(item)
        size += len(item.data or "")
        if size >= _SLICE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Fragment(msgspec.Struct):
    data: str


class _Written(msgspec.Struct):
    fragments: list[_Fragment]


class _Content(msgspec.Struct):
    """What of a content says its text."""

    story: _Written
