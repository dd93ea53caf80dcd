"""Answers in one piece, in every form that was observed, and their errors.

See:
    docs/protocol/openai.md#32-response-not-streamed
    docs/protocol/openai.md#42-response-not-streamed-documented-form
    docs/protocol/openai.md#43-response-not-streamed-observed-form--important
    docs/protocol/openai.md#72-get-oav1models
    docs/protocol/openai.md#8-token-count
    docs/protocol/openai.md#9-errors
"""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nai_proto as nai
from nai_proto.errors import RemoteProtocolError, StreamError
from nai_proto.exchange.actions import Sleep
from nai_proto.exchange.operation import Operation
from nai_proto.http import Head, Headers
from nai_proto.openai import (
    Message,
    ModelCard,
    OpenAILogprobs,
    TokenCount,
    TokenLogprob,
    TopLogprob,
    Usage,
    chat_completion,
    chat_completion_stream,
    completion,
    completion_stream,
    list_models,
    token_count,
)
from nai_proto.testing import play
from tests.cases import for_each

JSON: Final = Head(200, Headers.of(content_type="application/json"))
STREAM: Final = Head(200, Headers.of(content_type="text/event-stream"))
HELLO: Final = [Message("user", "Hello!")]
CHAT: Final = chat_completion(HELLO, stream=False)
USAGE: Final = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
ENVELOPE: Final = {"id": "c-1", "created": 1735689600, "model": "glm-4-6"}


def answered(operation: Operation[Any, Any], document: object) -> Any:
    return play(operation, [JSON, json.dumps(document).encode(), b""])


# ---- completions


def test_a_completion_has_its_text_where_people_look_for_it() -> None:
    choice = {"text": " a time", "index": 0, "finish_reason": "length", "logprobs": None, "token_ids": [1, 2]}
    document = {**ENVELOPE, "object": "text_completion", "choices": [choice], "usage": USAGE}
    for operation in (completion("Once"), completion("Once", stream=True), completion_stream("Once")):
        result = answered(operation, document).result
        assert result.choices[0].text == result.text == " a time"
        assert (result.id, result.object, result.created, result.model) == (
            *("c-1", "text_completion", 1735689600),
            "glm-4-6",
        )
        assert (result.choices[0].index, result.choices[0].finish_reason) == (0, "length")
        assert result.choices[0].token_ids == (1, 2)
        assert result.usage == Usage(prompt_tokens=3, completion_tokens=2, total_tokens=5)
        assert pickle.loads(pickle.dumps(result)) == result


def test_only_the_choices_must_be_there() -> None:
    result = answered(completion("Once"), {"choices": [{}, {"index": 1, "text": "b"}]}).result
    assert (result.text, result.choices[1].text, result.usage, result.created) == ("", "b", None, None)
    assert answered(completion("Once"), {"choices": []}).result.text == ""


@for_each("ended", [{"stop_reason": 151336}, {"matched_stop": 151336}, {"stop_reason": "THE END"}])
def test_the_keys_that_only_this_service_has_are_typed(ended: dict[str, Any]) -> None:
    result = answered(completion("Once"), {"choices": [{"text": "a", **ended}]}).result
    assert {key: getattr(result.choices[0], key) for key in ended} == ended


def test_unknown_keys_are_kept_where_they_stood() -> None:
    document = {
        "choices": [{"text": "a", "processed_logprobs": [1], "extra": 5}],
        "usage": {**USAGE, "prompt_tokens_details": None},
        "metadata": {"node": 7},
        "system_fingerprint": None,
    }
    result = answered(completion("Once"), document).result
    assert result.extra == {"metadata": {"node": 7}, "system_fingerprint": None}
    assert result.choices[0].extra == {"processed_logprobs": [1], "extra": 5}
    assert result.usage.extra == {"prompt_tokens_details": None}


def test_logprobs_are_read_in_both_forms() -> None:
    lists = {
        "tokens": [" a", "\ufffd"],
        "token_logprobs": [None, -0.5],
        "top_logprobs": [None, {" b": -1.0}],
        "text_offset": [0, 2],
        "token_ids": [264, 300],
    }
    content = [{"token": " a", "logprob": -0.5, "bytes": [32, 97], "top_logprobs": [{"token": " b", "logprob": -1}]}]
    for operation, form, expected in (
        (
            completion("x"),
            lists,
            OpenAILogprobs((" a", "\ufffd"), (None, -0.5), (None, {" b": -1.0}), (0, 2), (264, 300)),
        ),
        (
            CHAT,
            {"content": content},
            OpenAILogprobs(content=(TokenLogprob(" a", -0.5, (32, 97), (TopLogprob(" b", -1.0),)),)),
        ),
    ):
        result = answered(operation, {"choices": [{"text": "a", "logprobs": form}]}).result
        assert result.choices[0].logprobs == expected


@for_each(
    "document, about",
    [
        ({}, "Object missing required field `choices`"),
        ({"choices": {}}, "Expected `array`, got `object` - at `$.choices`"),
        ({"choices": [{"text": 5}]}, "Expected `str`, got `int` - at `$.choices[0].text`"),
        ({"choices": [{}, {"index": "1"}]}, "Expected `int`, got `str` - at `$.choices[1].index`"),
        ({"choices": [], "usage": {"total_tokens": 1.5}}, "Expected `int`, got `float` - at `$.usage.total_tokens`"),
        ({"choices": [], "created": "now"}, "Expected `float | null`, got `str` - at `$.created`"),
        ([], "Expected `object`, got `array`"),
        ("a secret", "Expected `object`, got `str`"),
    ],
)
def test_an_error_about_a_document_has_a_path_and_quotes_nothing(document: Any, about: str) -> None:
    played = answered(completion("Once"), document)
    assert isinstance(played.error, RemoteProtocolError)
    assert str(played.error) == f"POST /oa/v1/completions: {about}"


# ---- chats: the form of the page, and the form of the service


def test_a_chat_in_the_documented_form_has_its_message() -> None:
    message = {"role": "assistant", "content": "Hi!"}
    document = {**ENVELOPE, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}
    for operation in (CHAT, chat_completion(HELLO), chat_completion_stream(HELLO)):
        result = answered(operation, document).result
        assert result.choices[0].message.content == result.text == "Hi!"
        assert result.choices[0].message == Message("assistant", "Hi!")
        assert result.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    "choice",
    [
        {"text": "Hi!", "token_ids": [1]},
        {"text": "Hi!", "message": None},
        {"text": "Hi!", "message": {"role": "assistant", "content": None}},
        {"text": "", "message": {"content": "Hi!"}},
        {"text": "no", "message": {"content": "Hi!"}},
        {"delta": {"role": "assistant", "content": "Hi!", "token_ids": [1]}},
    ],
)
def test_a_chat_in_the_observed_form_has_a_message_all_the_same(choice: dict[str, Any]) -> None:
    result = answered(CHAT, {"object": "chat.completion.chunk", "choices": [choice]}).result
    assert result.choices[0].message == Message("assistant", "Hi!")
    assert result.choices[0].extra == {}


def test_a_chat_that_has_token_ids_and_no_text_is_an_error_that_says_why() -> None:
    played = answered(CHAT, {"choices": [{"index": 0, "text": "", "token_ids": [9703, 0]}], "usage": USAGE})
    assert isinstance(played.error, RemoteProtocolError)
    assert "token ids and no text" in str(played.error)
    assert "ask for a stream" in str(played.error)
    partial: Any = played.error.partial
    assert partial.choices[0].token_ids == (9703, 0)


@for_each(
    "choice",
    [
        {"message": {"content": ""}, "token_ids": []},
        {"message": {"content": ""}, "token_ids": [151336]},
        {"message": {"content": "", "reasoning_content": "Hm"}, "token_ids": [1, 2]},
    ],
)
def test_an_answer_may_be_empty_where_there_was_nothing_to_say(choice: dict[str, Any]) -> None:
    assert answered(CHAT, {"choices": [choice]}).result.text == ""


@for_each("name", ["reasoning_content", "reasoning"])
def test_reasoning_that_the_service_separates_stays_separate(name: str) -> None:
    result = answered(CHAT, {"choices": [{"message": {"content": "4", name: "2 + 2", "tool_calls": None}}]}).result
    assert result.choices[0].message == Message("assistant", "4", None, "2 + 2", extra={"tool_calls": None})


def test_an_answer_can_be_sent_again_as_it_is() -> None:
    message = (
        answered(CHAT, {"choices": [{"message": {"content": "4", "reasoning": "2 + 2", "x": 1}}]})
        .result.choices[0]
        .message
    )
    sent = json.loads(chat_completion([*HELLO, message]).request.body)["messages"]
    assert sent[1] == {"role": "assistant", "content": "4"}


# ---- models and counts


def test_the_models_are_a_bare_list_of_which_only_the_ids_are_certain() -> None:
    data = [{"id": "glm-4-5", "owned_by": "novelai"}, {"id": "glm-4-6", "object": "model", "created": 1, "x": 2}]
    models = answered(list_models(), {"object": "list", "data": data}).result
    assert [(model.id, model.owned_by) for model in models] == [("glm-4-5", "novelai"), ("glm-4-6", None)]
    assert models[1] == ModelCard(id="glm-4-6", created=1, extra={"x": 2})
    assert answered(list_models(), {"data": []}).result == ()


def test_an_error_about_a_model_without_an_id_has_its_path() -> None:
    played = answered(list_models(), {"data": [{"id": "a"}, {"object": "model"}]})
    assert str(played.error) == "GET /oa/v1/models: Object missing required field `id` - at `$.data[1]`"


@for_each(
    "document, expected",
    [
        ({"length": 5, "encoded": [9906, 11, 1917, 0, 1]}, TokenCount(5, (9906, 11, 1917, 0, 1))),
        ({"length": 0, "encoded": []}, TokenCount(0)),
        ({"token_count": 5}, TokenCount(5)),
        ({"tokens": 5}, TokenCount(5)),
        ({"count": 5, "length": None}, TokenCount(5)),
        ({"encoded": [1, 2]}, TokenCount(2, (1, 2))),
    ],
)
def test_a_token_count_is_a_number(document: dict[str, Any], expected: TokenCount) -> None:
    counted = answered(token_count("Hello, world!", model="llama-3-erato-v1"), document).result
    assert counted == expected
    assert int(counted) == expected.length


def test_a_response_without_a_count_is_an_error() -> None:
    played = answered(token_count("x"), {"size": 5})
    assert str(played.error) == "POST /oa/v1/internal/token-count: Object missing required field `length`"


# ---- errors

SHAPES: Final = {
    "gateway": b'{"statusCode": %d, "message": "so it is"}',
    "model server": b'{"error": {"message": "so it is", "code": %d, "type": "x", "param": null}}',
    "text": b'{"error": "so it is", "x": %d}',
    "message": b'{"message": "so it is", "x": %d}',
    "detail": b'{"detail": "so it is", "x": %d}',
    "list": b'{"statusCode": %d, "message": ["so it is"]}',
    "object": b'{"statusCode": %d, "message": {"message": "so it is"}}',
}
OPERATIONS: Final[list[Operation[Any, Any]]] = [
    *(completion("x"), completion_stream("x"), chat_completion(HELLO), chat_completion_stream(HELLO)),
    *(list_models(), token_count("x")),
]


@for_each("operation", OPERATIONS)
@for_each("shape", SHAPES.values())
@for_each(
    "status, kind",
    [
        (400, nai.RejectedRequestError),
        (401, nai.AuthenticationError),
        (402, nai.PaymentRequiredError),
        (403, nai.PermissionDeniedError),
        (404, nai.NotFoundError),
        (408, nai.RequestTimeoutError),
        (409, nai.ConflictError),
        (413, nai.RejectedRequestError),
        (422, nai.RejectedRequestError),
        (429, nai.RateLimitError),
        (500, nai.ServerError),
    ],
)
def test_a_refusal_has_its_class_and_the_services_words(
    operation: Operation[Any, Any], shape: bytes, status: int, kind: type[nai.StatusError]
) -> None:
    head = Head(status, Headers.of(content_type="application/json", x_request_id="r-1"))
    played = play(operation.with_options(retry=nai.NO_RETRY), [head, shape % status, b""])
    assert type(played.error) is kind
    assert (played.error.message, played.error.status, played.error.request_id) == ("so it is", status, "r-1")
    assert str(played.error).startswith(f"{status} so it is")


@for_each("body", [b"", b"<html><title>502 Bad Gateway</title></html>", b"plain", b'{"error": null}'])
def test_a_refusal_may_say_nothing_of_use(body: bytes) -> None:
    played = play(chat_completion(HELLO).with_options(retry=nai.NO_RETRY), [Head(502), body, b""])
    assert isinstance(played.error, nai.ServerError)


@for_each("operation", OPERATIONS)
@for_each("shape", SHAPES.values())
def test_an_error_with_a_success_status_is_one(operation: Operation[Any, Any], shape: bytes) -> None:
    played = play(operation, [JSON, shape % 500, b""])
    if b'"error"' in shape or b"statusCode" in shape:
        assert isinstance(played.error, StreamError)
        assert played.error.message == "so it is"
    else:
        assert isinstance(played.error, RemoteProtocolError)


# ---- retries

LOCKED: Final = b'{"statusCode": 429, "message": "Concurrent generation is locked"}'
WHOLE: Final = b'{"choices":[{"text":"a","message":{"content":"a"}}]}'


@for_each("operation", OPERATIONS[:4])
def test_the_lock_of_the_account_is_waited_for_with_patience(operation: Operation[Any, Any]) -> None:
    busy: list[Head | bytes] = [Head(429), LOCKED, b""]
    played = play(operation, [*busy, *busy, JSON, WHOLE, b""])
    assert played.result.text == "a"
    waits = [action.at_least for action in played.actions if isinstance(action, Sleep)]
    assert waits == [1.0, 1.0]
    assert isinstance(play(operation, busy * 99).error, nai.ConcurrentGenerationError)


def test_a_busy_service_says_how_long_to_wait() -> None:
    busy = Head(429, Headers.of(retry_after="7"))
    played = play(chat_completion(HELLO), [busy, b"<html>slow down</html>", b"", JSON, WHOLE, b""])
    assert [action.at_least for action in played.actions if isinstance(action, Sleep)] == [7]
    far = Head(429, Headers.of(retry_after="3600"))
    assert "Sleep" not in play(chat_completion(HELLO), [far, LOCKED, b""]).kinds


@for_each("status", [500, 502, 408, 409, 400, 401])
def test_a_generation_that_may_be_billed_is_not_repeated(status: int) -> None:
    for operation in OPERATIONS[:4]:
        assert play(operation, [Head(status), b"", b""]).kinds == "Send Receive"


def test_what_costs_nothing_is_repeated() -> None:
    for operation in OPERATIONS[4:]:
        assert play(operation, [Head(500), b""] * 3).kinds.count("Send") == 3


def test_nothing_is_repeated_after_the_first_chunk() -> None:
    chunk = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
    lost = nai.TransportError("gone", sent=False, phase="read")
    for repeat in (nai.Repeat.NEVER, nai.Repeat.IF_NOT_ACTED, nai.Repeat.ALWAYS):
        played = play(replace(chat_completion_stream(HELLO), repeat=repeat), [STREAM, chunk, lost])
        assert played.kinds == "Send Receive Emit Receive"
        assert isinstance(played.error, nai.TransportError)


# ---- anything

_KEYS: Final = (
    *("choices", "text", "message", "delta", "content", "reasoning", "role", "usage", "logprobs", "token_ids", "index"),
    *("data", "id", "length", "encoded", "error", "statusCode", "*"),
)
_numbers = st.integers(-5, 2**70) | st.floats(allow_nan=False, allow_infinity=False)
_values = st.recursive(
    st.none() | st.booleans() | _numbers | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5),
    max_leaves=12,
)


@given(st.sampled_from(OPERATIONS), _values)
def test_any_document_gives_a_result_or_a_documented_error(operation: Operation[Any, Any], document: object) -> None:
    played = answered(operation, document)
    assert played.error is None or isinstance(played.error, RemoteProtocolError | StreamError)
