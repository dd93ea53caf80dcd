"""What a stranger's lorebook may cost: all searches of one context share a budget of steps.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto import LimitExceeded, Limits
from nai_proto.story import (
    ConditionInputs,
    Entry,
    Key,
    Lorebook,
    Story,
    build_context,
    build_continuation,
    evaluate_conditions,
    jsregex,
    try_lorebook,
)
from nai_proto.story.jsregex.step_budget import StepBudget
from nai_proto.story.lore.search_text import SearchText, SearchTexts, Word
from nai_proto.text import Model
from nai_proto.tier import Tier
from tests.cases import for_each

from .context_support import BYTES, parts

FEW = Limits(lore_steps=6_000)
STORY = "the keeper lit the lamp and the harbour went quiet " * 190


def make_entries(keys: list[str], **fields: Any) -> list[Entry]:
    return [
        Entry({"id": f"{number}", "displayName": f"entry {number}", "text": f"text {number}.", "keys": [key], **fields})
        for number, key in enumerate(keys)
    ]


def count_steps(entries: list[Entry]) -> int:
    """Return the steps of a search in the story."""
    limits = Limits()
    texts = SearchTexts(limits)
    searched = texts.prepare(STORY, 10_000)
    for entry in entries:
        for key in entry.parse_keys():
            key.search_in(searched)
    return limits.lore_steps - texts.budget.left


# ---- the steps of one search


@for_each(
    "word, story, steps",
    [
        ("lamp", "lamp! " * 100, 2 + 1),  # the last place
        ("amp", "lamp! " * 100, 2),  # no place
        ("$5", "lamp! " * 100, 2),  # no place of what is a word in it
        ("lamp?", "lamp! " * 100, 2 + 100),  # each place
        ("lamp x", "lamp! " * 100, 2),  # each place of the rarer word
        ("lamp" + "?" * 256, "lamp! " * 100, 2 + 100 * 2),  # 256 characters of a word for a step
        ("!", "lamp! " * 100, 2 + 600 // 256 + 1),  # 256 characters of a text for a step
        ("王", "lamp! " * 100, 2 + 600 // 256),
        ("王" * 256, "王" * 256, 2 + 1 + 2),
        ("\u017fea", "isea seas seas", 2 + 3),  # it begins with no letter of words, and each place may be cut
    ],
)
def test_a_word_takes_steps_for_each_place_that_is_looked_at_and_none_the_second_time(
    word: str, story: str, steps: int
) -> None:
    budget = StepBudget(10_000, "steps")
    searched = SearchText(story, 0, budget)
    assert 10_000 - budget.left == 1 + len(story) // 8
    for expected in (steps, 2):
        before = budget.left
        searched.find_last(Word(word))
        assert before - budget.left == expected


def test_a_key_takes_steps_whatever_it_finds_and_a_text_in_the_form_of_an_expression_once() -> None:
    budget = StepBudget(10_000, "steps")
    searched, form = SearchText("a" * 80, 0, budget), jsregex.compile("a").form

    def count(step: Callable[[], object]) -> int:
        before = budget.left
        step()
        return before - budget.left

    assert count(lambda: Key.parse("b").search_in(searched)) == 4 + 2
    assert count(lambda: Key.parse("b").may_match(searched)) == 4 + 2
    assert [count(lambda: searched.in_form(form)) for _ in range(2)] == [80 // 8, 0]


def test_a_text_is_prepared_once_for_all_keys_of_one_range() -> None:
    texts = SearchTexts(Limits())
    assert texts.prepare(STORY, 100) is texts.prepare(STORY, 100) is not texts.prepare(STORY)


# ---- the budget


@pytest.mark.parametrize(
    "keys",
    [
        [f"word{number}" for number in range(1600)],
        [f"lamp & harbour & word{number}" for number in range(1200)],
        [f"王{number}" for number in range(1600)],
        [f"/word{number}/i" for number in range(1600)],
        [rf"/\w+ (\w+) {number}$/" for number in range(1600)],
        [r"/(\w+ )+\w+[xz]$/"] * 50,
    ],
    ids=["words", "many parts", "no words", "texts that are missing", "no match", "slow expressions"],
)
def test_all_kinds_of_keys_share_a_budget_of_steps(keys: list[str]) -> None:
    book = Lorebook({"entries": [entry.data for entry in make_entries(keys, searchRange=10_000)]})
    with pytest.raises(LimitExceeded, match=r"^steps of the searches for keys and conditions of a lorebook,") as caught:
        try_lorebook(book, STORY, limits=FEW)
    assert caught.value.limit == FEW.lore_steps
    with pytest.raises(LimitExceeded, match="steps of the searches for keys and conditions"):
        build_context(parts(STORY, lore=tuple(make_entries(keys))), tokenizer=BYTES, size=100, limits=FEW)


def test_the_error_names_the_entry_that_takes_most_steps() -> None:
    entries = make_entries(["lamp", r"/(\w+ ?)+[xz]$/", "harbour", *(f"word{number}" for number in range(1000))])
    with pytest.raises(LimitExceeded, match="most of them for 'entry 1'"):
        build_context(parts(STORY, lore=tuple(entries)), tokenizer=BYTES, size=100, limits=FEW)


def test_cascades_take_steps_of_the_same_budget() -> None:
    chain = [
        Entry(
            {
                "displayName": f"{number}",
                "text": f"next{number + 1}.",
                "keys": [f"next{number}"],
                "nonStoryActivatable": True,
            }
        )
        for number in reversed(range(200))
    ]
    story_parts = parts("next0", lore=tuple(chain))
    assert sum(row.active for row in build_context(story_parts, tokenizer=BYTES, size=10_000).rows) == 203
    with pytest.raises(LimitExceeded, match="steps of the searches"):
        build_context(story_parts, tokenizer=BYTES, size=10_000, limits=FEW)


@pytest.mark.parametrize(
    "condition",
    [
        {"type": "key", "key": "/(\\w+ )+x$/", "in": ["story"]},
        {"type": "equation", "terms": [{"value": "paragraphCount"}], "comparison": "=", "target": 3},
        {"type": "string", "left": "storyText", "right": "x", "comparison": "includes"},
        {"type": "true"},
    ],
)
def test_conditions_take_steps_of_the_same_budget(condition: Mapping[str, Any]) -> None:
    entries = [Entry({"displayName": f"{number}", "advancedConditions": [condition] * 3}) for number in range(400)]
    with pytest.raises(LimitExceeded, match="steps of the searches"):
        evaluate_conditions(
            [part for entry in entries for part in entry.advanced_conditions], ConditionInputs(story=STORY), limits=FEW
        )
    waiting = [
        Entry({**entry.data, "advancedConditions": [{"type": "not", "condition": condition}] * 3}) for entry in entries
    ]
    with pytest.raises(LimitExceeded, match="steps of the searches"):
        build_context(parts(STORY, lore=(*entries, *waiting)), tokenizer=BYTES, size=100, limits=FEW)


def test_places_relative_to_keys_take_steps_of_the_same_budget() -> None:
    entries = make_entries(
        ["lamp"] * 300, forceActivation=True, keyRelative=True, contextConfig={"budgetPriority": -100}
    )
    limits = Limits(lore_steps=10_000)
    with pytest.raises(LimitExceeded, match="steps of the searches"):
        build_context(parts(STORY, lore=tuple(entries)), tokenizer=BYTES, size=20_000, limits=limits)


def test_a_usual_lorebook_takes_a_hundredth_of_the_budget() -> None:
    keys = [
        key
        for number in range(250)
        for key in (f"name{number}", f"the name{number} & lamp", f"/name{number}s?/i", "harbour")
    ]
    assert count_steps(make_entries(keys)) < Limits().lore_steps / 100


def test_a_story_has_the_limits_for_its_lorebook() -> None:
    entries = make_entries([f"word{number}" for number in range(1600)])
    story = Story.new(STORY, now=0, entropy=bytes, limits=FEW)
    story.fields["lorebook"] = {"entries": [entry.data for entry in entries]}
    with pytest.raises(LimitExceeded, match="steps of the searches"):
        build_continuation(story, tokenizer=BYTES, tier=Tier.OPUS, model=Model.KAYRA)


# ---- what grows with what


@for_each(
    "make_keys",
    [
        lambda count: [f"word{number}" for number in range(count)],
        lambda count: [" & ".join(["lamp"] * count)],
        lambda count: [" & ".join(f"word{number}" for number in range(count))],
        lambda count: [f"/name{number}s?/i" for number in range(count)],
        lambda count: ["lamp " * count],
        lambda count: ["&" * count + "x"],
    ],
)
def test_steps_grow_no_faster_than_the_keys(make_keys: Any) -> None:
    few, some, many = (count_steps(make_entries(make_keys(count))) for count in (100, 200, 400))
    assert many - some <= 2.2 * (some - few) + 10


def test_parts_of_keys_that_repeat_are_searched_once() -> None:
    once = count_steps(make_entries(["lamp & harbour"]))
    often = count_steps(make_entries([" & ".join(["lamp", "harbour"] * 300)]))
    assert often == once


def test_answers_cannot_make_a_text_too_long() -> None:
    text = "${name}" * 1000
    with pytest.raises(LimitExceeded, match="placeholders filled in"):
        build_context(
            parts(text),
            tokenizer=BYTES,
            size=100,
            placeholders={"name": "x" * 1000},
            limits=Limits(filled_text=999_999),
        )


def test_answers_cannot_make_many_texts_too_long_together() -> None:
    entries = make_entries(["lamp"] * 100, text="${name}" * 10)
    with pytest.raises(LimitExceeded, match="steps of the searches"):
        build_context(
            parts("", lore=tuple(entries)), tokenizer=BYTES, size=100, placeholders={"name": "x" * 1000}, limits=FEW
        )


def test_a_key_that_answers_make_too_long_has_a_problem() -> None:
    entry = make_entries(["${name}" * 100])[0]
    context = build_context(
        parts("a lamp", lore=(entry,)), tokenizer=BYTES, size=100, placeholders={"name": "x" * 1000}
    )
    assert "characters" in next(row.reason for row in context.rows if row.name == "entry 0")


# ---- what is found


WORDS = st.text("ab_1 -é\u017fsÅ王😀", min_size=1, max_size=5).filter(lambda text: text.strip() == text)


@given(WORDS, st.text("ab_1 -é\u017fSå王😀\n", max_size=30), st.integers(0, 30))
def test_a_plain_key_is_found_where_javascript_finds_it(word: str, text: str, start: int) -> None:
    begins, ends = ("\\b" if end.isascii() and (end.isalnum() or end == "_") else "" for end in (word[0], word[-1]))
    expected = jsregex.compile(f"(?={begins}({word}){ends})", "iu").search_last(text, start)
    found = Key.parse(word).find_last(text, start)
    assert (found and (found.start, found.end)) == (expected and expected.groups[0])


@given(
    st.lists(st.sampled_from(["a", "b a", "-", "王", "/a.b/", "/a|b/i", "a & b", "a&b"]), max_size=6),
    st.lists(st.text("abAB -王\n", max_size=12), min_size=1, max_size=4),
)
def test_many_keys_in_many_texts_are_found_as_each_in_each(keys: list[str], found_in: list[str]) -> None:
    texts = SearchTexts(Limits())
    joined = texts.prepare("\n".join(found_in))
    for key in map(Key.parse, keys):
        results = [key.search_in(texts.prepare(text)) for text in found_in]
        assert results == [key.search(text) for text in found_in]
        assert key.may_match(joined) or not any(result.match for result in results)
