"""What the parameters of a text request may be.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#92-sampler-ids-order
    docs/protocol/native.md#93-logit_bias_exp
"""

from __future__ import annotations

import pytest

from nai_proto.errors import InvalidRequestError
from nai_proto.text.parameter_rules import RULES, check_parameters
from nai_proto.text.phrases import BiasGroup
from nai_proto.text.text_parameters import TextParameters
from tests.cases import for_each


@for_each(
    "parameters, model, said",
    [
        ({"temperature": 0.05}, "kayra-v1", "temperature is 0.05, and kayra-v1 takes a number from 0.1 to 100"),
        ({"temperature": 101}, "kayra-v1", "temperature is 101"),
        ({"temperature": float("inf")}, "kayra-v1", "temperature is inf"),
        ({"temperature": True}, "kayra-v1", "temperature is True, and kayra-v1 takes a number"),
        ({"top_k": -100}, "kayra-v1", "top_k is -100, and kayra-v1 takes an integer not below 0"),
        ({"top_p": 1.5}, "kayra-v1", "top_p is 1.5, and kayra-v1 takes a number from 0 to 1"),
        ({"top_a": -0.1}, "kayra-v1", "top_a is -0.1, and kayra-v1 takes a number not below 0"),
        ({"typical_p": -1}, "kayra-v1", "typical_p is -1, and kayra-v1 takes a number from 0 to 1"),
        ({"repetition_penalty": 0.9}, "kayra-v1", "repetition_penalty is 0.9, and kayra-v1 takes a number from 1 to 8"),
        ({"repetition_penalty": 8.1}, "clio-v1", "repetition_penalty is 8.1, and clio-v1 takes a number from 1 to 8"),
        ({"max_length": 0}, "clio-v1", "max_length is 0, and clio-v1 takes an integer from 1 to 2048"),
        ({"max_length": 40.0}, "kayra-v1", "max_length is 40.0, and kayra-v1 takes an integer"),
        ({"cfg_scale": -1}, "kayra-v1", "cfg_scale is -1, and kayra-v1 takes a number not below 0"),
        ({"use_string": 1}, "kayra-v1", "use_string is 1, and kayra-v1 takes true or false"),
        ({"cfg_uc": [1]}, "kayra-v1", "cfg_uc is a list, and kayra-v1 takes text"),
        (
            {"phrase_rep_pen": "lots"},
            "kayra-v1",
            "no phrase repetition penalty is called 'lots'; there are off, very_light",
        ),
        ({"repetition_penalty_frequency": 3}, "6B-v4", "takes a number from -2 to 2"),
        ({"repetition_penalty_presence": -17}, "kayra-v1", "takes a number from -16 to 16"),
        ({"tempratur": 1}, "kayra-v1", "no parameter 'tempratur'; did you mean 'temperature'"),
        ({"order": [0, 11]}, "kayra-v1", "order holds 11, and sampler ids are 0 to 10"),
        ({"order": [0, 1, 0]}, "kayra-v1", r"order holds temperature \(0\) twice"),
        ({"order": [10]}, "clio-v1", r"order holds min_p \(10\), which clio-v1 does not take"),
        ({"order": [True]}, "kayra-v1", "order is a list, and kayra-v1 takes a list of sampler ids"),
        ({"top_g": 1}, "llama-3-erato-v1", "top_g belongs to a sampler that llama-3-erato-v1 does not take"),
        ({"bad_words_ids": [[1]] * 2049}, "kayra-v1", "bad_words_ids has 2049 items, and kayra-v1 takes at most 2048"),
        ({"bad_words_ids": [[]]}, "kayra-v1", "list of non-empty lists"),
        ({"bad_words_ids": [[65_536]]}, "kayra-v1", "holds the token id 65536, which no tokenizer of kayra-v1 has"),
        ({"bad_words_ids": ["a"]}, "kayra-v1", "bad_words_ids is a list"),
        ({"bad_words_ids": "a"}, "kayra-v1", "bad_words_ids is a str"),
        ({"valid_first_tokens": [-1]}, "kayra-v1", "list of token ids"),
        ({"logit_bias": [[70_000, 1]]}, "6B-v4", "token id 70000"),
        ({"logit_bias": [[1]]}, "6B-v4", "list of pairs"),
        ({"logit_bias": [5]}, "6B-v4", "list of pairs"),
        ({"logit_bias_exp": [{"sequence": [1], "bias": 1}]}, "kayra-v1", "objects with sequence"),
        ({"logit_bias_exp": [1]}, "kayra-v1", "objects with sequence"),
        ({"logit_bias_exp": BiasGroup(1, phrases=[[99_999]]).encode()}, "clio-v1", "token id 99999"),
        ({}, "glm-4-6", "glm-4-6 is a chat model: only the OpenAI-compatible API has it"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(parameters: dict[str, object], model: str, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        check_parameters(parameters, model)


def test_what_is_at_the_edge_is_allowed() -> None:
    check_parameters(
        {"temperature": 0.1, "max_length": 2048, "min_length": 1, "top_g": 65_536, "num_logprobs": 30}, "kayra-v1"
    )
    check_parameters(
        {"repetition_penalty_frequency": 16, "bad_words_ids": [[1]] * 2048, "order": [*range(11)]}, "kayra-v1"
    )
    check_parameters(
        {"repetition_penalty_frequency": -2, "bad_words_ids": [[1]] * 3000, "logit_bias": [[65_535, -100_000]]}, "6B-v4"
    )
    check_parameters(
        {"valid_first_tokens": [128_081], "logit_bias": [(1, 0.5)], "repetition_penalty_whitelist": []},
        "llama-3-erato-v1",
    )


@for_each("name", RULES)
def test_no_parameter_takes_what_json_has_no_place_for(name: str) -> None:
    for value in (None, object(), b"", 1j, {}):
        with pytest.raises(InvalidRequestError, match=f"^{name} is a "):
            check_parameters({name: value}, "kayra-v1")


def test_every_parameter_is_a_keyword_but_those_that_decide_what_an_answer_is() -> None:
    assert {*TextParameters.__annotations__} == {*RULES} - {"use_string", "next_word", "get_hidden_states"}
