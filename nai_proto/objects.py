"""What an account has stored: its keystore and its objects, as they are on the wire. Facts: native §7, content §1.

The results are sealed still; `nai_proto.codecs.keystore` and ``sealed`` open them, `nai_proto.library` does all of it.
Persistent tokens are refused here (native §2.1): log in.
"""

from __future__ import annotations

import re
from typing import Any, Final, Never

import msgspec

from .codecs.json import check_depth, encode
from .codecs.pieces import in_pieces
from .codecs.sealed import StoredObject
from .errors import Damaged, LimitExceeded
from .exchange.endpoints import Parameters, build, endpoint
from .exchange.operation import Operation
from .exchange.readers import NOTHING, Json
from .exchange.retry import CAREFUL, REPEATABLE
from .http import Headers

__all__ = ["StoredKeystore", "StoredObject", "get_object", "keystore", "list_objects", "put_keystore"]

_HEADERS: Final = Headers.of(accept="application/json")
_BODY: Final = Headers.of(content_type="application/json")
_LIST: Final = re.compile(rb'\{"objects": ?\[')
_ITEMS: Final = msgspec.json.Decoder(list[Any])


class StoredKeystore(msgspec.Struct, frozen=True):
    """The keystore as the service keeps it (native §7.3)."""

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


_KEYSTORE: Final = (("application/json", Json(_KeystoreAnswer, _keystore)),)
_OBJECTS: Final = (("application/json", Json(_ObjectsAnswer, _objects, _usual_objects)),)
_OBJECT: Final = (("application/json", Json(dict[str, Any], StoredObject.of)),)


def keystore() -> Operation[Never, StoredKeystore]:
    """The account's keystore, sealed (``GET /user/keystore``).

    Raises (when run):
        Damaged: the answer has no keystore (category ``missing field``): it was withheld, which does not mean empty.
        AuthenticationError: the token does not allow it.
    """
    return Operation(build(endpoint("get_keystore"), Parameters(), _HEADERS), _KEYSTORE, REPEATABLE)


def put_keystore(sealed: str, change_index: float | None = None) -> Operation[Never, None]:
    """Put another keystore in the place of the account's (``PUT /user/keystore``).

    A key that is not in it is gone, and its object with it: read first, and send the index that was read. A lost answer
    is not tried again, since the second try would be refused because of the first.

    Args:
        sealed: from `nai_proto.codecs.keystore.seal_keystore`; ``""`` leaves the account without a keystore.
        change_index: `StoredKeystore.changeIndex`; None for an account that has none, or to let the last writer win.

    Raises (when run):
        ConflictError: the keystore was changed since it was read.
    """
    fields: dict[str, object] = {"keystore": sealed}
    if change_index is not None:
        fields["changeIndex"] = int(change_index) if float(change_index).is_integer() else change_index
    return Operation(build(endpoint("put_keystore"), Parameters(body=encode(fields)), _BODY), NOTHING, CAREFUL)


def list_objects(type: str) -> Operation[Never, tuple[StoredObject, ...]]:  # noqa: A002
    """All objects of a type, sealed (``GET /user/objects/{type}``).

    Args:
        type: for example ``stories``, ``storycontent``, ``presets`` (native §7.1).

    Raises:
        LocalProtocolError: the type cannot stand in a path.
    """
    return Operation(build(endpoint("list_objects"), Parameters({"type": type}), _HEADERS), _OBJECTS, REPEATABLE)


def get_object(type: str, id: str) -> Operation[Never, StoredObject]:  # noqa: A002
    """One object, sealed (``GET /user/objects/{type}/{id}``).

    Raises:
        LocalProtocolError: type or id cannot stand in a path.

    Raises (when run):
        NotFoundError: there is none.
    """
    request = build(endpoint("get_object"), Parameters({"type": type, "id": id}), _HEADERS)
    return Operation(request, _OBJECT, REPEATABLE)
