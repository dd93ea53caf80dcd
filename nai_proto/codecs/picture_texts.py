"""What is read of the text in a picture: texts by name, and which pieces are damaged or too long.

See docs/protocol/image.md#86-reading-pictures-that-other-programs-saved.
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import RemoteProtocolError

__all__ = ["PictureTexts", "describe_problem", "excess_error"]

_PREFIX = "picture: "


class PictureTexts(NamedTuple):
    """The texts of a picture; a piece that cannot be read hides only itself."""

    texts: dict[str, str]
    "By keyword or tag, in the file's order."
    damaged: tuple[str, ...] = ()
    "What could not be read: ``the text chunk at byte 41 (Author) does not inflate``, say."


def describe_problem(error: RemoteProtocolError) -> str:
    """Return what an error says of a picture, without its beginning: for a list of problems."""
    return str(error).removeprefix(_PREFIX)


def excess_error(where: str, limit: int) -> RemoteProtocolError:
    """Return the error for a text of more than ``limit`` bytes; ``where`` says which one it is."""
    return RemoteProtocolError(f"{_PREFIX}{where} is too long: at most {limit} bytes of text are read")
