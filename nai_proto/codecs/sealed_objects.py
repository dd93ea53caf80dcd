"""Stored objects: stories, their contents, modules, each sealed with a key of its own.

An object is base64 of ``[mark] nonce box``, opened by the key that the keystore has for its ``meta``. Each check that fails
has a category; the checks are in the order of docs/protocol/content.md#31-encrypted-types.

* An object that does not open is an `OpenedObject`, not an error, so that it does not hide the others.
* Nothing is lost: an object that does not open keeps its data, and unchanged content keeps its plaintext byte for byte.
* No key and no content is in a repr or in an error.

See:
    docs/protocol/content.md#3-objects
    docs/protocol/native.md#74-object-data-form
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from nacl.bindings import crypto_secretbox

from ..arguments import LIMITS, MAPPING, TEXT, check_type, list_items
from ..errors import CryptoError, Damaged, DecryptionFailed, InvalidRequestError, LimitExceeded
from ..limits import Limits
from .json_depth import check_depth
from .object_compression import MARK, deflate, inflate, pack, split_mark, unpack
from .secret_box import (
    KEY_SIZE,
    NONCE_SIZE,
    TAG_SIZE,
    Entropy,
    decode_or_none,
    draw_bytes,
    from_base64,
    is_utf8,
    open_box,
    read_json,
    system_entropy,
    to_base64,
    write_json,
)

if TYPE_CHECKING:
    from .key_derivation import AccountHash

__all__ = [
    "PLAIN_TYPES",
    "OpenedObject",
    "OpenedState",
    "StoredObject",
    "new_object",
    "open_object",
    "open_objects",
    "replace_content",
    "seal_object",
]

PLAIN_TYPES: Final = frozenset(("presets", "shelf"))
"""Types of objects that are stored without encryption.

See docs/protocol/native.md#71-object-types.
"""

_ANY: Final = msgspec.json.Decoder()


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object as the service stores it. Fields that are missing, or of a wrong type, are None.

    See docs/protocol/native.md#72-userdata-object.
    """

    id: str = ""
    type: str = ""
    meta: str | None = None
    data: str | None = None
    lastUpdatedAt: float | None = None  # noqa: N815
    changeIndex: int | None = None  # noqa: N815
    extra: Mapping[str, object] = msgspec.field(default_factory=dict[str, object])
    "All other fields of its JSON, and values of a wrong type."

    @classmethod
    def from_json(cls, document: object) -> StoredObject:
        """Return an object from its JSON, which may have any form."""
        left = dict(cast("dict[str, object]", document)) if isinstance(document, dict) else {}
        fields = {
            name: left.pop(name) for name, type_ in _FIELD_TYPES.items() if name in left and type(left[name]) in type_
        }
        return cls(**cast("dict[str, Any]", fields), extra=left)

    @property
    def document(self) -> dict[str, object]:
        """The JSON of the object: `from_json` restores it."""
        present = (name for name in _FIELD_TYPES if getattr(self, name) is not None)
        fields = {name: getattr(self, name) for name in present if name not in _NAMES or getattr(self, name)}
        return {**fields, **self.extra}

    def __repr__(self) -> str:
        return f"StoredObject({self.type!r}, id={self.id!r})"


_NAMES: Final = ("id", "type")  # which are empty when there are none
_FIELD_TYPES: Final = {
    "id": (str,),
    "type": (str,),
    "meta": (str,),
    "data": (str,),
    "lastUpdatedAt": (int, float),
    "changeIndex": (int,),
}


class OpenedState(enum.Enum):
    """The outcome of opening an object."""

    OPENED = "opened"
    "its plaintext is a JSON object"
    MISSING_KEY = "missing key"
    "the keystore has no key for its meta"
    UNUSABLE_KEY = "unusable key"
    "the keystore's key does not have 32 bytes"
    NOT_AUTHENTIC = "wrong key or altered"
    "a wrong key or changed bytes; the cipher cannot tell which"
    DAMAGED = "damaged"
    "a wrong form; the category names the check"
    TOO_LARGE = "too large"
    "it inflates to more, or is nested deeper, than `Limits` allow"


@dataclass(frozen=True, slots=True)
class OpenedObject:
    """An object after an attempt to open it; `stored` is the object itself in any case."""

    stored: StoredObject
    state: OpenedState
    category: str = ""
    "The check that failed, by docs/protocol/content.md#34-errors-a-reader-has-to-tell-apart; empty when it opened."
    problem: str = field(default="", repr=False)
    "The failed check in words, without contents."
    source: bytes | Callable[[], OpenedObject] = field(default=b"", repr=False)
    "Its plaintext; of an object whose content is not in memory, what reads the whole object."
    compressed: bool = False
    account: AccountHash | None = field(default=None, repr=False, compare=False)
    "The account that it was read from; None if that is not known."

    @property
    def ok(self) -> bool:
        """Did it open?"""
        return self.state is OpenedState.OPENED

    @property
    def plaintext(self) -> bytes:
        """The JSON byte for byte; empty unless it opened."""
        return self.source if isinstance(self.source, bytes) else self.source().plaintext

    def whole(self) -> OpenedObject:
        """Return the object with its content in memory, and with all fields of `stored`."""
        return self if isinstance(self.source, bytes) else self.source()

    def outline(self, read: Callable[[], OpenedObject]) -> OpenedObject:
        """Return this object without its content, which is read anew with each use.

        Args:
            read: returns the whole object.

        Returns:
            The object with `stored` as it is, apart from its data and its unknown fields.
        """
        return replace(self, stored=msgspec.structs.replace(self.stored, data=None, extra={}), source=read)

    def json(self) -> dict[str, Any]:
        """Return the content, decoded anew with each call: change it freely.

        Raises:
            DecryptionFailed: the key is wrong, or the bytes were changed.
            Damaged: the object has a wrong form.
            CryptoError: there is no usable key for it, or it is too large.
        """
        if not self.ok:
            raise _ERRORS.get(self.state, CryptoError)(self.problem, category=self.category)
        return cast("dict[str, Any]", read_json(self.plaintext))


_ERRORS: Final = {OpenedState.NOT_AUTHENTIC: DecryptionFailed, OpenedState.DAMAGED: Damaged}
_STATES: Final = {
    "meta not in keystore": OpenedState.MISSING_KEY,
    "bad key length": OpenedState.UNUSABLE_KEY,
    "authentication failed": OpenedState.NOT_AUTHENTIC,
    "too large": OpenedState.TOO_LARGE,
}


def open_object(stored: StoredObject, keystore: Mapping[str, bytes], limits: Limits = Limits()) -> OpenedObject:
    """Open one object; the result has the reason if it does not open. Types in `PLAIN_TYPES` need no key. Never raises."""
    check_type(stored, StoredObject, "stored", "a StoredObject")
    MAPPING.check(keystore, "keystore", "a Keystore")
    LIMITS.check(limits, "limits")
    try:
        plaintext, compressed = _open(stored, keystore, limits)
        _check_json(plaintext, limits)
    except CryptoError as error:
        state = _STATES.get(error.category, OpenedState.DAMAGED)
        return OpenedObject(stored, state, error.category, str(error))
    except LimitExceeded as error:
        return OpenedObject(stored, OpenedState.TOO_LARGE, "too large", str(error))
    return OpenedObject(stored, OpenedState.OPENED, source=plaintext, compressed=compressed)


def open_objects(
    stored: Iterable[StoredObject], keystore: Mapping[str, bytes], limits: Limits = Limits()
) -> list[OpenedObject]:
    """Open objects, each by itself."""
    objects = list_items(stored, StoredObject, "stored", "a list of StoredObject")
    return [open_object(item, keystore, limits) for item in objects]


def replace_content(opened: OpenedObject, content: Mapping[str, object]) -> OpenedObject:
    """Return the object with other content. If the content is equal, the plaintext stays the same, byte for byte.

    Raises:
        InvalidRequestError: ``content`` is not JSON, or the object did not open, so that its content would be lost.
    """
    check_type(opened, OpenedObject, "opened", "an OpenedObject")
    MAPPING.check(content, "content")
    if not opened.ok:
        raise InvalidRequestError(
            f"this object did not open ({opened.category}); it is not overwritten", parameter="opened"
        )
    written = write_json(content, "content")
    return opened if _has_content(opened, written) else replace(opened, source=written)


def seal_object(
    opened: OpenedObject,
    keystore: Mapping[str, bytes],
    content: Mapping[str, object] | None = None,
    entropy: Entropy = system_entropy,
) -> str:
    """Return the ``data`` of an object, sealed anew under a fresh nonce.

    Args:
        opened: the object. If it did not open, its data is returned unchanged.
        keystore: with the key for its meta.
        content: its new content, as for `replace_content`. None keeps its plaintext byte for byte.
        entropy: returns so many random bytes.

    Raises:
        InvalidRequestError: there is no usable key, ``content`` is not JSON, or the object did not open, so that its
            content would be lost.
    """
    check_type(opened, OpenedObject, "opened", "an OpenedObject")
    MAPPING.check(keystore, "keystore", "a Keystore")
    if content is not None:
        opened = replace_content(opened, content)
    if not opened.ok:
        if opened.stored.data is None:
            raise InvalidRequestError(
                f"this object did not open ({opened.category}), and has no data", parameter="opened"
            )
        return opened.stored.data
    if opened.stored.type in PLAIN_TYPES:
        return to_base64(pack(opened.plaintext, opened.compressed))
    key = keystore.get(opened.stored.meta or "", b"")
    if len(key) != KEY_SIZE:
        raise InvalidRequestError("the keystore has no usable key for this object's meta", parameter="keystore")
    return _seal(opened.plaintext, key, opened.compressed, entropy)


def _has_content(opened: OpenedObject, written: bytes) -> bool:
    """Return whether the content is the same. Compared as JSON, since 1, 1.0 and True are equal in Python."""
    try:
        return write_json(opened.json()) == written
    except InvalidRequestError:  # a number beyond all floats can be read, but not written
        return False


def new_object(
    type: str,  # noqa: A002
    meta: str,
    content: Mapping[str, object],
    keystore: Mapping[str, bytes],
    *,
    compressed: bool = False,
) -> OpenedObject:
    """Return a new object, for `seal_object`.

    Raises:
        InvalidRequestError: ``content`` is not JSON, or the keystore has no usable key for ``meta``.
    """
    TEXT.check(type, "type")
    TEXT.check(meta, "meta")
    MAPPING.check(content, "content")
    MAPPING.check(keystore, "keystore", "a Keystore")
    if type not in PLAIN_TYPES and len(keystore.get(meta, b"")) != KEY_SIZE:
        raise InvalidRequestError("the keystore has no usable key for this object's meta", parameter="keystore")
    stored = StoredObject(type=type, meta=meta)
    return OpenedObject(stored, OpenedState.OPENED, source=write_json(content, "content"), compressed=compressed)


def _open(stored: StoredObject, keystore: Mapping[str, bytes], limits: Limits) -> tuple[bytes, bool]:
    """Check and open in the order of docs/protocol/content.md#31-encrypted-types."""
    plain = stored.type in PLAIN_TYPES
    if stored.data is None or (stored.meta is None and not plain):
        raise Damaged(f"object: no {'meta' if stored.meta is None and not plain else 'data'}", category="missing field")
    if plain:
        return unpack(from_base64(stored.data, "object"), limits)
    key = keystore.get(stored.meta or "")
    if key is None:
        raise CryptoError("object: the keystore has no key for its meta", category="meta not in keystore")
    sealed, compressed = split_mark(from_base64(stored.data, "object"))
    if len(sealed) < NONCE_SIZE + TAG_SIZE:
        raise Damaged(f"object: {len(sealed)} bytes are not a nonce and a box", category="truncated")
    if len(key) != KEY_SIZE:
        raise CryptoError(f"object: its key has {len(key)} bytes, not {KEY_SIZE}", category="bad key length")
    plaintext = open_box(sealed[NONCE_SIZE:], sealed[:NONCE_SIZE], key, "object")
    return (inflate(plaintext, limits) if compressed else plaintext), compressed


def _seal(plaintext: bytes, key: bytes, compressed: bool, entropy: Entropy) -> str:
    nonce = draw_bytes(entropy, NONCE_SIZE)
    box = crypto_secretbox(deflate(plaintext) if compressed else plaintext, nonce, key)
    return to_base64((MARK if compressed else b"") + nonce + box)


def _check_json(data: bytes, limits: Limits) -> None:
    """Check that the data is UTF-8, JSON, and an object."""
    if not is_utf8(data):
        raise Damaged("object: not UTF-8", category="bad utf-8")
    check_depth(data, limits.json_depth)
    document = decode_or_none(_ANY.decode, data)
    if (
        document is None
    ):  # JavaScript writes some texts and numbers that msgspec refuses (docs/protocol/content.md#33-details-that-matter)
        document = decode_or_none(read_json, data)
        if document is None and data.strip() != b"null":
            raise Damaged("object: not JSON", category="bad json")
    if not isinstance(document, dict):
        raise Damaged("object: its JSON is not an object", category="not an object")
