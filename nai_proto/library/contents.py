"""An account's contents, opened: the result of `open_library`.

A library is a value, with all that further requests need: the token, the keystore and the account's key. Its methods return
flows, so nothing is sent until a client runs them; an error of theirs means that what it names was not stored.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#3-objects
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from ..arguments import check_type
from ..codecs.keystore import Keystore
from ..codecs.sealed_objects import PLAIN_TYPES, OpenedObject, OpenedState, StoredObject
from ..errors import InvalidRequestError, NaiError
from ..exchange.flow import Flow
from ..modules import TrainedModule
from ..objects import StoredKeystore
from ..secret import AccessToken, EncryptionKey
from ..story.story import Story
from .continue_story import ContinuedStory, continue_story
from .opened_story import EditedStory, OpenedStory, find_story
from .restore import RestoredObject, RestoreStep, restore
from .save_keystore import KeystoreReplacement
from .save_module import save_module
from .save_objects import ObjectChange, SavedObject, save_objects
from .stories import create_story, delete_story, save_story

if TYPE_CHECKING:
    from typing import Unpack

    from ..story.context.report import Context
    from ..story.continuation_options import ContinuationOptions
    from ..text.completion import Completion, Token
    from ..text.models import Model
    from ..tokenizers import Tokenizer

__all__ = ["Library", "ListedObject", "Suspicion", "iter_failures", "iter_objects"]

E = TypeVar("E")
R = TypeVar("R")


class Suspicion(enum.Enum):
    """The likely reason why an object does not open; the cipher cannot tell."""

    DAMAGED = "damaged"
    "Other objects opened with keys of the same keystore."
    WRONG_KEY = "wrong key"
    "No object opened."


@dataclass(frozen=True, slots=True)
class Library:
    """All contents of an account, as they were when it was read. Its repr shows no secret."""

    keystore: Keystore
    stories: tuple[OpenedStory, ...]
    "In the order in which the service lists the cards."
    orphans: tuple[OpenedObject, ...] = ()
    "Story contents that no card links to."
    others: Mapping[str, tuple[OpenedObject, ...]] = field(default_factory=dict[str, tuple[OpenedObject, ...]])
    "Presets, modules, shelves and all other objects by type, in the order in which the service lists them."
    unread: Mapping[str, NaiError] = field(default_factory=dict[str, NaiError])
    "Types that could not be listed, and why. Stories and their contents are never among them."
    stored_keystore: StoredKeystore = StoredKeystore(None)
    "The keystore as it was stored when this library was read."
    key: EncryptionKey | None = field(default=None, compare=False)
    "Opens and seals the keystore; None in a library that was not read from an account."
    token: AccessToken | None = field(default=None, compare=False)
    "Signs what the methods send; None to use the client's token."
    email: str = field(default="", repr=False, compare=False)
    "Of the account; empty if this library was read without it."

    # ---- looking into it

    def find(self, name: str) -> OpenedStory:
        """Return the story that a name means: an id, a title, or the beginning of one that no other story has.

        The first of these that some story fulfils decides: it has this id or meta; it has this title; its title differs in
        case only; its title or an id begins with the name.

        Args:
            name: what a person types.

        Raises:
            UnknownNameError: no story fits; the message lists those that resemble the name.
            AmbiguousNameError: several fit in the same way; the message lists them.
        """
        return find_story(self.stories, name)

    @property
    def items(self) -> Iterator[OpenedObject]:
        """Iterate over every object once, the stories' cards and contents first."""
        seen: set[int] = set()
        for story in self.stories:
            for item in (story.card, story.content):
                if item is not None and id(item) not in seen:
                    seen.add(id(item))
                    yield item
        yield from self.orphans
        for items in self.others.values():
            yield from items

    @property
    def failed(self) -> tuple[OpenedObject, ...]:
        """Return the objects that did not open."""
        return tuple(item for item in self.items if not item.ok)

    def suspicion(self, item: OpenedObject) -> Suspicion | None:
        """Return the likely reason why an object of this library did not open; None if its state tells the reason."""
        if item.state is not OpenedState.NOT_AUTHENTIC:
            return None
        opened = any(other.ok and other.stored.type not in PLAIN_TYPES for other in self.items)
        return Suspicion.DAMAGED if opened else Suspicion.WRONG_KEY

    # ---- changing the account

    def create(self, story: Story) -> Flow[KeystoreReplacement | SavedObject, OpenedStory]:
        """Store a new story: its key, then its content, then the card that links to the content.

        An interruption leaves at most a key without an object, or a content without a card; an error's note says which.

        Args:
            story: from `Story.new`, from a scenario, or from a file. It gets ids of its own, so that a story of an account
                is copied.

        Returns:
            The story as it is stored.

        Raises (when run):
            InvalidRequestError: it cannot be written as JSON, or is larger than its limits; nothing was sent.
            ConflictError: another program changed an object that was just stored.
            NaiError: a step failed, as for `save_keys` and `save_objects`.
        """
        check_type(story, Story, "story", "a Story")
        return self._sign(create_story(story, self._require_key()))

    def save(self, story: EditedStory) -> Flow[SavedObject, OpenedStory]:
        """Store the edits of a story: its content, then its card, each with the change index that it was read with.

        What is as it was stored is not sent. The card is not sent if the content was not stored: it would describe a text
        that the account does not have.

        Args:
            story: from `OpenedStory.edit`.

        Returns:
            The story as it is stored now.

        Raises (when run):
            ConflictError: another program changed the story since it was read. Its version stays, and ``story`` keeps the
                edits.
            NotFoundError: it was deleted.
            InvalidRequestError: the edits do not replay to the story's text; nothing was sent.
        """
        check_type(story, EditedStory, "story", "a story from OpenedStory.edit (Library.create stores a new one)")
        return self._sign(save_story(story, self.keystore, self.key))

    def delete(self, story: OpenedStory) -> Flow[StoredObject, tuple[StoredObject, ...]]:
        """Delete a story: its content, then its card, so that a half-deleted story is still listed and can be deleted again.

        A content that another story links to as well stays. The key stays in the keystore, where it takes a hundred bytes:
        it opens copies of the story. Each deleted object is an event.

        Args:
            story: of this library.

        Returns:
            The deleted objects as they were stored: the last copies.

        Raises (when run):
            ConflictError: another program changed the story since it was read; nothing was deleted.
            NaiError: a step failed. An object that is missing already is no error.
        """
        check_type(story, OpenedStory, "story", "an OpenedStory")
        others = (each.content for each in self.stories if each.card != story.card)
        shared = story.content is not None and story.content in others
        return self._sign(delete_story(OpenedStory(story.card, None) if shared else story))

    def continue_story(
        self,
        story: OpenedStory,
        *,
        tokenizer: Callable[[Model], Tokenizer | None],
        store: bool = True,
        **options: Unpack[ContinuationOptions],
    ) -> Flow[Context | Token | Completion | SavedObject, ContinuedStory]:
        """Generate the continuation of a story, append it to the story's text, and save the story.

        Events are the context, then the tokens with their text, the completion with all of it, and the results of saving
        content and card. Nothing is saved before the completion. If another program changed the story meanwhile, its
        version stays: `ContinuedStory.saved` says so, and `ContinuedStory.story` has the new text. The account's
        subscription is read first: its tier limits the size of the context.

        Args:
            story: of this library.
            tokenizer: returns the tokenizer of a model. For a model that the OpenAI-compatible API has it may return None,
                or raise the error of a missing file: then the service counts the tokens that matter, in a few requests.
            store: save the story; otherwise the text is only in the result.
            options: keyword arguments such as ``model``, ``max_length`` and ``temperature``; they take precedence over the
                story's settings. `ContinuationOptions` lists them all: ``help(nai.story.ContinuationOptions)``.

        Raises:
            InvalidRequestError: the story's card or content is missing or did not open.

        Raises (when run):
            NaiError: as for `build_continuation`, or the generation failed; ``partial`` of the error has the received text.
                Nothing was saved.
        """
        check_type(story, OpenedStory, "story", "an OpenedStory")
        if not story.ok:
            raise InvalidRequestError(
                "the story's card or content is missing or did not open, so it cannot be continued", parameter="story"
            )
        return self._sign(continue_story(story, self.keystore, self.key, tokenizer, store, options))

    def save_objects(self, changes: Sequence[ObjectChange]) -> Flow[SavedObject, tuple[SavedObject, ...]]:
        """Save objects of any type, one after the other. One that fails does not stop the others; each has an event.

        An object that has its content already is not written. An object that did not open can only be created again, with
        its sealed data. Save the key of a new object first (`save_keys`), or it could never be opened.

        Args:
            changes: the objects with their new contents, in the order in which they are written.

        Returns:
            The results, in the same order.
        """
        return self._sign(save_objects(changes, self.keystore))

    def save_module(self, module: TrainedModule) -> Flow[KeystoreReplacement | SavedObject, OpenedObject]:
        """Store a trained module where the website looks for it: its key first, then the object.

        A module that the account has stored already is returned as it is, also if it was renamed since.

        See docs/protocol/content.md#45-presets-and-aimodules.

        Args:
            module: is ready.

        Returns:
            The object as it is stored; its ``id`` is what `nai_proto.text.generate` takes as ``module``.

        Raises:
            InvalidRequestError: the module is not ready, or the library was read without the account's key.

        Raises (when run):
            NaiError: it could not be stored; its key may be left in the keystore.
        """
        check_type(module, TrainedModule, "module", "a TrainedModule")
        return self._sign(save_module(module, module.prefix, self._require_key()))

    def restore(
        self, steps: Sequence[RestoreStep]
    ) -> Flow[KeystoreReplacement | RestoredObject, tuple[RestoredObject, ...]]:
        """Carry out a plan. A step that fails does not stop the others. An object that was changed since the plan is kept.

        Args:
            steps: from `plan_restore` or `plan_restore_elsewhere`, in their order.

        Returns:
            The results, in the order of the steps.

        Raises (when run):
            NaiError: the keystore could not be read or written. Then no object was written.
        """
        return self._sign(restore(steps, self._require_key()))

    def _require_key(self) -> EncryptionKey:
        if self.key is None:
            raise InvalidRequestError("this library has no key to seal the keystore with: open it with open_library")
        return self.key

    def _sign(self, flow: Flow[E, R]) -> Flow[E, R]:
        return flow if self.token is None else flow.with_options(token=self.token)


# ---- iteration

ListedObject: TypeAlias = tuple[str, OpenedObject]
"""The type under which an object was listed, and the object: its own type may be missing."""


def iter_objects(library: Library) -> Iterator[ListedObject]:
    """Iterate over every object once, with the type under which it was listed: cards, contents, and the others by type.

    Args:
        library: the library to go through.
    """
    contents = {id(story.content): story.content for story in library.stories if story.content is not None}
    yield from (("stories", story.card) for story in library.stories)
    yield from (("storycontent", content) for content in (*contents.values(), *library.orphans))
    for type_, items in library.others.items():
        yield from ((type_, item) for item in items)


def iter_failures(library: Library) -> Iterator[tuple[ListedObject, Suspicion | None]]:
    """Iterate over the objects that did not open, each with its `Library.suspicion`."""
    suspicion: Suspicion | None = None
    for each in iter_objects(library):
        item = each[1]
        if item.state is OpenedState.NOT_AUTHENTIC:
            suspicion = suspicion or library.suspicion(item)  # which reads all objects, and is the same for each
            yield each, suspicion
        elif not item.ok:
            yield each, None
