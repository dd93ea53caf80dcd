"""What an account stores: keystores, objects, stories and lorebooks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

from ...codecs.keystore import Keystore, seal_keystore
from ...codecs.sealed_objects import new_object, seal_object
from ...emulator.seeded_random import seeded_entropy
from ...errors import InvalidRequestError, LocalProtocolError
from ...objects import StoredObject
from ...secret import EncryptionKey
from ...story.sections import Origin
from ...story.story import Story
from .json_texts import JSON, TEXTS, dump

__all__ = ["keystores", "lorebooks", "stored_objects", "story_documents"]

_IDS: Final = st.uuids().map(str)
_KEYS: Final = st.binary(min_size=32, max_size=32)
_SEEDS: Final = st.binary(max_size=4)
_NOW: Final = 1_767_225_600.0


@st.composite
def keystores(draw: st.DrawFn) -> tuple[str, EncryptionKey, Mapping[str, bytes]]:
    """Generate a sealed keystore as the service has it, the key that opens it, and the keys of objects by their meta.

    It may be empty, be compressed, and have fields that nobody knows, inside and outside of what is sealed.

    See docs/protocol/content.md#2-keystore.
    """
    unknown = st.dictionaries(st.sampled_from(["unheard_of", "x"]), JSON.map(lambda value: json.dumps(value).encode()))
    keys = draw(st.dictionaries(_IDS, _KEYS, max_size=4))
    keystore = Keystore(keys, compressed=draw(st.booleans()), envelope=draw(unknown), inner=draw(unknown))
    key = EncryptionKey(draw(_KEYS))
    return seal_keystore(keystore, key, seeded_entropy(draw(_SEEDS))), key, keys


@st.composite
def stored_objects(draw: st.DrawFn) -> tuple[StoredObject, Mapping[str, bytes], Mapping[str, object]]:
    """Generate an object as the service has it, the keystore with its key among others, and its content.

    It is of a type that is sealed, compressed or not, or of one that is stored as it is.

    See docs/protocol/content.md#3-objects.
    """
    meta = draw(_IDS)
    keys = draw(st.dictionaries(_IDS, _KEYS, max_size=2)) | {meta: draw(_KEYS)}
    content = draw(st.dictionaries(TEXTS, JSON, max_size=3))
    kind = draw(st.sampled_from(["stories", "storycontent", "presets", "aimodules", "shelf"]))
    opened = new_object(kind, meta, content, keys, compressed=kind != "shelf" and draw(st.booleans()))
    sealed = seal_object(opened, keys, entropy=seeded_entropy(draw(_SEEDS)))
    return StoredObject(id=draw(_IDS), type=kind, meta=meta, data=sealed), keys, content


@st.composite
def story_documents(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Generate a stored story in either format: its card and its content, as JSON, and the text that it has.

    It was written by appending and replacing, undone, redone and continued in other branches. Texts have line ends, empty
    lines, and characters of four bytes, which the formats count as two.

    See docs/protocol/content.md#4-decrypted-json.
    """
    story = Story.new(draw(TEXTS), now=_NOW, legacy=draw(st.booleans()), entropy=seeded_entropy(draw(_SEEDS)))
    texts = st.text("ab \n\u00e9\u8a9e\U0001f986", max_size=8)
    origins = st.sampled_from([Origin.USER, Origin.AI])
    for number in range(draw(st.integers(0, 6))):
        now = _NOW + number
        try:
            match draw(st.sampled_from(["append", "append", "replace", "undo", "redo", "retry"])):
                case "append":
                    story.append(draw(texts), now=now, origin=draw(origins))
                case "replace":
                    start, end = sorted(draw(st.tuples(*[st.integers(0, len(story.text))] * 2)))
                    story.replace(start, end, draw(texts), now=now)
                case "undo":
                    story.undo()
                case "redo":
                    story.redo()
                case _:
                    story.retry(draw(texts), now=now)
        except (InvalidRequestError, LocalProtocolError):
            pass  # this step is not possible in this state
    card, content = story.to_data(now=_NOW)
    return card, content, story.text


@st.composite
def lorebooks(draw: st.DrawFn) -> bytes:
    """Generate a ``.lorebook`` file, of any version that there has been.

    Entries may lack most fields, be off, be always on, and have no keys, empty ones, regular expressions, and some that are
    not valid. Ids are missing or come twice, categories do not exist, and there are fields that nobody knows.

    See docs/protocol/content.md#46-lorebook.
    """
    key = (
        st.sampled_from(["harbour", "", " Ann ", "/drakes?/i", "/(/", "a & b", "D&D", "\u65e5\u672c", "/a{2,1}/"])
        | TEXTS
    )
    ids = st.sampled_from(["1", "2", ""])
    entry = st.fixed_dictionaries(
        {},
        optional={
            "id": ids,
            "displayName": TEXTS,
            "text": TEXTS,
            "keys": st.lists(key, max_size=3),
            "searchRange": st.integers(0, 5000),
            "enabled": st.booleans(),
            "forceActivation": st.booleans(),
            "keyRelative": st.booleans(),
            "category": ids,
            "contextConfig": st.fixed_dictionaries(
                {}, optional={"prefix": TEXTS, "budgetPriority": st.integers(-9, 999)}
            ),
            "unheard_of": JSON,
        },
    )
    category = st.fixed_dictionaries(
        {"id": ids}, optional={"name": TEXTS, "enabled": st.booleans(), "unheard_of": JSON}
    )
    version = draw(st.integers(1, 6))
    book: dict[str, object] = {"lorebookVersion": version, "entries": draw(st.lists(entry, max_size=4))}
    if version >= 3:
        book["categories"] = draw(st.lists(category, max_size=2))
        book["settings"] = draw(st.fixed_dictionaries({}, optional={"orderByKeyLocations": st.booleans()}))
    return dump(draw, book).encode()
