"""Classification: the answer in every documented form, and the emulator's labels.

See:
    docs/protocol/native.md#8-ai-endpoints-text-side
    docs/protocol/native.md#173-text-voice-modules
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from nai_proto.errors import RemoteProtocolError, StreamError
from nai_proto.http import Head, Headers, Host
from nai_proto.testing import play, run_in_memory
from nai_proto.text import Classification, ScoredLabel, classify
from tests.cases import for_each
from tests.support import an_emulator, with_token
from tests.test_emulator import parse_error, send_request

JSON = Head(201, Headers.of(content_type="application/json"))


def test_the_body_is_sent_as_it_is() -> None:
    request = classify({"model": "x", "input": "a b"}).request
    assert (request.host, request.path) == (Host.API, "/ai/classify")
    assert json.loads(request.body) == {"model": "x", "input": "a b"}


@for_each(
    "answer, labels, scores",
    [
        ({"output": [{"label": "joy", "score": 1}]}, (ScoredLabel("joy", 1.0),), (1.0,)),
        ({"output": []}, (), ()),
        ({"output": {"scores": [0.5, 1]}}, (), (0.5, 1.0)),
        ({"output": {"scores": [[0.5], [0.25, 1]]}}, (), (0.5, 0.25, 1.0)),
        ({"scores": [[0.5]]}, (), (0.5,)),
    ],
)
def test_every_form_of_an_answer_is_read(answer: Any, labels: Any, scores: Any) -> None:
    result = play(classify({}), [JSON, json.dumps(answer).encode(), b""]).result
    assert result == Classification(labels, scores)


@for_each("body", [b"{}", b'{"output":5}', b'{"output":[{"label":"x"}]}', b'{"scores":["x"]}', b"[]"])
def test_what_is_no_classification_is_the_service_s_error(body: bytes) -> None:
    assert isinstance(play(classify({}), [JSON, body, b""]).error, RemoteProtocolError)


def test_an_error_in_the_answer_is_raised() -> None:
    assert isinstance(play(classify({}), [JSON, b'{"error":"no such model"}', b""]).error, StreamError)


def test_the_emulator_s_scores_are_probabilities_that_depend_on_the_body() -> None:
    emulator, owner = an_emulator()

    def ask(**body: object) -> Classification:
        flow = with_token(owner.persistent_token, classify(body))
        result: Classification = run_in_memory(flow, emulator).result
        return result

    first = ask(input="What a day!")
    assert sum(first.scores) == pytest.approx(1)
    assert [*first.scores] == sorted(first.scores, reverse=True)
    assert first == ask(input="What a day!") != ask(input="Alas.")
    assert parse_error(send_request(emulator, "POST", "/ai/classify", [1], owner=owner))[0] == 400
