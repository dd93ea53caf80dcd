"""Targets of the server's side: what a client may send to the emulator, its recordings and its stored state.

The input of ``emulator.<endpoint>`` is the body of a request of the account's owner, and the query of a GET. The emulator
answers whatever it is, and never with an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from ...codecs.json import encode_json
from ...codecs.key_derivation import email_hash
from ...codecs.sealed_objects import StoredObject
from ...codecs.secret_box import to_base64
from ...emulator import Emulator
from ...emulator.accounts.journal import AccountRow, KeystoreRow, LetterRow, MailRow, RowKey, TokenRow
from ...emulator.accounts.profile import Profile
from ...emulator.accounts.trained_modules import ModuleTraining
from ...emulator.clock import START
from ...emulator.faults.table import parse_fault
from ...emulator.recording import Redaction, Replayer, decode_recording
from ...emulator.recording.recording_file import RecordedExchange, SentAction, encode_exchange, encode_header
from ...emulator.replies.request_facts import parse_parameters
from ...exchange.actions import Compute
from ...exchange.endpoints import ENDPOINTS, Endpoint
from ...exchange.reply import Reply, ReplyState, Start, StoreState, Write
from ...http import Head, Headers, Request
from ...http.heads import build_response
from ...http.wire import Wire
from ...secret import AccessToken
from ...tier import Tier
from ..connection import MemoryConnection
from ..target import Target
from .operations import ACCESS_KEY, OPERATIONS

__all__ = ["TARGETS"]

_JSON: Final = Headers.of(content_type="application/json")


# ---- an account for which every operation of `OPERATIONS` is granted

_EMAIL: Final = "writer@example.com"
_TOKEN: Final = AccessToken("token-of-a-login")


@cache
def _rows() -> tuple[tuple[RowKey, bytes], ...]:
    """Return the rows of an emulator, so that those that are fuzzed derive no keys and have no history."""
    profile = Profile(int(START), email_hash(_EMAIL), _EMAIL, votes={"ended": {"id": "1"}})
    profile.subscribe(Tier.OPUS, START)
    training = ModuleTraining("1", "x", "", "euterpe-v2", 50, 0.1, to_base64(b"x" * 200), began=START, speed=1.0)
    stored = StoredObject(id="1", type="stories", meta="meta", data="AA==", changeIndex=1)
    rows: Mapping[RowKey, object] = {
        ("account", "1"): AccountRow(_EMAIL, ACCESS_KEY.reveal(), "pst-not-created", profile),
        ("token", _TOKEN.reveal()): TokenRow(1, START + 1e6),
        ("keystore", "1"): KeystoreRow("AA==", 1, True),
        ("object", "1", "stories", "1"): stored.document,
        ("module", "1", "1"): training,
        ("mail", "0"): MailRow("verification", _EMAIL, "v" * 64),
        ("letter", "v" * 64): LetterRow("verification", 1),
        ("letter", "r" * 16): LetterRow("recovery", 1),
        ("letter", "d" * 16): LetterRow("deletion", 1),
        ("gift", "gift"): Tier.OPUS,
        ("google", "identity"): 1,
    }
    return tuple((key, encode_json(document)) for key, document in rows.items())


def _open_emulator() -> Emulator:
    emulator = Emulator()
    emulator.restore(_rows())
    return emulator


@cache
def _shared_emulator() -> Emulator:
    """Return one emulator for all requests, until one of them changes what it has stored: to open it takes longer than to
    ask it."""
    return _open_emulator()


# ---- requests


def _request(endpoint: Endpoint, body: bytes) -> object:
    """Return the status and the body that an endpoint answers. What comes as bytes is ``emulator.connection``."""
    request = _build_request(endpoint)
    if endpoint.method == "GET":
        query = quote(body[:2000], safe="&=%+")
        request, body = replace(request, target=f"{request.path}?{query}"), b""
    return _answer(Reply(_shared_emulator()(request)), body)


@cache
def _build_request(endpoint: Endpoint) -> Request:
    request = OPERATIONS[endpoint.name]().request.adding(_JSON)
    return replace(request, headers=Headers(replace(request, token=_TOKEN).fields()))


def _answer(reply: Reply, body: bytes) -> tuple[int, bytes]:
    reply.receive_data(body)
    reply.receive_eof()
    head, answered = Head(0, _JSON), list[bytes]()
    while reply.state is not ReplyState.DONE:
        match reply.next_action():
            case Start(head):
                build_response(head.status, head.headers)  # an error if it cannot be sent
            case Write(data):
                answered.append(data)
            case Compute() as job:
                job.perform()
            case StoreState():
                _shared_emulator.cache_clear()
            case _:
                pass
    whole = b"".join(answered)
    assert head.headers.get("content-length") in (None, str(len(whole))), "emulator: the body has another length"
    return head.status, whole


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


def _requests() -> Iterable[bytes]:
    generate = _build_request(ENDPOINTS["generate"]).adding(Headers.of(host="x"))
    return [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        Wire("client").send_request(generate),
    ]


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


def _state() -> Iterable[bytes]:
    return [b"\n".join(b"\t".join((*(part.encode() for part in key), row)) for key, row in _rows())]


def _parse_parameters(body: bytes) -> object:
    kinds = ("application/json", "text/plain", "multipart/form-data; boundary=x")
    requests = (Request("POST", "/", Headers.of(content_type=kind)) for kind in kinds)
    return [parse_parameters(request, body) for request in requests]


def _make(kind: Callable[[Any], object]) -> Callable[[Any], object]:
    """Return what makes an emulator's reply or fault of a document, which is an object."""
    return lambda document: kind(document) if isinstance(document, dict) else None


TARGETS: Final = (
    *map(_build_target, ENDPOINTS.values()),
    Target("emulator.connection", "chunks", _connect, _requests, ()),
    Target("emulator.recording", "bytes", _read_recording, lambda: [_recording()]),
    Target("emulator.state", "bytes", _restore, _state),
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
