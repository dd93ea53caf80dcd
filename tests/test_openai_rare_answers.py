"""Completions with the prompt before them, a text after them, and several of them, in one piece and streamed.

See:
    docs/protocol/openai.md#3-completions
    docs/protocol/openai.md#63-usage-in-a-stream
"""

from __future__ import annotations

from typing import Any

import pytest

import nai_proto as nai
from nai_proto.emulator import Account, Emulator
from nai_proto.emulator.text.language_model import get_tale_model
from nai_proto.errors import InvalidRequestError, RejectedRequestError
from nai_proto.openai import OpenAICompletion, OpenAILogprobs, chat_completion, completion, completion_stream
from nai_proto.testing import Clock
from nai_transports import memory

from .support import an_emulator

ONCE = "Once upon a time"
FORMS = [{}, {"stream": True}]


@pytest.fixture
def service() -> tuple[Emulator, Account]:
    return an_emulator()


def run(service: tuple[Emulator, Account], prompt: Any = ONCE, **options: Any) -> OpenAICompletion:
    emulator, owner = service
    session = nai.Session(base_url="http://emulator.invalid", token=owner.persistent_token)
    with memory.Client(emulator, session, clock=Clock()) as client:
        return client.run(completion(prompt, **{"max_tokens": 12, "seed": 5, **options}))


def logprobs_of(answer: OpenAICompletion, index: int = 0) -> OpenAILogprobs:
    logprobs = answer.choices[index].logprobs
    assert logprobs is not None
    return logprobs


# ---- usage


@pytest.mark.parametrize("form", FORMS)
def test_every_answer_has_its_usage(service: tuple[Emulator, Account], form: dict[str, Any]) -> None:
    usage = run(service, **form).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (len(get_tale_model().vocabulary.encode(ONCE)), 12)
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    emulator, owner = service
    with memory.Client(emulator, nai.Session(token=owner.persistent_token), clock=Clock()) as client:
        answer = client.run(chat_completion([{"role": "user", "content": "Hi"}], max_tokens=9, **form))
    assert answer.usage is not None
    assert answer.usage.completion_tokens == sum(len(choice.token_ids) for choice in answer.choices)


# ---- echo


@pytest.mark.parametrize("form", FORMS)
def test_the_prompt_is_repeated_with_its_log_probabilities_and_is_not_paid_twice(
    service: tuple[Emulator, Account], form: dict[str, Any]
) -> None:
    plain, full = run(service, logprobs=3, **form), run(service, logprobs=3, echo=True, **form)
    assert full.text == ONCE + plain.text
    assert full.usage == plain.usage
    assert full.choices[0].finish_reason == plain.choices[0].finish_reason == "length"
    ours, theirs = logprobs_of(full), logprobs_of(plain)
    prompt_tokens = len(ours.tokens) - len(theirs.tokens)
    assert plain.usage is not None
    assert prompt_tokens == plain.usage.prompt_tokens
    assert "".join(ours.tokens) == full.text
    assert ours.tokens[prompt_tokens:] == theirs.tokens
    assert ours.token_logprobs[prompt_tokens:] == theirs.token_logprobs
    assert (ours.token_logprobs[0], ours.top_logprobs[0]) == (None, None)
    assert all(logprob is not None and logprob <= 0 for logprob in ours.token_logprobs[1:])
    assert [
        full.text[place:].startswith(token) for place, token in zip(ours.text_offset, ours.tokens, strict=True)
    ] == [True] * len(ours.tokens)
    assert full.choices[0].token_ids == ours.token_ids


def test_each_choice_repeats_its_own_prompt(service: tuple[Emulator, Account]) -> None:
    for form in FORMS:
        answer = run(service, [ONCE, "The sea"], n=2, echo=True, **form)
        assert [choice.text.startswith(ONCE) for choice in answer.choices] == [True, True, False, False]
        assert all(choice.text.startswith("The sea") for choice in answer.choices[2:])


# ---- several answers


@pytest.mark.parametrize("form", FORMS)
def test_several_answers_are_counted_together_and_have_log_probabilities_each(
    service: tuple[Emulator, Account], form: dict[str, Any]
) -> None:
    one, three = run(service, logprobs=2, **form), run(service, n=3, logprobs=2, **form)
    assert [choice.index for choice in three.choices] == [0, 1, 2]
    assert three.choices[0] == one.choices[0]
    assert len({choice.text for choice in three.choices}) == 3
    assert one.usage is not None
    assert three.usage is not None
    assert three.usage.prompt_tokens == one.usage.prompt_tokens
    assert three.usage.completion_tokens == 3 * one.usage.completion_tokens
    for index, choice in enumerate(three.choices):
        assert "".join(logprobs_of(three, index).tokens) == choice.text


def test_the_best_of_several_answers_are_the_likeliest_per_token(service: tuple[Emulator, Account]) -> None:
    every, best = run(service, n=5, logprobs=1), run(service, n=2, best_of=5, logprobs=1)

    def likelihood(answer: OpenAICompletion, index: int) -> float:
        numbers = [logprob or 0.0 for logprob in logprobs_of(answer, index).token_logprobs]
        return sum(numbers) / len(numbers)

    ranked = sorted(range(5), key=lambda index: -likelihood(every, index))
    assert [choice.text for choice in best.choices] == [every.choices[index].text for index in ranked[:2]]
    assert [choice.index for choice in best.choices] == [0, 1]
    assert best.usage == every.usage
    silent = run(service, n=2, best_of=5)
    assert [choice.text for choice in silent.choices] == [choice.text for choice in best.choices]
    assert silent.choices[0].logprobs is None


def test_the_best_cannot_be_known_in_a_stream(service: tuple[Emulator, Account]) -> None:
    with pytest.raises(RejectedRequestError, match="best_of must not be above n in a stream"):
        run(service, best_of=2, stream=True)
    assert len(run(service, n=2, best_of=2, stream=True).choices) == 2


def test_the_best_are_not_fewer_than_the_answers(service: tuple[Emulator, Account]) -> None:
    for ask in (completion, completion_stream):
        with pytest.raises(InvalidRequestError, match="best_of=1 and n=2 contradict each other"):
            ask(ONCE, n=2, best_of=1)
    with pytest.raises(RejectedRequestError, match="best_of must not be below n, which is 2"):
        run(service, n=2, extra={"best_of": 1})


# ---- suffix


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_ends_where_the_text_after_it_begins(service: tuple[Emulator, Account], form: dict[str, Any]) -> None:
    options: dict[str, Any] = {"max_tokens": 200, **form}
    plain, led = run(service, **options), run(service, suffix=" and so it was.", **options)
    assert (plain.choices[0].finish_reason, led.choices[0].finish_reason) == ("length", "stop")
    assert led.usage is not None
    assert plain.usage is not None
    suffix = get_tale_model().vocabulary.encode(" and so it was.")
    assert led.usage.prompt_tokens == plain.usage.prompt_tokens + len(suffix)
    assert led.usage.completion_tokens == len(led.choices[0].token_ids)
    assert led.choices[0].token_ids[-1] == suffix[0]
    assert " and" not in led.text
    with_logprobs = run(service, suffix=" and so it was.", logprobs=2, **options)
    assert with_logprobs.text == led.text
    assert logprobs_of(with_logprobs).tokens[-1] == " and"
