"""Making and removing whole stories, in the order in which a stop at any point loses nothing.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#41-stories
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Never

from ..codecs.keystore import Keystore
from ..codecs.sealed import Opened, StoredObject, new_object
from ..errors import NaiError, NotFoundError
from ..exchange.actions import Steps, get_context
from ..exchange.flow import Flow, flow
from ..objects import delete_object
from ..secret import EncryptionKey
from .keys import ReplacingKeystore, save_keys
from .values import Story
from .writing import Change, Saved, save_objects

__all__ = ["create_story", "delete_story"]


def create_story(
    card: Mapping[str, object], content: Mapping[str, object], key: EncryptionKey
) -> Flow[ReplacingKeystore | Saved, Story]:
    """Store a new story: its key first, then its content, then the card that leads there.

    A stop on the way leaves at most a key that opens nothing, or a content without a card; an error's note says which.

    Args:
        card: what docs/protocol/content.md#41-stories lists, title and dates above all. ``id``, ``remoteId`` and
            ``remoteStoryId`` are set.
        content: what docs/protocol/content.md#42-storycontent lists.
        key: the account's.

    Raises:
        InvalidRequestError: card or content is no JSON.

    Raises (when run):
        ConflictError: another program changed what was just stored.
        NaiError: a step failed, as for `save_keys` and `save_objects`.
    """
    meta, keys = Keystore().create()
    for type_, value in (("storycontent", content), ("stories", card)):  # which fails now rather than half-way
        new_object(type_, meta, value, keys)
    return _create_story(dict(card), dict(content), key)


@flow
def _create_story(
    card: Mapping[str, object], content: Mapping[str, object], key: EncryptionKey
) -> Steps[ReplacingKeystore | Saved, Story]:
    meta, new = Keystore().create((yield from get_context()).entropy)
    yield from save_keys(new, key)
    stored_text = yield from _store(Change(new_object("storycontent", meta, content, new, compressed=True)), new)
    linked = {**card, "id": meta, "remoteStoryId": stored_text.stored.id}
    try:
        first = yield from _store(Change(new_object("stories", meta, linked, new)), new)
        whole = yield from _store(Change(first, {**linked, "remoteId": first.stored.id}), new)
        # Whoever wrote an account's keystore that has no index may have read it before the key was there.
        yield from save_keys(new, key)
    except NaiError as error:
        error.add_note(f"The story's content is stored as {stored_text.stored.id}; its card may be missing.")
        raise
    return Story(whole, stored_text)


def _store(change: Change, keystore: Mapping[str, bytes]) -> Steps[Saved, Opened]:
    (saved,) = yield from save_objects([change], keystore)
    if saved.outcome.ok:
        return saved.item
    assert saved.error is not None
    raise saved.error


@flow
def delete_story(story: Story) -> Steps[Never, tuple[StoredObject, ...]]:
    """Remove a story: its content, then its card, so that a half-removed one is seen and can be removed again.

    Its key stays in the keystore: it takes a hundred bytes, and opens whatever copies there are.

    Returns:
        What was removed, as it was; the last copies that the service gives out.

    Raises (when run):
        NaiError: a step failed. What was gone already is no error.
    """
    removed: list[StoredObject] = []
    for item in (story.content, story.card):
        if item is not None:
            try:
                removed.append((yield from delete_object(item.stored.type, item.stored.id)))
            except NotFoundError:
                pass
    return tuple(removed)
