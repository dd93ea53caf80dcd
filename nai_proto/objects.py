"""Operations on what an account stores: its keystore and its objects, sealed as they are on the wire.

`nai_proto.codecs` opens the results; `nai_proto.library` does all steps together. The service refuses persistent tokens
here: log in.

See:
    docs/protocol/native.md#21-tokens
    docs/protocol/native.md#7-keystore-and-user-objects
    docs/protocol/content.md#1-endpoints
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, Never

import msgspec

from .arguments import CONTAINER, NUMBER, TEXT, check_type, list_items
from .codecs.json import encode_json
from .codecs.sealed_objects import StoredObject
from .codecs.secret_box import Entropy, draw_bytes, system_entropy
from .errors import Damaged, InvalidRequestError, RemoteProtocolError
from .exchange.actions import Action, Emit, Send, Steps
from .exchange.endpoints import EndpointParameters, build, endpoint
from .exchange.flow import Flow, flow, map_actions
from .exchange.list_reader import StreamedListReader, WholeListReader
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
    "generate_id",
    "get_keystore",
    "get_object",
    "list_objects",
    "put_keystore",
    "stream_objects",
    "update_object",
]

TYPES: Final = ("stories", "storycontent", "aimodules", "presets", "shelf", "promptmacros")
"""All types of objects that are in use.

See docs/protocol/native.md#71-object-types.
"""

_ACCEPT: Final = Headers.of(accept="application/json")
_JSON_BODY: Final = Headers.of(content_type="application/json")
_MAX_META: Final = 128  # characters
_ID_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_ID_LENGTH: Final = 21
_ON_IMAGE_HOST: Final = frozenset(("promptmacros",))  # docs/protocol/content.md#1-endpoints


class StoredKeystore(msgspec.Struct, frozen=True):
    """The sealed keystore, as the service stores it.

    See docs/protocol/native.md#73-keystore-wire-form.
    """

    keystore: str | None
    "Sealed; None if the account has never stored anything."
    changeIndex: float | None = None  # noqa: N815
    "Send it with a change, so that the service notices concurrent writes. Not every account has one."

    def __repr__(self) -> str:
        return f"StoredKeystore(changeIndex={self.changeIndex})"


class _KeystoreResponse(msgspec.Struct):
    keystore: str | msgspec.UnsetType | None = msgspec.UNSET
    changeIndex: float | None = None  # noqa: N815


def _read_keystore(response: _KeystoreResponse) -> StoredKeystore:
    if isinstance(response.keystore, msgspec.UnsetType):
        raise Damaged(
            "the response has no keystore: the service withheld it, which does not mean that it is empty",
            category="missing field",
        )
    return StoredKeystore(response.keystore, response.changeIndex)


_KEYSTORE: Final = (("application/json", JsonBodyReader(_KeystoreResponse, _read_keystore)),)
_OBJECTS: Final = (("application/json", WholeListReader("objects", StoredObject.from_json)),)
_EACH_OBJECT: Final = (("application/json", StreamedListReader("objects", StoredObject.from_json)),)
_OBJECT: Final = (("application/json", JsonBodyReader(dict[str, Any], StoredObject.from_json)),)


def get_keystore() -> Operation[Never, StoredKeystore]:
    """Read the account's sealed keystore (``GET /user/keystore``).

    Raises (when run):
        Damaged: the response has no keystore (category ``missing field``): the service withheld it.
        AuthenticationError: the service does not accept the token.
    """
    return Operation(build(endpoint("get_keystore"), EndpointParameters(), _ACCEPT), _KEYSTORE, Repeat.ALWAYS)


def put_keystore(sealed: str, change_index: float | None = None) -> Operation[Never, None]:
    """Replace the account's keystore (``PUT /user/keystore``).

    A key that the new keystore lacks is lost, and so is its object. `nai_proto.library.save_keys` is safe: it reads the
    keystore first, merges, and checks the result. The request is not repeated after a lost response: the service would
    refuse the second one because of the first.

    Args:
        sealed: from `nai_proto.codecs.keystore.seal_keystore`; ``""`` removes the keystore.
        change_index: `StoredKeystore.changeIndex`; None if the account has none, or to overwrite concurrent changes.

    Raises (when run):
        ConflictError: another program changed the keystore since it was read.
    """
    TEXT.check(sealed, "sealed")
    if change_index is not None:
        NUMBER.check(change_index, "change_index", "a number or None")
    body = encode_json({"keystore": sealed, **_change_index_field(change_index)})
    return Operation(
        build(endpoint("put_keystore"), EndpointParameters(body=body), _JSON_BODY), NOTHING, Repeat.IF_NOT_ACTED
    )


def list_objects(type: str) -> Operation[Never, tuple[StoredObject, ...]]:  # noqa: A002
    """Read all objects of a type, sealed (``GET /user/objects/{type}``).

    See docs/protocol/native.md#71-object-types.

    Args:
        type: one of `TYPES`, such as ``stories``.

    Raises:
        InvalidRequestError: the type cannot be part of a path.
    """
    return Operation(_build_request("list_objects", type), _OBJECTS, Repeat.ALWAYS)


def stream_objects(type: str) -> Flow[StoredObject, int]:  # noqa: A002
    """Read all objects of a type, sealed, one after the other: each is an event while the others are still to come.

    The list is one response, as that of `list_objects`, but it takes no more memory than one object and what one read
    brought. If it breaks off and is read again, the objects that were events already are left out.

    Args:
        type: one of `TYPES`, such as ``stories``.

    Returns:
        The number of objects.

    Raises:
        InvalidRequestError: the type cannot be part of a path.

    Raises (when run):
        RemoteProtocolError: the list is malformed, which may be found after many events; or it broke off, and had changed
            when it was read again.
    """
    request = _build_request("list_objects", type)
    return _stream_objects(Operation(request, _EACH_OBJECT, Repeat.EVEN_AFTER_EVENTS))


@flow
def _stream_objects(operation: Operation[StoredObject, tuple[StoredObject, ...]]) -> Steps[StoredObject, int]:
    seen: list[int] = []
    "Of each object that was an event: what tells this version of it from others."
    place = 0
    "In the list, which may come again."

    def take_new(listed: Sequence[StoredObject]) -> list[StoredObject]:
        nonlocal place
        marks = [hash((each.id, each.meta, each.data, each.changeIndex)) for each in listed]
        again = len(seen[place : place + len(marks)])
        if seen[place : place + again] != marks[:again]:
            raise _changed_list_error(operation)
        place += len(marks)
        seen.extend(marks[again:])
        return [*listed[again:]]

    def change(action: Action[StoredObject]) -> Action[StoredObject]:
        nonlocal place
        if isinstance(action, Send):
            place = 0
        return Emit(take_new(action.events)) if isinstance(action, Emit) else action

    left = take_new((yield from map_actions(operation, change)))
    if place < len(seen):
        raise _changed_list_error(operation)
    if left:
        yield Emit(left)
    return place


def _changed_list_error(operation: Operation[StoredObject, object]) -> RemoteProtocolError:
    where = f"{operation.request.method} {operation.request.path}"
    return RemoteProtocolError(f"{where}: the list broke off, and had changed when it was read again: start again")


def get_object(type: str, id: str) -> Operation[Never, StoredObject]:  # noqa: A002
    """Read one object, sealed (``GET /user/objects/{type}/{id}``).

    Args:
        type: one of `TYPES`.
        id: of the object.

    Raises:
        InvalidRequestError: type or id cannot be part of a path.

    Raises (when run):
        NotFoundError: there is no such object.
    """
    TEXT.check(id, "id")
    return Operation(_build_request("get_object", type, id), _OBJECT, Repeat.ALWAYS)


def create_object(type: str, meta: str, data: str) -> Operation[Never, StoredObject]:  # noqa: A002
    """Store a new object (``PUT /user/objects/{type}``).

    Save its key in the account's keystore *before*. The request is not repeated after a lost response, which could
    create the object twice; `nai_proto.library.Library.save_objects` finds out whether it was created.

    See docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them.

    Args:
        type: one of `TYPES`.
        meta: id of its key in the keystore; at most 128 characters.
        data: from `nai_proto.codecs.sealed_objects.seal_object`.

    Returns:
        The object as the service stored it, with its id.

    Raises:
        InvalidRequestError: the meta is too long, or the type cannot be part of a path.
    """
    return Operation(
        _build_request("create_object", type, body=_encode_content(meta, data)), _OBJECT, Repeat.IF_NOT_ACTED
    )


def update_object(stored: StoredObject, data: str) -> Operation[Never, StoredObject]:
    """Replace the data of an object (``PATCH /user/objects/{type}/{id}``).

    Args:
        stored: the object as it was read. Its change index is sent too, so that nothing newer is overwritten.
        data: from `nai_proto.codecs.sealed_objects.seal_object`.

    Returns:
        The object as it is stored now.

    Raises:
        InvalidRequestError: the object has no meta, or no id.

    Raises (when run):
        ConflictError: another program changed the object since it was read.
        NotFoundError: the object was deleted.
    """
    check_type(stored, StoredObject, "stored", "a StoredObject")
    if stored.meta is None:
        raise InvalidRequestError(
            f"{stored!r} has no meta: data written to it could not be opened again", parameter="stored"
        )
    body = _encode_content(stored.meta, data, stored.changeIndex)
    return Operation(_build_request("update_object", stored.type, stored.id, body=body), _OBJECT, Repeat.IF_NOT_ACTED)


def delete_object(type: str, id: str) -> Operation[Never, StoredObject]:  # noqa: A002
    """Delete an object (``DELETE /user/objects/{type}/{id}``).

    Args:
        type: one of `TYPES`.
        id: of the object.

    Returns:
        The object as it was stored: the last copy.

    Raises:
        InvalidRequestError: type or id cannot be part of a path.

    Raises (when run):
        NotFoundError: there is no such object.
    """
    TEXT.check(id, "id")
    return Operation(_build_request("delete_object", type, id), _OBJECT, Repeat.IF_NOT_ACTED)


def delete_objects(types: Iterable[str]) -> Operation[Never, None]:
    """Delete *all* objects of these types (``DELETE /user/objects/batch``). This cannot be undone.

    Args:
        types: some of `TYPES`.

    Raises:
        InvalidRequestError: there are no types.
    """
    names = [types] if isinstance(types, str) else list_items(types, str, "types", "a list of str")
    if not names:
        raise InvalidRequestError("delete_objects takes at least one type", parameter="types")
    parameters = EndpointParameters(body=encode_json({"types": names}))
    return Operation(build(endpoint("delete_objects"), parameters, _JSON_BODY), NOTHING, Repeat.IF_NOT_ACTED)


def generate_id(entropy: Entropy = system_entropy, taken: Container[str] = ()) -> str:
    """Generate an id like the service's: 21 characters of URL-safe base64.

    The service generates the ids of objects itself. This is for the emulator, and for ids that are needed earlier.

    See docs/protocol/content.md#1-endpoints.

    Args:
        entropy: source of the random bytes.
        taken: existing ids, which are not returned.
    """
    CONTAINER.check(taken, "taken", "a set of ids")
    while True:
        id_ = "".join(_ID_ALPHABET[byte & 63] for byte in draw_bytes(entropy, _ID_LENGTH))
        if id_ not in taken:
            return id_


def _build_request(name: str, type: str, id: str | None = None, *, body: bytes = b"") -> Request:  # noqa: A002
    TEXT.check(type, "type")
    path = {"type": type} if id is None else {"type": type, "id": id}
    request = build(endpoint(name), EndpointParameters(path, body=body), _JSON_BODY if body else _ACCEPT)
    return replace(request, host=Host.IMAGE) if type in _ON_IMAGE_HOST else request


def _encode_content(meta: str, data: str, change_index: float | None = None) -> bytes:
    TEXT.check(meta, "meta")
    TEXT.check(data, "data")
    if len(meta) > _MAX_META:
        raise InvalidRequestError(
            f"an object's meta has at most {_MAX_META} characters, not {len(meta)}", parameter="meta"
        )
    return encode_json({"meta": meta, "data": data, **_change_index_field(change_index)})


def _change_index_field(change_index: float | None) -> dict[str, float]:
    """Return the field as JSON has it: JSON's numbers are floats, and the service's change indexes are integers."""
    if change_index is None:
        return {}
    return {"changeIndex": int(change_index) if float(change_index).is_integer() else change_index}
