"""What is read of the text in a picture: texts by name, and which pieces are damaged.

See docs/protocol/image.md#86-reading-pictures-that-other-programs-saved.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PictureTexts"]


class PictureTexts(NamedTuple):
    """The texts of a picture; a damaged piece hides only itself."""

    texts: dict[str, str]
    "By keyword or tag, in the file's order."
    damaged: tuple[str, ...] = ()
    "What could not be read: ``the text chunk at byte 41 (Author) does not inflate``, say."
