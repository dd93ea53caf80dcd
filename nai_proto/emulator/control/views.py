"""What the emulator tells about its requests and accounts, as JSON objects."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, cast

import msgspec

from ...codecs.image_frames import FrameSplitter
from ...codecs.sse import SSEDecoder
from ...codecs.zip_archive import unzip
from ...errors import NaiError
from ...exchange.reply import RawWrite, Start, Write
from ...http import Headers
from ...image.image_files import image_type
from ..accounts.account import Account
from ..recording.recording_file import RecordedExchange
from ..request_log import SeenRequest

__all__ = ["View", "describe_account", "describe_request", "summarize_request"]

View: TypeAlias = dict[str, Any]
"""An object that JSON can hold."""


def summarize_request(seen: SeenRequest) -> View:
    """Return a line of the list of requests."""
    return {
        "number": seen.number,
        "time": _format_time(seen.time),
        "method": seen.method,
        "path": seen.path,
        "model": seen.model,
        "account": seen.account,
        "status": seen.status,
        "reason": seen.reason,
        "ignored": [*seen.ignored],
        "seconds": seen.seconds,
        "received_bytes": seen.received_bytes,
        "sent_bytes": seen.sent_bytes,
        "ending": None if seen.ending is None else seen.ending.value,
        "parameters": _make_showable(seen.parameters, pictures=False),
    }


def describe_request(seen: SeenRequest) -> View:
    """Return all about a request, with its response in a form that can be shown."""
    exchange = seen.exchange
    return {
        **summarize_request(seen),
        "parameters": _make_showable(seen.parameters),
        "target": exchange.target,
        "request_headers": [*exchange.headers],
        "response_headers": [*_find_headers(exchange)],
        "response": _describe_response(exchange),
    }


def describe_account(account: Account) -> View:
    """Return what an account has. Titles of stories are sealed, and the emulator has no key to them."""
    profile, objects = account.profile, account.storage.objects
    return {
        "email": account.email or None,
        "tier": profile.tier.name.lower(),
        "trial": profile.trial,
        "anlas": profile.anlas + profile.bought_anlas,
        "objects": {kind: len(of_kind) for kind, of_kind in objects.items()},
        "stories": [{"id": one.id, "bytes": len(one.data or "")} for one in objects.get("stories", ())],
    }


def _format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ---- responses


def _find_headers(exchange: RecordedExchange) -> Headers:
    return next((sent.action.head.headers for sent in exchange.answer if isinstance(sent.action, Start)), Headers())


def _describe_response(exchange: RecordedExchange) -> View:
    body = b"".join(sent.action.data for sent in exchange.answer if isinstance(sent.action, Write | RawWrite))
    content_type = (_find_headers(exchange).get("content-type") or "").partition(";")[0].strip().lower()
    if not body:
        return {"kind": "none"}
    media_type = _find_media_type(body)
    if media_type is not None:
        return {"kind": "picture", **_describe_picture(body, media_type)}
    try:
        if body.startswith(b"PK\x03\x04"):
            pictures = [{"name": member.name, **_describe_bytes(bytes(member.data))} for member in unzip(body)]
            return {"kind": "pictures", "pictures": pictures}
        if content_type == "application/msgpack":
            frames = [_make_showable(msgspec.msgpack.decode(frame)) for frame in FrameSplitter().receive_data(body)]
            return {"kind": "frames", "frames": frames}
        if content_type == "text/event-stream":
            events = [
                {"event": event.event, "data": _make_showable(_parse_json(event.data))}
                for event in SSEDecoder().receive_data(body)
            ]
            return {"kind": "events", "events": events}
        if content_type == "application/json":
            return {"kind": "json", "json": _make_showable(msgspec.json.decode(body))}
    except (NaiError, ValueError, RecursionError):
        pass  # spoiled by a fault, or cut: shown as it is
    try:
        return {"kind": "text", "text": body.decode()}
    except UnicodeDecodeError:
        return {"kind": "binary", "bytes": len(body)}


def _parse_json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return text


_SHORTEST_PICTURE: Final = 64
"Characters of base64 that may be a picture; so many are decoded to find out."


def _make_showable(value: object, *, pictures: bool = True) -> Any:
    """Return a value in which pictures are objects, with their bytes or only with their number, and others a number."""
    match value:
        case bytes():
            return _describe_bytes(value)
        case str() if len(value) > _SHORTEST_PICTURE:
            return _describe_text(value, pictures)
        case list():
            return [_make_showable(one, pictures=pictures) for one in cast("list[object]", value)]
        case dict():
            items = cast("Mapping[object, object]", value).items()
            return {str(key): _make_showable(one, pictures=pictures) for key, one in items}
        case _:
            return value


def _describe_text(text: str, pictures: bool) -> View | str:
    """Return a text, or the picture that it is the base64 of."""
    try:
        media_type = _find_media_type(base64.b64decode(text[:_SHORTEST_PICTURE], validate=True))
    except ValueError:
        media_type = None
    if media_type is None:
        return text
    content = {"base64": text} if pictures else {"bytes": len(text) * 3 // 4 - text[-2:].count("=")}
    return {"media_type": media_type, **content}


def _describe_bytes(data: bytes) -> View:
    media_type = _find_media_type(data)
    return {"bytes": len(data)} if media_type is None else _describe_picture(data, media_type)


def _describe_picture(data: bytes, media_type: str) -> View:
    return {"media_type": media_type, "base64": base64.b64encode(data).decode()}


def _find_media_type(data: bytes) -> str | None:
    """Return the media type of a picture; None if it is no picture that the service knows."""
    format_ = image_type(data)
    return None if format_ is None else f"image/{format_}"
