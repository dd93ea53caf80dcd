"""The kinds of files that users import, recognized by content and not by name.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from ...arguments import BYTES, LIMITS, TEXT
from ...codecs.image_headers import describe_file, detect_format
from ...errors import InvalidFile
from ...limits import Limits
from ..foreign_formats import describe_foreign_file
from ..json_records import read_json_object, require_list, require_text
from .cards import read_card

__all__ = ["VERSION_FIELDS", "FileKind", "ImportedFile", "read_file"]


class FileKind(StrEnum):
    """The kinds of files."""

    STORY = "story"
    SCENARIO = "scenario"
    LOREBOOK = "lorebook"
    PRESET = "preset"
    MODULE = "module"


VERSION_FIELDS: Final = {
    FileKind.STORY: "storyContainerVersion",
    FileKind.SCENARIO: "scenarioVersion",
    FileKind.LOREBOOK: "lorebookVersion",
    FileKind.PRESET: "presetVersion",
    FileKind.MODULE: "moduleVersion",
}
"""The field by which each kind is recognized."""

_REQUIRED_FIELDS: Final[Mapping[FileKind, tuple[str, Callable[[Mapping[str, Any], str, str], object]]]] = {
    FileKind.SCENARIO: ("prompt", require_text),
    FileKind.LOREBOOK: ("entries", require_list),
}
"""What else a kind has, and the check of it."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_NONE: Final = f"none of the files that NovelAI's website exports: {', '.join(FileKind)}"


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file and its kind."""

    kind: FileKind
    document: dict[str, Any] = field(repr=False)
    "The parsed JSON."
    data: bytes = field(repr=False)
    "The JSON as it was written."
    card: bool = False
    "Whether the file was in a card."


def read_file(data: bytes, *, where: str = "file", limits: Limits = Limits()) -> ImportedFile:
    """Read a file of any kind, or the card that contains it.

    Args:
        data: the whole file.
        where: the name of the file, to begin an error message with.
        limits: for the nesting of the file, and for texts in pictures.

    Raises:
        InvalidFile: the file is of no kind in `FileKind`.
        LimitExceeded: the file is nested too deeply, or the picture is too large.
    """
    data = BYTES.convert(data, "data")
    TEXT.check(where, "where")
    LIMITS.check(limits, "limits")
    card = detect_format(data) is not None
    if card:
        data = read_card(data, where=where, limits=limits)
        where = f"{where}, the file in it"
    try:
        document = read_json_object(data, where=where, limits=limits)
    except InvalidFile as error:
        if describe_file(data) is not None or data.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith((b"{", b"[")):
            raise
        problem = str(error)
    else:
        return _recognize(document, data, where, is_card=card)
    raise InvalidFile(f"{problem}, and {_NONE}")


def _recognize(document: dict[str, Any], data: bytes, where: str, *, is_card: bool) -> ImportedFile:
    for kind, version in VERSION_FIELDS.items():
        if version in document:
            if kind in _REQUIRED_FIELDS:
                name, require = _REQUIRED_FIELDS[kind]
                require(document, name, where)
            return ImportedFile(kind, document, data, is_card)
    raise InvalidFile(f"{where}: this is {describe_foreign_file(document) or 'JSON'}, and {_NONE}")
