"""Contexts as a whole, from their parts to rows and messages.

See docs/protocol/content.md#8-building-the-context.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nai_proto import InvalidRequestError, Tier
from nai_proto.story.context.build import build_chat_messages, build_context, context_size
from nai_proto.story.context.candidates import ContextStatus
from nai_proto.story.context.parts import ContextParts, ContextText
from nai_proto.story.context.report import Context, ContextRow
from nai_proto.story.context_config import DEFAULT_CONFIGS, ContextKind
from nai_proto.story.lore.entries import Category, Entry
from nai_proto.text import MODULES, Model, Preamble
from tests.cases import for_each
from tests.context_support import BYTES, Seams, Words, config, lore, parts

STORY = "one a\ntwo b\nthree c\nfour d\nfive e"
EXAMPLE = parts(STORY, memory="MEM", note="NOTE", lore=(lore("LORE"),))
NO_SPACE = ContextStatus.NO_SPACE


def rows_by_name(context: Context) -> dict[str, ContextRow]:
    """Return the rows by the names of their parts."""
    return {row.name: row for row in context.rows}


def text_in_spans(context: Context, row: ContextRow) -> str:
    return "".join(context.text[start:end] for start, end in row.spans)


# ---- the worked example of docs/protocol/content.md#86-trimming-and-insertion


def test_the_worked_example_in_which_everything_fits() -> None:
    context = build_context(EXAMPLE, tokenizer=Words(), size=100)
    assert context.text == "MEM\nLORE\none a\ntwo b\nNOTE\nthree c\nfour d\nfive e"
    by_turn = sorted(context.rows, key=lambda row: row.turn or 0)
    assert [row.name for row in by_turn] == ["memory", "LORE", "story", "author's note"]
    assert not context.full
    assert [block.text for block in context.blocks] == ["MEM\n", "LORE\n", "one a\ntwo b\n", "NOTE\n", STORY[12:]]
    assert rows_by_name(context)["story"].spans == ((9, 21), (26, 47))


def test_the_worked_example_in_which_not_everything_fits() -> None:
    context = build_context(EXAMPLE, tokenizer=Words(), size=13)
    assert context.text == "two b\nNOTE\nthree c\nfour d\nfive e"
    by_name = rows_by_name(context)
    assert [(row.reserved, row.allowed, row.tokens, row.status) for row in context.rows] == [
        (11, 11, 11, ContextStatus.DEFAULT),
        (0, 0, 0, NO_SPACE),
        (2, 2, 2, ContextStatus.DEFAULT),
        (0, 0, 0, NO_SPACE),
    ]
    assert (by_name["story"].trimmed, by_name["story"].dropped) == ("newline", 6)
    assert by_name["memory"].reason == "nothing of it fits into the 0 tokens that are left for it"
    assert context.full
    assert len(context.tokens) == 13


# ---- size: docs/protocol/content.md#81-size


def test_the_size_is_the_limit_without_the_answer() -> None:
    assert context_size(Model.KAYRA, Tier.OPUS, max_length=150) == 8192 - 150
    assert context_size(Model.KAYRA, Tier.TABLET, max_length=100, until_sentence=True) == 4096 - 120
    assert context_size(Model.KAYRA, Tier.SCROLL, max_length=100, module="vanilla") == 8092
    assert context_size(Model.KAYRA, Tier.SCROLL, max_length=100, module="theme_rats") == 8072
    module = MODULES["theme_textadventure"]
    assert context_size(Model.CLIO, Tier.PAPER, max_length=40, module=module, until_sentence=True) == 8112


def test_a_model_that_the_tier_does_not_include_has_no_size() -> None:
    with pytest.raises(InvalidRequestError, match="Opus"):
        context_size(Model.ERATO, Tier.TABLET, max_length=100)


def test_a_negative_size_is_rejected() -> None:
    with pytest.raises(InvalidRequestError, match="no room"):
        build_context(EXAMPLE, tokenizer=BYTES, size=-1)


def test_a_story_without_any_text_has_an_empty_context() -> None:
    for size in (0, 1, 100):
        context = build_context(parts(), tokenizer=BYTES, size=size)
        assert (context.tokens, context.text, context.blocks) == ([], "", ())
        assert [row.status for row in context.rows] == [ContextStatus.NO_TEXT] * 3
        assert not context.full


# ---- budgets: docs/protocol/content.md#83-budgets


def test_a_budget_in_tokens_or_as_a_share_is_the_most_that_a_part_has() -> None:
    def text_for_budget(budget: float, size: int = 100) -> str:
        story_parts = parts(lore=(lore("a\nb\nc\nd", config=config(token_budget=budget)),))
        return build_context(story_parts, tokenizer=BYTES, size=size).text

    assert text_for_budget(1) == text_for_budget(2048) == text_for_budget(0) == text_for_budget(8) == "a\nb\nc\nd\n"
    assert text_for_budget(7) == text_for_budget(0.07) == text_for_budget(7.9) == "a\nb\nc\n"[:-1] + "\n"
    assert text_for_budget(0.02) == "a\n"
    assert text_for_budget(0.01) == text_for_budget(0.001) == ""
    assert text_for_budget(0.5, 9) == "a\nb\n"[:-1] + "\n"


def test_a_share_is_of_the_size_without_the_preamble() -> None:
    story_parts = parts(lore=(lore("a\nb\nc\nd", config=config(token_budget=0.5)),))
    context = build_context(story_parts, tokenizer=BYTES, size=14, preamble=Preamble("***", (1, 2, 3, 4)))
    assert rows_by_name(context)["a\nb\nc\nd"].allowed == 5


# ---- sub-contexts: docs/protocol/content.md#84-sub-contexts


def category(name: str = "c", **fields: Any) -> Category:
    settings = Entry().with_fields(config=config(**fields))
    return Category().with_fields(id=name, name=name, create_subcontext=True, subcontext_settings=settings)


def test_a_sub_context_is_one_block() -> None:
    story_parts = parts(
        "story\n",
        lore=(
            lore("first", category="c"),
            lore("outside"),
            lore("second", category="c", config=config(budget_priority=900)),
        ),
        categories=(category(prefix="<\n", suffix=">\n"),),
    )
    context = build_context(story_parts, tokenizer=BYTES, size=100)
    assert context.text == "<\nsecond\nfirst\n>\noutside\nstory\n"
    row = rows_by_name(context)["c"]
    assert (row.kind, row.status, row.tokens, row.spans) == (
        ContextKind.SUBCONTEXT,
        ContextStatus.DEFAULT,
        17,
        ((0, 17),),
    )
    assert text_in_spans(context, rows_by_name(context)["first"]) == "first\n"
    assert context.blocks[0].kind is ContextKind.SUBCONTEXT


def test_the_budget_of_a_sub_context_is_the_size_in_it() -> None:
    half = lore("aaaa\nbbbb\ncccc", category="c", config=config(token_budget=0.5))
    rest = lore("d", category="c")
    story_parts = parts(lore=(half, rest), categories=(category(token_budget=20, suffix=""),))
    context = build_context(story_parts, tokenizer=BYTES, size=100)
    assert context.text == "aaaa\nbbbb\nd\n"
    assert [rows_by_name(context)[each.display_name].allowed for each in (half, rest)] == [10, 10]


def test_a_cut_of_a_sub_context_is_reported_for_its_entries() -> None:
    story_parts = parts(
        lore=tuple(lore(each * 4, category="c") for each in "abc"),
        categories=(category(token_budget=16, prefix="<\n", suffix=""),),
    )
    context = build_context(story_parts, tokenizer=BYTES, size=100)
    assert context.text == "<\naaaa\nbbbb"
    by_name = rows_by_name(context)
    assert [by_name[each * 4].status for each in "abc"] == [ContextStatus.FORCED, ContextStatus.FORCED, NO_SPACE]
    assert [(by_name[each * 4].tokens, by_name[each * 4].dropped) for each in "abc"] == [(5, 0), (4, 1), (0, 0)]
    assert by_name["bbbb"].trimmed == by_name["c"].trimmed == "newline"
    assert by_name["cccc"].reason == "there is no space for it in its sub-context"
    assert by_name["c"].dropped == 6


def test_a_cut_of_a_sub_context_can_go_through_an_entry() -> None:
    inside = lore("aaaa\nbbbb", category="c", config=config(prefix="<"))
    story_parts = parts(
        lore=(inside, lore("cc", category="c")),
        categories=(category(token_budget=14, trim_direction="trimTop", prefix="((", suffix=""),),
    )
    context = build_context(story_parts, tokenizer=BYTES, size=100)
    assert context.text == "((bbbb\ncc\n"
    row = rows_by_name(context)[inside.display_name]
    assert (text_in_spans(context, row), row.tokens, row.dropped, row.trimmed) == ("bbbb\n", 5, 6, "newline")


def test_a_sub_context_comes_in_the_natural_order_where_its_first_entry_is() -> None:
    story_parts = parts(
        lore=(lore("0"), lore("1", "no key", category="c"), lore("2"), lore("3", category="c")),
        categories=(category(suffix=""),),
    )
    assert build_context(story_parts, tokenizer=BYTES, size=100).text == "0\n3\n2\n"


def test_an_empty_or_disabled_sub_context_is_not_in_the_context() -> None:
    story_parts = parts(
        lore=(lore("a", "no key", category="c"), lore("b", category="off")),
        categories=(category(), category("off").with_fields(enabled=False), category("empty"), category("")),
    )
    context = build_context(story_parts, tokenizer=BYTES, size=100)
    assert context.text == ""
    found = [(row.name, row.status, row.reason) for row in context.rows if row.kind is ContextKind.SUBCONTEXT]
    assert found == [
        ("c", ContextStatus.NO_TEXT, "none of its entries takes part"),
        ("off", ContextStatus.DISABLED, "it is switched off"),
        ("empty", ContextStatus.NO_TEXT, "none of its entries takes part"),
        ("", ContextStatus.NO_TEXT, "none of its entries takes part"),
    ]


def test_of_two_categories_with_one_id_the_first_has_the_entries() -> None:
    story_parts = parts(
        lore=(lore("a", category="c"), lore("b")), categories=(category(suffix="1\n"), category(suffix="2\n"))
    )
    assert build_context(story_parts, tokenizer=BYTES, size=100).text == "a\n1\nb\n"


def test_a_later_part_can_be_inserted_into_a_sub_context() -> None:
    entries = [lore("a", category="c"), lore("b", category="c")]
    late = lore("+", config=config(insertion_position=1, budget_priority=-1))
    for inside, text in [(True, "a\n+\nb\n"), (False, "a\nb\n+\n")]:
        story_parts = parts(lore=(*entries, late), categories=(category(allow_insertion_inside=inside, suffix=""),))
        context = build_context(story_parts, tokenizer=BYTES, size=100)
        assert context.text == text
        assert text_in_spans(context, rows_by_name(context)["c"]) == "a\nb\n"


def test_entries_of_a_sub_context_without_space_have_no_space() -> None:
    story_parts = parts(
        lore=(lore("aaaa", category="c"),), categories=(category(prefix="<<<<", trim_direction="doNotTrim"),)
    )
    context = build_context(story_parts, tokenizer=BYTES, size=8)
    assert context.text == ""
    assert (rows_by_name(context)["c"].status, rows_by_name(context)["aaaa"].status) == (NO_SPACE, NO_SPACE)


# ---- order and reservation: docs/protocol/content.md#85-order-and-reservation


def names_by_turn(story_parts: ContextParts, size: int = 1000) -> list[str]:
    context = build_context(story_parts, tokenizer=BYTES, size=size)
    return [row.name for row in sorted(context.rows, key=lambda row: row.turn or 0) if row.turn is not None]


def test_higher_priorities_come_first() -> None:
    story_parts = parts("s", memory="m", note="n", lore=(lore("b"), lore("a", config=config(budget_priority=1000))))
    assert names_by_turn(story_parts) == ["a", "memory", "b", "story", "author's note"]


def test_among_equal_priorities_parts_with_a_reservation_come_first() -> None:
    story_parts = parts(
        lore=(lore("a"), lore("b", config=config(reserved_tokens=5)), lore("c", config=config(reserved_tokens=1)))
    )
    assert names_by_turn(story_parts) == ["b", "c", "a"]
    tiny = parts(lore=(lore("a"), lore("b", config=config(reserved_tokens=1.5, trim_direction="doNotTrim"))))
    assert names_by_turn(tiny) == ["a", "b"]  # of one token it could use nothing


def test_among_equals_the_place_of_the_key_decides_if_the_lorebook_says_so() -> None:
    entries = lore("a", "one"), lore("b"), lore("c", "three"), lore("d", "two", force_activation=True)
    story = "one two three one"
    assert names_by_turn(parts(story, lore=entries))[:4] == ["a", "b", "c", "d"]
    assert names_by_turn(parts(story, lore=entries, by_location=True))[:4] == ["a", "c", "d", "b"]


def test_among_equals_the_natural_order_decides() -> None:
    same = config(budget_priority=0)
    story_parts = parts("s", lore=(lore("x", config=same), lore("y", config=same)))
    story_parts = replace(
        story_parts,
        memory=ContextText(text="m", config=same),
        authors_note=ContextText(text="n", config=same),
        story=ContextText(text="s", config=same),
    )
    assert names_by_turn(story_parts) == ["story", "memory", "author's note", "x", "y"]


def test_reserved_tokens_are_kept_from_parts_that_are_served_earlier() -> None:
    story_parts = parts("s" * 50, lore=(lore("a" * 30), lore("b" * 30)))
    context = build_context(story_parts, tokenizer=BYTES, size=100)
    assert rows_by_name(context)["story"].reserved == 50
    assert [rows_by_name(context)[each * 30].allowed for each in "ab"] == [50, 19]
    assert context.text == "a" * 30 + "\n" + "s" * 50


def test_reservations_larger_than_the_context_do_not_overflow_it() -> None:
    reserved = config(reserved_tokens=60)
    story_parts = parts(lore=tuple(lore(each * 59, config=reserved) for each in "abc"))
    context = build_context(story_parts, tokenizer=BYTES, size=130)
    assert [row.allowed for row in context.rows[3:]] == [60, 60, 10]
    assert len(context.tokens) == 120


def test_no_more_than_the_budget_is_reserved() -> None:
    story_parts = parts("a\nb\nc\nd\ne\nf\ng")
    story = replace(story_parts.story, config=config(ContextKind.STORY, token_budget=5))
    context = build_context(replace(story_parts, story=story), tokenizer=BYTES, size=100)
    assert (context.rows[0].reserved, context.rows[0].allowed, context.text) == (5, 5, "e\nf\ng")


# ---- parts that have more tokens when they are joined


def test_the_size_holds_where_joining_parts_costs_tokens() -> None:
    """Joined, the parts have more tokens than by themselves: where they fill the size, something is left out."""
    story_parts = parts("s\nt\nu\nv", memory="m", lore=tuple(lore(each) for each in "abc"))
    tokenizer = Seams()
    for size in range(25):
        context = build_context(story_parts, tokenizer=tokenizer, size=size)
        assert len(context.tokens) == tokenizer.count(context.text) <= size
    assert build_context(story_parts, tokenizer=tokenizer, size=22).text == "m\na\nb\nc\ns\nt\nu\nv"
    assert build_context(story_parts, tokenizer=tokenizer, size=21).text != "m\na\nb\nc\ns\nt\nu\nv"


# ---- the preamble: docs/protocol/content.md#87-preamble


SIGN = Preamble("***\n", (7, 8))


def test_the_preamble_is_in_front_if_everything_fits() -> None:
    context = build_context(parts("story"), tokenizer=BYTES, size=7, preamble=SIGN)
    assert context.tokens == [7, 8, *BYTES.encode("story")]
    assert (context.text, context.prompt, context.preamble) == ("story", "***\nstory", SIGN)


def test_a_full_context_has_no_preamble_but_its_tokens_stay_free() -> None:
    context = build_context(parts("1\n3\n5\n7"), tokenizer=BYTES, size=7, preamble=SIGN)
    assert (context.text, context.prompt, context.preamble, len(context.tokens)) == ("3\n5\n7", "3\n5\n7", None, 5)
    assert build_context(parts("12345", memory="678"), tokenizer=BYTES, size=7, preamble=SIGN).preamble is None


def test_a_cut_by_a_part_s_own_budget_does_not_make_the_context_full() -> None:
    for size, full in [(9, False), (8, False), (7, True), (3, True)]:
        story_parts = parts("story", lore=(lore("a\nb\nc", config=config(token_budget=2)),))
        context = build_context(story_parts, tokenizer=BYTES, size=size, preamble=Preamble("*", (1,)))
        assert (context.full, context.preamble is None) == (full, full)
    for budget, full in [(1, True), (99, True), (5, False)]:
        story_parts = parts(
            lore=[lore(each * 4, category="c") for each in "ab"], categories=(category(token_budget=budget),)
        )
        assert build_context(story_parts, tokenizer=BYTES, size=8).full is full


def test_an_entry_left_out_for_lack_of_its_key_does_not_make_the_context_full() -> None:
    wanting = lore("1\n3\n5\n7\n9", name="+", key_relative=True)
    context = build_context(parts("1", lore=(wanting,)), tokenizer=BYTES, size=7)
    assert (rows_by_name(context)["+"].status, context.full) == (ContextStatus.NO_KEY_IN_CONTEXT, False)


def test_a_preamble_that_is_always_sent_is_in_front_of_a_full_context() -> None:
    always = replace(SIGN, always=True)
    context = build_context(parts("1\n3\n5\n7"), tokenizer=BYTES, size=7, preamble=always)
    assert len(context.tokens) == 7
    assert context.preamble is always


def test_a_preamble_without_a_text_is_sent_as_ids() -> None:
    preamble = Model.GENJI.preamble
    context = build_context(parts("s"), tokenizer=BYTES, size=9, preamble=preamble)
    assert (context.tokens[:3], context.prompt) == ([60, 198, 198], "s")


def test_a_preamble_larger_than_the_context_is_left_out() -> None:
    context = build_context(parts("s"), tokenizer=BYTES, size=1, preamble=replace(SIGN, always=True))
    assert (context.tokens, context.preamble) == ([], None)


# ---- reprs


def test_the_repr_of_a_context_shows_no_texts() -> None:
    story_parts = parts("secret story", memory="secret", lore=(lore("secret entry", "story", name="secret name"),))
    context = build_context(story_parts, tokenizer=BYTES, size=1000)
    assert context.rows[3].match is not None
    assert "secret" in context.text
    assert "secret" not in repr(context)


# ---- the parts of a stored story


def test_the_parts_are_read_from_a_stored_story() -> None:
    content = {
        "storyContextConfig": {"reservedTokens": 9},
        "context": [{"text": "m", "contextConfig": {"prefix": "("}}, {"text": "n"}],
        "ephemeralContext": [{"text": "e", "startingStep": 3, "duration": 1}],
        "lorebook": {
            "settings": {"orderByKeyLocations": True},
            "entries": [{"text": "l", "keys": ["key"], "searchRange": 50}],
            "categories": [{"id": "c"}],
        },
    }
    story_parts = ContextParts.from_content(content, text="the key", step=3)
    assert (story_parts.story.text, story_parts.story.config.reserved_tokens) == ("the key", 9)
    assert (story_parts.memory.text, story_parts.memory.config.prefix, story_parts.memory.config.suffix) == (
        "m",
        "(",
        "\n",
    )
    assert (story_parts.authors_note.text, story_parts.authors_note.config) == (
        "n",
        DEFAULT_CONFIGS[ContextKind.AUTHORS_NOTE],
    )
    assert (story_parts.lorebook.order_by_key_locations, story_parts.step, len(story_parts.lorebook.categories)) == (
        True,
        3,
        1,
    )
    context = build_context(story_parts, tokenizer=BYTES, size=100)
    assert [row.status.value for row in context.rows] == ["default"] * 3 + ["ephemeral active", "key activated"]


@for_each(
    "content",
    [
        {},
        {"context": None, "lorebook": [], "ephemeralContext": {}, "storyContextConfig": 1},
        {"context": [{"text": 5}, "x"], "lorebook": {"entries": [1, None], "settings": 3}, "ephemeralContext": [None]},
    ],
)
def test_missing_or_wrong_values_of_a_story_are_defaults(content: dict[str, object]) -> None:
    context = build_context(ContextParts.from_content(content, text="s"), tokenizer=BYTES, size=100)
    assert context.text == "s"


# ---- chats: docs/protocol/content.md#89-chat-format-models


def test_in_a_chat_the_story_is_of_the_assistant_and_all_else_of_the_system() -> None:
    context = build_context(EXAMPLE, tokenizer=Words(), size=100)
    assert build_chat_messages(context, system_prompt="Write.", prefill="And then") == [
        {"role": "system", "content": "Write."},
        {"role": "system", "content": "MEM\nLORE\n"},
        {"role": "assistant", "content": "one a\ntwo b\n"},
        {"role": "system", "content": "NOTE\n"},
        {"role": "assistant", "content": "three c\nfour d\nfive e"},
        {"role": "assistant", "content": "And then"},
    ]
    assert "".join(message["content"] for message in build_chat_messages(context)) == context.text
    assert build_chat_messages(build_context(parts(), tokenizer=BYTES, size=9)) == []
