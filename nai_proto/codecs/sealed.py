"""What the account seals: the keystore, and the objects whose keys it holds (content §2, §3; native §7).

Both are NaCl secret boxes, XSalsa20 with Poly1305. A keystore is a JSON envelope with nonce and box as lists of numbers,
opened by the account's key; an object is base64 of ``[mark] nonce box``, opened by the key that the keystore has for its
``meta``. Each check that fails has a category, and they are made in the order of content §2.1 and §3.1.

* Nothing is lost: what does not open keeps its text, keys of a wrong size stay, unknown fields, their order, the version
  and the compression are written back as they were read.
* Each sealing draws a fresh nonce. Two boxes under one nonce give away both texts (content §2.2).
* One bad object is a value, `Opened`, and never an error: it must not hide the others.
* No key and no content is in a repr or in an error.

A keystore of many keys is a list of millions of numbers, nearly all of the time goes into decoding it. So the usual form is
tried first, in one typed pass that forbids anything unknown; whatever else there is takes the slow way, which also finds
out what is wrong.
"""

from __future__ import annotations

import binascii
import enum
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Never, TypeAlias, TypeVar, cast

import msgspec
from nacl import exceptions
from nacl.bindings import (
    crypto_secretbox,
    crypto_secretbox_KEYBYTES,
    crypto_secretbox_MACBYTES,
    crypto_secretbox_NONCEBYTES,
    crypto_secretbox_open,
    randombytes,
)

from ..errors import CryptoError, Damaged, DecryptionFailed, LimitExceeded, LocalProtocolError
from ..limits import Limits
from ..secret import EncryptionKey
from .archive import MARK, deflate, inflate, pack, split, unpack
from .json import check_depth

__all__ = [
    "PLAIN_TYPES",
    "Entropy",
    "Keystore",
    "Opened",
    "OpenedState",
    "StoredObject",
    "new_object",
    "open_keystore",
    "open_object",
    "open_objects",
    "seal_keystore",
    "seal_object",
    "write_json",
]

_T = TypeVar("_T")

Entropy: TypeAlias = Callable[[int], bytes]
"""Gives so many random bytes."""
_CHANCE: Final[Entropy] = randombytes  # the one place: libsodium's generator, which asks the system

_KEY: Final = crypto_secretbox_KEYBYTES
_NONCE: Final = crypto_secretbox_NONCEBYTES
_DIGITS: Final = 640  # any Python reads so many
_TAG: Final = crypto_secretbox_MACBYTES

PLAIN_TYPES: Final = frozenset(("presets", "shelf"))
"""Objects that are stored without encryption (native §7.1)."""


# ---- the keystore


@dataclass(frozen=True, slots=True, repr=False)
class Keystore(Mapping[str, bytes]):
    """The object keys of an account by their meta, in the order in which they are stored. A value: changes make another.

    Nearly all keys have 32 bytes. Those in `unusable` have not: they are kept and written back, and open nothing.
    """

    keys_by_meta: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    version: int = 2
    "As it was read; nothing depends on it (content §2.1)."
    compressed: bool = False
    "Was the plaintext deflated? Kept as it was."
    envelope: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    "The envelope's fields in their order, each as JSON. Those that the format knows are written anew."
    inner: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    "The same for the sealed object; only ``keys`` is known."

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
        """Metas whose key has not 32 bytes: other programs wrote such (content §2.4)."""
        return tuple(meta for meta, key in self.keys_by_meta.items() if len(key) != _KEY)

    def adding(self, meta: str, key: bytes) -> Keystore:
        """This keystore with one more key, behind the others.

        Raises:
            LocalProtocolError: the key has not 32 bytes, or the meta has another key already: its object would be lost.
        """
        if len(key) != _KEY:
            raise LocalProtocolError(f"an object key has {_KEY} bytes, not {len(key)}")
        if self.keys_by_meta.get(meta, key) != key:
            raise LocalProtocolError("this meta has another key already; replacing it would lose the object")
        return replace(self, keys_by_meta={**self.keys_by_meta, meta: bytes(key)})


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """The usual envelope."""

    version: int
    nonce: list[int]
    sdata: list[int]


class _Inner(msgspec.Struct, forbid_unknown_fields=True):
    """The usual plaintext."""

    keys: dict[str, list[int]]


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_INNER: Final = msgspec.json.Decoder(_Inner)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_INTEGER: Final = msgspec.json.Decoder(int)
_INTEGERS: Final = msgspec.json.Decoder(list[int])
_ANY: Final = msgspec.json.Decoder()
_MISSING: Final = "missing field"
_RANGE: Final = "byte out of range"
_TRUNCATED: Final = "truncated"


def open_keystore(
    response: Mapping[str, object] | str | None,
    key: EncryptionKey,
    *,
    repair: bool = False,
    limits: Limits = Limits(),
) -> Keystore:
    """The keys that an account has stored.

    Args:
        response: the answer of ``GET /user/keystore``, or the text in it. None and ``""`` are an account without keys.
        key: the account's (`nai_proto.account.encryption_key`).
        repair: read one that was compressed and then written back by a program that put the nonce's beginning where the
            mark was (content §2.4).

    Raises:
        DecryptionFailed: the box does not open: the key is another account's, or the bytes were altered.
        Damaged: a check of content §2.1 fails; ``category`` names it. An answer without the field is ``missing field``:
            the keystore was *withheld*, as from persistent tokens. It is not empty.
        LimitExceeded: it inflates to more than `limits` allow, or is nested too deeply.
    """
    if isinstance(response, Mapping):
        if "keystore" not in response:
            raise Damaged("the answer has no keystore: it was withheld, which is not an empty one", category=_MISSING)
        text = response["keystore"]
    else:
        text = response
    if text is None or text == "":
        return Keystore()
    version, nonce, sdata, envelope = _read_envelope(_from_base64(text, "keystore"), limits)
    if sdata is None:
        return Keystore(version=version, envelope=envelope)
    box, compressed = (sdata[len(MARK) :], True) if repair else split(sdata)
    if len(box) < _TAG:
        raise Damaged(f"keystore: {len(box)} bytes are no box", category=_TRUNCATED)
    plaintext = _open_box(box, nonce, key.reveal(), "keystore")
    if compressed:
        plaintext = inflate(plaintext, limits)
    keys, inner = _read_inner(plaintext, limits)
    return Keystore(keys, version, compressed, envelope, inner)


def seal_keystore(keystore: Keystore, key: EncryptionKey, entropy: Entropy = _CHANCE) -> str:
    """The keystore as ``PUT /user/keystore`` takes it, under a fresh nonce.

    Args:
        keystore: what to seal. Of keys and fields nothing is left out.
        key: the account's.
        entropy: draws the nonce.

    Raises:
        LocalProtocolError: ``entropy`` gave another number of bytes, or a meta holds a lone surrogate.
    """
    keys = write_json({meta: list(value) for meta, value in keystore.items()})
    plaintext = _joined({**keystore.inner, "keys": keys})  # which stays in its place
    payload = deflate(plaintext) if keystore.compressed else plaintext
    nonce = _draw(entropy, _NONCE)
    box = crypto_secretbox(payload, nonce, key.reveal())
    known = {
        "version": b"%d" % keystore.version,
        "nonce": msgspec.json.encode(list(nonce)),
        "sdata": msgspec.json.encode(list(MARK + box if keystore.compressed else box)),
    }
    return _to_base64(_joined({**keystore.envelope, **known}))


def _read_envelope(data: bytes, limits: Limits) -> tuple[int, bytes, bytes | None, dict[str, bytes]]:
    """Version, nonce, box (None for the empty text) and, if there is anything unusual, all fields in their order."""
    usual = _try(_ENVELOPE.decode, data)
    if usual is not None:
        return usual.version, _nonce(_bytes(usual.nonce)), _bytes(usual.sdata), {}
    fields = _fields(data, "bad envelope json", limits)
    for name in ("version", "nonce", "sdata"):
        if name not in fields:
            raise Damaged(f"keystore: its envelope has no {name}", category=_MISSING)
    version = _try(_INTEGER.decode, fields["version"])
    if version is None:
        raise Damaged("keystore: its version is no integer", category="bad envelope json")
    nonce = _bytes(_try(_INTEGERS.decode, fields["nonce"]))
    sdata = None if fields["sdata"] == b'""' else _bytes(_try(_INTEGERS.decode, fields["sdata"]))
    return version, _nonce(nonce), sdata, fields


def _nonce(nonce: bytes) -> bytes:
    if len(nonce) != _NONCE:
        raise Damaged(f"keystore: a nonce has {_NONCE} bytes, not {len(nonce)}", category="bad nonce length")
    return nonce


def _read_inner(data: bytes, limits: Limits) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The keys and, if there is anything unusual, all fields in their order."""
    usual = _try(_INNER.decode, data)
    if usual is not None:
        return {meta: _bytes(key) for meta, key in usual.keys.items()}, {}
    fields = _fields(data, "bad inner json", limits)
    keys = _try(_FIELDS.decode, fields.get("keys", b""))
    if keys is None:
        raise Damaged("keystore: what it seals has no object of keys", category="bad inner json")
    return {meta: _odd_key(bytes(value)) for meta, value in keys.items()}, fields


def _odd_key(value: bytes) -> bytes:
    """A key as a list of numbers, or in the two other forms that were met (content §2.1)."""
    document = _try(_ANY.decode, value)
    if isinstance(document, str):
        return _from_base64(document, "a key of the keystore", _RANGE)
    if isinstance(document, dict):
        numbered = cast("dict[str, object]", document)
        document = [numbered.get(str(index)) for index in range(len(numbered))]
    return _bytes(document)


def _fields(data: bytes, category: str, limits: Limits) -> dict[str, bytes]:
    """The fields of a JSON object, each as JSON."""
    check_depth(data, limits.json_depth)
    fields = _try(_FIELDS.decode, data)
    if fields is None or not _is_utf8(data):
        raise Damaged("keystore: a JSON object in UTF-8 was expected", category=category)
    return {name: bytes(value) for name, value in fields.items()}


def _bytes(numbers: object) -> bytes:
    """Bytes from a list of integers."""
    if isinstance(numbers, list):
        try:
            return bytes(cast("list[int]", numbers))
        except (TypeError, ValueError, OverflowError):
            pass
    raise Damaged("keystore: bytes are lists of integers from 0 to 255", category=_RANGE)


def _joined(fields: Mapping[str, bytes]) -> bytes:
    """A JSON object of fields that are JSON."""
    return b"{%b}" % b",".join(write_json(name) + b":" + value for name, value in fields.items())


# ---- objects


class StoredObject(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """An object as the service keeps it (native §7.2). Fields that are missing, or are not what they should be, are None."""

    id: str = ""
    type: str = ""
    meta: str | None = None
    data: str | None = None
    lastUpdatedAt: float | None = None  # noqa: N815
    changeIndex: int | None = None  # noqa: N815

    @classmethod
    def of(cls, document: object) -> StoredObject:
        """An object from its JSON, whatever that is: a value of a wrong type counts as missing."""
        fields = cast("dict[str, object]", document) if isinstance(document, dict) else {}

        def text(name: str) -> str | None:
            value = fields.get(name)
            return value if isinstance(value, str) else None

        updated, index = fields.get("lastUpdatedAt"), fields.get("changeIndex")
        return cls(
            id=text("id") or "",
            type=text("type") or "",
            meta=text("meta"),
            data=text("data"),
            lastUpdatedAt=updated if isinstance(updated, int | float) else None,
            changeIndex=index if isinstance(index, int) else None,
        )

    def __repr__(self) -> str:
        return f"StoredObject({self.type!r}, id={self.id!r})"


class OpenedState(enum.Enum):
    """How opening an object went."""

    OPENED = "opened"
    "its plaintext is a JSON object"
    MISSING_KEY = "missing key"
    "the keystore has no key for its meta"
    UNUSABLE_KEY = "unusable key"
    "the keystore's key has not 32 bytes"
    NOT_AUTHENTIC = "wrong key or altered"
    "the box does not open; the cipher cannot tell why"
    DAMAGED = "damaged"
    "not of the right shape; the category says where"
    TOO_LARGE = "too large"
    "it inflates to more, or is nested deeper, than `Limits` allow"


@dataclass(frozen=True, slots=True)
class Opened:
    """An object after an attempt to open it. Whatever came of it, `stored` is what it was."""

    stored: StoredObject
    state: OpenedState
    category: str = ""
    "Which check failed, in the words of content §3.4; empty when it opened."
    problem: str = field(default="", repr=False)
    "The same for people; quotes nothing."
    plaintext: bytes = field(default=b"", repr=False)
    "The JSON exactly as it was written; empty unless it opened."
    compressed: bool = False

    @property
    def ok(self) -> bool:
        """Did it open?"""
        return self.state is OpenedState.OPENED

    def json(self) -> dict[str, Any]:
        """The content, decoded anew with each call: change it freely.

        Raises:
            DecryptionFailed: the box did not open.
            Damaged: its shape is not right.
            CryptoError: there is no usable key for it, or it is too large.
        """
        if not self.ok:
            raise _ERRORS.get(self.state, CryptoError)(self.problem, category=self.category)
        return cast("dict[str, Any]", _load(self.plaintext))


_ERRORS: Final = {OpenedState.NOT_AUTHENTIC: DecryptionFailed, OpenedState.DAMAGED: Damaged}
_STATES: Final = {
    "meta not in keystore": OpenedState.MISSING_KEY,
    "bad key length": OpenedState.UNUSABLE_KEY,
    "authentication failed": OpenedState.NOT_AUTHENTIC,
    "too large": OpenedState.TOO_LARGE,
}


def open_object(stored: StoredObject, keystore: Mapping[str, bytes], limits: Limits = Limits()) -> Opened:
    """Opens one object, or says in the result why not; types of `PLAIN_TYPES` need no key. Never raises."""
    try:
        plaintext, compressed = _open(stored, keystore, limits)
        _check_json(plaintext, limits)
    except CryptoError as error:
        state = _STATES.get(error.category, OpenedState.DAMAGED)
        return Opened(stored, state, error.category, str(error))
    except LimitExceeded as error:
        return Opened(stored, OpenedState.TOO_LARGE, "too large", str(error))
    return Opened(stored, OpenedState.OPENED, plaintext=plaintext, compressed=compressed)


def open_objects(
    stored: Iterable[StoredObject], keystore: Mapping[str, bytes], limits: Limits = Limits()
) -> list[Opened]:
    """Opens each object for itself."""
    return [open_object(item, keystore, limits) for item in stored]


def seal_object(
    opened: Opened,
    keystore: Mapping[str, bytes],
    content: Mapping[str, object] | None = None,
    entropy: Entropy = _CHANCE,
) -> str:
    """The ``data`` of an object, sealed anew under a fresh nonce.

    Args:
        opened: what it was. If it did not open its text is given back as it is.
        keystore: has the key for its meta.
        content: what it is to hold now. None, or what it holds already, keeps its plaintext byte for byte.
        entropy: draws the nonce.

    Raises:
        LocalProtocolError: there is no usable key, or ``content`` is no JSON; or there is new content for an object that
            did not open, whose old content would be lost.
    """
    if not opened.ok:
        if content is not None or opened.stored.data is None:
            raise LocalProtocolError(f"this object did not open ({opened.category}); it is not overwritten")
        return opened.stored.data
    plaintext = opened.plaintext
    if content is not None and not _holds(opened, written := write_json(content)):
        plaintext = written
    if opened.stored.type in PLAIN_TYPES:
        return _to_base64(pack(plaintext, opened.compressed))
    key = keystore.get(opened.stored.meta or "", b"")
    if len(key) != _KEY:
        raise LocalProtocolError("the keystore has no usable key for this object's meta")
    return _seal(plaintext, key, opened.compressed, entropy)


def _holds(opened: Opened, written: bytes) -> bool:
    """Is this its content already, spacing aside? Compared as JSON: to Python 1, 1.0 and True are equal."""
    try:
        return write_json(opened.json()) == written
    except LocalProtocolError:  # a number beyond all floats can be read, but not be written
        return False


def new_object(
    type: str,  # noqa: A002
    meta: str,
    content: Mapping[str, object],
    keystore: Mapping[str, bytes],
    *,
    compressed: bool = False,
) -> Opened:
    """An object that the service has not seen yet, as `seal_object` takes it.

    Raises:
        LocalProtocolError: ``content`` is no JSON, or the keystore has no usable key for ``meta``.
    """
    if type not in PLAIN_TYPES and len(keystore.get(meta, b"")) != _KEY:
        raise LocalProtocolError("the keystore has no usable key for this object's meta")
    stored = StoredObject(type=type, meta=meta)
    return Opened(stored, OpenedState.OPENED, plaintext=write_json(content), compressed=compressed)


def write_json(value: object) -> bytes:
    """Compact JSON in UTF-8 as the website writes it: nothing escaped but what has to be, lone surrogates among it.

    Raises:
        LocalProtocolError: there is no JSON for it. Names types, never values.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        problem = (
            "a number that is not finite, or a value within itself" if isinstance(error, ValueError) else str(error)
        )
    else:
        return text.encode("utf-8", "backslashreplace")
    raise LocalProtocolError(f"this cannot be written as JSON: {problem}")


def _open(stored: StoredObject, keystore: Mapping[str, bytes], limits: Limits) -> tuple[bytes, bool]:
    """The checks in the order of content §3.1."""
    plain = stored.type in PLAIN_TYPES
    if stored.data is None or (stored.meta is None and not plain):
        raise Damaged(f"object: no {'meta' if stored.meta is None and not plain else 'data'}", category=_MISSING)
    if plain:
        return unpack(_from_base64(stored.data, "object"), limits)
    key = keystore.get(stored.meta or "")
    if key is None:
        raise CryptoError("object: the keystore has no key for its meta", category="meta not in keystore")
    sealed, compressed = split(_from_base64(stored.data, "object"))
    if len(sealed) < _NONCE + _TAG:
        raise Damaged(f"object: {len(sealed)} bytes are no nonce and box", category=_TRUNCATED)
    if len(key) != _KEY:
        raise CryptoError(f"object: its key has {len(key)} bytes, not {_KEY}", category="bad key length")
    plaintext = _open_box(sealed[_NONCE:], sealed[:_NONCE], key, "object")
    return (inflate(plaintext, limits) if compressed else plaintext), compressed


def _seal(plaintext: bytes, key: bytes, compressed: bool, entropy: Entropy) -> str:
    nonce = _draw(entropy, _NONCE)
    box = crypto_secretbox(deflate(plaintext) if compressed else plaintext, nonce, key)
    return _to_base64((MARK if compressed else b"") + nonce + box)


def _check_json(data: bytes, limits: Limits) -> None:
    """UTF-8, JSON, an object."""
    if not _is_utf8(data):
        raise Damaged("object: not UTF-8", category="bad utf-8")
    check_depth(data, limits.json_depth)
    document = _try(_ANY.decode, data)
    if document is None:  # JavaScript writes some texts and numbers that msgspec refuses (content §3.3)
        document = _try(_load, data)
        if document is None and data.strip() != b"null":
            raise Damaged("object: not JSON", category="bad json")
    if not isinstance(document, dict):
        raise Damaged("object: its JSON is no object", category="not an object")


def _load(data: bytes) -> object:
    """JSON with whole numbers of any size, and lone surrogates."""
    return json.loads(data.decode(), parse_constant=_no_constant, parse_int=_integer)


def _no_constant(name: str) -> Never:
    raise ValueError(name)


def _integer(digits: str) -> int | float:
    """Python reads no integers of thousands of digits; to JavaScript they are floats in any case."""
    return int(digits) if len(digits) < _DIGITS else float(digits)


# ---- both


def _try(decode: Callable[[bytes], _T], data: bytes) -> _T | None:
    """What a decoder makes of this, or None. Its error, which holds the document, ends here."""
    try:
        return decode(data)
    except (ValueError, RecursionError):
        return None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _open_box(box: bytes, nonce: bytes, key: bytes, what: str) -> bytes:
    try:
        return crypto_secretbox_open(box, nonce, key)
    except exceptions.CryptoError:
        pass
    raise DecryptionFailed(f"{what}: the box does not open (wrong key, or altered)", category="authentication failed")


def _draw(entropy: Entropy, size: int) -> bytes:
    drawn = entropy(size)
    if len(drawn) != size:
        raise LocalProtocolError(f"entropy gave {len(drawn)} bytes where {size} were asked for")
    return drawn


def _to_base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _from_base64(text: object, what: str, category: str = "bad base64") -> bytes:
    """Strict: the standard alphabet, padded, and nothing else."""
    if isinstance(text, str):
        try:
            data = binascii.a2b_base64(text, strict_mode=True)
        except ValueError:  # binascii.Error is one
            data = b""
        if len(text) == (len(data) + 2) // 3 * 4:
            return data
    raise Damaged(f"{what}: base64 of the standard alphabet, with padding, was expected", category=category)
