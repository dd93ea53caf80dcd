"""Targets of the codecs of what accounts store, and of what is packed in other things."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from typing import Any, Final

from nacl.secret import SecretBox

from ...codecs import object_compression, token_packing
from ...codecs.document_check import find_document_problems
from ...codecs.file_problems import find_field_problem, find_file_problem
from ...codecs.forgiving_base64 import decode_base64
from ...codecs.keystore import Keystore, open_keystore, seal_keystore
from ...codecs.module_ids import derive_module_id, seal_module
from ...codecs.msgpackr import (
    UNDEFINED,
    BigInt,
    JsMap,
    JsSet,
    RegExp,
    Shared,
    SharedReference,
    Timestamp,
    Wrapped,
    packb,
    unpackb,
)
from ...codecs.sealed_objects import StoredObject, new_object, open_object, open_objects, seal_object
from ...codecs.secret_box import from_base64, open_box, read_json, to_base64
from ...codecs.vibe_files import StoredVibe, VibeBundle, read_vibe_file, write_vibe_file
from ...codecs.zip_archive import unzip, zip_files
from ...emulator.seeded_random import seeded_entropy
from ...errors import NaiError
from ...limits import Limits
from ...secret import EncryptionKey, parse_token
from ..target import Target

__all__ = ["TARGETS"]

_KEY: Final = EncryptionKey(bytes(range(32)))
_KEYS: Final = Keystore({"meta": bytes(range(32, 64))})
_STORY: Final = {"title": "The quiet harbour", "tags": ["sea"], "favorite": False, "number": 1.5}


def _seed_keystores() -> Iterable[bytes]:
    return [seal_keystore(_KEYS, _KEY, seeded_entropy("keystore")).encode()]


@cache
def _seed_objects() -> tuple[bytes, ...]:
    entropy = seeded_entropy("objects")
    made = [new_object("stories", "meta", _STORY, _KEYS, compressed=compressed) for compressed in (False, True)]
    plain = new_object("shelf", "meta", _STORY, _KEYS)
    return tuple(seal_object(each, _KEYS, entropy=entropy).encode() for each in (*made, plain))


def _seed_boxes() -> Iterable[bytes]:
    return [bytes(24) + SecretBox(bytes(32)).encrypt(b"a message", bytes(24)).ciphertext]


def _open_keystore(text: str) -> object:
    for repair in (False, True):
        open_keystore(text, _KEY, repair=repair)
    return open_keystore({"keystore": text, "changeIndex": 1}, _KEY)


def _open_stored(data: str) -> object:
    kinds = ("stories", "shelf", "storycontent")
    stored = [StoredObject(id="id", type=kind, meta="meta", data=data) for kind in kinds]
    return [opened.state for opened in open_objects(stored, _KEYS)]


def _open_document(document: object) -> object:
    stored = StoredObject.from_json(document)
    return StoredObject.from_json(stored.document) == stored, open_object(stored, _KEYS).state


def _unpack_tokens(data: bytes) -> object:
    read: list[object] = []
    for width in (2, 4):
        with suppress(NaiError):
            read.append(token_packing.unpack(data, width))
    return read


def _unpack_value(data: bytes) -> object:
    """What was unpacked is packed again, where it can be, and is then the same."""
    value = unpackb(data)
    find_document_problems(value)
    again = packb(value)
    assert packb(unpackb(again)) == again, "msgpackr: packing is not repeatable"
    return value


def _unpack_object(data: bytes) -> object:
    """What was unpacked is unpacked again from what it is packed as."""
    unpacked = object_compression.unpack(data)
    assert object_compression.unpack(object_compression.pack(*unpacked)) == unpacked, "packing is not reversible"
    return unpacked


def _find_problem(data: bytes) -> object:
    try:
        document = read_json(data)
    except (ValueError, RecursionError):
        return find_file_problem(data)
    return find_field_problem(document, dict[str, int])


def _vibe() -> StoredVibe:
    return StoredVibe.from_encoding(b"encoded", "v4full", created_at=1_767_225_600.0)


def _seal_module(text: str) -> object:
    return seal_module(text), derive_module_id("kayra-v1", text)


def _decode_all(text: str) -> object:
    data = decode_base64(text)
    assert from_base64(to_base64(data), "text") == data, "base64: encoding is not reversible"
    return data


def _values() -> list[Any]:
    plain = [None, True, -1, 1.5, "text", "half a pair: \ud83d", b"bytes", [1, [2]], ["x" * 300, 2**40], BigInt(2**70)]
    records = [{"a": {"b": "c" * 40}}, [{"a": 1, "b": 2}, {"a": 3, "b": UNDEFINED}]]
    shared = [Shared(1, [1]), SharedReference(1)]
    sets = [JsMap(((1, {"a": 2}), ("b", []))), JsSet((1, 2))]
    return [*plain, *records, shared, *sets, Wrapped(31, {}), Timestamp(1_700_000_000, 5_000_000), RegExp("a", "g")]


TARGETS: Final = (
    Target("secret.parse_token", "text", parse_token, lambda: [b"pst-abcdefghijklmnop", b"eyJh.eyJp.c2ln"]),
    Target("keystore", "text", _open_keystore, _seed_keystores),
    Target("sealed_objects", "text", _open_stored, _seed_objects),
    Target(
        "sealed_objects.StoredObject",
        "JSON",
        _open_document,
        lambda: [b'{"id":"1","type":"shelf","meta":"meta","data":"e30=","lastUpdatedAt":1.5,"changeIndex":2,"x":[]}'],
    ),
    Target("secret_box", "bytes", lambda data: open_box(data[24:], data[:24], bytes(32), "box"), _seed_boxes),
    Target("object_compression", "bytes", _unpack_object, lambda: [object_compression.pack(b"{}" * 20, True), b"{}"]),
    Target("msgpackr", "bytes", _unpack_value, lambda: map(packb, _values())),
    Target("token_packing", "bytes", _unpack_tokens, lambda: [token_packing.pack([1, 2, 50_000], 2).encode()]),
    Target("forgiving_base64", "text", _decode_all, lambda: [b"aGVsbG8=", b"data:;base64,aGVs bG8"], (ValueError,)),
    Target("secret_box.from_base64", "text", lambda text: from_base64(text, "text"), lambda: [b"aGVsbG8="]),
    Target("file_problems", "bytes", _find_problem, lambda: [b'{"a":1}', b"\x89PNG\r\n", b"<html>"], ()),
    Target("module_ids", "text", _seal_module, lambda: [b"aGVsbG8="]),
    Target(
        "vibe_files",
        "bytes",
        lambda data: write_vibe_file(read_vibe_file(data)),
        lambda: [write_vibe_file(_vibe()), write_vibe_file(VibeBundle((_vibe(),)))],
    ),
    Target(
        "zip_archive",
        "bytes",
        lambda data: [member.data for member in unzip(data, Limits(body=1 << 20))],
        lambda: [zip_files([("a.txt", b"a" * 50), ("b.png", b"b")], deflated=deflated) for deflated in (True, False)],
    ),
)
