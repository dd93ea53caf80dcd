"""``--set NAME=VALUE``: names and types from the library's tables, and errors that name the nearest name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.errors import InvalidRequestError
from nai_proto.text.parameter_rules import ParameterKind, ParameterRule
from nai_proto.text.samplers import SAMPLERS, SamplerOrder
from nai_proto.text.text_parameters import TextParameters
from nai_transports.cli.text.parameter_settings import (
    OPENAI_PARAMETERS,
    TEXT_PARAMETERS,
    ParameterRules,
    complete_setting,
    parse_settings,
)
from tests.cases import for_each


def refusal(*assignments: str, rules: ParameterRules = TEXT_PARAMETERS) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        parse_settings(assignments, rules)
    return str(caught.value)


def values_of(rule: ParameterRule | None) -> st.SearchStrategy[object]:
    """Values that a parameter takes."""
    kind = ParameterKind.TEXT if rule is None else rule.kind
    return {
        ParameterKind.BOOLEAN: st.booleans(),
        ParameterKind.INTEGER: st.integers(),
        ParameterKind.NUMBER: st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
        ParameterKind.TEXT: st.text(),
        ParameterKind.IDS: st.lists(st.integers(0, 99)),
        ParameterKind.ORDER: st.lists(st.integers(0, 10)),
    }.get(kind, st.lists(st.lists(st.integers(0, 99), min_size=1)))


@given(st.data())
def test_every_parameter_of_a_text_request_can_be_set(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*TextParameters.__annotations__]))
    rule = TEXT_PARAMETERS[name]
    assert rule is not None
    if rule.kind is ParameterKind.PHRASE_REP_PEN:
        value: object = "very_light"
    else:
        value = data.draw(values_of(rule))
    written = value if isinstance(value, str) else json.dumps(value)
    assert parse_settings([f"{name}={written}"], TEXT_PARAMETERS) == {name: value}


def test_all_after_the_first_equals_sign_is_the_value() -> None:
    assert parse_settings(["cfg_uc=a = b", "prefix="], TEXT_PARAMETERS) == {"cfg_uc": "a = b", "prefix": ""}


def test_names_samplers_and_words_may_be_written_in_other_ways() -> None:
    assert parse_settings(["Top-P=.5", "order=temperature, Top-K,9", "phrase_rep_pen=Very Light"], TEXT_PARAMETERS) == {
        "top_p": 0.5,
        "order": [SamplerOrder.TEMPERATURE, SamplerOrder.TOP_K, SamplerOrder.UNIFIED],
        "phrase_rep_pen": "very_light",
    }


def test_an_integer_stays_one_so_that_errors_show_what_was_typed() -> None:
    assert isinstance(parse_settings(["top_p=7"], TEXT_PARAMETERS)["top_p"], int)


def test_token_ids_need_no_brackets() -> None:
    for written in ("1,2", "[1, 2]"):
        assert parse_settings([f"valid_first_tokens={written}"], TEXT_PARAMETERS) == {"valid_first_tokens": [1, 2]}


@for_each(
    "assignment, about",
    [
        ("top_pp=1", "no parameter is called 'top_pp'; did you mean 'top_p'?"),
        ("qqqq=1", "nai help parameters lists all"),
        ("top_p", "--set is NAME=VALUE, such as top_p=0.9, not 'top_p'"),
        ("top_k=many", "--set top_k takes an integer not below 0, not 'many'"),
        ("top_k=1.5", "takes an integer"),
        ("top_p=", "takes a number from 0 to 1, not ''"),
        ("do_sample=maybe", "there are true, false"),
        ("order=temperature,tempo", "no sampler is called 'tempo'"),
        ("order=temperatur", "did you mean 'temperature'?"),
        ("phrase_rep_pen=hard", "there are off, very_light"),
        ("bad_words_ids=a", "takes a list of non-empty lists of token ids"),
        ("tfs=0.9", "tfs is a sampler, whose parameters are tail_free_sampling"),
        ("math1=1", "math1_temp, math1_quad, math1_quad_entropy_scale"),
        ("seed=1", "take no seed"),
    ],
)
def test_a_wrong_setting_says_what_is_taken(assignment: str, about: str) -> None:
    assert about in refusal(assignment)


def test_a_setting_is_given_once() -> None:
    assert "given twice" in refusal("top_k=1", "top-k=2")


def test_a_long_value_is_cut_in_the_error() -> None:
    assert len(refusal("top_k=" + "x" * 5000)) < 200


def test_chats_and_completions_have_their_own_parameters() -> None:
    assert parse_settings(["seed=5", 'stop=["a"]'], OPENAI_PARAMETERS) == {"seed": 5, "stop": ["a"]}
    assert "no parameter is called 'tail_free_sampling'" in refusal("tail_free_sampling=1", rules=OPENAI_PARAMETERS)


# ---- completion


def test_names_are_completed_with_what_they_take() -> None:
    assert ("top_p=", "a number from 0 to 1") in complete_setting("top_")
    assert {text for text, _ in complete_setting("")} == {f"{name}=" for name in TEXT_PARAMETERS}


def test_values_are_completed_where_there_are_few() -> None:
    assert [text for text, _ in complete_setting("do_sample=t")] == ["do_sample=true"]
    assert [text for text, _ in complete_setting("order=")] == [f"order={row.name}" for row in SAMPLERS]
    assert complete_setting("top_p=") == []
    assert complete_setting("nothing=") == []


@given(st.sampled_from([*TEXT_PARAMETERS]))
def test_what_is_completed_is_a_parameter(name: str) -> None:
    for text, _ in complete_setting(f"{name}="):
        assert parse_settings([text], TEXT_PARAMETERS)
