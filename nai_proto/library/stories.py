"""Create, save and delete whole stories, in an order in which an interruption at any point loses nothing.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#41-stories
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Never

from ..codecs.keystore import Keystore
from ..codecs.sealed_objects import OpenedObject, StoredObject, new_object
from ..errors import InvalidRequestError, NaiError, NotFoundError
from ..exchange.actions import Steps, compute, get_context
from ..exchange.flow import Flow, flow
from ..objects import delete_object
from ..secret import EncryptionKey
from ..story.story import Story
from .contents import OpenedStory
from .save_keystore import KeystoreReplacement, save_keys
from .save_objects import ObjectChange, SavedObject, save_objects

__all__ = ["create_story", "delete_story", "save_story"]


def create_story(
    card: Mapping[str, object], content: Mapping[str, object], key: EncryptionKey
) -> Flow[KeystoreReplacement | SavedObject, OpenedStory]:
    """Create a story: save its key, then its content, then the card that links to the content.

    An interruption leaves at most a key without an object, or a content without a card; an error's note says which.

    Args:
        card: fields of docs/protocol/content.md#41-stories, above all title and dates. ``id``, ``remoteId`` and
            ``remoteStoryId`` are set here.
        content: fields of docs/protocol/content.md#42-storycontent.
        key: the account's encryption key.

    Raises:
        InvalidRequestError: card or content cannot be written as JSON.

    Raises (when run):
        ConflictError: another program changed an object that was just stored.
        NaiError: a step failed, as for `save_keys` and `save_objects`.
    """
    meta, keys = Keystore().create_key()
    for type_, value in (("storycontent", content), ("stories", card)):  # raise now rather than after the first write
        new_object(type_, meta, value, keys)
    return _create_story(dict(card), dict(content), key)


@flow
def _create_story(
    card: Mapping[str, object], content: Mapping[str, object], key: EncryptionKey
) -> Steps[KeystoreReplacement | SavedObject, OpenedStory]:
    meta, new = Keystore().create_key((yield from get_context()).entropy)
    yield from save_keys(new, key)
    stored_content = yield from _save_one(
        ObjectChange(new_object("storycontent", meta, content, new, compressed=True)), new
    )
    linked = {**card, "id": meta, "remoteStoryId": stored_content.stored.id}
    try:
        first_card = yield from _save_one(ObjectChange(new_object("stories", meta, linked, new)), new)
        stored_card = yield from _save_one(ObjectChange(first_card, {**linked, "remoteId": first_card.stored.id}), new)
        # Another program may have read a keystore without a change index before the key was saved, and written it after.
        yield from save_keys(new, key)
    except NaiError as error:
        error.add_note(f"The story's content is stored as {stored_content.stored.id}; its card may be missing.")
        raise
    return OpenedStory(stored_card, stored_content)


def _save_one(change: ObjectChange, keystore: Mapping[str, bytes]) -> Steps[SavedObject, OpenedObject]:
    (saved,) = yield from save_objects([change], keystore)
    if saved.outcome.ok:
        return saved.item
    assert saved.error is not None
    raise saved.error


def save_story(
    story: OpenedStory, edited: Story, keystore: Mapping[str, bytes]
) -> Flow[SavedObject, tuple[tuple[SavedObject, ...], OpenedStory]]:
    """Save an edited story: its content, then its card, each with the change index that it was read with.

    The card is not sent if the content was not stored: it would describe a text that the account does not have.

    Args:
        story: as it was read.
        edited: the story made of its card and content, with edits.
        keystore: the account's present keys, by meta.

    Returns:
        The results of saving content and card, and the story as it is stored now.

    Raises:
        InvalidRequestError: the story has no content.

    Raises (when run):
        NaiError: the edits do not replay to the story's text; nothing was sent.
    """
    if story.content is None:
        raise InvalidRequestError("the story has no content to be stored", parameter="story")
    return _save_story(story.card, story.content, edited, keystore)


@flow
def _save_story(
    card: OpenedObject, content: OpenedObject, edited: Story, keystore: Mapping[str, bytes]
) -> Steps[SavedObject, tuple[tuple[SavedObject, ...], OpenedStory]]:
    now = int(1000 * (yield from get_context()).now())
    new_card, new_content = yield from compute(partial(edited.to_data, now=now))
    (saved_content,) = yield from save_objects([ObjectChange(content, new_content)], keystore)
    if not saved_content.outcome.ok:
        return (saved_content,), OpenedStory(card, content)
    (saved_card,) = yield from save_objects([ObjectChange(card, new_card)], keystore)
    return (saved_content, saved_card), OpenedStory(saved_card.item, saved_content.item)


@flow
def delete_story(story: OpenedStory) -> Steps[Never, tuple[StoredObject, ...]]:
    """Delete a story: its content, then its card, so that a half-deleted story is still listed and can be deleted again.

    Its key stays in the keystore, where it takes a hundred bytes: it opens copies of the story.

    Args:
        story: of a library.

    Returns:
        The deleted objects as they were stored: the last copies.

    Raises (when run):
        NaiError: a step failed. An object that is missing already is no error.
    """
    deleted: list[StoredObject] = []
    for item in (story.content, story.card):
        if item is not None:
            try:
                deleted.append((yield from delete_object(item.stored.type, item.stored.id)))
            except NotFoundError:
                pass
    return tuple(deleted)
