"""The steps of one Map of changes: each finds the section behind which it inserts, in whatever order they are stored.

See docs/protocol/content.md#74-steps.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.msgpackr import UNDEFINED, JsMap, Value
from nai_proto.errors import Damaged
from nai_proto.story import Story
from nai_proto.story.formats.section_list import SectionList
from nai_proto.story.formats.story_text import ReplayWork
from tests.cases import for_each
from tests.test_story_damage import NOW, build_damaged_document


def section(text: str) -> dict[str, Value]:
    return {"type": 1, "text": text, "meta": JsMap(), "source": UNDEFINED}


def create(text: str, after: Value) -> Value:
    return {"type": 0, "section": section(text), "after": after}


def remove(text: str, after: Value) -> Value:
    return {"type": 2, "previous": section(text), "after": after}


def list_base() -> SectionList:
    return SectionList({1: section("Base"), 9: section("End")}, [1, 9])


def apply(*steps: tuple[int, Value]) -> str:
    """Return the text after the steps; undoing them, with a journal or without, gives the base again."""
    sections, changes = list_base(), JsMap(steps)
    journal = sections.apply(changes, ReplayWork())
    text = sections.get_text()
    undone = sections.copy()
    undone.undo(changes, ReplayWork())
    assert undone.is_equivalent(list_base())
    sections.revert(journal)
    assert sections.is_equivalent(list_base())
    return text.replace("\n", " ")


@for_each(
    "steps, text",
    [
        ([(2, create("A", 3)), (3, create("B", 1))], "Base B A End"),
        ([(2, create("A", 3)), (3, create("B", 4)), (4, create("C", 0))], "C B A Base End"),
        ([(2, create("A", 3)), (3, create("B", 1)), (4, create("C", 3))], "Base B C A End"),
        ([(2, create("A", 3)), (3, create("B", UNDEFINED)), (4, create("C", UNDEFINED))], "Base End B A C"),
        ([(2, create("A", 1)), (3, create("B", 1))], "Base B A End"),
        ([(2, create("A", 1)), (1, remove("Base", 0))], "A End"),
        ([(1, remove("Base", 0)), (2, create("A", 1))], "A End"),
        ([(1, remove("Base", 0)), (9, remove("End", 1)), (2, create("A", 9))], "A"),
        ([(9, remove("End", 1)), (1, remove("Base", 0))], ""),
    ],
)
def test_an_insertion_waits_for_its_anchor_and_anchors_are_removed_last(
    steps: list[tuple[int, Value]], text: str
) -> None:
    assert apply(*steps) == text


@for_each(
    "steps",
    [
        [(2, create("A", 3)), (3, create("B", 2))],
        [(2, create("A", 2))],
        [(2, create("A", 7)), (3, create("B", 2))],
    ],
    ids=["in a circle", "behind itself", "behind nothing"],
)
def test_an_insertion_without_an_anchor_is_damage_and_nothing_is_changed(steps: list[tuple[int, Value]]) -> None:
    sections = list_base()
    with pytest.raises(Damaged, match="behind one that does not exist"):
        sections.apply(JsMap(tuple(steps)), ReplayWork())
    assert sections.is_equivalent(list_base())


def list_tree(anchors: dict[int, int], order: list[int]) -> list[int]:
    """Return the sections in text order: behind each come those that name it, the later ones in the Map first."""

    def behind(anchor: int) -> list[int]:
        return [each for id_ in reversed(order) if anchors[id_] == anchor for each in (id_, *behind(id_))]

    return [*behind(0), 1, *behind(1), 9, *behind(9)]


@given(st.data())
def test_any_order_of_creations_gives_the_tree_of_their_anchors(data: st.DataObject) -> None:
    ids = range(10, 10 + data.draw(st.integers(0, 8)))
    anchors = {id_: data.draw(st.sampled_from([0, 1, 9, *range(10, id_)])) for id_ in ids}
    order = data.draw(st.permutations(ids))
    steps: tuple[Any, ...] = tuple((id_, create(str(id_), anchors[id_])) for id_ in order)
    names = {1: "Base", 9: "End"}
    assert apply(*steps).split() == [names.get(id_, str(id_)) for id_ in list_tree(anchors, order)]


def test_pending_creations_that_refer_forward_are_shown_and_committed() -> None:
    def change(fields: dict[str, Any]) -> None:
        first = fields["order"][0]
        fields["dirtySections"] = JsMap(((2**50, create("A", 2**50 + 1)), (2**50 + 1, create("B", first))))

    story = build_damaged_document("remove-middle", change)
    assert story.pending_text == "One.\nB\nA\nThree."
    story.commit_pending(now=NOW)
    again = Story.from_data(*story.to_data(now=NOW))
    assert again.text == "One.\nB\nA\nThree."
    again.append("!", now=NOW)
    again.undo()
    again.undo()
    assert again.text == "One.\nThree."
