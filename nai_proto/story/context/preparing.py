"""A part's text as it is searched and sent: placeholders filled in, comments left out.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..placeholders import fill_placeholders
from ..utf16 import replace_lone_surrogates

__all__ = ["prepared"]

_COMMENT: Final = re.compile(r"^##[^\n]*\n?", re.MULTILINE)


def prepared(text: str, placeholders: Mapping[str, str]) -> str:
    """The text with these answers in the place of placeholders, and without the lines that then begin with ``##``."""
    return replace_lone_surrogates(_COMMENT.sub("", fill_placeholders(text, placeholders)))
