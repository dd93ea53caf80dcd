"""Find what keeps a story from being read: its text, in the old and in the new story format, and its other fields.

See:
    docs/protocol/content.md#42-storycontent
    docs/protocol/content.md#5-old-story-format-story
    docs/protocol/content.md#7-the-document-field

Each function takes any JSON. It returns what is wrong with it, in a sentence that quotes none of the user's
text, or None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from ..codecs.document_check import find_document_problems
from ..codecs.msgpackr import unpackb
from ..codecs.secret_box import from_base64
from ..errors import Damaged, LimitExceeded
from ..limits import Limits
from ..story.history import find_cycles
from ..story.story import Story

__all__ = ["find_document_problem", "find_field_problem", "find_history_problem", "find_text_problem"]

_NO_PARENT: Final = -1
_NO_INDEX: Final = -2


def find_document_problem(document: object, limits: Limits = Limits()) -> str | None:
    """Return what keeps a ``document`` (the new format) from being read completely."""
    try:
        problems = find_document_problems(unpackb(from_base64(document, "story document"), limits=limits))
    except (Damaged, LimitExceeded) as error:
        return str(error).removeprefix("story document: ")
    return _summarize(problems)


def find_text_problem(story: object) -> str | None:
    """Return what keeps the text of a ``story`` (the old format) from being read: its fragments hold the text."""
    fragments = _get(story, "fragments")
    if not isinstance(fragments, list):
        return "it has no list of fragments"
    for number, fragment in enumerate(cast("list[object]", fragments)):
        if not isinstance(_get(fragment, "data"), str):
            return f"fragment {number} has no text"
    return None


def find_history_problem(story: object) -> str | None:
    """Return what is wrong with a ``story``'s tree of blocks, along which undo and redo go."""
    blocks = _get(story, "datablocks")
    if not isinstance(blocks, list):
        return "it has no list of blocks"
    return _summarize(list(_iter_problems(cast("list[object]", blocks), _get(story, "currentBlock"))))


def find_field_problem(content: Mapping[str, Any]) -> str | None:
    """Return which field beside the text is not read, because it is of another type than expected."""
    return _summarize(Story.from_data({}, content).field_problems)


def _summarize(problems: Sequence[str]) -> str | None:
    """Return the first problem, and the number of the others."""
    if not problems:
        return None
    return problems[0] + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")


def _iter_problems(blocks: Sequence[object], current: object) -> Iterator[str]:
    """Find links to missing blocks, children with another parent, and blocks that are their own ancestors."""
    valid = range(len(blocks))
    parents = [_index(_get(block, "prevBlock")) for block in blocks]
    if _index(current) not in valid:
        yield "the current block is missing"
    for number, block in enumerate(blocks):
        if number == 0 and parents[0] != _NO_PARENT:
            yield "the root has a parent"
        if number != 0 and parents[number] not in valid:
            yield f"the parent of block {number} is missing"
        children = _get(block, "nextBlock")
        if not isinstance(children, list):
            yield f"block {number} has no list of children"
            continue
        for child in map(_index, cast("list[object]", children)):
            if child not in valid:
                yield f"a child of block {number} is missing"
            elif parents[child] != number:
                yield f"a child of block {number} has another parent"
    for number in find_cycles(dict(enumerate(parents))):
        yield f"block {number} is its own ancestor"


def _get(value: object, name: str) -> object:
    """Return a field; None if there is none."""
    return cast("dict[str, object]", value).get(name) if isinstance(value, dict) else None


def _index(value: object) -> int:
    """Return a whole number, or `_NO_INDEX` for anything else. To JavaScript, 1 and 1.0 are the same."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else _NO_INDEX
