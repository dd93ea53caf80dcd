"""Say what a file is that should have been a JSON object, and what a field of it is that should have been another.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import json
from typing import Any, Final

from .image_headers import describe_file
from .json import find_problem
from .type_mismatch import Mismatch, find_mismatch

__all__ = ["describe_value", "find_field_problem", "find_file_problem"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def find_file_problem(data: bytes) -> str:
    """Return why a file is no JSON object, for an error message. Quotes nothing of it.

    Args:
        data: the whole file. It may begin with the byte order mark of UTF-8.
    """
    kind = describe_file(data)
    if kind is not None:
        return f"this is {kind}" + ("; save it as UTF-8" if "UTF" in kind else "")
    mark = len(_BYTE_ORDER_MARK) if data.startswith(_BYTE_ORDER_MARK) else 0
    document = b" " * mark + data[mark:]  # as long as the file, so that the numbers of bytes are right
    problem = find_problem(document, dict)
    if isinstance(problem, Mismatch):
        return f"this is {describe_value(json.loads(document))}, and a JSON object was expected"
    return problem


def find_field_problem(document: object, type: type[Any]) -> str:  # noqa: A002
    """Return which field of a file is not as it should be, for an error message: ``its id is missing``, say.

    Args:
        document: the parsed file, which msgspec refused.
        type: what it should have been.
    """
    mismatch = find_mismatch(document, type)
    path = mismatch.path.removeprefix(".")
    if mismatch.missing:
        return f"its {f'{path}.{mismatch.missing}' if path else mismatch.missing} is missing"
    expected = [_WORDS[name] for name in mismatch.expected.split(" | ") if name in _WORDS and name != "null"]
    if path and expected and mismatch.got in _WORDS:
        found = "a number" if mismatch.got == "int" else _WORDS[mismatch.got]
        return f"its {path} is {found}, and {' or '.join(expected)} was expected"
    problem = mismatch.problem[:1].lower() + mismatch.problem[1:]
    return f"its {path}: {problem}" if path else problem


_WORDS: Final = {
    "null": "null",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "array": "a list",
    "object": "an object",
}
"""The names of types in plain words."""


def describe_value(value: object) -> str:
    """Return what a JSON value is, for an error message: ``an object``, say."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"
