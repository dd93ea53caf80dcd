"""Context configurations.

See:
    docs/protocol/content.md#43-context-configuration-contextconfig
    docs/protocol/content.md#83-budgets
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.story.context_config import DEFAULT_CONFIGS, ContextConfig, ContextKind, resolve_token_amount
from tests.cases import for_each

DOCUMENTED = {
    # prefix, suffix, budget, reserved, priority, trim, insertion, finest cut, position
    ContextKind.STORY: ("", "", 1, 512, 0, "trimTop", "newline", "sentence", -1),
    ContextKind.MEMORY: ("", "\n", 1, 0, 800, "trimBottom", "newline", "sentence", 0),
    ContextKind.AUTHORS_NOTE: ("", "\n", 1, 1, -400, "trimBottom", "newline", "sentence", -4),
    ContextKind.LORE: ("", "\n", 1, 0, 400, "trimBottom", "newline", "sentence", -1),
    ContextKind.EPHEMERAL: ("", "\n", 1, 1, -10000, "doNotTrim", "newline", "newline", -2),
}
STORED = {
    "prefix": "<",
    "suffix": ">",
    "tokenBudget": 0.5,
    "reservedTokens": 300,
    "budgetPriority": 7,
    "trimDirection": "doNotTrim",
    "insertionType": "token",
    "maximumTrimType": "token",
    "insertionPosition": -3,
    "allowInnerInsertion": False,
    "allowInsertionInside": True,
}
DOCUMENTED[ContextKind.SUBCONTEXT] = DOCUMENTED[ContextKind.LORE]
LORE = DEFAULT_CONFIGS[ContextKind.LORE]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
whatever = st.dictionaries(st.sampled_from([*STORED, "newField", ""]), json_values)


def row(config: ContextConfig) -> tuple[object, ...]:
    return (
        config.prefix,
        config.suffix,
        config.token_budget,
        config.reserved_tokens,
        config.budget_priority,
        config.trim_direction,
        config.insertion_type,
        config.maximum_trim_type,
        config.insertion_position,
    )


@for_each("kind", ContextKind)
def test_the_defaults_are_those_of_the_table(kind: ContextKind) -> None:
    assert row(DEFAULT_CONFIGS[kind]) == DOCUMENTED[kind]
    assert DEFAULT_CONFIGS[kind].allow_insertion_inside is (kind is ContextKind.STORY)
    assert DEFAULT_CONFIGS[kind].allow_inner_insertion


def test_every_field_is_read_and_written() -> None:
    config = ContextConfig.from_data(STORED, LORE)
    assert row(config) == ("<", ">", 0.5, 300, 7, "doNotTrim", "token", "token", -3)
    assert (config.allow_inner_insertion, config.allow_insertion_inside) == (False, True)
    assert replace(config, data={}, read={}).to_data() == STORED


@for_each("kind", ContextKind)
def test_what_is_missing_is_the_default_and_is_not_written(kind: ContextKind) -> None:
    several: list[object] = [
        {},
        {"prefix": 5, "trimDirection": "trimAround", "insertionPosition": "top"},
        None,
        [],
        "text",
    ]
    for data in several:
        config = ContextConfig.from_data(data, DEFAULT_CONFIGS[kind])
        assert config == DEFAULT_CONFIGS[kind]
        assert config.to_data() == (data if isinstance(data, dict) else {})


@given(whatever)
def test_any_stored_configuration_is_written_back_unchanged(data: dict[str, object]) -> None:
    assert repr(ContextConfig.from_data(data, LORE).to_data()) == repr(data)


@given(whatever)
def test_a_change_is_written_and_touches_nothing_else(data: dict[str, object]) -> None:
    changed = replace(ContextConfig.from_data(data, LORE), budget_priority=12.5)
    assert repr(changed.to_data()) == repr({**data, "budgetPriority": 12.5})


def test_a_number_stays_as_it_was_written() -> None:
    data = json.loads('{"tokenBudget": 1.0, "reservedTokens": 1, "insertionPosition": -2.0}')
    assert json.dumps(ContextConfig.from_data(data, LORE).to_data()) == json.dumps(data)


@for_each(
    "number, tokens",
    [(1, 100), (1.0, 100), (1.5, 1), (2, 2), (2.9, 2), (0.5, 50), (0.99, 99), (0.001, 0), (0, 0), (-1, 0), (-0.5, 0)],
)
def test_a_number_up_to_one_is_a_share_and_above_it_tokens(number: float, tokens: int) -> None:
    assert resolve_token_amount(number, 100) == tokens


@pytest.mark.parametrize("nothing", [0, -1, -0.5, "100", None, True, [5], float("nan"), float("inf")])
def test_a_budget_without_a_number_is_everything_and_a_reservation_nothing(nothing: object) -> None:
    config = ContextConfig.from_data(
        {"tokenBudget": nothing, "reservedTokens": nothing}, DEFAULT_CONFIGS[ContextKind.EPHEMERAL]
    )
    assert (config.budget(100), config.reservation(100)) == (100, 0)


def test_a_tiny_share_is_rounded_down_to_no_tokens() -> None:
    assert ContextConfig(token_budget=0.001).budget(100) == 0


def test_a_reservation_is_at_most_the_budget() -> None:
    assert ContextConfig(token_budget=0.3, reserved_tokens=512).reservation(1000) == 300
    assert ContextConfig(token_budget=2048, reserved_tokens=512).reservation(100) == 512
