"""Targets of the server's side: what a client may send to the emulator, its recordings and its stored state.

The input of ``emulator.<endpoint>`` is the body of a request of the account's owner, and the query of a GET. The emulator
answers whatever it is, and never with an exception.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from ... import objects
from ...account.login import login_with_key
from ...emulator import Emulator
from ...emulator.faults.table import parse_fault
from ...emulator.recording import Redaction, Replayer, decode_recording
from ...emulator.recording.recording_file import RecordedExchange, SentAction, encode_exchange, encode_header
from ...emulator.replies.request_facts import parse_parameters
from ...exchange.client import ClientExchange
from ...exchange.endpoints import ENDPOINTS, Endpoint
from ...exchange.reply import Start, Write
from ...http import Head, Headers, Request
from ...http.wire import NEED_DATA, Wire
from ...secret import AccessToken, Password
from ..connection import MemoryConnection
from ..target import Target
from .operations import OPERATIONS

__all__ = ["TARGETS"]

_BASE: Final = "http://emulator.invalid"
_JSON: Final = Headers.of(content_type="application/json")


@dataclass(frozen=True, slots=True)
class _Stored:
    """What an emulator has stored: an account that is logged in, and one object of it."""

    rows: tuple[tuple[tuple[str, ...], bytes], ...]
    token: AccessToken
    object_id: str


@cache
def _stored() -> _Stored:
    """Return what an emulator stores, so that those that are fuzzed derive no keys."""
    emulator = Emulator()
    emulator.restore()
    owner = emulator.add_account("writer@example.com", Password("the quiet harbour"))
    changes = [*emulator.changes()]
    _, login = _send(emulator, login_with_key(owner.key).request, changes.extend)
    token = AccessToken(json.loads(login)["accessToken"])
    creation = replace(objects.create_object("stories", "meta", "AA==").request, token=token)
    _, created = _send(emulator, creation, changes.extend)
    rows = {change.key: change.document for change in changes}
    return _Stored(
        tuple((key, document) for key, document in rows.items() if document is not None),
        token,
        json.loads(created)["id"],
    )


def _open_emulator() -> Emulator:
    emulator = Emulator()
    emulator.restore(_stored().rows)
    return emulator


def _request(endpoint: Endpoint, body: bytes) -> object:
    target = OPERATIONS[endpoint.name]().request.target.partition("?")[0]
    if endpoint.name.endswith("_object"):
        target = target.replace("/1", f"/{_stored().object_id}")
    if endpoint.method == "GET":
        target += "?" + quote(body[:2000], safe="&=%+")
        body = b""
    request = Request(endpoint.method, target, _JSON, body, token=_stored().token)
    return _send(_open_emulator(), request)


def _send(emulator: Emulator, request: Request, store: Callable[[Any], None] | None = None) -> tuple[int, bytes]:
    """Return the status and the body that the emulator answers."""
    connection = MemoryConnection(emulator, emulator.clock, store=store)
    exchange = ClientExchange(Wire("client"), replace(request, base=_BASE))
    connection.send_all(exchange.data_to_send)
    exchange.request_written()
    received: list[Any] = []
    while not received or received[-1] != b"":
        while (incoming := exchange.next_incoming()) is NEED_DATA:
            exchange.receive_data(connection.receive_some(600))
        received.append(incoming)
    return received[0].status, b"".join(received[1:])


def _connect(pieces: Iterable[bytes]) -> Iterator[object]:
    """Yield every byte that the emulator says to a client that sends anything."""
    emulator = _open_emulator()
    connection = MemoryConnection(emulator, emulator.clock)
    for piece in pieces:
        if connection.closed:
            break
        connection.send_all(piece)
        yield from _read_ready(connection)
    while not connection.closed and (data := _receive(connection)):
        yield from data


def _read_ready(connection: MemoryConnection) -> Iterator[int]:
    while not connection.closed and not connection.is_idle():
        yield from connection.receive_some(0)


def _receive(connection: MemoryConnection) -> bytes:
    try:
        return connection.receive_some(0.001)
    except TimeoutError:
        return b""


def _build_target(endpoint: Endpoint) -> Target:
    def seeds() -> Iterable[bytes]:
        request = OPERATIONS[endpoint.name]().request
        return [request.body if endpoint.method != "GET" else request.target.partition("?")[2].encode()]

    return Target(f"emulator.{endpoint.name}", "bytes", lambda body: _request(endpoint, body), seeds, ())


# ---- recordings, state, what a control request has


def _recording() -> bytes:
    answer = (SentAction(Start(Head(200, _JSON))), SentAction(Write(b'{"output":"x"}')))
    exchange = RecordedExchange("POST", "/ai/generate?x=1", _JSON, b'{"input":"Once"}', answer=answer)
    return encode_header() + encode_exchange(exchange) + encode_exchange(exchange)


def _read_recording(data: bytes) -> object:
    recording = decode_recording(data)
    redaction = Redaction(bytes(32))
    redacted = [redaction.redact(exchange) for exchange in recording.exchanges]
    Replayer(recording)
    return [decode_recording(encode_header() + encode_exchange(exchange)) for exchange in redacted]


def _restore(data: bytes) -> object:
    """Each line is a row: its key's parts, a tab after each, and its document."""
    lines = [line.split(b"\t") for line in data.split(b"\n")]
    rows = [(tuple(part.decode("latin-1") for part in key), document) for *key, document in lines]
    Emulator().restore(rows)
    return len(rows)


def _rows() -> Iterable[bytes]:
    return [b"\n".join(b"\t".join((*(part.encode() for part in key), row)) for key, row in _stored().rows)]


def _parse_parameters(body: bytes) -> object:
    kinds = ("application/json", "text/plain", "multipart/form-data; boundary=x")
    requests = (Request("POST", "/", Headers.of(content_type=kind)) for kind in kinds)
    return [parse_parameters(request, body) for request in requests]


def _make(kind: Callable[[Any], object]) -> Callable[[Any], object]:
    """Return what makes an emulator's reply or fault of a document, which is an object."""
    return lambda document: kind(document) if isinstance(document, dict) else None


TARGETS: Final = (
    *map(_build_target, ENDPOINTS.values()),
    Target(
        "emulator.connection",
        "chunks",
        _connect,
        lambda: [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b'POST /ai/generate HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n{"model": 1}',
        ],
        (),
    ),
    Target("emulator.recording", "bytes", _read_recording, lambda: [_recording()]),
    Target("emulator.state", "bytes", _restore, _rows),
    Target("emulator.fault_options", "text", parse_fault, lambda: [b"cut:at=100,path=/ai/,times=1"]),
    Target("emulator.parameters", "bytes", _parse_parameters, lambda: [b'{"input":"Once"}', b"a=1&b=%20"], ()),
    Target("emulator.replies", "JSON", _make(lambda it: Emulator(replies=[it])), lambda: [b'{"text":"x","times":2}']),
    Target(
        "emulator.faults",
        "JSON",
        _make(lambda it: Emulator(faults=[it])),
        lambda: [b'{"fault":"cut","at":100,"path":"/ai/","times":1}'],
    ),
)
