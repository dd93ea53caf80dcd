"""The keystore: the keys of an account's objects, sealed with the account's own.

A JSON envelope has nonce and box as lists of numbers. Each check that fails has a category; the checks are in the order of
docs/protocol/content.md#21-bytes. Nothing is lost: keys of a wrong size, unknown fields, their order, the version and the
compression are written as they were read. No key is in a repr or in an error.

The keys are lists of millions of numbers, which take nearly all of the time. So the form that the website writes is tried
first, in one typed pass, piece by piece; any other form is read more slowly, which also finds errors.

See:
    docs/protocol/content.md#2-keystore
    docs/protocol/native.md#73-keystore-wire-form
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, cast

import msgspec
from nacl.bindings import crypto_secretbox

from ..arguments import BYTES, CONTAINER, LIMITS, MAPPING, TEXT, check_type
from ..errors import Damaged, DecryptionFailed, InvalidRequestError, KeyConflict
from ..limits import Limits
from ..secret import EncryptionKey
from .chunked_json import iter_json_chunks
from .json import encode_json
from .json_depth import check_depth
from .object_compression import MARK, deflate, inflate, split_mark
from .secret_box import (
    KEY_SIZE,
    NONCE_SIZE,
    TAG_SIZE,
    Entropy,
    decode_or_none,
    draw_bytes,
    draw_uuid,
    from_base64,
    is_utf8,
    open_box,
    system_entropy,
    to_base64,
    write_json,
)

__all__ = ["Keystore", "open_keystore", "seal_keystore"]


@dataclass(frozen=True, slots=True, repr=False)
class Keystore(Mapping[str, bytes]):
    """The object keys of an account by their meta, in stored order. A value: methods return changed copies.

    Keys have 32 bytes, except those in `unusable`, which are kept and written, but open nothing.
    """

    keys_by_meta: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    version: int = 2
    "As read; nothing depends on it. See docs/protocol/content.md#21-bytes."
    compressed: bool = False
    "Was the plaintext deflated? It will be again."
    envelope: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    "The envelope's fields in their order, each as JSON. The known ones are replaced when it is written."
    inner: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    "The fields of the sealed object; only ``keys`` is known."
    repaired: bool = field(default=False, compare=False)
    """Was it stored in a broken form? Storing it again repairs it.

    See docs/protocol/content.md#24-known-faults-in-existing-code.
    """

    def __post_init__(self) -> None:
        MAPPING.check(self.keys_by_meta, "keys_by_meta", "a dict of str to bytes")

    def __getitem__(self, meta: str) -> bytes:
        return self.keys_by_meta[meta]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys_by_meta)

    def __len__(self) -> int:
        return len(self.keys_by_meta)

    def __repr__(self) -> str:
        return f"Keystore({len(self)} keys)"

    @property
    def unusable(self) -> tuple[str, ...]:
        """Metas whose key does not have 32 bytes: other programs wrote such keys.

        See docs/protocol/content.md#24-known-faults-in-existing-code.
        """
        return tuple(meta for meta, key in self.keys_by_meta.items() if len(key) != KEY_SIZE)

    def with_key(self, meta: str, key: bytes) -> Keystore:
        """Return this keystore with one more key, at the end.

        Raises:
            InvalidRequestError: the key does not have 32 bytes.
            KeyConflict: the meta has another key already; without that key, its object would be lost.
        """
        TEXT.check(meta, "meta")
        key = BYTES.convert(key, "key")
        if len(key) != KEY_SIZE:
            raise InvalidRequestError(f"an object key has {KEY_SIZE} bytes, not {len(key)}", parameter="key")
        return self.with_keys({meta: key})

    def create_key(self, entropy: Entropy = system_entropy) -> tuple[str, Keystore]:
        """Return a new meta, and this keystore with a new key under it.

        Args:
            entropy: returns so many random bytes.
        """
        meta = draw_uuid(entropy)
        return meta, self.with_key(meta, draw_bytes(entropy, KEY_SIZE))

    def with_keys(self, other: Mapping[str, bytes]) -> Keystore:
        """Return this keystore with the keys that only ``other`` has, at the end, whatever their size.

        Raises:
            KeyConflict: the two have different keys for the same meta.
        """
        _check_keys(other, "other")
        metas = tuple(meta for meta, key in other.items() if self.keys_by_meta.get(meta, key) != key)
        if metas:
            raise KeyConflict(f"{len(metas)} objects have another key already; neither may be lost", metas=metas)
        return replace(self, keys_by_meta={**self.keys_by_meta, **{meta: bytes(key) for meta, key in other.items()}})

    def without_keys(self, metas: Collection[str]) -> Keystore:
        """Return this keystore without some keys. Objects that they sealed can never be opened again."""
        CONTAINER.check(metas, "metas", "a list of str")
        return replace(self, keys_by_meta={meta: key for meta, key in self.items() if meta not in metas})


def _check_keys(keys: Mapping[str, bytes], name: str) -> None:
    takes = "a dict of str to bytes"
    MAPPING.check(keys, name, takes)
    for meta, key in keys.items():
        check_type(meta, str, name, takes)
        check_type(key, bytes, name, takes)


_ENVELOPE: Final = re.compile(rb'\{"version": ?([0-9]+), ?"nonce": ?(\[[0-9, ]+\]), ?"sdata": ?\[')
_INNER: Final = re.compile(rb'\{"keys": ?\{')
_KEYS: Final = msgspec.json.Decoder(dict[str, list[int]])
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_INTEGER: Final = msgspec.json.Decoder(int)
_INTEGERS: Final = msgspec.json.Decoder(list[int])
_ANY: Final = msgspec.json.Decoder()
_MISSING: Final = "missing field"
_RANGE: Final = "byte out of range"


def open_keystore(
    response: Mapping[str, object] | str | None,
    key: EncryptionKey,
    *,
    repair: bool = False,
    limits: Limits = Limits(),
) -> Keystore:
    """Return the keys that an account has stored.

    See docs/protocol/content.md#24-known-faults-in-existing-code.

    Args:
        response: of ``GET /user/keystore``, or the text in it. None and ``""`` mean an account without keys.
        key: the account's (`nai_proto.account.encryption_key`).
        repair: also read a compressed keystore in which a program has replaced the mark by the beginning of the nonce;
            then `Keystore.repaired` is true.

    Raises:
        DecryptionFailed: the key is another account's, or the bytes were changed.
        Damaged: a check of docs/protocol/content.md#21-bytes fails; ``category`` names it. ``missing field`` means that
            the keystore was *withheld*, as from persistent tokens; it is not empty.
        LimitExceeded: it inflates to more than ``limits`` allow, or is nested too deeply.
    """
    check_type(response, (Mapping, str, type(None)), "response", "a dict, a str or None")
    check_type(key, EncryptionKey, "key", "an EncryptionKey")
    LIMITS.check(limits, "limits")
    if isinstance(response, Mapping):
        if "keystore" not in response:
            raise Damaged("the response has no keystore: it was withheld, and is not empty", category=_MISSING)
        text = response["keystore"]
    else:
        text = response
    if text is None or text == "":
        return Keystore()
    version, nonce, sdata, envelope = _read_envelope(from_base64(text, "keystore"), limits)
    if sdata is None:
        return Keystore(version=version, envelope=envelope)
    box, compressed = split_mark(sdata)
    if len(box) < TAG_SIZE:
        raise Damaged(f"keystore: {len(box)} bytes are not a box", category="truncated")
    repaired = False
    try:
        plaintext = open_box(box, nonce, key.reveal(), "keystore")
    except DecryptionFailed:
        if not repair:
            raise
        plaintext = open_box(box[len(MARK) :], nonce, key.reveal(), "keystore")
        compressed = repaired = True
    if compressed:
        plaintext = inflate(plaintext, limits)
    keys, inner = _read_inner(plaintext, limits)
    return Keystore(keys, version, compressed, envelope, inner, repaired)


def seal_keystore(keystore: Keystore, key: EncryptionKey, entropy: Entropy = system_entropy) -> str:
    """Return the keystore for ``PUT /user/keystore``, with all keys and fields, under a fresh nonce.

    Args:
        keystore: to seal.
        key: the account's.
        entropy: returns so many random bytes.

    Raises:
        InvalidRequestError: ``entropy`` returned another number of bytes, or a meta has a lone surrogate.
    """
    check_type(keystore, Keystore, "keystore", "a Keystore")
    check_type(key, EncryptionKey, "key", "an EncryptionKey")
    _check_keys(keystore, "keystore")
    keys = {meta: list(value) for meta, value in keystore.items()}
    plaintext = _join_fields({**keystore.inner, "keys": encode_json(keys)})  # keeps its place
    payload = deflate(plaintext) if keystore.compressed else plaintext
    nonce = draw_bytes(entropy, NONCE_SIZE)
    box = crypto_secretbox(payload, nonce, key.reveal())
    known = {
        "version": b"%d" % keystore.version,
        "nonce": msgspec.json.encode(list(nonce)),
        "sdata": msgspec.json.encode(list(MARK + box if keystore.compressed else box)),
    }
    return to_base64(_join_fields({**keystore.envelope, **known}))


def _read_envelope(data: bytes, limits: Limits) -> tuple[int, bytes, bytes | None, dict[str, bytes]]:
    """Return version, nonce, box (None for the empty text) and, if the form is unusual, all fields in their order."""
    usual = decode_or_none(_read_usual_envelope, data)
    if usual is not None:
        return usual
    fields = _read_fields(data, "bad envelope json", limits)
    for name in ("version", "nonce", "sdata"):
        if name not in fields:
            raise Damaged(f"keystore: its envelope has no {name}", category=_MISSING)
    version = decode_or_none(_INTEGER.decode, fields["version"])
    if version is None:
        raise Damaged("keystore: its version is not an integer", category="bad envelope json")
    nonce = _to_bytes(decode_or_none(_INTEGERS.decode, fields["nonce"]))
    sdata = None if fields["sdata"] == b'""' else _to_bytes(decode_or_none(_INTEGERS.decode, fields["sdata"]))
    return version, _check_nonce(nonce), sdata, _fields_if_unusual(fields, "version", "nonce", "sdata")


def _read_usual_envelope(data: bytes) -> tuple[int, bytes, bytes, dict[str, bytes]] | None:
    head = _ENVELOPE.match(data)
    if head is None or not data.endswith(b"]}"):
        return None
    version, nonce = _INTEGER.decode(head[1]), bytes(_INTEGERS.decode(head[2]))
    sdata = b"".join(map(bytes, iter_json_chunks(_INTEGERS.decode, b"[]", data, head.end(), b",")))
    return version, _check_nonce(nonce), sdata, {}


def _check_nonce(nonce: bytes) -> bytes:
    if len(nonce) != NONCE_SIZE:
        raise Damaged(f"keystore: a nonce has {NONCE_SIZE} bytes, not {len(nonce)}", category="bad nonce length")
    return nonce


def _read_inner(data: bytes, limits: Limits) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the keys and, if the form is unusual, all fields in their order."""
    usual = decode_or_none(_read_usual_inner, data)
    if usual is not None:
        return usual, {}
    fields = _read_fields(data, "bad inner json", limits)
    keys = decode_or_none(_FIELDS.decode, fields.get("keys", b""))
    if keys is None:
        raise Damaged("keystore: its plaintext has no object of keys", category="bad inner json")
    return {meta: _read_key(bytes(value)) for meta, value in keys.items()}, _fields_if_unusual(fields, "keys")


def _read_usual_inner(data: bytes) -> dict[str, bytes] | None:
    head = _INNER.match(data)
    if head is None or not data.endswith(b"}}"):
        return None
    pieces = iter_json_chunks(_KEYS.decode, b"{}", data, head.end(), b"],")
    return {meta: bytes(key) for piece in pieces for meta, key in piece.items()}


def _fields_if_unusual(fields: dict[str, bytes], *usual: str) -> dict[str, bytes]:
    """Return the fields, unless they are the usual ones in their order."""
    return {} if tuple(fields) == usual else fields


def _read_key(value: bytes) -> bytes:
    """Return a key from a list of numbers, or from one of two other known forms."""
    document = decode_or_none(_ANY.decode, value)
    if isinstance(document, str):
        return from_base64(document, "a key of the keystore", _RANGE)
    if isinstance(document, dict):
        numbered = cast("dict[str, object]", document)
        document = [numbered.get(str(index)) for index in range(len(numbered))]
    return _to_bytes(document)


def _read_fields(data: bytes, category: str, limits: Limits) -> dict[str, bytes]:
    """Return the fields of a JSON object, each as JSON."""
    check_depth(data, limits.json_depth)
    fields = decode_or_none(_FIELDS.decode, data)
    if fields is None or not is_utf8(data):
        raise Damaged("keystore: a JSON object in UTF-8 was expected", category=category)
    return {name: bytes(value) for name, value in fields.items()}


def _to_bytes(numbers: object) -> bytes:
    """Return bytes from a list of integers."""
    if isinstance(numbers, list):
        try:
            return bytes(cast("list[int]", numbers))
        except (TypeError, ValueError, OverflowError):
            pass
    raise Damaged("keystore: bytes are lists of integers from 0 to 255", category=_RANGE)


def _join_fields(fields: Mapping[str, bytes]) -> bytes:
    """Return a JSON object from fields as JSON."""
    return b"{%b}" % b",".join(write_json(name) + b":" + value for name, value in fields.items())
