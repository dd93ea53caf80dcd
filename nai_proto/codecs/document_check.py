"""A check whether a decoded story document is a whole story, for the check of a library.

See:
    docs/protocol/content.md#7-the-document-field
    docs/protocol/content.md#9-sanity-check-of-the-existing-command-line
"""

from __future__ import annotations

from typing import Final

from .msgpackr import JsMap, Value, Wrapped

__all__ = ["DOCUMENT", "find_document_problems"]

DOCUMENT: Final = 20
"""The extension around a whole document.

See docs/protocol/content.md#71-wrappers.
"""


def find_document_problems(document: Value) -> list[str]:
    """Return what keeps a document from being read as a whole story, in short sentences; an empty list if nothing does.

    They hold no text of the story, but ids. A reader may still show the rest: it skips what is missing.
    Sections that `order` does not name are no problem, they are just not part of the story.

    See docs/protocol/content.md#73-sections.

    Args:
        document: as `nai_proto.codecs.msgpackr.unpackb` gives it.
    """
    if not isinstance(document, Wrapped) or document.type != DOCUMENT or not isinstance(document.value, dict):
        return ["it is no document"]
    sections, order = document.value.get("sections"), document.value.get("order")
    if not isinstance(sections, JsMap):
        return ["`sections` is no Map"]
    if not isinstance(order, list):
        return ["`order` is no list"]
    known = sections.lookup()
    return [
        f"`order` names section {name}, which is missing"
        if type(name) is int
        else "`order` has something that is no id"
        for name in order
        if type(name) is not int or name not in known
    ]
