"""The endpoints of keystore and objects, with the service's statuses.

See:
    docs/protocol/native.md#7-keystore-and-user-objects
    docs/protocol/native.md#172-account
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final

import msgspec

from ..codecs.box import from_base64
from ..errors import Damaged
from ..exchange.reply import Handler
from .answers import Refused, answer_empty, answer_json
from .asked import Asked, Handle
from .storage import Entropy

__all__ = ["ObjectService"]

_COUNT: Final = re.compile(r"[0-9]{1,9}")
_LONGEST_TYPE: Final = 16


class _Keystore(msgspec.Struct):
    keystore: str
    changeIndex: float | None = None  # noqa: N815


class _Content(msgspec.Struct):
    meta: Annotated[str, msgspec.Meta(max_length=128)]
    data: str
    changeIndex: float | None = None  # noqa: N815


class _Types(msgspec.Struct):
    types: Annotated[list[str], msgspec.Meta(min_length=1)]


class ObjectService:
    """Answers whatever is about what accounts have stored. The rules are `Storage`'s.

    Args:
        now: UNIX time in seconds.
        entropy: gives so many random bytes, for ids.
    """

    def __init__(self, now: Callable[[], float], entropy: Entropy) -> None:
        self._now = now
        self._entropy = entropy

    def handlers(self) -> Mapping[str, Handle]:
        """By the names of the endpoint table."""
        return {
            "get_keystore": _get_keystore,
            "put_keystore": _put_keystore,
            "list_objects": _list,
            "get_object": _get,
            "create_object": self._create,
            "update_object": self._update,
            "delete_object": _delete,
            "delete_objects": _delete_all,
        }

    def _create(self, asked: Asked) -> Handler:
        type_, _, body = _sent(asked)
        made = asked.owner.storage.create(type_, body.meta, body.data, self._now(), self._entropy)
        yield from answer_json(asked.row.status, made.document)

    def _update(self, asked: Asked) -> Handler:
        type_, id_, body = _sent(asked)
        new = asked.owner.storage.update(type_, id_, body.meta, body.data, body.changeIndex, self._now())
        yield from answer_json(asked.row.status, new.document)


def _get_keystore(asked: Asked) -> Handler:
    yield from answer_json(asked.row.status, asked.owner.storage.keystore_answer())


def _put_keystore(asked: Asked) -> Handler:
    body = asked.body(_Keystore)
    _check_base64(body.keystore, "keystore")
    asked.owner.storage.put_keystore(body.keystore, body.changeIndex)
    yield from answer_empty(asked.row.status)


def _list(asked: Asked) -> Handler:
    query = {name: int(value) for name, value in asked.parameters.query if _COUNT.fullmatch(value)}
    found = asked.owner.storage.listed(asked.parameters.path["type"], query.get("offset", 0), query.get("limit"))
    yield from answer_json(asked.row.status, found)


def _get(asked: Asked) -> Handler:
    yield from answer_json(asked.row.status, asked.owner.storage.find(**asked.parameters.path).document)


def _delete(asked: Asked) -> Handler:
    yield from answer_json(asked.row.status, asked.owner.storage.delete(**asked.parameters.path).document)


def _delete_all(asked: Asked) -> Handler:
    asked.owner.storage.clear(asked.body(_Types).types)
    yield from answer_empty(asked.row.status)


def _sent(asked: Asked) -> tuple[str, str, _Content]:
    """Type, id (empty for a new object) and what is to be stored."""
    path, body = asked.parameters.path, asked.body(_Content)
    if len(path["type"]) > _LONGEST_TYPE:
        raise Refused(400, f"type must be at most {_LONGEST_TYPE} characters long")
    _check_base64(body.data, "data")
    return path["type"], path.get("id", ""), body


def _check_base64(text: str, name: str) -> None:
    try:
        from_base64(text, name)
    except Damaged:
        raise Refused(400, f"{name} must be base64 encoded") from None
