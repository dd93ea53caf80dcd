"""The app that controls an emulator over HTTP, and passes all other requests on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import msgspec

from ...codecs.json import encode_json, find_problem
from ...errors import InvalidRequestError
from ...exchange.reply import App, Handler, Read, Start, Write
from ...http import Head, Headers, Request
from ..app import Emulator
from ..errors import Refused
from ..faults import describe_fault_kinds
from ..http.responses import reason_field
from ..limited_list import LimitedList
from ..recording.recording_file import encode_exchange, encode_header
from .access import KEY_HEADER, check_key, check_origin
from .views import describe_account, describe_request, summarize_request

__all__ = ["CONTROL", "KEY_HEADER", "ControlApp"]

CONTROL: Final = "/_emulator/"
"The beginning of all paths of the control; the service has nothing there."
_MAX_BODY_BYTES: Final = 64 * 2**20
"The largest body of a control request. Scripted replies may hold pictures."
_MEDIA_TYPES: Final = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_INDEX: Final = "index.html"
_DIGITS: Final = re.compile("[0-9]{1,15}")

_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
)

_Response: TypeAlias = tuple[str, bytes]
"""A content type and a body."""


class ControlApp:
    """An `App` that wraps an emulator, and answers requests whose path begins with ``/_emulator/`` itself.

    A control request carries the key in ``X-Emulator-Key``. It must be sent to an IP address or ``localhost``, and not by a
    page of another origin. ``/_emulator/`` itself and the console's files need no key.

    ==================================  ==============================================================================
    ``GET requests``                    the requests that the emulator got; ``?after=7`` what is new since ``"last": 7``
    ``GET requests/7``                  one of them with its whole response; ``DELETE requests`` forgets all
    ``GET, POST, DELETE replies``       lists, adds (one or a list), removes scripted replies; ``DELETE replies/0`` one
    ``GET, POST, DELETE faults``        likewise for faults; ``GET faults/kinds`` describes all kinds
    ``GET accounts``                    the accounts with what they have
    ``GET recording``                   the requests as a file that ``nai replay`` reads
    ==================================  ==============================================================================

    Args:
        emulator: is controlled.
        key: of the control; a secret. Anyone who has it can read everything that the emulator has got.
        app: gets the other requests; the emulator itself if it is None, or an app that wraps it.
        console: the console's files by name, ``index.html`` among them; none without a console.
    """

    def __init__(
        self, emulator: Emulator, key: str, app: App | None = None, console: Mapping[str, bytes] | None = None
    ) -> None:
        if not key:
            raise InvalidRequestError("the key must not be empty", parameter="key")
        self._emulator: Final = emulator
        self._key: Final = key
        self._app: Final[App] = emulator if app is None else app
        self._console: Final = console or {}

    def __call__(self, request: Request) -> Handler:
        """Return the handler of a request."""
        return self._handle(request) if request.path.startswith(CONTROL) else self._app(request)

    def _handle(self, request: Request) -> Handler:
        body = bytearray()
        try:
            self._check_access(request)  # before anything is kept of its body
            while data := (yield Read()):
                body += data
                if len(body) > _MAX_BODY_BYTES:
                    raise Refused(413, f"a control request has at most {_MAX_BODY_BYTES} bytes")
            media_type, answer = self._respond(request, bytes(body))
        except Refused as refused:
            document = encode_json({"statusCode": refused.status, "message": refused.message})
            yield from _send(refused.status, "application/json", document, reason_field(refused.reason))
        else:
            yield from _send(200, media_type, answer)

    def _check_access(self, request: Request) -> None:
        check_origin(request)
        if self._find_console_file(request) is None:
            check_key(request, self._key)

    def _find_console_file(self, request: Request) -> str | None:
        """Return the name of the console's file that is asked for."""
        name = request.path.removeprefix(CONTROL) or _INDEX
        return name if name in self._console and request.method in ("GET", "HEAD") else None

    def _respond(self, request: Request, body: bytes) -> _Response:
        if file := self._find_console_file(request):
            return f"{_MEDIA_TYPES[file.rpartition('.')[2]]}; charset=utf-8", self._console[file]
        name, _, item = request.path.removeprefix(CONTROL).partition("/")
        method = "GET" if request.method == "HEAD" else request.method
        match method, name, item:
            case "GET", "requests", "":
                return _json(self._list_requests(request.target.partition("?")[2]))
            case "DELETE", "requests", "":
                self._emulator.requests.clear()
                return _json(self._list_requests(""))
            case "GET", "requests", _:
                found = [seen for seen in self._emulator.requests if str(seen.number) == item]
                return _json(describe_request(_first(found, "request", item)))
            case "GET", "faults", "kinds":
                return _json(describe_fault_kinds())
            case "GET" | "POST" | "DELETE", "faults" | "replies", _:
                return _json(self._edit(method, name, item, body))
            case "GET", "accounts", "":
                return _json({"accounts": [*map(describe_account, self._emulator.accounts)]})
            case "GET", "recording", "":
                return "application/x-ndjson", self._export()
            case _:
                raise Refused(404, f"Cannot {method} {request.path[:100]}: the emulator's control has no such path")

    def _list_requests(self, query: str) -> dict[str, Any]:
        """Return the requests that have begun or ended since a revision of the list, and its revision now."""
        name, _, revision = query.partition("=")
        if query and (name != "after" or not _DIGITS.fullmatch(revision)):
            raise Refused(400, "requests takes ?after=N, with the number that came as last")
        requests, after = self._emulator.requests, int(revision or "0")
        listed = [summarize_request(seen) for seen in requests if seen.revision > after]
        return {"requests": listed, "last": requests.revision}

    def _edit(self, method: str, name: str, item: str, body: bytes) -> dict[str, Any]:
        """List, add or remove faults or replies; return those that there are then."""
        items: LimitedList[Any] = self._emulator.faults if name == "faults" else self._emulator.replies
        match method, item:
            case "POST", "":
                _add(items, body)
            case "DELETE", "":
                items.clear()
            case "DELETE", _ if _DIGITS.fullmatch(item) and int(item) < len(items):
                items.remove(int(item))
            case "GET", "":
                pass
            case _:
                raise Refused(404, f"there is no {item[:20]!r} in {name}: there are {len(items)}, numbered from 0")
        return {name: msgspec.to_builtins(items[:])}

    def _export(self) -> bytes:
        """Return a recording of all requests that have ended, with contents and without secrets."""
        ended = [seen.exchange for seen in self._emulator.requests if seen.ending is not None]
        return b"".join([encode_header(contents=True), *map(encode_exchange, ended)])


def _add(items: LimitedList[Any], body: bytes) -> None:
    """Add the one or the many in a body of JSON. Raises Refused, 400, if one is wrong."""
    try:
        given: object = msgspec.json.decode(body)
        items.add(*(cast("list[object]", given) if isinstance(given, list) else [given]))
    except InvalidRequestError as error:
        raise Refused(400, str(error)) from None
    except (ValueError, RecursionError):
        raise Refused(400, f"the body: {find_problem(body, object)}") from None


def _first(found: Sequence[Any], what: str, name: str) -> Any:
    if not found:
        raise Refused(404, f"there is no {what} {name[:20]!r}")
    return found[0]


def _json(value: object) -> _Response:
    return "application/json", encode_json(value)


def _send(status: int, media_type: str, body: bytes, *more: tuple[str, str]) -> Handler:
    fields = [("Content-Type", media_type), ("Content-Length", str(len(body))), *_HEADERS, *more]
    yield Start(Head(status, Headers(fields)))
    yield Write(body)
