"""The endpoints of keystore and objects.

See:
    docs/protocol/native.md#7-keystore-and-user-objects
    docs/protocol/native.md#172-account
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final

import msgspec

from ...codecs.secret_box import from_base64
from ...errors import Damaged
from ...exchange.reply import Handler
from ..accounts.storage import Entropy
from ..errors import Refused
from ..http.request_context import EndpointHandler, RequestContext
from ..http.responses import send_empty, send_json

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
    """The endpoints of keystore and objects. `Storage` has the rules for changing them.

    Args:
        now: returns UNIX time in seconds.
        entropy: returns this many random bytes, for ids.
    """

    def __init__(self, now: Callable[[], float], entropy: Entropy) -> None:
        self._now = now
        self._entropy = entropy

    def handlers(self) -> Mapping[str, EndpointHandler]:
        """Return the handlers by the names of the endpoint table."""
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

    def _create(self, context: RequestContext) -> Handler:
        type_, _, body = _parse_object(context)
        created = context.owner.storage.create(type_, body.meta, body.data, self._now(), self._entropy)
        yield from send_json(context.endpoint.status, created.document)

    def _update(self, context: RequestContext) -> Handler:
        type_, id_, body = _parse_object(context)
        updated = context.owner.storage.update(type_, id_, body.meta, body.data, body.changeIndex, self._now())
        yield from send_json(context.endpoint.status, updated.document)


def _get_keystore(context: RequestContext) -> Handler:
    yield from send_json(context.endpoint.status, context.owner.storage.keystore_document())


def _put_keystore(context: RequestContext) -> Handler:
    body = context.body(_Keystore)
    _check_base64(body.keystore, "keystore")
    context.owner.storage.put_keystore(body.keystore, body.changeIndex)
    yield from send_empty(context.endpoint.status)


def _list(context: RequestContext) -> Handler:
    query = {name: int(value) for name, value in context.parameters.query if _COUNT.fullmatch(value)}
    listed = context.owner.storage.list_objects(
        context.parameters.path["type"], query.get("offset", 0), query.get("limit")
    )
    yield from send_json(context.endpoint.status, listed)


def _get(context: RequestContext) -> Handler:
    yield from send_json(context.endpoint.status, context.owner.storage.find(**context.parameters.path).document)


def _delete(context: RequestContext) -> Handler:
    yield from send_json(context.endpoint.status, context.owner.storage.delete(**context.parameters.path).document)


def _delete_all(context: RequestContext) -> Handler:
    context.owner.storage.clear(context.body(_Types).types)
    yield from send_empty(context.endpoint.status)


def _parse_object(context: RequestContext) -> tuple[str, str, _Content]:
    """Return type, id (empty for a new object) and the body of a request that stores an object."""
    path, body = context.parameters.path, context.body(_Content)
    if len(path["type"]) > _LONGEST_TYPE:
        raise Refused(400, f"type must be at most {_LONGEST_TYPE} characters long")
    _check_base64(body.data, "data")
    return path["type"], path.get("id", ""), body


def _check_base64(text: str, name: str) -> None:
    try:
        from_base64(text, name)
    except Damaged as error:
        raise Refused(400, f"{name} must be base64 encoded", reason=str(error)) from None
