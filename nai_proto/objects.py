"""What an account has stored: its keystore and its objects, as they are on the wire.

The results are sealed still; `nai_proto.codecs.keystore` and ``sealed`` open them, `nai_proto.library` does all of it.
Persistent tokens are refused here: log in.

See:
    docs/protocol/native.md#21-tokens
    docs/protocol/native.md#7-keystore-and-user-objects
    docs/protocol/content.md#1-endpoints
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import replace
from typing import Any, Final, Never

import msgspec

from .arguments import CONTAINER, NUMBER, TEXT, check_type, list_items
from .codecs.box import CHANCE, Entropy, draw
from .codecs.json import check_depth, encode
from .codecs.pieces import in_pieces
from .codecs.sealed import StoredObject
from .errors import Damaged, InvalidRequestError, LimitExceeded
from .exchange.endpoints import EndpointParameters, build, endpoint
from .exchange.operation import Operation
from .exchange.readers import NOTHING, JsonBodyReader
from .exchange.retry import Repeat
from .http import Headers, Host, Request

__all__ = [
    "TYPES",
    "StoredKeystore",
    "StoredObject",
    "create_object",
    "delete_object",
    "delete_objects",
    "get_object",
    "keystore",
    "list_objects",
    "new_id",
    "put_keystore",
    "update_object",
]

TYPES: Final = ("stories", "storycontent", "aimodules", "presets", "shelf", "promptmacros")
"""All types that are in use.

See docs/protocol/native.md#71-object-types.
"""

_HEADERS: Final = Headers.of(accept="application/json")
_BODY: Final = Headers.of(content_type="application/json")
_LIST: Final = re.compile(rb'\{"objects": ?\[')
_ITEMS: Final = msgspec.json.Decoder(list[Any])
_LONGEST_META: Final = 128
_ID_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_ID_LENGTH: Final = 21
_ON_IMAGE_HOST: Final = frozenset(("promptmacros",))  # docs/protocol/content.md#1-endpoints


class StoredKeystore(msgspec.Struct, frozen=True):
    """The keystore as the service keeps it.

    See docs/protocol/native.md#73-keystore-wire-form.
    """

    keystore: str | None
    "Sealed; None for an account that never stored anything."
    changeIndex: float | None = None  # noqa: N815
    "To be sent with a change; not every account has one."

    def __repr__(self) -> str:
        return f"StoredKeystore(changeIndex={self.changeIndex})"


class _KeystoreAnswer(msgspec.Struct):
    keystore: str | msgspec.UnsetType | None = msgspec.UNSET
    changeIndex: float | None = None  # noqa: N815


class _ObjectsAnswer(msgspec.Struct):
    # Any: one object of a wrong shape must not hide the others.
    objects: list[Any]


def _keystore(answer: _KeystoreAnswer) -> StoredKeystore:
    if isinstance(answer.keystore, msgspec.UnsetType):
        raise Damaged(
            "the answer has no keystore: it was withheld, which is not an empty one", category="missing field"
        )
    return StoredKeystore(answer.keystore, answer.changeIndex)


def _objects(answer: _ObjectsAnswer) -> tuple[StoredObject, ...]:
    return tuple(StoredObject.of(item) for item in answer.objects)


def _usual_objects(body: bytes, depth: int) -> tuple[StoredObject, ...] | None:
    """The same from a list with nothing beside it, piece by piece: a library has tens of megabytes."""

    def items(piece: bytes) -> list[Any]:
        check_depth(piece, depth - 1)
        return _ITEMS.decode(piece)

    head = _LIST.match(body)
    if head is None or not body.endswith(b"]}"):
        return None
    try:
        pieces = in_pieces(items, b"[]", body, head.end(), b"},")
        return tuple(StoredObject.of(item) for piece in pieces for item in piece)
    except (ValueError, RecursionError, LimitExceeded):  # which are told of the whole body
        return None


_KEYSTORE: Final = (("application/json", JsonBodyReader(_KeystoreAnswer, _keystore)),)
_OBJECTS: Final = (("application/json", JsonBodyReader(_ObjectsAnswer, _objects, _usual_objects)),)
_OBJECT: Final = (("application/json", JsonBodyReader(dict[str, Any], StoredObject.of)),)


def keystore() -> Operation[Never, StoredKeystore]:
    """The account's keystore, sealed (``GET /user/keystore``).

    Raises (when run):
        Damaged: the answer has no keystore (category ``missing field``): it was withheld, which does not mean empty.
        AuthenticationError: the token does not allow it.
    """
    return Operation(build(endpoint("get_keystore"), EndpointParameters(), _HEADERS), _KEYSTORE, Repeat.ALWAYS)


def put_keystore(sealed: str, change_index: float | None = None) -> Operation[Never, None]:
    """Put another keystore in the place of the account's (``PUT /user/keystore``).

    A key that is not in it is gone, and its object with it: `nai_proto.library.save_keys` reads first, merges, and checks.
    A lost answer is not tried again, since the second try would be refused because of the first.

    Args:
        sealed: from `nai_proto.codecs.keystore.seal_keystore`; ``""`` leaves the account without a keystore.
        change_index: `StoredKeystore.changeIndex`; None for an account that has none, or to let the last writer win.

    Raises (when run):
        ConflictError: the keystore was changed since it was read.
    """
    TEXT.check(sealed, "sealed")
    if change_index is not None:
        NUMBER.check(change_index, "change_index", "a number or None")
    body = encode({"keystore": sealed, **_index(change_index)})
    return Operation(
        build(endpoint("put_keystore"), EndpointParameters(body=body), _BODY), NOTHING, Repeat.IF_NOT_ACTED
    )


def list_objects(type: str) -> Operation[Never, tuple[StoredObject, ...]]:  # noqa: A002
    """All objects of a type, sealed (``GET /user/objects/{type}``).

    See docs/protocol/native.md#71-object-types.

    Args:
        type: for example ``stories``, ``storycontent``, ``presets``.

    Raises:
        InvalidRequestError: the type cannot stand in a path.
    """
    return Operation(_request("list_objects", type), _OBJECTS, Repeat.ALWAYS)


def get_object(type: str, id: str) -> Operation[Never, StoredObject]:  # noqa: A002
    """One object, sealed (``GET /user/objects/{type}/{id}``).

    Raises:
        InvalidRequestError: type or id cannot stand in a path.

    Raises (when run):
        NotFoundError: there is none.
    """
    TEXT.check(id, "id")
    return Operation(_request("get_object", type, id), _OBJECT, Repeat.ALWAYS)


def create_object(type: str, meta: str, data: str) -> Operation[Never, StoredObject]:  # noqa: A002
    """Store a new object (``PUT /user/objects/{type}``); the result is what the service made of it, with its id.

    Its key has to be in the account's keystore *before* that. A lost answer is not tried again, since there
    would be two of it: `nai_proto.library.save_objects` looks whether it is there.

    See docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them.

    Args:
        type: of the object.
        meta: which the keystore has its key under; at most 128 characters.
        data: from `nai_proto.codecs.sealed.seal_object`.

    Raises:
        InvalidRequestError: the meta is too long, or the type cannot stand in a path.
    """
    return Operation(_request("create_object", type, body=_content(meta, data)), _OBJECT, Repeat.IF_NOT_ACTED)


def update_object(stored: StoredObject, data: str) -> Operation[Never, StoredObject]:
    """Store another content for an object (``PATCH /user/objects/{type}/{id}``); the result is how it is stored now.

    Args:
        stored: the object as it was read. Its change index goes along, so that nothing newer is written over.
        data: from `nai_proto.codecs.sealed.seal_object`.

    Raises:
        InvalidRequestError: the object has no meta, or no id.

    Raises (when run):
        ConflictError: it was changed since it was read.
        NotFoundError: it is gone.
    """
    check_type(stored, StoredObject, "stored", "a StoredObject")
    if stored.meta is None:
        raise InvalidRequestError(
            f"{stored!r} has no meta: whatever is written to it could not be opened again", parameter="stored"
        )
    body = _content(stored.meta, data, stored.changeIndex)
    return Operation(_request("update_object", stored.type, stored.id, body=body), _OBJECT, Repeat.IF_NOT_ACTED)


def delete_object(type: str, id: str) -> Operation[Never, StoredObject]:  # noqa: A002
    """Remove an object (``DELETE /user/objects/{type}/{id}``); the result is what it was, the last copy there is.

    Raises:
        InvalidRequestError: type or id cannot stand in a path.

    Raises (when run):
        NotFoundError: there is none.
    """
    TEXT.check(id, "id")
    return Operation(_request("delete_object", type, id), _OBJECT, Repeat.IF_NOT_ACTED)


def delete_objects(types: Iterable[str]) -> Operation[Never, None]:
    """Remove *all* objects of these types (``DELETE /user/objects/batch``). There is no way back.

    Raises:
        InvalidRequestError: no type is named.
    """
    named = [types] if isinstance(types, str) else list_items(types, str, "types", "a list of str")
    if not named:
        raise InvalidRequestError("delete_objects: name at least one type", parameter="types")
    parameters = EndpointParameters(body=encode({"types": named}))
    return Operation(build(endpoint("delete_objects"), parameters, _BODY), NOTHING, Repeat.IF_NOT_ACTED)


def new_id(entropy: Entropy = CHANCE, taken: Container[str] = ()) -> str:
    """An id of the form that the service's have: 21 characters of URL-safe base64.

    The service draws the ids of objects by itself; this is for whoever needs one before, or is the service.

    See docs/protocol/content.md#1-endpoints.

    Args:
        entropy: draws it.
        taken: ids that it must not be.
    """
    CONTAINER.check(taken, "taken", "a set of ids")
    while True:
        drawn = "".join(_ID_ALPHABET[byte & 63] for byte in draw(entropy, _ID_LENGTH))
        if drawn not in taken:
            return drawn


def _request(name: str, type: str, id: str | None = None, *, body: bytes = b"") -> Request:  # noqa: A002
    TEXT.check(type, "type")
    path = {"type": type} if id is None else {"type": type, "id": id}
    request = build(endpoint(name), EndpointParameters(path, body=body), _BODY if body else _HEADERS)
    return replace(request, host=Host.IMAGE) if type in _ON_IMAGE_HOST else request


def _content(meta: str, data: str, change_index: float | None = None) -> bytes:
    TEXT.check(meta, "meta")
    TEXT.check(data, "data")
    if len(meta) > _LONGEST_META:
        raise InvalidRequestError(
            f"an object's meta has at most {_LONGEST_META} characters, not {len(meta)}", parameter="meta"
        )
    return encode({"meta": meta, "data": data, **_index(change_index)})


def _index(change_index: float | None) -> dict[str, float]:
    """JSON's numbers are floats, the service's indexes whole."""
    if change_index is None:
        return {}
    return {"changeIndex": int(change_index) if float(change_index).is_integer() else change_index}
