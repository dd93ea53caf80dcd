"""Check whether a decoded story document is a whole story.

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
    """Return why a document is not a whole story, in short sentences; an empty list if it is.

    The sentences have ids, but no text of the story. A reader may skip missing sections and show the rest. Sections
    that are not in `order` are no problem: they are not part of the story.

    See docs/protocol/content.md#73-sections.

    Args:
        document: from `nai_proto.codecs.msgpackr.unpackb`.
    """
    if not isinstance(document, Wrapped) or document.type != DOCUMENT or not isinstance(document.value, dict):
        return ["it is not a document"]
    sections, order = document.value.get("sections"), document.value.get("order")
    if not isinstance(sections, JsMap):
        return ["`sections` is not a Map"]
    if not isinstance(order, list):
        return ["`order` is not a list"]
    known = sections.lookup()
    return [
        f"`order` names section {name}, which is missing"
        if type(name) is int
        else "`order` has something that is not an id"
        for name in order
        if type(name) is not int or name not in known
    ]
