"""What do opening and sealing a library's stories cost, by the story?

The floor takes the same steps with the same libraries, and makes no check: base64, secretbox, inflate, JSON.
"""

from __future__ import annotations

import binascii
import random
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from nacl.bindings import crypto_secretbox, crypto_secretbox_open

from nai_proto.codecs.keystore import Keystore
from nai_proto.codecs.object_compression import MARK
from nai_proto.codecs.sealed_objects import OpenedObject, StoredObject, new_object, open_objects, seal_object

from .report import Effort, Report, peer, timed

__all__ = ["measure"]

_FLOOR: Final = "secretbox + zlib + msgspec, unchecked"
_PEER: Final = "novelai_api"
_WORDS: Final = (
    "the",
    "quiet",
    "harbour",
    "lantern",
    "and",
    "a",
    "boat",
    "came",
    "in",
    "with",
    "nobody",
    "counted",
    "moon",
)
_NONCE: Final = 24
_decode: Final = msgspec.json.Decoder().decode


def _open(items: list[StoredObject], keys: dict[str, bytes]) -> int:
    opened = 0
    for item in items:
        data = binascii.a2b_base64(item.data or "")
        packed = data.startswith(MARK)
        data = data[len(MARK) :] if packed else data
        plaintext = crypto_secretbox_open(data[_NONCE:], data[:_NONCE], keys[item.meta or ""])
        opened += bool(_decode(zlib.decompress(plaintext, -15) if packed else plaintext))
    return opened


def _seal(plaintexts: list[tuple[bytes, bytes]], packed: bool) -> list[str]:
    sealed: list[str] = []
    for plaintext, key in plaintexts:
        deflate = zlib.compressobj(9, wbits=-15)
        payload = deflate.compress(plaintext) + deflate.flush() if packed else plaintext
        box = bytes(_NONCE) + crypto_secretbox(payload, bytes(_NONCE), key)
        sealed.append(binascii.b2a_base64((MARK if packed else b"") + box, newline=False).decode())
    return sealed


def _open_ours(items: list[StoredObject], keystore: Keystore) -> int:
    return sum(item.ok for item in open_objects(items, keystore))


def _seal_ours(opened: list[OpenedObject], keystore: Keystore) -> list[str]:
    return [seal_object(item, keystore) for item in opened]


def _open_theirs(module: Any, items: list[StoredObject], keystore: Any) -> int:
    copies: list[dict[str, Any]] = [dict(item.document) for item in items]
    module.decrypt_user_data(copies, keystore)
    return sum(copy["decrypted"] for copy in copies)


def measure(effort: Effort) -> Report:
    """µs of CPU per story of 20 kB, both ways."""
    report = Report("µs per stored story of 20 kB", _FLOOR)
    module = peer(report, "novelai_api.utils")
    count = effort.of(1_000)
    chance = random.Random(20260202)
    keys = {str(UUID(int=chance.getrandbits(128))): chance.randbytes(32) for _ in range(count)}
    keystore = Keystore(keys)
    for case, packed in (("as it is", False), ("deflated", True)):
        opened: list[OpenedObject] = []
        items: list[StoredObject] = []
        for number, meta in enumerate(keys):
            prose = " ".join(chance.choices(_WORDS, k=3_600))
            content = {"storyContentVersion": 4, "story": {"fragments": [{"data": prose, "origin": "user"}]}}
            opened.append(new_object("storycontent", meta, content, keystore, compressed=packed))
            data = seal_object(opened[-1], keystore)
            items.append(StoredObject(id=f"{number}", type="storycontent", meta=meta, data=data))
        plaintexts = [(item.plaintext, keys[item.stored.meta or ""]) for item in opened]
        opening: dict[str, Callable[[], object]] = {
            _FLOOR: partial(_open, items, keys),
            "open_objects": partial(_open_ours, items, keystore),
        }
        sealing: dict[str, Callable[[], object]] = {
            _FLOOR: partial(_seal, plaintexts, packed),
            "seal_object": partial(_seal_ours, opened, keystore),
        }
        if module:
            theirs = _keystore_of(keys)
            opening[_PEER] = partial(_open_theirs, module, items, theirs)
        assert {each() for each in opening.values()} == {count}
        values = timed(opening, effort, per=count)
        report.add(f"open, {case}", values, "µs", reference=_FLOOR, ours="open_objects", faster={_PEER: 1.0})
        report.add(f"seal, {case}", timed(sealing, effort, per=count), "µs", reference=_FLOOR)
    return report


def _keystore_of(keys: dict[str, bytes]) -> Any:
    from importlib import import_module

    keystore = import_module("novelai_api.Keystore").Keystore({"keystore": None})
    keystore._keystore = dict(keys)
    keystore._decrypted = True
    return keystore
