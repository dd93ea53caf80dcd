"""What the accounts of the emulator have stored: a keystore and objects, sealed as clients seal them (native §7)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from ..codecs.keystore import Keystore, seal_keystore
from ..codecs.sealed import StoredObject, new_object, seal_object
from ..objects import new_id
from ..secret import EncryptionKey

__all__ = ["Storage", "fill"]

Entropy = Callable[[int], bytes]


@dataclass(eq=False)
class Storage:
    """The stored things of one account; whoever holds it may change them, as the service's owners might."""

    keystore: str | None = field(default=None, repr=False)
    "Sealed; None until the first one is stored."
    keystore_index: int = 0
    "Counts the changes of the keystore."
    indexed: bool = True
    "Is the index told? Not every account of the service has one (native §7.3)."
    objects: dict[str, list[StoredObject]] = field(default_factory=dict[str, list[StoredObject]], repr=False)
    "By type, in order of creation."

    def keystore_answer(self) -> Mapping[str, object]:
        """What ``GET /user/keystore`` says (native §7.3)."""
        if self.keystore is None:
            return {"keystore": None}
        if not self.indexed:
            return {"keystore": self.keystore}
        return {"keystore": self.keystore, "changeIndex": self.keystore_index}

    def clear_stories(self) -> None:
        """What a recovery does that deletes (native §6.1)."""
        self.keystore, self.keystore_index = None, 0
        self.objects.pop("stories", None)
        self.objects.pop("storycontent", None)

    def listed(self, type: str, offset: int = 0, limit: int | None = None) -> Mapping[str, object]:  # noqa: A002
        """What ``GET /user/objects/{type}`` says (native §7.2)."""
        found = self.objects.get(type, [])[offset:]
        return {"objects": [item.document for item in (found if limit is None else found[:limit])]}

    def find(self, type: str, id: str) -> StoredObject | None:  # noqa: A002
        """The object with this id."""
        return next((item for item in self.objects.get(type, []) if item.id == id), None)


_STORIES: Final[tuple[tuple[str, str, list[str]], ...]] = (
    ("The Quiet Harbour", "The boats came in with the tide, and nobody counted them.", ["sea"]),
    (
        "Letters to the Moon",
        "Dear Moon, it has been raining here since you left — été après été.",
        ["letters", "night"],
    ),
    ("物語", "むかしむかし、あるところに。 🦢", []),
)


def fill(storage: Storage, key: EncryptionKey, now: float, entropy: Entropy) -> None:
    """Gives a new account a few stories: cards as they are, contents compressed, as the website does it."""
    keystore = Keystore()
    for number, (title, text, tags) in enumerate(_STORIES):
        meta, keystore = keystore.create(partial(_drawn, entropy, "key", number))
        card_id, content_id = (new_id(partial(_drawn, entropy, kind, number)) for kind in ("card", "content"))
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
            storage.objects.setdefault(type_, []).append(item)
    storage.keystore = seal_keystore(keystore, key, entropy)
    storage.keystore_index = 1


def _content(text: str) -> dict[str, object]:
    """A story of one paragraph, in the older text form (native §7.5, content §5)."""
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


def _drawn(entropy: Entropy, kind: str, number: int, size: int) -> bytes:
    """So many bytes that differ by kind and number, be the entropy that of a test, always the same."""
    return hashlib.shake_128(entropy(16) + f"{kind}{number}".encode()).digest(size)
