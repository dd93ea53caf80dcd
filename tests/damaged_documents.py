"""Documents of JSON in which one value is replaced by another one, for readers of files that somebody has damaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final, TypeAlias

__all__ = ["WRONG_TEXTS", "damaged_documents"]

Path: TypeAlias = tuple[str | int, ...]

WRONG_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 99, 101, 204, 2**63, 1e308, float("nan")),
    *("", ".", "é", "\x00", "a\r\nb", "\ud800", "x" * 10_000),
    *([], {}, [[]], [None], {"a": 1}, {"": None}),
)
"""Values of every type, and of odd sizes."""

WRONG_TEXTS: Final = (
    b"",
    b"\xff",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"9" * 5_000,
    b"\xef\xbb\xbf{}",
    b"{}{}",
)
"""What is no document: nothing, no UTF-8, deep recursion, a huge number, a byte order mark, two in one."""


def damaged_documents(document: Any) -> Iterator[bytes]:
    """Yield the document with each value, also nested ones, replaced by each wrong one, missing and twice; and cut."""
    whole = json.dumps(document).encode()
    for path in _paths(document):
        for wrong in WRONG_VALUES:
            yield json.dumps(_replace(document, path, wrong), ensure_ascii=wrong != "é").encode()
    for name in document if isinstance(document, dict) else ():
        yield json.dumps({key: value for key, value in document.items() if key != name}).encode()
        yield b"{%b:[],%b" % (json.dumps(name).encode(), whole[1:])
    yield whole[:-1]
    yield whole * 2


def _paths(value: Any, at: Path = ()) -> Iterator[Path]:
    yield at
    if isinstance(value, dict):
        for name in value:
            yield from _paths(value[name], (*at, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _paths(each, (*at, number))


def _replace(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    changed = deepcopy(value)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = new
    return changed
