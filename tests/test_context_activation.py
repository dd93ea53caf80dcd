"""Activation: which parts are in a context, and why.

See:
    docs/protocol/content.md#82-which-entries-take-part
    docs/protocol/content.md#88-biases
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto import InvalidRequestError
from nai_proto.story.context.build import build_context
from nai_proto.story.context.candidates import ContextMatch, ContextStatus
from nai_proto.story.context.ephemeral import EphemeralEntry
from nai_proto.story.context.parts import DEFAULT_RULES, ContextParts, ContextRules
from nai_proto.story.context.report import ContextRow
from nai_proto.story.context_config import DEFAULT_CONFIGS, ContextConfig, ContextKind
from nai_proto.story.json_records import Record
from nai_proto.story.lore.entries import Category, Entry
from nai_proto.story.lore.key_matching import Key
from tests.cases import for_each
from tests.context_support import BYTES, lore, parts

KEY, NO_KEY, DISABLED = ContextStatus.KEY, ContextStatus.NO_KEY, ContextStatus.DISABLED


def rows(story_parts: ContextParts, rules: ContextRules = DEFAULT_RULES, **placeholders: str) -> list[ContextRow]:
    return [*build_context(story_parts, tokenizer=BYTES, size=100_000, placeholders=placeholders, rules=rules).rows]


def statuses(story: str, *entries: Entry, rules: ContextRules = DEFAULT_RULES, memory: str = "") -> list[str]:
    return [row.status for row in rows(parts(story, lore=entries, memory=memory), rules)[3:]]


# ---- steps 1 to 4: parts that are always active, and entries that are disabled


def test_the_story_the_memory_and_the_note_are_always_active() -> None:
    found = rows(parts("s", memory="m", note="n"))
    assert [(row.kind, row.status, row.active) for row in found] == [
        (ContextKind.STORY, ContextStatus.DEFAULT, True),
        (ContextKind.MEMORY, ContextStatus.DEFAULT, True),
        (ContextKind.AUTHORS_NOTE, ContextStatus.DEFAULT, True),
    ]


def test_disabled_entries_and_categories_take_no_part() -> None:
    story_parts = parts(
        "key",
        lore=(
            lore("a", enabled=False),
            lore("b", "key", category="off"),
            lore("c", category="on"),
            lore("d", category="unknown"),
        ),
        categories=(Category({"id": "off", "enabled": False}), Category({"id": "on"})),
    )
    found = rows(story_parts)[3:]
    assert [row.status for row in found] == [DISABLED, DISABLED, ContextStatus.FORCED, ContextStatus.FORCED]
    assert [row.reason for row in found[:2]] == ["it is switched off", "its category is switched off"]
    assert not found[0].active


def test_an_entry_without_text_is_active_and_not_in_the_context() -> None:
    story_parts = parts("key", lore=(lore("", "key"), lore("## only a comment")))
    assert [(row.status, row.active, row.included) for row in rows(story_parts)[1:]] == [
        (ContextStatus.NO_TEXT, True, False)
    ] * 4


def test_comments_are_neither_searched_nor_sent() -> None:
    story_parts = parts("one\n## key\ntwo # no\n##", memory="##x\nm", lore=(lore("a\n##b\n", "key", "no"),))
    context = build_context(story_parts, tokenizer=BYTES, size=1000)
    assert context.text == "m\na\n\none\ntwo # no\n"
    assert context.rows[3].match == ContextMatch("no", "story", 10, 12)


def test_placeholders_are_filled_in_first() -> None:
    story_parts = parts("I met ${name[Ann]}.", lore=(lore("${name}: ${age[9]} ${2#town[Rome]Town:Where?}", "${name}"),))
    assert [row.status for row in rows(story_parts, name="Bo")[3:]] == [KEY]
    context = build_context(story_parts, tokenizer=BYTES, size=1000, placeholders={"name": "Bo"})
    assert context.text == "Bo: 9 Rome\nI met Bo."
    assert build_context(parts("${mark} x"), tokenizer=BYTES, size=99, placeholders={"mark": "##"}).text == ""


def test_lone_surrogates_are_replaced() -> None:
    config = replace(DEFAULT_CONFIGS[ContextKind.LORE], prefix="\udc00")
    story_parts = parts("a\ud83d", lore=(lore("b").with_fields(config=config),))
    assert build_context(story_parts, tokenizer=BYTES, size=99).text == "\ufffdb\na\ufffd"


# ---- step 5: ephemeral


@for_each(
    "form, steps",
    [
        ("{3~2:x}", [3, 4]),
        ("{3+2~2:x}", [5, 6]),
        ("{3:x}", [3]),
        ("{0~3:x}", [0, 1, 2]),
        ("{!3~2:x}", [0, 1, 2, 5, 6, 7, 8, 9, 10, 11]),
        ("{1+4r~2:x}", [5, 6, 9, 10]),
        ("{!1+4r~2:x}", [0, 1, 2, 3, 4, 7, 8, 11]),
        ("{1+3r~5:x}", [4, 5, 6, 7, 8, 9, 10, 11]),  # always, after the first time
        ("{4+0r~2:x}", [4, 5]),  # nothing is repeated every 0 steps
        ("{2~0:x}", []),
        ("{-2~4:x}", [0, 1]),
        ("{-2+5~2:x}", [3, 4]),
        ("{!-2~4:x}", [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        ("{-3+5r~2:x}", [2, 3, 7, 8]),
        ("{-9:x}", []),
    ],
)
def test_an_ephemeral_entry_is_active_at_its_steps(form: str, steps: list[int]) -> None:
    entry = EphemeralEntry.parse(form)
    assert [step for step in range(12) if entry.is_active(step)] == steps


def test_a_repeated_entry_is_active_half_of_the_time_as_in_the_community_s_example() -> None:
    entry = EphemeralEntry(text="x", starting_step=0, delay=30, duration=15, repeat=True)
    assert [entry.is_active(step) for step in range(120)] == [False] * 30 + ([True] * 15 + [False] * 15) * 3


def test_a_negative_delay_does_not_delay() -> None:
    for repeat in (True, False):
        entry = EphemeralEntry(text="x", starting_step=5, delay=-3, duration=2, repeat=repeat)
        assert [step for step in range(12) if entry.is_active(step)] == [5, 6]


@given(
    st.builds(
        EphemeralEntry,
        text=st.text(),
        config=st.integers().map(
            lambda position: replace(DEFAULT_CONFIGS[ContextKind.EPHEMERAL], insertion_position=position)
        ),
        starting_step=st.integers(),
        delay=st.integers(),
        duration=st.integers(),
        repeat=st.booleans(),
        reverse=st.booleans(),
    )
)
def test_the_text_form_is_parsed_into_the_same_entry(entry: EphemeralEntry) -> None:
    written = entry.format()
    assert EphemeralEntry.parse(written) == entry
    assert EphemeralEntry.parse(written).format() == written


def test_the_text_form_has_its_parts_in_order() -> None:
    entry = EphemeralEntry.parse("{!10+5r~3,-4:It {rains}: hard.\nVery.}")
    assert (entry.starting_step, entry.delay, entry.duration, entry.repeat, entry.reverse) == (10, 5, 3, True, True)
    assert (entry.config.insertion_position, entry.config.insertion_type) == (-4, "newline")
    assert entry.text == "It {rains}: hard.\nVery."
    assert EphemeralEntry.parse("{1,+2:x}").config.insertion_position == 2


@for_each("form", ["", "{}", "{x:y}", "{1 x}", "{1+:x}", "{1:x", "1:x", "{--1:x}", "{-:x}", "{1~2+3:x}"])
def test_a_wrong_text_form_is_rejected(form: str) -> None:
    with pytest.raises(InvalidRequestError, match="start"):
        EphemeralEntry.parse(form)


@given(
    st.dictionaries(
        st.sampled_from(["text", "startingStep", "delay", "duration", "repeat", "x"]),
        st.none() | st.text() | st.floats() | st.integers() | st.booleans(),
    )
)
def test_any_stored_data_is_read_as_an_entry(data: dict[str, object]) -> None:
    EphemeralEntry.from_data(data).is_active(5)


def test_the_report_names_the_step() -> None:
    stored = {"text": "x", "startingStep": 3, "duration": 2.0, "contextConfig": {"tokenBudget": 5}}
    story_parts = parts("s", ephemeral=(EphemeralEntry.from_data(stored), EphemeralEntry.parse("{!3:y}")), step=4)
    found = rows(story_parts)[3:]
    assert [row.status for row in found] == [ContextStatus.EPHEMERAL, ContextStatus.EPHEMERAL]
    assert found[0].reason == "it is active at step 4 of the story"
    gone = rows(replace(story_parts, step=9))[3]
    assert (gone.status, gone.reason) == (ContextStatus.EPHEMERAL_INACTIVE, "it is inactive at step 9 of the story")


# ---- step 6: keys in the story


def test_any_key_suffices_and_the_last_match_is_reported() -> None:
    (row,) = rows(parts("a cat, a dog, a cat.", lore=(lore("pets", "dog", "cat", "cow"),)))[3:]
    assert row.match == ContextMatch("cat", "story", 16, 19)
    assert row.reason == 'its key "cat" is in the text of: story'


def test_a_range_counts_utf_16_units_from_the_end() -> None:
    story = "key" + "😀" * 5
    assert statuses(story, lore("a", "key", search_range=13)) == [KEY]
    assert statuses(story, lore("a", "key", search_range=12)) == [NO_KEY]
    assert statuses("monkey", lore("a", "key", search_range=3)) == [KEY]  # cut in a word, it is the start of the text
    assert statuses("key", lore("a", "key", search_range=0)) == [NO_KEY]
    assert statuses("key" + "." * 9997, lore("a", "key", search_range=10_000)) == [KEY]
    assert statuses("key" + "." * 9998, lore("a", "key", search_range=10_000)) == [NO_KEY]


def test_forced_activation_is_reported_even_if_a_key_matches() -> None:
    (row,) = rows(parts("key", lore=(lore("a", "key", force_activation=True),)))[3:]
    assert (row.status, row.reason, row.match) == (ContextStatus.FORCED, "it is always active", None)


def test_the_reason_why_an_entry_is_not_active_is_reported() -> None:
    story_parts = parts(
        "s",
        lore=(
            lore("a", force_activation=False),
            lore("b", "key", search_range=50),
            lore("c", "key", "/(/", non_story_activatable=True),
            lore("d", "/[/"),
        ),
    )
    reasons = [row.reason for row in rows(story_parts)[3:]]
    assert reasons[:2] == ["it has no keys", "none of its keys is in the last 50 characters of the story"]
    assert reasons[2].startswith(
        "none of its keys is in the last 1000 characters of the story, nor in the text of another"
    )
    assert '; "/(/": ' in reasons[2]
    assert reasons[3].startswith('none of its keys can match; "/[/": ')


letters = st.text(alphabet="aAiIk&$/{}é_ \n\u0130\u0131\u017f\u212a", max_size=12)


@given(letters, letters.map(lambda text: text[:3] or "a"))
def test_the_story_activates_an_entry_exactly_if_its_key_matches(story: str, key: str) -> None:
    found = Key.parse(key).find_last(story)
    assert statuses(story, lore("a", key)) == [KEY if found else NO_KEY]
    assert statuses("", lore("a", key, non_story_activatable=True), lore(story, id="x"))[:1] == [
        KEY if found else NO_KEY
    ]


def test_prefix_and_suffix_of_the_story_are_not_searched() -> None:
    story_parts = parts("s", lore=(lore("a", "key"),))
    story_parts = replace(story_parts, story=replace(story_parts.story, config=ContextConfig(prefix="key ")))
    assert rows(story_parts)[3].status is NO_KEY


def test_a_key_that_takes_too_long_is_searched_for_once() -> None:
    """Its cost is reported, and has a bound however many texts are searched."""
    slow = lore("a", "/(x+x+)+[yz]/", non_story_activatable=True)
    story_parts = parts("x" * 40, memory="x" * 40, note="x" * 40, lore=(slow, *(lore("x" * 40) for _ in range(50))))
    row = rows(story_parts)[3]
    assert row.status is NO_KEY
    assert row.reason.startswith("none of its keys can match; ")
    assert row.reason.count("500001") == 1


# ---- step 7: cascades


def test_an_entry_is_activated_by_the_text_of_another_active_entry() -> None:
    chain = [lore("has b", "a"), lore("has c", "b", non_story_activatable=True), lore("has d", "c")]
    last = lore("end", "d", non_story_activatable=True)
    assert statuses("a", *chain, last) == [KEY, KEY, NO_KEY, NO_KEY]
    found = rows(parts("a", lore=(last, lore("has d", "c", non_story_activatable=True), *chain[:2])))[3:]
    assert [row.status for row in found] == [KEY] * 4
    assert found[0].match == ContextMatch("d", "has d", 4, 5)


def test_memory_and_note_activate_entries_whatever_their_search_range() -> None:
    long = "key " + "x" * 2000
    called = lore("a", "key", non_story_activatable=True)
    assert statuses("s", called, memory=long) == [KEY]
    assert rows(parts("s", note=long, lore=(called,)))[3].match == ContextMatch("key", "author's note", 0, 3)
    assert statuses("s", called, memory=long, rules=ContextRules(cascade_in_range=True)) == [NO_KEY]


def test_prefix_and_suffix_of_active_parts_are_searched() -> None:
    config = replace(DEFAULT_CONFIGS[ContextKind.LORE], prefix="key: ")
    assert statuses("s", lore("a", config=config), lore("b", "key", non_story_activatable=True)) == [
        ContextStatus.FORCED,
        KEY,
    ]


def test_neither_an_entry_itself_nor_an_inactive_one_activates_it() -> None:
    assert statuses("s", lore("key", "key", non_story_activatable=True)) == [NO_KEY]
    assert statuses("s", lore("b", "a"), lore("x", "b", non_story_activatable=True)) == [NO_KEY, NO_KEY]
    off = lore("b", enabled=False)
    assert statuses("s", off, lore("x", "b", non_story_activatable=True)) == [DISABLED, NO_KEY]


def test_an_ephemeral_entry_activates_no_others() -> None:
    story_parts = parts(
        "s", ephemeral=(EphemeralEntry.parse("{0:key}"),), lore=(lore("a", "key", non_story_activatable=True),)
    )
    assert rows(story_parts)[4].status is NO_KEY


def test_the_story_is_searched_again_only_if_the_rules_say_so() -> None:
    far = "key " + "x" * 2000
    called = lore("a", "key", non_story_activatable=True)
    assert statuses(far, called) == [NO_KEY]
    assert statuses(far, called, rules=ContextRules(cascade_in_story=True)) == [KEY]


def test_an_entry_without_text_activates_others_by_its_prefix() -> None:
    config = replace(DEFAULT_CONFIGS[ContextKind.LORE], prefix="key ")
    found = rows(parts("s", lore=(lore("", config=config), lore("b", "key", non_story_activatable=True))))[3:]
    assert [row.status for row in found] == [ContextStatus.NO_TEXT, KEY]


# ---- advanced conditions


def test_an_entry_is_activated_by_its_conditions_too() -> None:
    conditions = Record({"type": "key", "key": "dragon", "in": ["memory"]}), Record({"type": "random", "chance": 0.5})
    entry = lore("a", "no", advanced_conditions=conditions, force_activation=False)
    (row,) = rows(parts("s", memory="a dragon", lore=(entry,)))[3:]
    assert (row.status, row.match, row.reason) == (KEY, None, "its conditions hold: 1 of 2 holds")
    (row,) = rows(parts("s", lore=(entry,)))[3:]
    assert row.status is NO_KEY
    assert row.reason.endswith("characters of the story, and its conditions do not hold")
    every = ContextRules(conditions="all")
    assert statuses("s", entry, memory="a dragon", rules=every) == [NO_KEY]


def test_conditions_see_entries_that_have_become_active() -> None:
    def after(entry_id: str, *, text: str, id: str) -> Entry:  # noqa: A002 -- its name there
        wanted = (Record({"type": "lore", "entryId": entry_id}),)
        return lore(text, force_activation=False, advanced_conditions=wanted, id=id)

    last, middle = after("2", text="c", id="3"), after("1", text="b", id="2")
    assert statuses("key", last, middle, lore("a", "key", id="1")) == [KEY] * 3
    assert statuses("s", last, middle, lore("a", "key", id="1")) == [NO_KEY] * 3


def test_conditions_see_model_and_mode_and_have_placeholders_filled_in() -> None:
    wanted: list[dict[str, Any]] = [
        {"type": "model", "model": "kayra-v1"},
        {"type": "storymode", "mode": "adventure"},
        {"type": "key", "key": "${who}", "in": ["story"]},
    ]
    entries = [lore(str(each), force_activation=False, advanced_conditions=(Record(each),)) for each in wanted]
    content = {"settings": {"model": "kayra-v1"}, "lorebook": {"entries": [dict(entry.data) for entry in entries]}}
    story_parts = ContextParts.from_content(content, text="Ann", mode="adventure")
    assert [row.status for row in rows(story_parts, who="Ann")[3:]] == [KEY] * 3
    assert [row.status for row in rows(replace(story_parts, model="", mode="normal"))[3:]] == [NO_KEY] * 3


def test_one_random_number_is_drawn_for_each_condition() -> None:
    """Although conditions are evaluated again whenever more entries have become active."""
    drawn: list[int] = []

    def chance() -> float:
        drawn.append(1)
        return 0.9

    luck = Record({"type": "random", "chance": 0.5})
    chain = [lore(f"to{each + 1}", f"to{each}", non_story_activatable=True) for each in range(5)]
    entry = lore("a", force_activation=False, advanced_conditions=(luck, luck))
    context = build_context(parts("to0", lore=(*chain, entry)), tokenizer=BYTES, size=1000, chance=chance)
    assert context.rows[-1].status is NO_KEY
    assert len(drawn) == 2


def test_conditions_that_are_nested_too_deeply_do_not_hold() -> None:
    nested: dict[str, object] = {"type": "true"}
    for _ in range(500):
        nested = {"type": "and", "conditions": [nested]}
    assert statuses("s", lore("a", force_activation=False, advanced_conditions=(Record(nested),))) == [NO_KEY]


# ---- biases


def test_biases_depend_on_which_entries_are_active() -> None:
    def biases(bias: float, inactive: bool = False) -> list[object]:
        return [{"phrases": ["{x}"], "bias": bias, "enabled": True, "whenInactive": inactive}]

    content = {
        "phraseBiasGroups": [*biases(1), {"phrases": ["{x}"], "bias": 2, "enabled": False}],
        "bannedSequenceGroups": [{"sequences": ["{no}"], "enabled": True}, {"sequences": ["{yes}"], "enabled": False}],
        "lorebook": {
            "entries": [
                {
                    "id": "1",
                    "text": "a",
                    "keys": ["key"],
                    "category": "c",
                    "loreBiasGroups": [*biases(3), *biases(4, True)],
                },
                {"id": "2", "text": "", "keys": ["key"], "loreBiasGroups": biases(5)},
                {"id": "3", "text": "b", "keys": ["none"], "loreBiasGroups": [*biases(6), *biases(7, True)]},
                {"id": "4", "text": "c", "enabled": False, "loreBiasGroups": biases(8, True)},
            ],
            "categories": [
                {"id": "c", "categoryBiasGroups": [*biases(9), *biases(10, True)]},
                {"id": "d", "categoryBiasGroups": [*biases(11), *biases(12, True)]},
            ],
        },
    }
    context = build_context(ContextParts.from_content(content, text="key"), tokenizer=BYTES, size=100)
    assert [group.bias for group in context.biases] == [1, 3, 5, 7, 9, 12]
    assert [[*bans] for bans in context.bans] == [["no"]]
