"""What completions, chats, model lists and token counts send.

See:
    docs/protocol/openai.md#1-endpoints
    docs/protocol/openai.md#2-names-typescript-sdk--wire--python
    docs/protocol/openai.md#31-request
    docs/protocol/openai.md#41-messages
    docs/protocol/openai.md#8-token-count
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nai_proto as nai
from nai_proto.errors import InvalidRequestError, NaiError
from nai_proto.exchange.operation import Operation
from nai_proto.openai import (
    CompletionOptions,
    Message,
    OpenAIOptions,
    chat_completion,
    chat_completion_stream,
    completion,
    completion_stream,
    list_models,
    token_count,
)
from tests.cases import for_each

HELLO: Final = [Message("user", "Hello!")]
COMPLETIONS: Final[list[Callable[..., Operation[Any, Any]]]] = [completion, completion_stream]
CHATS: Final[list[Callable[..., Operation[Any, Any]]]] = [chat_completion, chat_completion_stream]

PAGE_OF_COMPLETIONS = {
    "model": "glm-4-5",
    "max_tokens": 100,
    "temperature": 0.7,
    "top_p": 0.9,
    "top_k": 40,
    "min_p": 0.05,
    "stop": ["\n\n", "THE END"],
    "n": 2,
    "frequency_penalty": -2.0,
    "presence_penalty": 2,
    "seed": 7,
}
"""The table of the service's page, but for the prompt and ``stream``, which the function decides.

See docs/protocol/openai.md#13-sdk-page-coverage-list.
"""
PAGE_OF_CHATS = {key: PAGE_OF_COMPLETIONS[key] for key in ("model", "max_tokens", "temperature", "top_p", "top_k")} | {
    "min_p": 1,
    "stop": "THE END",
    "enable_thinking": False,
}
UNIFIED = {
    "unified_linear": 0.2,
    "unified_quadratic": -3,
    "unified_cubic": 0,
    "unified_increase_linear_with_entropy": 1.5,
}
REST = {"logprobs": 3, "generation_prefix": "Once", "user": "a", "stream_options": {"include_usage": True}}


def sent(operation: Operation[Any, Any]) -> Any:
    return json.loads(operation.request.body)


# ---- where


@for_each(
    "operation, method, path",
    [
        (completion("x"), "POST", "/oa/v1/completions"),
        (completion_stream("x"), "POST", "/oa/v1/completions"),
        (chat_completion(HELLO), "POST", "/oa/v1/chat/completions"),
        (chat_completion_stream(HELLO), "POST", "/oa/v1/chat/completions"),
        (list_models(), "GET", "/oa/v1/models"),
        (token_count("x"), "POST", "/oa/v1/internal/token-count"),
    ],
)
def test_each_endpoint_has_its_full_address(operation: Operation[Any, Any], method: str, path: str) -> None:
    request = nai.Session(token=nai.PersistentToken("pst-x")).sign(operation.request)
    assert (request.method, request.url) == (method, f"https://text.novelai.net{path}")
    assert ("Authorization", "Bearer pst-x") in request.fields()
    assert request.headers.get("content-type") == ("application/json" if method == "POST" else None)
    assert pickle.loads(pickle.dumps(operation)) == operation


def test_a_stream_is_requested_in_the_body_of_the_same_endpoint() -> None:
    for operation in (completion_stream("x"), chat_completion_stream(HELLO)):
        assert sent(operation)["stream"] is True
        assert operation.request.headers.get("accept") == "text/event-stream"


def test_by_default_a_completion_comes_in_one_piece_and_a_chat_is_joined() -> None:
    assert "stream" not in sent(completion("x"))
    assert "stream" not in sent(chat_completion(HELLO, stream=False))
    assert sent(completion("x", stream=True))["stream"] is True
    assert sent(chat_completion(HELLO))["stream"] is True


# ---- parameters


def test_what_is_not_given_is_not_sent() -> None:
    assert sent(completion("Once")) == {"model": "glm-4-6", "prompt": "Once"}
    assert sent(chat_completion_stream(HELLO)) == {
        "model": "glm-4-6",
        "messages": [{"role": "user", "content": "Hello!"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@for_each("ask", [chat_completion, chat_completion_stream, partial(completion, stream=True), completion_stream])
def test_every_stream_asks_for_its_usage_unless_the_caller_does_not_want_it(ask: Any) -> None:
    given_ = "x" if ask not in CHATS else HELLO
    assert sent(ask(given_))["stream_options"] == {"include_usage": True}
    assert sent(ask(given_, stream_options={"a": 1}))["stream_options"] == {"include_usage": True, "a": 1}
    for off in ({"stream_options": {"include_usage": False}}, {"extra": {"stream_options": {"include_usage": False}}}):
        assert sent(ask(given_, **off))["stream_options"] == {"include_usage": False}


def test_without_a_stream_there_are_no_options_of_it() -> None:
    assert "stream_options" not in sent(completion("x"))
    assert "stream_options" not in sent(chat_completion(HELLO, stream=False))


def test_every_parameter_is_sent_under_its_own_name() -> None:
    for ask in COMPLETIONS:
        given_ = PAGE_OF_COMPLETIONS | UNIFIED | REST | {"best_of": 3, "echo": True, "suffix": "."}
        assert given_.items() <= sent(ask("x", **given_)).items()
    for ask in CHATS:
        given_ = PAGE_OF_CHATS | UNIFIED | REST
        assert given_.items() <= sent(ask(HELLO, **given_)).items()


def test_every_parameter_of_the_tables_has_a_type_and_a_rule() -> None:
    from nai_proto.openai.request_checks import RULES

    ours = {"model", "validate", "extra"}
    assert set(CompletionOptions.__annotations__) - ours == set(RULES)
    assert set(OpenAIOptions.__annotations__) == set(CompletionOptions.__annotations__) - {"best_of", "echo", "suffix"}
    assert set(PAGE_OF_CHATS) < set(OpenAIOptions.__annotations__)


def test_the_model_is_any_text_and_glm_if_not_given() -> None:
    assert sent(chat_completion(HELLO, model="anything-new"))["model"] == "anything-new"
    assert sent(chat_completion(HELLO, model=nai.Model.XIALONG))["model"] == "xialong-v1"
    assert sent(token_count("x"))["model"] == "glm-4-6"


def test_biases_go_out_under_ids_that_are_text() -> None:
    assert sent(completion("x", logit_bias={151_336: -100, 7: 0.5}))["logit_bias"] == {"151336": -100, "7": 0.5}
    assert sent(completion("x", logit_bias={"7": 1}))["logit_bias"] == {"7": 1}


def test_what_is_outside_its_range_goes_out_as_extra_and_max_tokens_has_no_upper_bound() -> None:
    assert sent(completion("x", top_p=0.5, extra={"top_p": 1.5}))["top_p"] == 1.5
    assert sent(chat_completion([], validate=False))["messages"] == []
    assert sent(chat_completion(HELLO, max_tokens=32_000))["max_tokens"] == 32_000


def test_what_is_not_known_goes_out_as_it_is() -> None:
    operation = chat_completion(HELLO, max_tokens=5, extra={"tools": [], "max_tokens": 9, "anything": {"a": None}})
    assert sent(operation).items() >= {"tools": [], "max_tokens": 9, "anything": {"a": None}}.items()


@for_each(
    "options, about",
    [
        ({"temperature": 2.1}, "temperature is 2.1, and a number from 0 to 2 is allowed"),
        ({"temperature": -0.1}, "temperature is -0.1, and a number from 0 to 2 is allowed"),
        ({"top_p": 1.01}, "top_p is 1.01, and a number from 0 to 1 is allowed"),
        ({"min_p": -1}, "min_p is -1, and a number from 0 to 1 is allowed"),
        ({"frequency_penalty": 2.5}, "frequency_penalty is 2.5, and a number from -2 to 2 is allowed"),
        ({"presence_penalty": -3}, "presence_penalty is -3, and a number from -2 to 2 is allowed"),
        ({"max_tokens": 0}, "max_tokens is 0, and an integer not below 1 is allowed"),
        ({"max_tokens": 5.0}, "max_tokens is 5.0, and an integer not below 1 is allowed"),
        ({"logprobs": True}, "logprobs is True, and an integer not below 1 is allowed"),
        ({"logprobs": 0}, "logprobs is 0, and an integer not below 1 is allowed"),
        ({"unified_linear": float("nan")}, "unified_linear is nan, and a number is allowed"),
        ({"unified_increase_linear_with_entropy": True}, "is True, and a number is allowed"),
        ({"enable_thinking": 1}, "enable_thinking is 1, and true or false is allowed"),
        ({"stop": [1]}, "stop is a list, and text or a list of texts is allowed"),
        ({"logit_bias": [1]}, "logit_bias is a list, and a mapping is allowed"),
        ({"logit_bias": {"x": 1}}, "logit_bias has a str as a key, and token ids are allowed"),
        ({"logit_bias": {5: "x"}}, r"logit_bias\[5\] is a str, and a number is allowed"),
        ({"max_token": 5}, "the request has no parameter 'max_token'; did you mean 'max_tokens'"),
    ],
)
def test_what_the_service_would_refuse_is_refused_before_it_is_sent(options: Any, about: str) -> None:
    for ask in COMPLETIONS:
        with pytest.raises(InvalidRequestError, match=about):
            ask("x", **options)
    for ask in CHATS:
        with pytest.raises(InvalidRequestError, match=about):
            ask(HELLO, **options)


def test_without_validation_the_service_decides_and_always_about_the_most_tokens() -> None:
    assert sent(completion("x", max_tokens=3200))["max_tokens"] == 3200
    assert sent(completion("x", temperature=5, validate=False))["temperature"] == 5
    assert "validate" not in sent(completion("x", validate=False))
    messages: Any = [{"role": "tool", "content": [{"type": "text"}]}]
    assert sent(chat_completion(messages, validate=False))["messages"] == messages


def test_a_number_that_json_does_not_have_is_never_sent() -> None:
    with pytest.raises(NaiError, match="not finite"):
        completion("x", unified_linear=float("inf"), validate=False)


# ---- prompts


@given(
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.lists(st.text(st.characters(exclude_categories=["Cs"])))
    | st.lists(st.integers(0, 151_551))
    | st.lists(st.lists(st.integers(0, 151_551)))
)
def test_a_prompt_has_four_forms(prompt: Any) -> None:
    assert sent(completion(prompt))["prompt"] == prompt
    assert sent(token_count(prompt, model="llama-3-erato-v1")) == {"model": "llama-3-erato-v1", "prompt": prompt}


def test_any_sequence_is_a_list() -> None:
    assert sent(completion((1, 2)))["prompt"] == [1, 2]
    assert sent(completion_stream(range(3)))["prompt"] == [0, 1, 2]
    assert sent(completion(((1, 2), [3])))["prompt"] == [[1, 2], [3]]


@for_each("prompt", [b"Once", bytearray(b"x"), None, 5, ["a", 1], [-1], [True], [[1], "a"], [[[1]]], {}])
def test_a_prompt_of_another_form_is_refused_before_it_is_sent(prompt: Any) -> None:
    for ask in (*COMPLETIONS, token_count):
        with pytest.raises(InvalidRequestError, match="a prompt is text, a list of texts, a list of token ids, or a"):
            ask(prompt)


# ---- messages


def test_messages_are_mappings_or_values_and_have_optional_names() -> None:
    operation = chat_completion(
        [
            {"role": "system", "content": "You are a helpful assistant."},
            Message.user("Hello! How are you?", "Ann"),
            {"role": "user", "content": "", "name": "Bob"},
            Message(role="assistant", content="Fine", reasoning_content="Am I?"),
        ]
    )
    assert sent(operation)["messages"] == [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Hello! How are you?", "name": "Ann"},
        {"role": "user", "content": "", "name": "Bob"},
        {"role": "assistant", "content": "Fine"},
    ]
    assert Message.system("a") == Message("system", "a")
    assert Message.assistant("a", "b") == Message(role="assistant", content="a", name="b")


@for_each(
    "messages, about",
    [
        (
            [{"role": "user", "content": [{"type": "text", "text": "a secret"}]}],
            r"messages\[0\]\.content is a list, and text",
        ),
        ([Message("user", "a"), {"role": "user"}], r"messages\[1\]\.content is a NoneType, and text is allowed"),
        ([{"role": "tool", "content": "x"}], r"messages\[0\]\.role is not one of system, user, assistant"),
        ([{"role": "usr", "content": "x"}], r"messages\[0\]\.role is not one of .*; did you mean 'user'\?"),
        ([{"content": "x"}], r"messages\[0\]\.role is not one of"),
        ([{"role": "user", "content": "x", "name": 5}], r"messages\[0\]\.name is 5, and text is allowed"),
        ({"role": "user", "content": "x"}, "messages takes a list of messages, not a dict"),
        ("Hello", "messages takes a list of messages, not a str"),
        ([], "messages is empty, and a chat has at least one message"),
    ],
)
def test_messages_that_the_service_refuses_are_refused_before_they_are_sent(messages: Any, about: str) -> None:
    for ask in CHATS:
        with pytest.raises(InvalidRequestError, match=about) as caught:
            ask(messages)
        assert "secret" not in str(caught.value)


def test_no_repr_shows_the_messages_of_a_chat() -> None:
    said = Message.user("the swan knows")
    assert repr(said) == "<Message of user, 14 characters>"
    assert "swan" not in repr(chat_completion([said])) + repr(chat_completion_stream([said]).request)
