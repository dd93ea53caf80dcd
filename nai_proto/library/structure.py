"""Whether a story's text hangs together, in the older form and in the newer one.

See:
    docs/protocol/content.md#5-old-story-format-story
    docs/protocol/content.md#7-the-document-field

Each function takes any JSON, and gives what is wrong with it, for people and without a quote, or None.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, cast

from ..codecs.box import from_base64
from ..codecs.document import document_problems
from ..codecs.msgpackr import unpackb
from ..errors import Damaged, LimitExceeded
from ..limits import Limits
from ..story.history import find_cycles

__all__ = ["document_problem", "history_problem", "text_problem"]

_NO_PARENT: Final = -1
_NOWHERE: Final = -2


def document_problem(document: object, limits: Limits = Limits()) -> str | None:
    """What keeps a ``document`` from being read as a whole story."""
    try:
        problems = document_problems(unpackb(from_base64(document, "story document"), limits=limits))
    except (Damaged, LimitExceeded) as error:
        return str(error).removeprefix("story document: ")
    return _told(problems)


def text_problem(story: object) -> str | None:
    """What keeps the text of a ``story`` from being read, which its fragments hold."""
    fragments = _get(story, "fragments")
    if not isinstance(fragments, list):
        return "it has no list of fragments"
    for number, fragment in enumerate(cast("list[object]", fragments)):
        if not isinstance(_get(fragment, "data"), str):
            return f"fragment {number} has no text"
    return None


def history_problem(story: object) -> str | None:
    """What is wrong with the tree of a ``story``'s blocks, along which undo and redo go."""
    blocks = _get(story, "datablocks")
    if not isinstance(blocks, list):
        return "it has no list of blocks"
    return _told(list(_problems(cast("list[object]", blocks), _get(story, "currentBlock"))))


def _told(problems: Sequence[str]) -> str | None:
    """The first, and how many more there are."""
    if not problems:
        return None
    return problems[0] + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")


def _problems(blocks: Sequence[object], current: object) -> Iterator[str]:
    """Numbers that name no block, children that have another parent, blocks that come before themselves."""
    there = range(len(blocks))
    parents = [_index(_get(block, "prevBlock")) for block in blocks]
    if _index(current) not in there:
        yield "the current block is not there"
    for number, block in enumerate(blocks):
        if number == 0 and parents[0] != _NO_PARENT:
            yield "the root comes after a block"
        if number != 0 and parents[number] not in there:
            yield f"block {number} comes after one that is not there"
        following = _get(block, "nextBlock")
        if not isinstance(following, list):
            yield f"block {number} does not say what comes next"
            continue
        for child in map(_index, cast("list[object]", following)):
            if child not in there:
                yield f"after block {number} comes one that is not there"
            elif parents[child] != number:
                yield f"after block {number} comes one that comes after another"
    for number in find_cycles(dict(enumerate(parents))):
        yield f"block {number} comes after itself"


def _get(value: object, name: str) -> object:
    """A field; None where there is none."""
    return cast("dict[str, object]", value).get(name) if isinstance(value, dict) else None


def _index(value: object) -> int:
    """A whole number, `_NOWHERE` for anything else. To JavaScript 1 and 1.0 are one."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else _NOWHERE
