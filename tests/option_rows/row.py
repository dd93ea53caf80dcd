"""What a row of the tables says, and how it is checked against the emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import pytest

import nai_proto as nai
from nai_proto.codecs.multipart import decode
from nai_proto.errors import InvalidRequestError, NaiError, StatusError
from nai_proto.exchange.operation import Operation
from nai_proto.http import Request
from nai_proto.testing import Clock
from nai_transports import memory

from ..support import ByteTokenizer, an_emulator

__all__ = ["ABSENT", "BYTES", "NotSent", "Refused", "Row", "Shows", "Silent", "Table", "check_row", "differs"]

BYTES = ByteTokenizer()
ABSENT = object()
"""The value of what is not on the wire."""

Shows: TypeAlias = Callable[[Any, Any], object]
"""Returns false unless two results show that an option acts: the one without it, and the one with it. Either may be an
error."""


@dataclass(frozen=True, eq=False)
class Refused:
    """The emulator refuses the value."""

    status: int
    message: str


@dataclass(frozen=True, eq=False)
class NotSent:
    """The library itself acts on the value, and refuses the request before it is sent."""

    message: str


@dataclass(frozen=True, eq=False)
class Silent:
    """The value changes no answer, by its nature; the emulator knows it all the same, and refuses a wrong type."""

    why: str
    wrong: Any
    "A value of a wrong type."


@dataclass(frozen=True, eq=False)
class Row:
    """One option."""

    option: str
    value: Any
    wire: Mapping[str, Any]
    "Paths in the request's document, such as ``parameters.top_k``, and what is there; `ABSENT` for what is not."
    shows: Shows | Refused | NotSent | Silent
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])
    "What else both requests are given; an option of the table's own is replaced."


@dataclass(frozen=True, eq=False)
class Table:
    """The options of one function."""

    name: str
    function: Callable[..., Operation[Any, Any]]
    rows: tuple[Row, ...]
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])
    "What every request is given."
    read: Callable[[Any], Any] = lambda result: result
    "Returns what is compared of a result: all but what each request has anew."
    pace: float = 0.0
    "The emulator's seconds per token."


def differs(without: Any, with_: Any) -> bool:
    """The result is another one."""
    return bool(without != with_)


def check_row(table: Table, row: Row) -> None:
    given = {**table.given, **row.given}
    if isinstance(row.shows, NotSent):
        with pytest.raises(InvalidRequestError, match=row.shows.message):
            table.function(**{**given, row.option: row.value})
        return
    operation = table.function(**{**given, row.option: row.value})
    document = read_document(operation.request)
    for path, value in row.wire.items():
        assert find(document, path) == value, path
    with_ = run(table, lambda: operation)
    if isinstance(row.shows, Refused):
        error = with_
        assert isinstance(error, StatusError), error
        assert (error.status, row.shows.message in str(error)) == (row.shows.status, True), error
        return
    assert not isinstance(with_, NaiError), with_
    without = run(table, lambda: table.function(**given))
    if isinstance(row.shows, Silent):
        assert without == with_
        (path,) = row.wire
        extra = {path.rpartition(".")[2]: row.shows.wrong, **given.get("extra", {})}
        error = run(table, lambda: table.function(**{**given, "extra": extra}))
        assert isinstance(error, StatusError)
        assert error.status == 400
    else:
        assert row.shows(without, with_)


def run(table: Table, make: Callable[[], Operation[Any, Any]]) -> Any:
    """Return the result of an operation at a new emulator, or the error."""
    emulator, owner = an_emulator(tokenizers=_get_bytes, pace=table.pace)
    session = nai.Session(base_url="http://emulator.invalid", token=owner.persistent_token)
    with memory.Client(emulator, session, clock=Clock()) as client:
        try:
            return table.read(client.run(make()))
        except NaiError as error:
            return error


def read_document(request: Request) -> Any:
    """Return the JSON document of a request, or its query."""
    content_type = request.headers.get("content-type") or ""
    if content_type.startswith("multipart/"):
        parts = {part.name: part.data for part in decode(content_type, request.body)}
        return {**json.loads(parts.pop("request")), "parts": parts}
    if request.body:
        return json.loads(request.body)
    return dict(parse_qsl(urlsplit(request.target).query))


def find(document: Any, path: str) -> Any:
    for key in path.split("."):
        try:
            document = document[int(key) if key.isdecimal() else key]
        except (KeyError, TypeError):
            return ABSENT
    return document


def _get_bytes(_: str) -> ByteTokenizer:
    return BYTES
