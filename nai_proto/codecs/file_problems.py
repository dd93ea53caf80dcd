"""Say what a file is that should have been a JSON object, and what a value in it is that should have been another.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import json

from .image_headers import describe_file
from .json import find_problem
from .type_mismatch import Mismatch

__all__ = ["describe_value", "find_file_problem"]

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
