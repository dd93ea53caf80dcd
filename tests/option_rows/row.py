"""What a row of the tables says, and how it is checked against the emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
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

__all__ = ["ABSENT", "BYTES", "Ignored", "NotSent", "Refused", "Row", "Shows", "Table", "check_row", "differs"]

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
class Ignored:
    """The value changes no answer, and the answer says so: it names what it ignored."""

    why: str
    wrong: Any = None
    "A value of a wrong type, which the emulator refuses; None if it takes any."


@dataclass(frozen=True, eq=False)
class Row:
    """One option."""

    option: str
    value: Any
    wire: Mapping[str, Any]
    "Paths in the request's document, such as ``parameters.top_k``, and what is there; `ABSENT` for what is not."
    shows: Shows | Refused | NotSent | Ignored
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
    with_, ignored = run_and_look(table, lambda: operation)
    if isinstance(row.shows, Refused):
        error = with_
        assert isinstance(error, StatusError), error
        assert (error.status, row.shows.message in str(error)) == (row.shows.status, True), error
        return
    assert not isinstance(with_, NaiError), with_
    without, ignored_without = run_and_look(table, lambda: table.function(**given))
    if isinstance(row.shows, Ignored):
        assert without == with_
        names = {path.rpartition(".")[2] for path in row.wire}
        assert names <= {*ignored}
        assert not names & {*ignored_without}
        if row.shows.wrong is None:
            return
        extra = {**dict.fromkeys(names, row.shows.wrong), **given.get("extra", {})}
        error = run(table, lambda: table.function(**{**given, "extra": extra}))
        assert isinstance(error, StatusError)
        assert error.status == 400
    else:
        assert row.shows(without, with_)
        assert not {path.rpartition(".")[2] for path in row.wire} & {*ignored}


def run(table: Table, make: Callable[[], Operation[Any, Any]]) -> Any:
    """Return the result of an operation at a new emulator, or the error."""
    return run_and_look(table, make)[0]


def run_and_look(table: Table, make: Callable[[], Operation[Any, Any]]) -> tuple[Any, Sequence[str]]:
    """Return the result of an operation at a new emulator, or the error, and what the emulator says that it ignored."""
    emulator, owner = an_emulator(tokenizers=_get_bytes, pace=table.pace)
    session = nai.Session(base_url="http://emulator.invalid", token=owner.persistent_token)
    with memory.Client(emulator, session, clock=Clock()) as client:
        try:
            result = table.read(client.run(make()))
        except NaiError as error:
            return error, ()
        return result, emulator.requests[-1].ignored


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
