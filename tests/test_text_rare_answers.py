"""Answers that few ask for: with the prompt before them, several at once, the next words, hidden states.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#97-rare-outputs-api-host-older-models
"""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nai_proto as nai
from nai_proto.codecs.token_packing import pack
from nai_proto.emulator import Account, Emulator
from nai_proto.errors import InvalidRequestError, RejectedRequestError, RemoteProtocolError, ServerError
from nai_proto.http import Head, Headers
from nai_proto.testing import Clock, play
from nai_proto.text import (
    Completion,
    decode_tokens,
    generate,
    generate_stream,
    get_hidden_states,
    get_next_words,
)
from nai_transports import memory
from tests.cases import for_each

from .support import ByteTokenizer, an_emulator

STREAM = Head(200, Headers.of(content_type="text/event-stream"))
DOCUMENT = Head(200, Headers.of(content_type="application/json"))
BYTES = ByteTokenizer()
ONCE = "Once upon a time"
OLD = "euterpe-v2"


@pytest.fixture
def service() -> tuple[Emulator, Account]:
    return an_emulator(tokenizers=lambda _: BYTES)


def run(service: tuple[Emulator, Account], flow: Any) -> Any:
    emulator, owner = service
    session = nai.Session(base_url="http://emulator.invalid", token=owner.persistent_token)
    with memory.Client(emulator, session, clock=Clock()) as client:
        return client.run(flow)


# ---- the prompt before the answer


@pytest.mark.parametrize("make", [generate, generate_stream])
@pytest.mark.parametrize("model", ["kayra-v1", OLD])
def test_the_prompt_is_told_from_the_answer(service: tuple[Emulator, Account], make: Any, model: str) -> None:
    options: dict[str, Any] = {"model": model, "max_length": 12, "extra": {"seed": 1}}
    for prompt in (ONCE, BYTES.encode(ONCE)):
        plain = run(service, make(prompt, **options))
        full = run(service, make(prompt, return_full_text=True, **options))
        assert full == type(full)(*astuple(plain)[:-2], prompt=prompt if isinstance(prompt, str) else tuple(prompt))
        assert plain.prompt in ("", ())
    ids = run(service, decode_tokens(make(BYTES.encode(ONCE), return_full_text=True, **options), BYTES))
    assert ids.prompt == ONCE
    assert ids.finish_reason == "length"


def astuple(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, name) for name in value.__struct_fields__)


def test_the_limit_counts_the_answer_alone() -> None:
    ids = generate([1, 2, 3], max_length=3, return_full_text=True)
    answers = {(1, 2, 3, 4, 5): "stop", (1, 2, 3, 4, 5, 6): "length", (4, 5, 6): "length"}
    for output, reason in answers.items():
        document = json.dumps({"output": pack(output, 2)}).encode()
        result = play(ids, [DOCUMENT, document, b""]).result
        assert result.finish_reason == reason
        assert (*result.prompt, *result.ids) == output
        assert result.prompt == (() if output[0] == 4 else (1, 2, 3))


def event(token: str, *, final: bool = False) -> bytes:
    return b"event: newToken\ndata: " + json.dumps({"token": token, "ptr": 0, "final": final}).encode() + b"\n\n"


def cut(whole: str, cuts: list[int]) -> list[str]:
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    return [whole[low:high] for low, high in pairwise(edges)]


@settings(deadline=None)
@given(st.text("ab", min_size=1, max_size=6), st.text("abc", max_size=6), st.lists(st.integers(0, 12)), st.booleans())
def test_a_stream_may_repeat_the_prompt_in_any_pieces_or_not_at_all(
    prompt: str, answer: str, cuts: list[int], repeats: bool
) -> None:
    whole = prompt + answer if repeats else answer
    pieces = cut(whole, cuts) or [""]
    body = b"".join([event(piece, final=place == len(pieces) - 1) for place, piece in enumerate(pieces)])
    for chunks in ([body], [body[at : at + 1] for at in range(len(body))]):
        story = play(generate_stream(prompt, return_full_text=True), [STREAM, *chunks, b""])
        result: Completion = story.result
        assert "".join([token.text for token in story.events]) == result.text
        assert result.prompt + result.text == whole
        assert result.prompt == (prompt if whole.startswith(prompt) else "")


def test_an_operation_that_repeats_its_prompt_pickles_and_does_not_show_it() -> None:
    for operation in (generate("secret", return_full_text=True), generate_stream("secret", return_full_text=True)):
        assert pickle.loads(pickle.dumps(operation)) == operation
        assert "secret" not in repr(operation)


# ---- several answers


def test_several_answers_are_the_first_and_its_alternatives(service: tuple[Emulator, Account]) -> None:
    options: dict[str, Any] = {"max_length": 12, "extra": {"seed": 1}}
    for prompt in (ONCE, BYTES.encode(ONCE)):
        for more in ({}, {"return_full_text": True}, {"num_logprobs": 2}):
            one = run(service, generate(prompt, **options, **more))
            several = run(service, generate(prompt, num_return_sequences=4, **options, **more))
            assert astuple(several)[:-1] == astuple(one)[:-1]
            answers = [several, *several.alternatives]
            assert len(answers) == 4
            assert len({astuple(answer)[0] for answer in answers}) > 1
            assert all(len(answer.logprobs or ()) == (12 if "num_logprobs" in more else 0) for answer in answers)
            assert {answer.prompt for answer in answers} == {one.prompt}
    decoded = run(service, decode_tokens(generate(BYTES.encode(ONCE), num_return_sequences=2, **options), BYTES))
    assert decoded.alternatives[0].text == BYTES.decode(decoded.alternatives[0].ids)


def test_a_stream_has_one_answer(service: tuple[Emulator, Account]) -> None:
    with pytest.raises(RejectedRequestError, match="num_return_sequences must be 1 in a stream"):
        run(service, generate_stream(ONCE, num_return_sequences=2))


@for_each(
    "document, about",
    [
        ({"output": []}, "output: an empty list"),
        ({"output": ["a", "b"], "logprobs": [{}, {}]}, "logprobs: 1 lists, and 2 outputs"),
        ({"output": "a", "logprobs": [[], []]}, "logprobs: 2 lists, and 1 outputs"),
    ],
)
def test_answers_that_do_not_fit_together_are_a_protocol_error(document: Any, about: str) -> None:
    played = play(generate("x"), [DOCUMENT, json.dumps(document).encode(), b""])
    assert isinstance(played.error, RemoteProtocolError)
    assert about in str(played.error)


# ---- how tokens are drawn


def test_without_sampling_the_best_token_is_taken_whatever_the_samplers_are(service: tuple[Emulator, Account]) -> None:
    def answer(**options: Any) -> Any:
        return run(service, generate(ONCE, max_length=15, **options)).text

    greedy = answer(do_sample=False)
    assert {answer(do_sample=False, **more) for more in ({"temperature": 50}, {"top_k": 3}, {"math1_temp": -1})} == {
        greedy
    }
    assert answer(top_k=1) == greedy
    assert answer(do_sample=False, repetition_penalty=4) != greedy


def test_no_sequence_comes_twice_that_may_not(service: tuple[Emulator, Account]) -> None:
    prompt = BYTES.encode("the sea and the sea and the sea")

    def ngrams(ids: Sequence[int], size: int) -> Counter[tuple[int, ...]]:
        return Counter(tuple(ids[at : at + size]) for at in range(len(ids) - size + 1))

    def answer(**options: Any) -> list[int]:
        return [*run(service, generate(prompt, max_length=80, do_sample=False, **options)).ids]

    for size in (2, 4):
        before = ngrams(prompt, size)
        whole = ngrams([*prompt, *answer(no_repeat_ngram_size=size)], size)
        assert all(count == before[ngram] or count == 1 for ngram, count in whole.items())
        answered = answer(encoder_no_repeat_ngram_size=size)
        assert not any(ngrams([*prompt, *answered], size)[ngram] > count for ngram, count in before.items())
        assert ngrams(answered, size).most_common(1)[0][1] > 1
    assert any(count > before[ngram] > 0 for ngram, count in ngrams([*prompt, *answer()], 4).items())


@pytest.mark.parametrize(
    "parameters",
    [
        *({"num_beams": 2}, {"num_beam_groups": 2}, {"early_stopping": True}, {"length_penalty": 0.5}),
        *({"diversity_penalty": 0.5}, {"output_nonzero_probs": True}),
    ],
)
def test_what_the_emulator_cannot_do_is_refused(service: tuple[Emulator, Account], parameters: dict[str, Any]) -> None:
    (name,) = parameters
    with pytest.raises(ServerError, match=f"this emulator cannot do {name}") as caught:
        run(service, generate(ONCE, model=OLD, **parameters))
    assert caught.value.status == 501
    ones: dict[str, Any] = dict.fromkeys(("num_beams", "num_beam_groups", "length_penalty"), 1)
    neutral = ones | {"diversity_penalty": 0, "early_stopping": False, "output_nonzero_probs": False}
    assert run(service, generate(ONCE, model=OLD, **neutral)).text


# ---- next words, hidden states


def test_the_next_words_are_the_likeliest_ones_with_their_weights(service: tuple[Emulator, Account]) -> None:
    words = run(service, get_next_words(ONCE))
    weights = [weight for _, weight in words]
    assert 32 <= len(words) <= 256
    assert weights == sorted(weights, reverse=True)
    assert sum(weights) == pytest.approx(1)
    assert run(service, generate(ONCE, model=OLD, max_length=1, do_sample=False)).text == words[0][0]


@pytest.mark.parametrize(("model", "size"), [("6B-v4", 4096), (OLD, 5120), ("krake-v2", 6144)])
def test_a_hidden_state_depends_on_the_prompt(service: tuple[Emulator, Account], model: str, size: int) -> None:
    state = run(service, get_hidden_states(ONCE, model=model))
    assert len(state) == size
    assert state == run(service, get_hidden_states(ONCE, model=model))
    assert state != run(service, get_hidden_states(ONCE + " there", model=model))


def test_newer_models_have_neither() -> None:
    for get in (get_next_words, get_hidden_states):
        for model in ("kayra-v1", "llama-3-erato-v1"):
            with pytest.raises(InvalidRequestError, match=f"{model} is none"):
                get(ONCE, model=model)
    with pytest.raises(InvalidRequestError, match="Sigurd, Krake and what is older"):
        get_hidden_states(ONCE, model="clio-v1")


def test_the_emulator_refuses_the_hidden_states_of_clio(service: tuple[Emulator, Account]) -> None:
    with pytest.raises(RejectedRequestError, match="model clio-v1 has no hidden states to return"):
        run(service, generate(ONCE, model="clio-v1", extra={"get_hidden_states": True}))
