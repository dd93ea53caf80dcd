"""Create, save and delete whole stories, in an order in which an interruption at any point loses nothing.

`Library` has these flows as methods; here keystore and key are arguments.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#41-stories
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Never

from ..codecs.keystore import Keystore, open_keystore
from ..codecs.sealed_objects import StoredObject, new_object
from ..errors import ConflictError, NaiError, NotFoundError
from ..exchange.actions import Emit, Steps, compute, get_context
from ..exchange.flow import flow
from ..objects import delete_object, get_keystore, get_object
from ..secret import EncryptionKey
from ..story.story import Story
from .opened_story import EditedStory, OpenedStory
from .save_keystore import KeystoreReplacement, save_keys
from .save_objects import ObjectChange, SavedObject, check_saved, save_object, save_objects

__all__ = ["create_story", "delete_story", "save_story", "try_save_story"]


@flow
def create_story(story: Story, key: EncryptionKey) -> Steps[KeystoreReplacement | SavedObject, OpenedStory]:
    """Store a new story; see `Library.create`.

    Args:
        story: its card and content get new ids.
        key: the account's encryption key.
    """
    context = yield from get_context()
    card, content = yield from compute(partial(story.to_data, now=context.now()))
    meta, new = Keystore().create_key(context.entropy)
    new_content = new_object("storycontent", meta, content, new, compressed=True)
    new_object("stories", meta, card, new)  # raise now rather than after the first write
    yield from save_keys(new, key)
    stored_content = yield from save_object(ObjectChange(new_content), new)
    linked = {**card, "id": meta, "remoteId": "", "remoteStoryId": stored_content.stored.id}
    try:
        first_card = yield from save_object(ObjectChange(new_object("stories", meta, linked, new)), new)
        stored_card = yield from save_object(
            ObjectChange(first_card, {**linked, "remoteId": first_card.stored.id}), new
        )
        # Another program may have read a keystore without a change index before the key was saved, and written it after.
        yield from save_keys(new, key)
    except NaiError as error:
        error.add_note(f"The story's content is stored as {stored_content.stored.id}; its card may be missing.")
        raise
    return OpenedStory(stored_card, stored_content)


@flow
def save_story(
    story: EditedStory, keystore: Mapping[str, bytes], key: EncryptionKey | None
) -> Steps[SavedObject, OpenedStory]:
    """Store the edits of a story, and raise the error if that fails; see `Library.save`.

    Args:
        story, keystore, key: as for `try_save_story`.
    """
    saved = yield from try_save_story(story, keystore, key)
    try:
        for each in saved:
            check_saved(each)
    except NaiError as error:
        if saved[0].outcome.ok:
            error.add_note("The story's text and settings are stored; its card (title, dates) is as it was.")
        raise
    return story.opened


@flow
def try_save_story(
    story: EditedStory, keystore: Mapping[str, bytes], key: EncryptionKey | None
) -> Steps[SavedObject, tuple[SavedObject, ...]]:
    """Store the edits of a story: its content, then its card, each with the change index that it was read with.

    The card is not sent if the content was not stored: it would describe a text that the account does not have.

    Args:
        story: afterwards, what was stored is what its further edits are compared with.
        keystore: the account's keys, by meta.
        key: opens the account's present keystore, if the story is newer than ``keystore``.

    Returns:
        The results of saving content and card; of the content only, if that was not stored.

    Raises (when run):
        NaiError: the edits do not replay to the story's text; nothing was sent.
    """
    now = (yield from get_context()).now()
    opened, (old_card, _) = story.opened, story.original
    assert opened.content is not None  # an EditedStory has one
    card, content = yield from compute(partial(story.to_data, now=now))
    if key is not None and not {opened.card.stored.meta, opened.content.stored.meta} <= {*keystore}:
        keystore = yield from _read_keystore(key)
    (saved_content,) = yield from save_objects([ObjectChange(opened.content, content)], keystore)
    if not saved_content.outcome.ok:
        return (saved_content,)
    (saved_card,) = yield from save_objects([ObjectChange(opened.card, card)], keystore)
    now_stored = OpenedStory(saved_card.item, saved_content.item)
    story.mark_saved(now_stored, card if saved_card.outcome.ok else old_card, content)
    return saved_content, saved_card


def _read_keystore(key: EncryptionKey) -> Steps[Never, Keystore]:
    limits = (yield from get_context()).limits
    stored = yield from get_keystore()
    return (yield from compute(partial(open_keystore, stored.keystore, key, repair=True, limits=limits)))


@flow
def delete_story(story: OpenedStory) -> Steps[StoredObject, tuple[StoredObject, ...]]:
    """Delete a story: its content, then its card; see `Library.delete`.

    Args:
        story: of a library.
    """
    present: list[StoredObject] = []
    for item in (story.content, story.card):
        stored = None if item is None else (yield from _read_again(item.stored))
        if stored is not None:
            present.append(stored)
    deleted: list[StoredObject] = []
    for stored in present:
        try:
            deleted.append((yield from delete_object(stored.type, stored.id)))
        except NotFoundError:
            continue
        yield Emit([deleted[-1]])
    return tuple(deleted)


def _read_again(stored: StoredObject) -> Steps[Never, StoredObject | None]:
    """Return an object as it is stored now, None if it is gone; the service deletes without asking for the change index.

    Raises:
        ConflictError: another program changed it since it was read.
    """
    try:
        present = yield from get_object(stored.type, stored.id)
    except NotFoundError:
        return None
    if (present.data, present.meta) != (stored.data, stored.meta):
        raise ConflictError(
            409, f"another program changed {stored.type} {stored.id} since it was read: nothing was deleted"
        )
    return present
