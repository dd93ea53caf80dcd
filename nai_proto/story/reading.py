"""JSON that somebody wrote: objects, and the inside of them, whatever it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from ..codecs.box import attempt, read_json
from ..codecs.json import check_depth
from ..errors import InvalidFile
from ..limits import Limits

__all__ = ["items", "members", "read_object"]

_MARK: Final = b"\xef\xbb\xbf"


def read_object(data: bytes, *, where: str, limits: Limits = Limits()) -> dict[str, Any]:
    """A JSON object in UTF-8, with whole numbers of any size, and lone surrogates, as objects are read.

    Raises:
        InvalidFile: it is none.
        LimitExceeded: it is nested too deeply.
    """
    check_depth(data, limits.json_depth + 1)  # a card or a content is a level down
    document = attempt(read_json, data.removeprefix(_MARK))
    if not isinstance(document, dict):
        raise InvalidFile(f"{where}: a JSON object in UTF-8 was expected")
    return cast("dict[str, Any]", document)


def members(value: object) -> Mapping[str, Any]:
    """Those of an object; none of anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def items(value: object) -> list[object]:
    """Those of a list; none of anything else."""
    return cast("list[object]", value) if isinstance(value, list) else []
