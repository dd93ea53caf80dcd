"""What do opening and packing a story document cost, and a list of plain records, by their size?

The floor is plain MessagePack by msgspec, in C, of the same content: objects and Maps as maps, no wrappers, dates and Sets
as numbers and lists. The peer msgpack does the same; msgpackr-python reads what we wrote (it cannot write).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from nai_proto.codecs.msgpackr import (
    DOCUMENT_WRAPPERS,
    UNDEFINED,
    JsMap,
    JsSet,
    Timestamp,
    Value,
    Wrapped,
    packb,
    unpackb,
)

from .data import WORDS
from .report import Effort, Report, peer, timed

__all__ = ["build_document", "build_records", "make_peer_reader", "measure"]

_FLOOR: Final = "msgspec, plain"
_PEER: Final = "msgpack, plain"
_READER: Final = "msgpackr-python"
_BYTES_PER_PARAGRAPH: Final = 950
"""The bytes of a paragraph and of its part of the history."""
_BYTES_PER_RECORD: Final = 59


def build_document(paragraphs: int) -> Value:
    """Return a document in which each paragraph is one generation that was edited once.

    See docs/protocol/content.md#7-the-document-field.
    """
    chance = random.Random(20260101)
    ids = [chance.randrange(2**40, 2**51) for _ in range(paragraphs)]
    nodes = [chance.randrange(2**40, 2**51) for _ in range(paragraphs)]
    sections: list[tuple[Value, Value]] = []
    tree: list[tuple[Value, Value]] = []
    for index, (section, node) in enumerate(zip(ids, nodes, strict=True)):
        text = "".join(chance.choices(WORDS, k=75)).replace("\n", "")
        sections.append((section, _build_section(text)))
        created: Value = {"type": 0, "section": _build_section(text), "after": ids[index - 1] if index else 0}
        edited: Value = {"type": 1, "diff": _build_difference(text[:20])}
        fields: dict[str, Value] = {
            "id": node,
            "parent": nodes[index - 1] if index else UNDEFINED,
            "children": JsSet(tuple(nodes[index + 1 : index + 2])),
            "route": UNDEFINED,
            "changes": JsMap(((section, created), (ids[0], edited))),
            "date": Timestamp.from_milliseconds(1_700_000_000_000 + index * 60_123),
            "genPosition": {"sectionId": section, "offset": 0},
        }
        tree.append((node, Wrapped(31, fields)))
    history: Value = {"root": nodes[0], "current": nodes[-1], "nodes": JsMap(tuple(tree))}
    order: list[Value] = [*ids]
    parts: dict[str, Value] = {"sections": JsMap(tuple(sections)), "order": order, "history": Wrapped(30, history)}
    return Wrapped(20, {**parts, "dirtySections": JsMap(), "step": paragraphs})


def build_records(records: int) -> Value:
    """Return a list of objects with the same fields."""
    chance = random.Random(20260101)
    return [
        {
            "id": chance.randrange(2**40, 2**51),
            "type": chance.randrange(9),
            "text": "word " * chance.randrange(1, 12),
            "position": chance.randrange(5000),
            "length": chance.randrange(900),
            "flag": chance.random() < 0.5,
            "score": chance.random(),
            "parent": None,
        }
        for _ in range(records)
    ]


def _build_section(text: str) -> Value:
    run: Value = {"position": 0, "data": 2, "length": len(text)}
    return {"type": 1, "text": text, "meta": JsMap(((1, [run]), (2, []))), "source": UNDEFINED}


def _build_difference(text: str) -> Value:
    part: Value = {"from": 0, "insert": text, "delete": ""}
    run: Value = {"index": 0, "position": 0, "data": 0, "length": len(text)}
    return Wrapped(40, Wrapped(41, {"parts": [part], "metas": JsMap(((1, [run]),)), "source": 0}))


def _to_plain(value: Value) -> Any:
    """Return the value with types of MessagePack only."""
    match value:
        case dict():
            return {name: _to_plain(item) for name, item in value.items()}
        case list():
            return [_to_plain(item) for item in value]
        case JsMap(pairs):
            return {key: _to_plain(item) for key, item in pairs}
        case JsSet(items):
            return [_to_plain(item) for item in items]
        case Wrapped(_, inner):
            return _to_plain(inner)
        case Timestamp():
            return value.milliseconds
        case _:
            return None if value is UNDEFINED else value


def make_peer_reader(module: Any) -> Callable[[bytes], Any]:
    """Return a reader of the peer with the wrappers registered; each read uses a new one, as it keeps state."""

    def unpack(_class: type, _unpacker: Any, _data: object, _at: int, _size: int) -> None:
        return None

    def post_unpack(_class: type, unpacker: Any, data: object, at: int, _body: None) -> object:
        return unpacker.step(data, at)

    methods: dict[str, Any] = {"unpack": classmethod(unpack), "post_unpack": classmethod(post_unpack)}
    extensions = [
        type("Wrapper", (module.MsgpackExtensionWithPost,), {"EXT_TYPE": number, **methods})
        for number in DOCUMENT_WRAPPERS
    ]

    def read(data: bytes) -> Any:
        unpacker = module.Unpacker()
        unpacker.register_extensions(*extensions)
        return unpacker.unpack(memoryview(data))

    return read


def measure(effort: Effort) -> Report:
    """ms of CPU per megabyte, both ways, with Python's garbage collector on."""
    report = Report("ms per MB of a story document", _FLOOR)
    msgpack, reader = peer(report, "msgpack"), peer(report, "msgpackr")
    for what, build, size, megabytes, faster in (
        ("story", build_document, _BYTES_PER_PARAGRAPH, 0.5, 1.0),
        ("story", build_document, _BYTES_PER_PARAGRAPH, 5, 1.0),
        ("records", build_records, _BYTES_PER_RECORD, 0.5, 2.5),
        ("records", build_records, _BYTES_PER_RECORD, 2.6, 2.5),
        ("records", build_records, _BYTES_PER_RECORD, 5, 2.5),
    ):
        document = build(effort.of(round(megabytes * 1e6 / size)))
        data, plain = packb(document), _to_plain(document)
        floor = msgspec.msgpack.encode(plain)
        assert unpackb(data) == document
        assert msgspec.msgpack.decode(floor, strict=False) == plain
        opening: dict[str, Callable[[], object]] = {
            _FLOOR: partial(msgspec.msgpack.decode, floor),
            "unpackb": partial(unpackb, data),
        }
        packing: dict[str, Callable[[], object]] = {
            _FLOOR: partial(msgspec.msgpack.encode, plain),
            "packb": partial(packb, document),
        }
        if msgpack:
            opening[_PEER] = partial(msgpack.unpackb, floor, strict_map_key=False)
            packing[_PEER] = partial(msgpack.packb, plain)
        if reader:
            read = make_peer_reader(reader)
            assert len(read(data)) == len(plain)
            opening[_READER] = partial(read, data)
        for case, ours, subjects, at_most in (
            ("open", "unpackb", opening, {"unpackb": 10.0}),
            ("pack", "packb", packing, {}),
        ):
            values = timed(subjects, effort, per=len(data))
            values = {name: value * 1000 for name, value in values.items()}  # µs per byte: s per MB
            name = f"{case} {what}, {megabytes:g} MB"
            report.add(name, values, "ms", reference=_FLOOR, at_most=at_most, ours=ours, faster={_READER: faster})
    return report
