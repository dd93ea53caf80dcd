"""What do opening, editing, undoing and packing a story cost, by its size?

The floor is unpacking and packing the document with our codec; the peer msgpackr-python can only unpack. Packing includes
the check of the result: the document is read again, and its history replayed from the root.

The garbage collector is off, because with it the cost of making many objects grows with their number.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from nai_proto.codecs.msgpackr import packb, unpackb
from nai_proto.codecs.secret_box import from_base64
from nai_proto.story import Origin, Story

from .data import WORDS
from .documents import make_peer_reader
from .report import Effort, Report, peer, timed

__all__ = ["measure"]

_FLOOR: Final = "unpackb + packb"
_READER: Final = "msgpackr-python"
_BYTES_PER_PARAGRAPH: Final = 790
"""The bytes of a paragraph and of its part of the history."""
_EDITS: Final = 100
_SIZES: Final = (0.5, 1, 2.5, 5)
_NOW: Final = 1_700_000_000


def _build_content(paragraphs: int) -> dict[str, Any]:
    """Return a story in which each paragraph is one generation, and every third one was edited."""
    chance = random.Random(20260101)
    story = Story.new(now=_NOW, entropy=chance.randbytes)
    size = 0
    for number in range(paragraphs):
        text = "".join(chance.choices(WORDS, k=75)).replace("\n", "")
        story.append("\n" + text if number else text, now=_NOW, origin=Origin.AI)
        size += len(text) + (number > 0)
        if number % 3 == 0:
            story.replace(size - 20, size - 10, "now edited", now=_NOW)
    return story.to_data(now=_NOW)[1]


def _unpack_and_pack(data: bytes) -> bytes:
    return packb(unpackb(data))


def _open(content: dict[str, Any]) -> str:
    return Story.from_data({}, content).text


def _open_with_history(content: dict[str, Any]) -> object:
    return Story.from_data({}, content).history


def _edit_and_pack(content: dict[str, Any]) -> object:
    return _open_and_edit(content).to_data(now=_NOW)


def _open_and_edit(content: dict[str, Any]) -> Story:
    """Open the story and edit its end many times."""
    story = Story.from_data({}, content)
    for _ in range(_EDITS):
        story.append(" and on", now=_NOW)
    return story


def _open_and_undo(content: dict[str, Any]) -> Story:
    """Open the story and undo many nodes from before it was opened."""
    story = Story.from_data({}, content)
    for _ in range(_EDITS if len(story.history) > _EDITS else 1):
        story.undo()
    return story


def measure(effort: Effort) -> Report:
    """ms of CPU per megabyte of document."""
    gc.disable()
    try:
        return _measure(effort)
    finally:
        gc.enable()


def _measure(effort: Effort) -> Report:
    report = Report("ms per MB of a story's document", _FLOOR)
    reader = peer(report, "msgpackr")
    for megabytes in _SIZES:
        content = _build_content(effort.of(round(megabytes * 1e6 / _BYTES_PER_PARAGRAPH)))
        data = from_base64(content["document"], "document")
        story = Story.from_data({}, content)
        assert _open_and_edit(content).text == story.text + " and on" * _EDITS
        subjects: dict[str, Callable[[], object]] = {
            _FLOOR: partial(_unpack_and_pack, data),
            "open": partial(_open, content),
            "open, history": partial(_open_with_history, content),
            f"open, {_EDITS} edits": partial(_open_and_edit, content),
            f"open, {_EDITS} undos": partial(_open_and_undo, content),
            "open, edit, pack": partial(_edit_and_pack, content),
        }
        if reader:
            read = make_peer_reader(reader)
            subjects[_READER] = partial(read, data)
        values = {name: value * 1000 for name, value in timed(subjects, effort, per=len(data)).items()}
        report.add(f"{megabytes:g} MB", values, "ms", reference=_FLOOR)
    for subject in ("open", f"open, {_EDITS} edits", f"open, {_EDITS} undos", "open, edit, pack"):
        figures = [row.value for row in report.rows if row.subject == subject]
        growth = figures[-1] / figures[0]
        report.bound(f"{_SIZES[-1]:g} to {_SIZES[0]:g} MB", subject, growth, "x per MB", 1.5)
    return report
