"""Insertion: where parts go. See docs/protocol/content.md#86-trimming-and-insertion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nai_proto.story.context.build import build_context
from nai_proto.story.context.candidates import ContextStatus
from nai_proto.story.context.parts import ContextText
from nai_proto.story.context.report import Context
from nai_proto.story.context_config import ContextKind, ContextUnit
from nai_proto.story.lore.entries import Entry
from tests.cases import for_each
from tests.context_support import BYTES, Words, config, lore, parts

STORY = "one a\ntwo b\nthree c"


def entry(
    text: str, position: int, *keys: str, unit: ContextUnit = "newline", suffix: str = "", **fields: Any
) -> Entry:
    """Return an entry that is inserted after the story."""
    usual = {"budget_priority": -1, "insertion_type": unit, "insertion_position": position, "suffix": suffix}
    inside = {name: fields.pop(name) for name in [*fields] if name.startswith(("allow_", "budget", "prefix"))}
    return lore(text, *keys, config=config(**{**usual, **inside}), **fields)


def build(story: str, *entries: Entry, **fields: Any) -> Context:
    return build_context(parts(story, lore=entries, **fields), tokenizer=BYTES, size=1000)


def insert_plus(position: int, story: str = STORY, **fields: Any) -> str:
    """Return the text of a story with ``+`` inserted at a position."""
    return build(story, entry("+", position, **fields)).text


@for_each(
    "position, text",
    [
        (0, "+one a\ntwo b\nthree c"),
        (1, "one a\n+two b\nthree c"),
        (2, "one a\ntwo b\n+three c"),
        (3, "one a\ntwo b\nthree c+"),
        (99, "one a\ntwo b\nthree c+"),
        (-1, "one a\ntwo b\nthree c+"),
        (-2, "one a\ntwo b\n+three c"),
        (-3, "one a\n+two b\nthree c"),
        (-4, "+one a\ntwo b\nthree c"),
        (-99, "+one a\ntwo b\nthree c"),
    ],
)
def test_lines_are_counted_from_the_top_or_from_the_bottom(position: int, text: str) -> None:
    assert insert_plus(position) == text


def test_a_line_feed_at_the_end_is_part_of_the_last_line() -> None:
    assert insert_plus(-1, "a\nb\n") == "a\nb\n+"
    assert insert_plus(-2, "a\nb\n") == "a\n+b\n"


def test_sentences_and_tokens_are_counted_like_lines() -> None:
    assert insert_plus(1, "Yes. No! \nMaybe", unit="sentence") == "Yes. +No! \nMaybe"
    assert insert_plus(-2, "Yes. No! \nMaybe", unit="sentence") == "Yes. No! \n+Maybe"
    assert insert_plus(2, "aé😀b", unit="token") == "aé+😀b"
    assert insert_plus(-2, "aé😀b", unit="token") == "aé😀+b"


def test_tokens_are_not_counted_in_all_of_a_long_text() -> None:
    class Counting(Words):
        characters = 0

        def encode(self, text: str) -> list[int]:
            self.characters += len(text)
            return super().encode(text)

    story = "some words\n" * 5000

    def counted(position: int, unit: ContextUnit) -> tuple[int, int]:
        tokenizer = Counting()
        story_parts = parts(story, lore=[entry("+", position, unit=unit)])
        return build_context(story_parts, tokenizer=tokenizer, size=20_000).text.index("+"), tokenizer.characters

    for position, at in [(5, 21), (-6, len(story) - 18), (3, 11), (0, 0), (-1, len(story))]:
        found, characters = counted(position, "token")
        assert found == at
        assert characters < counted(position, "newline")[1] + 2000


def test_a_position_in_an_empty_context_is_its_beginning() -> None:
    assert insert_plus(5, "") == insert_plus(-7, "") == "+"


def test_units_are_those_of_the_whole_text_and_run_across_blocks() -> None:
    context = build("b\nc", entry("+", -3), memory="a")  # a and its suffix, b, c
    assert context.text == "a\n+b\nc"
    assert build("b\nc", entry("a", 0, budget_priority=9), entry("+", 1)).text == "ab\n+c"


def test_a_part_that_may_not_be_inside_another_goes_to_an_edge() -> None:
    """In the direction of counting, or to the nearer one for 0.

    See docs/protocol/content.md#86-trimming-and-insertion.
    """
    assert insert_plus(1, allow_inner_insertion=False) == STORY + "+"
    assert insert_plus(-2, allow_inner_insertion=False) == "+" + STORY


def test_a_part_that_is_not_open_is_not_split() -> None:
    closed = entry("x\ny\nz", -1, budget_priority=1)
    assert build("", closed, entry("+", 1)).text == "x\ny\nz+"
    assert build("", closed, entry("+", -2)).text == "+x\ny\nz"
    opened = entry("x\ny\nz", -1, budget_priority=1, allow_insertion_inside=True)
    assert build("", opened, entry("+", 1)).text == "x\n+y\nz"


def test_a_part_that_was_split_has_its_edges_around_all_its_pieces() -> None:
    """A part that may not be inside another goes beside the whole story, also where the story is split already."""
    context = build(STORY, entry("+", 1), entry("-", 2, allow_inner_insertion=False, budget_priority=-2))
    assert context.text == "one a\n+two b\nthree c-"
    assert [row.spans for row in context.rows if row.kind is ContextKind.STORY] == [((0, 6), (7, 20))]


def test_parts_can_be_nested() -> None:
    inner = entry("x\ny\n", 1, allow_insertion_inside=True)
    context = build("a\nb\n", inner, entry("+", 2, budget_priority=-2))
    assert context.text == "a\nx\n+y\nb\n"
    assert [context.text[start:end] for start, end in context.rows[3].spans] == ["x\n", "y\n"]


def test_prefix_and_suffix_are_not_split_off() -> None:
    story = ContextText(text="a\nb", config=config(ContextKind.STORY, prefix="<\n<\n", suffix="\n>\n>"))
    for position, text in [
        (1, "+<\n<\na\nb\n>\n>"),
        (2, "+<\n<\na\nb\n>\n>"),
        (3, "<\n<\na\n+b\n>\n>"),
        (4, "<\n<\na\nb\n>\n>+"),
        (-2, "<\n<\na\nb\n>\n>+"),
    ]:
        story_parts = replace(parts(lore=(entry("+", position),)), story=story)
        assert build_context(story_parts, tokenizer=BYTES, size=1000).text == text


@for_each(
    "position, text",
    [
        (0, "a\nkey b\nthe key c\n+d\ne"),
        (1, "a\nkey b\nthe key c\nd\n+e"),
        (9, "a\nkey b\nthe key c\nd\ne+"),
        (-1, "a\nkey b\n+the key c\nd\ne"),
        (-2, "a\n+key b\nthe key c\nd\ne"),
        (-9, "+a\nkey b\nthe key c\nd\ne"),
    ],
)
def test_a_place_can_be_counted_from_the_last_match_of_the_key(position: int, text: str) -> None:
    assert build("a\nkey b\nthe key c\nd\ne", entry("+", position, "key", key_relative=True)).text == text


def test_a_match_over_several_lines_has_two_lines_to_count_from() -> None:
    story = "a\nb\nc\nd"
    assert build(story, entry("+", 0, "/b\\nc/", key_relative=True)).text == "a\nb\nc\n+d"
    assert build(story, entry("+", -1, "/b\\nc/", key_relative=True)).text == "a\n+b\nc\nd"
    assert build(story, entry("+", 0, "/b\\n/", key_relative=True)).text == "a\nb\n+c\nd"


def test_a_key_relative_place_is_at_the_last_match_in_any_part() -> None:
    called = entry("+", 0, "key", key_relative=True, budget_priority=-9)
    assert build("key\na", entry("the key", -1, suffix="\n"), called).text == "key\na" + "the key\n" + "+"


def test_a_key_relative_part_is_left_out_if_its_key_is_not_in_the_context() -> None:
    early = entry("+", 0, "key", key_relative=True, budget_priority=1)
    context = build("the key", early)
    assert context.text == "the key"
    assert context.rows[3].status is ContextStatus.NO_KEY_IN_CONTEXT
    assert context.rows[3].active
    assert not context.rows[3].included
    assert context.rows[3].tokens == 0


def test_a_key_relative_part_is_left_out_if_its_key_was_trimmed_away() -> None:
    story_parts = parts("the key\nno more\n", lore=(entry("+", 0, "key", key_relative=True),))
    context = build_context(story_parts, tokenizer=BYTES, size=9)
    assert context.text == "no more\n"
    assert context.rows[3].status is ContextStatus.NO_KEY_IN_CONTEXT


def test_parts_nested_too_deeply_go_beside_each_other() -> None:
    """Each would be inside of the one before."""
    entries = [entry("x\ny\n", -2 - each, allow_insertion_inside=True) for each in range(600)]
    context = build_context(parts(lore=entries), tokenizer=BYTES, size=3000)
    assert all(row.included for row in context.rows[3:])
    assert context.text.count("x\n") == context.text.count("y\n") == 600


def test_a_suffix_is_not_split_from_its_text() -> None:
    story = ContextText(text="a\nb\n", config=config(ContextKind.STORY, suffix=">\n>"))
    context = build_context(replace(parts(lore=[entry("+", 2)]), story=story), tokenizer=BYTES, size=100)
    assert context.text == "a\nb\n>\n>+"


def test_at_position_0_the_nearer_edge_is_taken() -> None:
    """Such a place is inside of another part only if it is counted from a key."""
    for closed, text in [("key\nb\nc\nd\n", "+key\nb\nc\nd\n"), ("a\nb\nkey\nd\n", "a\nb\nkey\nd\n+")]:
        called = entry("+", 0, "key", key_relative=True, force_activation=True)
        assert build("", entry(closed, -1, budget_priority=1), called).text == text


def test_an_empty_match_is_in_the_line_in_which_it_is() -> None:
    called = entry("+", 0, "/(?=b)/", key_relative=True, force_activation=True)
    assert build("a\nb\nc", called).text == "a\nb\n+c"
