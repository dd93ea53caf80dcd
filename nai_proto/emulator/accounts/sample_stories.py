"""The sample stories of a new account of the emulator, sealed as clients seal them.

See:
    docs/protocol/native.md#7-keystore-and-user-objects
    docs/protocol/content.md#5-old-story-format-story
"""

from __future__ import annotations

from functools import partial
from typing import Final

from ...codecs.keystore import Keystore, seal_keystore
from ...codecs.sealed_objects import StoredObject, new_object, seal_object
from ...objects import generate_id
from ...secret import EncryptionKey
from .storage import Entropy, Storage, derive_bytes

__all__ = ["add_sample_stories"]

_STORIES: Final[tuple[tuple[str, str, list[str]], ...]] = (
    ("The Quiet Harbour", "The boats came in with the tide, and nobody counted them.", ["sea"]),
    (
        "Letters to the Moon",
        "Dear Moon, it has been raining here since you left — été après été.",
        ["letters", "night"],
    ),
    ("物語", "むかしむかし、あるところに。 🦢", []),
)


def add_sample_stories(storage: Storage, key: EncryptionKey, now: float, entropy: Entropy) -> None:
    """Store a few stories: their metadata as it is, their contents compressed, as the website does it."""
    keystore = Keystore()
    for number, (title, text, tags) in enumerate(_STORIES):
        meta, keystore = keystore.create_key(partial(derive_bytes, entropy, "key", number))
        card_id, content_id = (
            generate_id(partial(derive_bytes, entropy, kind, number)) for kind in ("card", "content")
        )
        milliseconds = int(now * 1000)
        card = {
            "storyMetadataVersion": 1,
            "id": meta,
            "remoteId": card_id,
            "remoteStoryId": content_id,
            "title": title,
            "description": "",
            "textPreview": text[:250],
            "isTA": False,
            "favorite": False,
            "tags": tags,
            "createdAt": milliseconds,
            "lastUpdatedAt": milliseconds,
            "isModified": True,
        }
        for type_, id_, document, compressed in (
            ("stories", card_id, card, False),
            ("storycontent", content_id, _content(text), True),
        ):
            data = seal_object(
                new_object(type_, meta, document, keystore, compressed=compressed), keystore, None, entropy
            )
            item = StoredObject(id=id_, type=type_, meta=meta, data=data, lastUpdatedAt=int(now), changeIndex=1)
            storage.keep(item)
    storage.put_keystore(seal_keystore(keystore, key, entropy), None)


def _content(text: str) -> dict[str, object]:
    """Return the content of a story of one paragraph, in the older text form.

    See:
        docs/protocol/native.md#75-story-linkage-and-templates
        docs/protocol/content.md#5-old-story-format-story
    """
    block: dict[str, object] = {
        "nextBlock": [],
        "prevBlock": -1,
        "origin": "root",
        "startIndex": 0,
        "endIndex": 0,
        "dataFragment": {"data": "", "origin": "root"},
        "fragmentIndex": -1,
        "removedFragments": [],
        "chain": False,
    }
    written: dict[str, object] = {
        **block,
        "prevBlock": 0,
        "origin": "user",
        "dataFragment": {"data": text, "origin": "user"},
        "fragmentIndex": 0,
    }
    return {
        "storyContentVersion": 4,
        "settings": {
            "parameters": {"textGenerationSettingsVersion": 3, "temperature": 1.0, "max_length": 40, "min_length": 1},
            "preset": "",
            "trimResponses": True,
            "banBrackets": True,
            "prefix": "vanilla",
            "prefixMode": 0,
            "dynamicPenaltyRange": False,
            "model": "kayra-v1",
        },
        "story": {
            "version": 2,
            "step": 1,
            "datablocks": [{**block, "nextBlock": [1]}, written],
            "currentBlock": 1,
            "fragments": [{"data": text, "origin": "user"}],
        },
        "context": [],
        "lorebook": {"lorebookVersion": 4, "entries": [], "settings": {"orderByKeyLocations": False}, "categories": []},
        "storyContextConfig": {},
        "ephemeralContext": [],
        "contextDefaults": {"ephemeralDefaults": [], "loreDefaults": []},
        "settingsDirty": False,
    }
