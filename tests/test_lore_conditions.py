"""Conditions of lorebook entries, and the reasons of their outcomes.

See docs/protocol/content.md#46-lorebook.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto import LimitExceeded, Limits
from nai_proto.story import ConditionInputs, Entry, evaluate_condition, evaluate_conditions
from nai_proto.story.json_records import Record
from tests.cases import for_each

INPUTS = ConditionInputs(
    story="The dragon woke.\n\nIt was 😀 hungry.\n",
    memory="Dragons eat gold.",
    authors_note="[ Style: dry ]",
    lore=("Three kings.", "", "No name."),
    lore_ids={"k", "q"},
    model="llama-3-erato-v1",
    mode="adventure",
    step=7,
)
YES, NO = {"type": "true"}, {"type": "not", "condition": {"type": "true"}}


def holds(condition: dict[str, Any], inputs: ConditionInputs = INPUTS) -> bool:
    return evaluate_condition(Record(condition), inputs).holds


@for_each(
    "condition, expected",
    [
        ({"type": "key", "key": "dragon", "in": ["story"]}, True),
        ({"type": "key", "key": "dragon", "in": ["memory", "an"]}, False),
        ({"type": "key", "key": "gold", "in": ["memory"]}, True),
        ({"type": "key", "key": "dry", "in": ["an"]}, True),
        ({"type": "key", "key": "/Three (kings|queens)/", "in": ["lore"]}, True),
        ({"type": "key", "key": "dragon"}, True),
        ({"type": "key", "key": "dragon", "in": ["story"], "range": 10}, False),
        ({"type": "key", "key": "hungry", "in": ["story"], "range": 10}, True),
        ({"type": "key", "key": "dragon", "in": []}, False),
        ({"type": "key", "key": "dragon", "in": ["elsewhere"]}, False),
        ({"type": "key", "key": "", "in": ["story"]}, False),
        ({"type": "lore", "entryId": "k"}, True),
        ({"type": "lore", "entryId": "q"}, True),
        ({"type": "lore", "entryId": "z"}, False),
        ({"type": "lore"}, False),
        ({"type": "lore", "entryId": ""}, False),
        ({"type": "lore", "entryId": []}, False),
        ({"type": "model", "model": "llama-3-erato-v1"}, True),
        ({"type": "model", "model": "kayra-v1"}, False),
        ({"type": "storymode", "mode": "adventure"}, True),
        ({"type": "storymode", "mode": "normal"}, False),
        ({"type": "string", "left": "storyText", "comparison": "includes", "right": "dragon"}, True),
        ({"type": "string", "left": "storyText", "comparison": "includes", "right": "Dragon"}, False),
        ({"type": "string", "left": "memoryText", "comparison": "startsWith", "right": "Dragons"}, True),
        ({"type": "string", "left": "authorsNoteText", "comparison": "endsWith", "right": " ]"}, True),
        ({"type": "string", "left": "a", "comparison": "equals", "right": "a"}, True),
        ({"type": "string", "left": "a", "comparison": "like", "right": "a"}, False),
        ({"type": "string", "left": "a", "comparison": "equals"}, False),
        ({"type": "and", "conditions": [YES, YES]}, True),
        ({"type": "and", "conditions": [YES, NO]}, False),
        ({"type": "and", "conditions": []}, True),
        ({"type": "or", "conditions": [NO, YES]}, True),
        ({"type": "or", "conditions": [NO, NO]}, False),
        ({"type": "or", "conditions": []}, False),
        (NO, False),
        ({"type": "not", "condition": NO}, True),
        ({"type": "not"}, False),
        ({"type": "tomorrow"}, False),
        ({}, False),
    ],
)
def test_a_condition_is_evaluated_on_its_inputs(condition: dict[str, Any], expected: bool) -> None:
    outcome = evaluate_condition(Record(condition), INPUTS)
    assert outcome.holds is expected
    assert outcome.reason


def term(value: object, operator: object = "+") -> dict[str, object]:
    return {"value": value, "operator": operator}


@for_each(
    "terms, comparison, target, expected",
    [
        ([term("currentStep")], "==", 7, True),
        ([term("currentStep")], ">", 7, False),
        ([term("currentStep")], "greaterThanOrEqual", 7, True),
        ([term("characterCount")], "=", 36, True),
        ([term("paragraphCount")], "equals", 2, True),
        ([term(1), term(2), term(3, "*")], "=", 9, True),
        ([term(10), term(4, "-"), term(4, "/")], "<=", 1.5, True),
        ([term(7), term(4, "%")], "!=", 3, False),
        ([term(7), term("currentStep", "-")], "<", "currentStep", True),
        ([term(1), term(0, "/")], "=", 0, False),
        ([term(1e308), term(1e308, "*")], ">", 0, False),
        ([term(1), term(1, "^")], "=", 2, False),
        ([term("soon")], "=", 0, False),
        ([], "=", 0, False),
        ([term(1)], "about", 1, False),
        ([term(1)], "=", None, False),
        ([term(10**400)], ">", 1, False),
    ],
)
def test_an_equation_is_evaluated_from_left_to_right(
    terms: list[object], comparison: str, target: object, expected: bool
) -> None:
    condition = {"type": "equation", "terms": terms, "comparison": comparison, "target": target}
    assert holds(condition) is expected


def test_random_numbers_are_drawn_by_the_caller() -> None:
    half = {"type": "random", "chance": 0.5}
    assert holds(half, replace(INPUTS, chance=lambda: 0.49))
    assert not holds(half, replace(INPUTS, chance=lambda: 0.5))
    assert holds({"type": "random", "chance": 1}, replace(INPUTS, chance=lambda: 0.999))
    assert not holds({"type": "random", "chance": 0}, replace(INPUTS, chance=lambda: 0.0))
    assert holds({"type": "random", "chance": 50}, replace(INPUTS, chance=lambda: 0.49)), "in percent"
    assert evaluate_condition(Record(half), INPUTS).reason == "no number was drawn"
    assert not holds({"type": "random"}, replace(INPUTS, chance=lambda: 0.0))


def test_each_condition_draws_its_own_number() -> None:
    numbers = iter([0.1, 0.9])
    both = {"type": "and", "conditions": [{"type": "random", "chance": 0.5}] * 2}
    outcome = evaluate_condition(Record(both), replace(INPUTS, chance=lambda: next(numbers)))
    assert [part.holds for part in outcome.parts] == [True, False]


def test_an_outcome_has_its_reason() -> None:
    condition = {"type": "and", "conditions": [{"type": "key", "key": "dragon", "in": ["story"]}, NO]}
    outcome = evaluate_condition(Record(condition), INPUTS)
    assert (outcome.type, outcome.holds, outcome.reason) == ("and", False, "1 of 2 holds")
    key, negation = outcome.parts
    assert key.reason == "the key is in the story"
    assert (negation.reason, negation.parts[0].reason) == ("its condition holds", "always")


def test_a_bad_key_is_reported_as_the_reason() -> None:
    bad = evaluate_condition(Record({"type": "key", "key": "/(/", "in": ["story"]}), INPUTS)
    assert (bad.holds, "unclosed parenthesis" in bad.reason) == (False, True)
    slow = {"type": "key", "key": "/(a+)+$/", "in": ["story"]}
    assert "steps" in evaluate_condition(Record(slow), ConditionInputs(story="a" * 50 + "b")).reason


def test_any_of_a_list_suffices_unless_all_are_required() -> None:
    entry = Entry({"advancedConditions": [YES, NO, 5]})
    assert evaluate_conditions(entry.advanced_conditions, INPUTS).holds
    every = evaluate_conditions(entry.advanced_conditions, INPUTS, combine="all")
    assert (every.type, every.holds, every.reason) == ("all", False, "1 of 2 holds")
    assert not evaluate_conditions((), INPUTS).holds
    assert evaluate_conditions((), INPUTS, combine="all").holds


def test_conditions_nested_too_deeply_are_rejected() -> None:
    condition: dict[str, Any] = YES
    for _ in range(300):
        condition = {"type": "not", "condition": condition}
    with pytest.raises(LimitExceeded, match="levels of conditions"):
        evaluate_condition(Record(condition), INPUTS)
    assert not holds(condition["condition"] | {"condition": YES})
    with pytest.raises(LimitExceeded):
        evaluate_condition(Record(NO), INPUTS, limits=Limits(json_depth=1))


WORDS = (
    "type conditions condition key in range entryId model mode chance terms comparison target left right value operator"
)
TYPES = "and or not key lore model storymode random equation string true"


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats()
        | st.integers()
        | st.sampled_from([*WORDS.split(), *TYPES.split(), "="]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(WORDS.split()), inner)
            | st.builds(
                lambda kind, rest: {**rest, "type": kind},
                st.sampled_from(TYPES.split()),
                st.dictionaries(st.sampled_from(WORDS.split()), inner),
            )
        ),
        max_leaves=10,
    )
)
def test_any_stored_condition_has_an_outcome(value: object) -> None:
    inputs = replace(INPUTS, chance=lambda: 0.5)
    outcome = evaluate_conditions(Entry({"advancedConditions": [value, YES]}).advanced_conditions, inputs)
    assert outcome.holds
