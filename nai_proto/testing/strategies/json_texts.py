"""Texts and values of JSON, and the forms in which they are written."""

from __future__ import annotations

import json
from typing import Any, Final

from hypothesis import strategies as st

__all__ = ["JSON", "TEXTS", "dump"]

_CORNERS: Final = (
    "\u2028",
    "\u0085",
    "\r\n",
    "\U0001f986",
    '"',
    "\\",
    "\0",
    "\ufeff",
    "e\u0301",
    "data: ",
    "[DONE]",
    "</b>",
)
TEXTS: Final = st.lists(
    st.sampled_from(_CORNERS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=3
).map("".join)
"""Texts that JSON holds, with what readers stumble over. Unescaped U+2028 and U+0085 end no line of a stream."""
JSON: Final[st.SearchStrategy[Any]] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def dump(draw: st.DrawFn, value: object) -> str:
    """Return JSON, with or without blanks, and with characters beyond ASCII as they are or escaped."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    return json.dumps(value, ensure_ascii=draw(st.booleans()), separators=separators)
