"""Text generation with token ids in and out, and the text that they mean.

See:
    docs/protocol/native.md#9-aigenerate-request
    docs/protocol/native.md#10-streaming-aigenerate-stream
    docs/protocol/native.md#111-packing
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Sequence
from typing import Any

import pytest
import tokenizers as hugging_face
from hypothesis import given
from hypothesis import strategies as st

import nai_proto as nai
from nai_proto import text
from nai_proto.codecs.token_packing import pack, unpack
from nai_proto.errors import InvalidRequestError, RemoteProtocolError, StreamError, Truncated
from nai_proto.exchange.actions import Send
from nai_proto.http import Head, Headers
from nai_proto.testing import play
from nai_proto.text import (
    BiasGroup,
    Completion,
    CompletionIds,
    Logprobs,
    Preset,
    Token,
    TokenCandidate,
    TokenIds,
    build_parameters,
    decode_tokens,
    generate,
    generate_prompt,
    generate_stream,
    get_hidden_states,
    get_next_words,
)
from nai_proto.text.models import MODELS
from nai_proto.tokenizers import read
from tests.cases import for_each

from .support import ByteTokenizer
from .test_tokenizers import hugging_face_file

STREAM = Head(200, Headers.of(content_type="text/event-stream"))
DOCUMENT = Head(201, Headers.of(content_type="application/json"))
LOGPROBS = {"chosen": [[[279], [-0.5, 0.0]]], "before": [[[279], [-0.5, 0.0]], [[264], [-7.0, None]]], "after": []}
BYTES = ByteTokenizer()
MODEL = st.sampled_from(MODELS)


def event(ids: Sequence[int], ptr: int, final: bool = False, width: int = 2, **more: Any) -> bytes:
    data = {"token": pack(ids, width), "ptr": ptr, "final": final, "logprobs": None, **more}
    return f"event: newToken\nid: {ptr}\ndata:{json.dumps(data)}\n\n".encode()


def events(ids: Sequence[int], width: int = 2) -> bytes:
    """A stream with an event for each id."""
    return b"".join(event([one], ptr, ptr == len(ids) - 1, width) for ptr, one in enumerate(ids))


def sent(operation: Any) -> Any:
    return json.loads(operation.request.body)


# ---- requests


@for_each(
    "model, ids, packed",
    [
        ("kayra-v1", [13071, 1190, 85], "DzOmBFUA"),
        (
            "llama-3-erato-v1",
            [128000, 128081, 58, 328, 25, 220, 19, 5243],
            "APQBAFH0AQA6AAAASAEAABkAAADcAAAAEwAAAHsUAAA=",
        ),
    ],
)
def test_a_prompt_of_ids_goes_out_packed_as_wide_as_the_models_tokens(model: str, ids: list[int], packed: str) -> None:
    for body in (sent(generate(ids, model=model)), sent(generate_stream(ids, model=model))):
        assert body["input"] == packed
        assert body["parameters"]["use_string"] is False


def test_a_prompt_of_text_goes_out_as_it_is() -> None:
    body = sent(generate("Once"))
    assert body["input"] == "Once"
    assert body["parameters"]["use_string"] is True


@given(MODEL, st.data())
def test_any_ids_that_a_models_width_can_hold_can_be_sent(model: nai.Model, data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, 256**model.token_width - 1)))
    assert unpack(sent(generate(ids, model=model))["input"], model.token_width) == ids


@for_each(
    "prompt, about",
    [
        ([1, 65_536], "token 1 is 65536, which 2 bytes cannot hold"),
        ([-1], "token 0 is -1"),
        (["a"], "token 0 is a str, not an int"),
        (b"Once", "prompt takes a str or a list of token ids, not bytes"),
    ],
)
def test_a_prompt_that_is_neither_text_nor_ids_is_refused_before_it_is_sent(prompt: Any, about: str) -> None:
    with pytest.raises(InvalidRequestError, match=about):
        generate(prompt)
    with pytest.raises(InvalidRequestError, match=about):
        generate_stream(prompt)


# ---- answers


def test_a_stream_of_ids_gives_an_event_for_each_and_all_of_them_in_the_end() -> None:
    played = play(generate_stream([1], max_length=3), [STREAM, events([7, 300, 65_535]), b""])
    assert played.events == [TokenIds((7,), 0), TokenIds((300,), 1), TokenIds((65_535,), 2, True)]
    assert played.result == CompletionIds((7, 300, 65_535), None, "length")


def test_eratos_ids_are_four_bytes_wide() -> None:
    ids = [128_000, 58, 128_255]
    operation = generate_stream([1], model=nai.Model.ERATO)
    assert play(operation, [STREAM, events(ids, width=4), b""]).result.ids == tuple(ids)
    answer = json.dumps({"output": pack(ids, 4)}).encode()
    assert play(generate([1], model="llama-3-erato-v1"), [DOCUMENT, answer, b""]).result.ids == tuple(ids)


@for_each("max_length, reason", [(3, "length"), (4, "stop")])
def test_an_answer_in_one_piece_says_by_its_length_why_it_ended(max_length: int, reason: str) -> None:
    answer = json.dumps({"output": pack([1, 2, 3], 2), "logprobs": [LOGPROBS] * 3}).encode()
    result = play(generate([5], max_length=max_length), [DOCUMENT, answer, b""]).result
    assert (result.ids, result.finish_reason) == ((1, 2, 3), reason)
    assert result.logprobs is not None
    assert result.logprobs[0] == Logprobs(
        (TokenCandidate((279,), (-0.5, 0.0)),),
        (TokenCandidate((279,), (-0.5, 0.0)), TokenCandidate((264,), (-7.0, None))),
        (),
    )


def test_an_event_may_have_no_id_or_several() -> None:
    stream = event([1, 2], 0) + event([3], 1) + event([], 2, final=True)
    assert play(generate_stream([1], max_length=3), [STREAM, stream, b""]).result.ids == (1, 2, 3)


def test_an_event_with_unknown_keys_is_a_token_all_the_same() -> None:
    stream = event([1], 0, node="a") + event([2], 1, final=True, logprobs=LOGPROBS)
    result = play(generate_stream([1]), [STREAM, stream, b""]).result
    assert result.ids == (1, 2)
    assert result.logprobs is not None
    assert len(result.logprobs) == 1


@for_each(
    "token, about",
    [("so", "not base64"), ("AQID", "3 bytes are no whole number of tokens of 2"), ("AQ=", "not base")],
)
def test_an_error_about_ids_says_where_and_keeps_what_came(token: str, about: str) -> None:
    wrong = b'event: newToken\ndata: {"token": "%s", "ptr": 2, "final": false}\n\n' % token.encode()
    played = play(generate_stream([1]), [STREAM, event([1], 0) + event([2], 1) + wrong, b""])
    assert [token.ids for token in played.events] == [(1,), (2,)]
    assert isinstance(played.error, RemoteProtocolError)
    assert str(played.error).startswith("POST /ai/generate-stream: event 2: packed tokens: ")
    assert about in str(played.error)
    assert played.error.partial == CompletionIds((1, 2))
    answer = json.dumps({"output": token}).encode()
    whole = play(generate([1]), [DOCUMENT, answer, b""])
    assert isinstance(whole.error, RemoteProtocolError)
    assert about in str(whole.error)


def test_a_document_in_the_place_of_a_stream_of_ids_gives_the_result() -> None:
    answer = json.dumps({"output": pack([4, 5], 2)}).encode()
    played = play(generate_stream([1], max_length=2), [DOCUMENT, answer, b""])
    assert played.events == []
    assert played.result == CompletionIds((4, 5), None, "length")


def test_operations_with_ids_pickle() -> None:
    for operation in (generate([1, 2]), generate_stream([1, 2], model=nai.Model.ERATO)):
        assert pickle.loads(pickle.dumps(operation)) == operation


def test_events_and_results_with_ids_pickle() -> None:
    for value in (TokenIds((1,), 0, True), CompletionIds((1, 2), None, "stop"), Token("a", ids=(1,))):
        assert pickle.loads(pickle.dumps(value)) == value


# ---- the text of ids


@given(st.text(), st.integers(1, 9))
def test_the_events_texts_joined_are_the_results_text(text: str, size: int) -> None:
    ids = BYTES.encode(text + "!")
    stream = events(ids)
    pieces = [stream[at : at + 97 * size] for at in range(0, len(stream), 97 * size)]
    played = play(decode_tokens(generate_stream([1]), BYTES), [STREAM, *pieces, b""])
    assert "".join(token.text for token in played.events) == played.result.text == text + "!"
    assert played.result.ids == tuple(ids)
    assert [token.ids for token in played.events] == [(one,) for one in ids]


def test_a_character_comes_whole_with_its_last_token() -> None:
    stream = events(BYTES.encode("été"))
    played = play(decode_tokens(generate_stream([1]), BYTES), [STREAM, stream, b""])
    assert [token.text for token in played.events] == ["", "é", "t", "", "é"]


def test_a_character_that_never_becomes_whole_is_not_lost_either() -> None:
    ids = BYTES.encode("aé")[:-1]
    played = play(decode_tokens(generate_stream([1]), BYTES), [STREAM, events(ids), b""])
    assert [token.text for token in played.events] == ["a", "�"]
    assert played.result == Completion("a�", None, "stop", tuple(ids))


def test_an_answer_in_one_piece_has_its_text() -> None:
    ids = tuple(BYTES.encode("Grüße"))
    answer = json.dumps({"output": pack(ids, 2)}).encode()
    played = play(decode_tokens(generate([1], max_length=7), BYTES), [DOCUMENT, answer, b""])
    assert played.result == Completion("Grüße", None, "length", ids)


def test_a_partial_result_has_the_text_that_is_certain_and_all_ids() -> None:
    ids = BYTES.encode("né")[:-1]
    played = play(decode_tokens(generate_stream([1]), BYTES), [STREAM, b"".join(event([one], 0) for one in ids), b""])
    assert isinstance(played.error, Truncated)
    assert played.error.partial == Completion("n", None, None, tuple(ids))
    seen = [action.call.partial for action in played.actions if isinstance(action, Send) and action.call]
    assert seen == [played.error.partial]


def test_an_error_in_a_stream_of_ids_keeps_the_text() -> None:
    stream = event(BYTES.encode("a"), 0) + b'event: newToken\ndata: {"error": "node lost"}\n\n'
    played = play(decode_tokens(generate_stream([1]), BYTES), [STREAM, stream, b""])
    assert isinstance(played.error, StreamError)
    assert played.error.partial == Completion("a", None, None, tuple(BYTES.encode("a")))


def test_an_error_before_the_first_token_has_nothing_to_decode() -> None:
    refusal = Head(400, Headers.of(content_type="application/json"))
    played = play(decode_tokens(generate_stream([1]), BYTES), [refusal, b'{"statusCode":400,"message":"no"}', b""])
    assert isinstance(played.error, nai.InvalidRequestError)
    assert played.error.partial is None


# ---- what a request is made of


def test_a_bare_call_adds_nothing_that_changes_the_text() -> None:
    assert sent(generate("Once"))["parameters"] == {
        "max_length": 40,
        "min_length": 1,
        "return_full_text": False,
        "use_cache": False,
        "use_string": True,
        "prefix": "vanilla",
    }


def test_a_preset_brings_its_model_its_length_and_the_usual_settings() -> None:
    preset = Preset.from_default("clio-v1")
    body = sent(generate([5], preset=preset))
    assert body["model"] == "clio-v1"
    assert body["parameters"] == {**build_parameters("clio-v1", preset=preset), "use_string": False}
    played = play(generate_stream([1], preset=preset), [STREAM, events([7] * 75), b""])
    assert played.result.finish_reason == "length"  # Vingt-Un has 75


def test_single_parameters_have_the_last_word_and_extra_is_not_looked_at() -> None:
    preset = Preset.from_default(nai.Model.KAYRA)
    options: Any = {"temperature": 0.5, "max_length": 7, "extra": {"top_z": "new", "temperature": 0.6}}
    parameters = sent(generate("Once", preset=preset, settings=None, **options))["parameters"]
    assert (parameters["temperature"], parameters["max_length"], parameters["top_z"]) == (0.6, 7, "new")
    assert "num_logprobs" not in parameters


def test_phrases_as_text_need_the_tokenizer_and_become_its_ids() -> None:
    phrases: Any = {"bans": ["it"], "biases": BiasGroup(0.5, phrases=["sea"]), "stop_sequences": ["."]}
    parameters = sent(generate("Once", tokenizer=BYTES, **phrases))["parameters"]
    assert parameters["bad_words_ids"] == [BYTES.encode("it")]
    assert parameters["stop_sequences"] == [BYTES.encode(".")]
    assert parameters["logit_bias_exp"][0]["sequence"] == BYTES.encode("sea")
    for name, phrase in phrases.items():
        with pytest.raises(InvalidRequestError, match="needs the model's tokenizer"):
            generate("Once", **{name: phrase})


@for_each(
    "options, about",
    [
        ({"temperature": 0.01}, "temperature is 0.01, and kayra-v1 takes a number from 0.1 to 100"),
        ({"temprature": 1}, "no parameter 'temprature'; did you mean 'temperature'?"),
        ({"top_k": True}, "top_k is True, and kayra-v1 takes an integer"),
        ({"preset": Preset.from_default("clio-v1"), "model": "kayra-v1"}, "is for clio-v1, not for kayra-v1"),
        ({"model": "kayra-v9"}, "no model for stories is called 'kayra-v9'; did you mean 'kayra-v1'?"),
        ({"model": "glm-4-6"}, "only the OpenAI-compatible API has it"),
        ({"module": "theme_naval", "model": "llama-3-erato-v1"}, "llama-3-erato-v1"),
    ],
)
def test_what_the_service_would_refuse_is_refused_before_it_is_sent(options: Any, about: str) -> None:
    for ask in (generate, generate_stream):
        with pytest.raises(InvalidRequestError, match=re.escape(about)):
            ask("Once", **options)


def test_validation_can_be_switched_off() -> None:
    options: Any = {"temperature": 0.01, "temprature": 1}
    assert sent(generate("Once", validate=False, **options))["parameters"]["temperature"] == 0.01


def test_a_model_that_is_not_listed_can_be_given_its_facts() -> None:
    model = nai.Model(
        "new-v1", text.TextModelFacts(host=nai.Host.TEXT, token_width=4, modules=False, tokenizer="llama3")
    )
    operation = generate([128_000], model=model)
    assert operation.request.host is nai.Host.TEXT
    assert sent(operation)["input"] == pack([128_000], 4)
    assert pickle.loads(pickle.dumps(operation)) == operation


# ---- what is rare


def test_the_service_makes_up_a_prompt() -> None:
    operation = generate_prompt("a ship", temp=1.2, tokens_to_generate=60)
    assert operation.request.target == "/ai/generate-prompt"
    assert json.loads(operation.request.body) == {
        "model": "euterpe-v2",
        "prompt": "a ship",
        "temp": 1.2,
        "tokens_to_generate": 60,
    }
    assert play(operation, [DOCUMENT, b'{"generated_text":"A ship came in."}', b""]).result == "A ship came in."
    for wrong in ({"temp": 0.0}, {"tokens_to_generate": 201}):
        with pytest.raises(InvalidRequestError, match="it has to be from"):
            generate_prompt("a ship", **wrong)
    with pytest.raises(InvalidRequestError, match="prompt's length is 0"):
        generate_prompt("")


def test_next_words_and_hidden_states_are_answers_of_their_own_form() -> None:
    assert sent(get_next_words("Once", model="euterpe-v2"))["parameters"]["next_word"] is True
    words = play(get_next_words("Once"), [DOCUMENT, b'{"output":[[" upon",0.9],[" more",0.1]]}', b""]).result
    assert words == ((" upon", 0.9), (" more", 0.1))
    assert sent(get_hidden_states("Once"))["parameters"]["get_hidden_states"] is True
    assert play(get_hidden_states("Once"), [DOCUMENT, b'{"output":[0.5,-1,2e-3]}', b""]).result == (0.5, -1.0, 0.002)
    for operation in (get_next_words("Once"), get_hidden_states("Once"), generate_prompt("x")):
        assert pickle.loads(pickle.dumps(operation)) == operation


# ---- Erato


def test_eratos_phrases_contain_no_start_token() -> None:
    """A file like Llama 3's puts a token before every text of its own accord.

    See docs/protocol/native.md#112-tokenizer-per-model.
    """
    tokenizer = read(hugging_face_file(), name="llama3")
    start = hugging_face.Tokenizer.from_buffer(hugging_face_file()).encode("The sea").ids[0]
    assert start != tokenizer.encode("The sea")[0]
    rarer = BiasGroup(-1, phrases=["The sea"])
    operation = generate(
        tokenizer.encode("The sea"),
        preset=Preset.from_default(nai.Model.ERATO),
        bans=["The sea"],
        biases=rarer,
        stop_sequences=["The sea"],
        tokenizer=tokenizer,
    )
    parameters = sent(operation)["parameters"]
    ids = tokenizer.encode("The sea")
    assert parameters["bad_words_ids"][-1] == parameters["stop_sequences"][0] == ids
    assert parameters["logit_bias_exp"][-1]["sequence"] == ids
    assert sent(operation)["input"] == pack(ids, 4)
    assert start not in parameters["repetition_penalty_whitelist"]
