"""The emulator's OpenAI-compatible endpoints: requests, responses, and the switches that change them.

See docs/protocol/openai.md#11-what-openais-python-client-sends-emulator-requirements.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.codecs.sse import SSEDecoder
from nai_proto.emulator import Account
from nai_proto.emulator.openai.chat_template import END_OF_TURN, find_end_of_turn
from nai_proto.emulator.openai.request_body import (
    ChatRequest,
    CompletionRequest,
    TokenCountRequest,
    parse_request,
)
from nai_proto.emulator.openai.text_generation import StreamPart, TextPiece
from nai_proto.emulator.text.language_model import get_tale_model
from nai_proto.http import Head
from nai_proto.secret import Password
from nai_proto.testing import Clock
from nai_proto.testing.strategies import hostile_bytes
from nai_proto.tier import Tier
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.test_cli import nai, run_emulator

from .support import ByteTokenizer, an_emulator, switched
from .test_emulator import parse_error, send_request

BYTES = ByteTokenizer()
ONCE = "Once upon a time"
ASK = [{"role": "system", "content": "You tell tales."}, {"role": "user", "content": "Tell me one."}]
COMPLETIONS = "/oa/v1/completions"
CHAT = "/oa/v1/chat/completions"
COUNT = "/oa/v1/internal/token-count"

OWN_END_OF_TURN = find_end_of_turn(get_tale_model().vocabulary)
"""In the emulator's own vocabulary."""


class Service:
    """An emulator with one account, and short ways to send requests to it."""

    def __init__(self, *, ids: bool = False, pace: float = 0.0, clock: Clock | None = None, **switches: Any) -> None:
        options: dict[str, Any] = {"tokenizers": lambda _: BYTES} if ids else {}
        self.clock = clock or Clock(1_000.0)
        self.emulator, self.owner = an_emulator(pace=pace, **switched(**switches), **options)

    def ask(self, path: str, body: object = None, owner: Account | None = None) -> tuple[Head, bytes]:
        method = "GET" if body is None else "POST"
        return send_request(self.emulator, method, path, body, owner=owner or self.owner)

    def post(self, path: str, **body: Any) -> Any:
        head, answer = self.ask(path, {"model": "glm-4-6", **body})
        assert (head.status, head.content_type) == (200, "application/json"), answer
        return json.loads(answer)

    def complete(self, prompt: Any = ONCE, **body: Any) -> Any:
        return self.post(COMPLETIONS, prompt=prompt, **{"seed": 5, "max_tokens": 20, **body})

    def chat(self, messages: Any = ASK, **body: Any) -> Any:
        return self.post(CHAT, messages=messages, **{"seed": 5, **body})

    def stream(self, path: str, **body: Any) -> list[Any]:
        """Return the decoded data of all events; ``[DONE]`` stays as it is."""
        head, raw = self.ask(path, {"model": "glm-4-6", "seed": 5, "stream": True, **body})
        assert (head.status, head.content_type) == (200, "text/event-stream"), raw
        return [event.data if event.data == "[DONE]" else json.loads(event.data) for event in decode_events(raw)]

    def get_refusal(self, path: str, body: object) -> tuple[int, str]:
        return parse_error(self.ask(path, body))


def decode_events(raw: bytes) -> list[Any]:
    decoder = SSEDecoder()
    found = decoder.receive_data(raw)
    decoder.receive_eof()
    return found


def join_texts(chunks: list[Any], *path: str, index: int = 0) -> str:
    """Return the text at this path of all chunks of one choice."""
    texts = []
    for chunk in chunks:
        for choice in chunk["choices"] if isinstance(chunk, dict) else ():
            if choice["index"] == index:
                for key in path:
                    choice = choice.get(key, {})
                texts.append(choice or "")
    return "".join(texts)


def list_choices(chunks: list[Any]) -> list[Any]:
    return [choice for chunk in chunks if isinstance(chunk, dict) for choice in chunk["choices"]]


# ---- access and checks


@for_each("path", [COMPLETIONS, CHAT, COUNT])
def test_the_access_token_is_checked_before_the_body(path: str) -> None:
    emulator = an_emulator()[0]
    assert parse_error(send_request(emulator, "POST", path, b"not json"))[0] == 401
    assert parse_error(send_request(emulator, "POST", path, b"not json", authorization="Bearer pst-wrong"))[0] == 401
    assert parse_error(send_request(emulator, "GET", "/oa/v1/models", authorization="Basic abc"))[0] == 401


def test_an_unknown_path_is_404_and_the_error_lists_the_right_ones() -> None:
    service = Service()
    for path in ("/oa/v1/models/glm-4-6", "/oa/models", "/oa/v1/embeddings"):
        status, message = parse_error(service.ask(path))
        assert status == 404
        assert path in message
        assert "/oa/v1/" in message


def test_the_list_has_the_models_of_the_tier() -> None:
    service = Service()
    for tier, expected in (
        (Tier.OPUS, ["glm-4-5", "glm-4-6", "xialong-v1"]),
        (Tier.SCROLL, ["glm-4-5", "glm-4-6"]),
        (Tier.PAPER, []),
    ):
        owner = service.emulator.add_account(f"{tier.name}@example.com", Password("p"), tier=tier)
        document = json.loads(service.ask("/oa/v1/models", owner=owner)[1])
        assert document["object"] == "list"
        assert [model["id"] for model in document["data"]] == expected
        assert all(model["owned_by"] == "novelai" and model["object"] == "model" for model in document["data"])


def test_a_switch_replaces_the_list_of_models() -> None:
    assert json.loads(Service(models=()).ask("/oa/v1/models")[1])["data"] == []
    service = Service(models=("mine-v1",))
    assert [model["id"] for model in json.loads(service.ask("/oa/v1/models")[1])["data"]] == ["mine-v1"]
    assert service.post(COMPLETIONS, model="mine-v1", prompt="x " * 40_000, max_tokens=3)["model"] == "mine-v1"
    assert service.get_refusal(COMPLETIONS, {"model": "glm-4-6", "prompt": "x"})[0] == 400


def test_the_tier_decides_which_models_may_generate() -> None:
    service = Service()
    paper = service.emulator.add_account("paper@example.com", Password("p"), tier=Tier.PAPER)
    scroll = service.emulator.add_account("scroll@example.com", Password("p"), tier=Tier.SCROLL)
    for path, prompt in ((COMPLETIONS, {"prompt": "x"}), (CHAT, {"messages": ASK})):
        body = {"model": "xialong-v1", "max_tokens": 2, **prompt}
        assert parse_error(service.ask(path, body, owner=paper)) == (402, "An active subscription is required")
        assert parse_error(service.ask(path, body, owner=scroll)) == (403, "Not eligible for this model")
        assert service.ask(path, body)[0].status == 200


def test_prompt_and_answer_together_must_fit_the_context() -> None:
    service = Service(ids=True)
    prompt = "x" * (36_864 - 10)
    assert service.complete(prompt, max_tokens=10)["usage"]["total_tokens"] == 36_864
    status, message = service.get_refusal(COMPLETIONS, {"model": "glm-4-6", "prompt": prompt, "max_tokens": 11})
    assert status == 400
    assert "36864 tokens maximum" in message


@for_each(
    "path, body, about",
    [
        (COMPLETIONS, b"{]", "not JSON"),
        (COMPLETIONS, [], "cannot unmarshal array"),
        (COMPLETIONS, {}, "prompt"),
        (COMPLETIONS, {"model": "glm-4.6", "prompt": "x"}, "model glm-4.6 doesn't exist"),
        (COMPLETIONS, {"prompt": []}, "prompt"),
        (COMPLETIONS, {"prompt": [[]]}, "prompt"),
        (COMPLETIONS, {"prompt": ["a", 1]}, "prompt"),
        (COMPLETIONS, {"prompt": [-1]}, "prompt"),
        (COMPLETIONS, {"prompt": {"ofString": "x"}}, "prompt"),
        (COMPLETIONS, {"prompt": "x", "max_tokens": 0}, "max_tokens must be from 1 to 2048"),
        (COMPLETIONS, {"prompt": "x", "max_tokens": 2049}, "max_tokens must be from 1 to 2048"),
        (COMPLETIONS, {"prompt": "x", "temperature": 2.1}, "temperature must be from 0 to 2"),
        (COMPLETIONS, {"prompt": "x", "presence_penalty": -3}, "presence_penalty must be from -2 to 2"),
        (COMPLETIONS, {"prompt": "x", "n": 0}, "n must be from 1 to 128"),
        (COMPLETIONS, {"prompt": ["x"] * 50, "n": 3}, "n must be from 1 to 128 for all prompts together"),
        (COMPLETIONS, {"prompt": ["x"] * 129}, "for all prompts together"),
        (CHAT, {"messages": ASK, "n": 129}, "n must be from 1 to 128"),
        (COMPLETIONS, {"prompt": "x", "logprobs": -1}, "logprobs must be 0 or more"),
        (COMPLETIONS, {"prompt": "x", "logprobs": True}, "cannot unmarshal bool into Go struct field logprobs"),
        (COMPLETIONS, {"prompt": "x", "top_k": "5"}, "cannot unmarshal string into Go struct field top_k of type int"),
        (COMPLETIONS, {"prompt": "x", "stop": [1]}, "cannot unmarshal number into Go struct field stop of type string"),
        (COMPLETIONS, {"prompt": "x", "logit_bias": {"a": 1}}, "logit_bias"),
        (CHAT, {"messages": []}, "messages"),
        (CHAT, {"messages": [{"role": "tool", "content": "x"}]}, "role"),
        (CHAT, {"messages": [{"role": "user"}]}, "content"),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "cannot unmarshal array"),
        (CHAT, {"messages": ASK, "logprobs": False}, "logprobs"),
        (COUNT, {"messages": ASK}, "prompt"),
        (COUNT, {"prompt": "x", "model": "gpt-17"}, "model gpt-17 doesn't exist"),
    ],
)
def test_an_invalid_request_is_400_and_says_what_is_wrong(path: str, body: Any, about: str) -> None:
    service = Service(ids=True)
    if isinstance(body, dict):
        body = {"model": "glm-4-6", **body}
    status, message = service.get_refusal(path, body)
    assert status == 400
    assert about in message
    assert not service.owner.generating


@for_each("path, body", [(COMPLETIONS, {"prompt": "x"}), (CHAT, {"messages": ASK}), (COUNT, {"prompt": ""})])
def test_a_request_without_a_model_is_400_and_names_the_field(path: str, body: Any) -> None:
    assert Service().get_refusal(path, body) == (400, "Validation error: Object missing required field `model`")


def test_a_switch_turns_the_check_of_ranges_off() -> None:
    wild = {"max_tokens": 3200, "temperature": 9, "top_p": 7, "min_p": -1, "frequency_penalty": 99}
    assert Service(ranges=False).complete(**wild)["usage"]["completion_tokens"] == 3200
    assert Service(ranges=False).complete(max_tokens=-5)["usage"]["completion_tokens"] == 1


def test_logprobs_of_0_is_500_as_with_the_service() -> None:
    assert Service().get_refusal(COMPLETIONS, {"model": "glm-4-6", "prompt": "x", "logprobs": 0})[0] == 500


def test_unknown_keys_and_null_are_ignored() -> None:
    plain = Service().complete()["choices"]
    unknown = {
        "tools": [{}],
        "response_format": {"type": "json"},
        "max_completion_tokens": 1,
    }
    assert Service().complete(**unknown, temperature=None, stop=None, n=None, stream=None)["choices"] == plain


def test_a_switch_selects_the_shape_of_errors() -> None:
    head, body = Service(errors="model_server").ask(CHAT, {"model": "glm-4-6"})
    document = json.loads(body)["error"]
    assert head.status == document["code"] == 400
    assert "messages" in document["message"]
    assert set(document) == {"message", "code", "type", "param"}
    native = Service(errors="model_server").ask("/ai/generate", {})
    assert parse_error(native)[0] == 400


# ---- completions


def test_a_completion_has_all_keys_of_the_reference() -> None:
    document = Service().complete(max_tokens=7)
    assert set(document) == {"id", "object", "created", "model", "choices", "usage"}
    assert (document["object"], document["model"]) == ("text_completion", "glm-4-6")
    assert isinstance(document["created"], int)
    (choice,) = document["choices"]
    assert set(choice) == {"index", "text", "finish_reason", "logprobs", "token_ids", "stop_reason"}
    assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "length", None)
    assert get_tale_model().vocabulary.decode(choice["token_ids"]) == choice["text"]
    length = len(get_tale_model().vocabulary.encode(ONCE))
    assert document["usage"] == {"prompt_tokens": length, "completion_tokens": 7, "total_tokens": length + 7}


def test_all_four_forms_of_a_prompt_are_accepted() -> None:
    service = Service(ids=True)
    ids = BYTES.encode(ONCE)
    one = service.complete(ONCE)["choices"][0]
    for prompt in ([ONCE], ids, [ids]):
        assert service.complete(prompt)["choices"][0] == one
    for several in ([ONCE, "The sea"], [ids, BYTES.encode("The sea")]):
        document = service.complete(several, n=2)
        assert [choice["index"] for choice in document["choices"]] == [0, 1, 2, 3]
        assert document["choices"][0] == one
        assert len({choice["text"] for choice in document["choices"]}) == 4
        assert document["usage"] == {"prompt_tokens": 23, "completion_tokens": 80, "total_tokens": 103}


@for_each(
    "body, what",
    [({"prompt": [1]}, "prompt"), ({"prompt": [[1]]}, "prompt"), ({"logit_bias": {"1": 2}}, "logit_bias")],
)
def test_token_ids_without_a_tokenizer_are_501(body: dict[str, Any], what: str) -> None:
    service = Service()
    status, message = service.get_refusal(COMPLETIONS, {"model": "glm-4-5", "prompt": "x", **body})
    assert (status, message) == (501, f"this emulator has no tokenizer of glm-4-5, and {what} holds token ids")
    assert not service.owner.generating


def test_equal_seeds_give_equal_texts_and_missing_seeds_different_ones() -> None:
    service = Service()
    assert service.complete(seed=1)["choices"] == service.complete(seed=1)["choices"]
    texts = {service.complete(seed=seed, max_tokens=40)["choices"][0]["text"] for seed in (1, 2, 3, None, None)}
    assert len(texts) == 5


def test_temperature_0_and_top_k_1_and_min_p_1_are_deterministic() -> None:
    for certain in ({"temperature": 0}, {"top_k": 1}, {"min_p": 1.0}):
        assert len({Service().complete(seed=seed, **certain)["choices"][0]["text"] for seed in range(4)}) == 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"frequency_penalty": 2.0, "presence_penalty": 2.0},
        {"unified_linear": 3.0},
        {"unified_quadratic": 2.0},
        {"unified_linear": 0.5, "unified_increase_linear_with_entropy": 2.0},
        {"unified_cubic": 3.0},
    ],
)
def test_penalties_and_the_unified_parameters_change_the_text(parameters: dict[str, float]) -> None:
    service = Service()
    plain = [service.complete(seed=seed, max_tokens=100)["choices"][0]["text"] for seed in range(3)]
    changed = [service.complete(seed=seed, max_tokens=100, **parameters)["choices"][0]["text"] for seed in range(3)]
    assert plain != changed


def test_unified_parameters_that_are_all_0_are_off() -> None:
    names = ("linear", "quadratic", "cubic", "increase_linear_with_entropy")
    off = {f"unified_{name}": 0 for name in names}
    assert Service().complete(**off)["choices"] == Service().complete()["choices"]


def test_a_strong_bias_decides_the_text() -> None:
    bias = {str(BYTES.encode("z")[0]): 100}
    assert Service(ids=True).complete(logit_bias=bias)["choices"][0]["text"] == "z" * 20


@for_each("ids", [True, False])
def test_a_stop_text_ends_the_answer_stays_in_it_and_is_the_stop_reason(ids: bool) -> None:
    whole = Service(ids=ids).complete(max_tokens=300)["choices"][0]["text"]
    stop = whole[100:103]
    first = whole.index(stop)
    for stops in (stop, [stop, "not in any tale"], ["", stop]):
        choice = Service(ids=ids).complete(max_tokens=300, stop=stops)["choices"][0]
        assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", stop)
        assert whole.startswith(choice["text"])
        assert choice["text"].index(stop) == first  # the token that completes it may go on
        assert len(choice["text"]) - first - len(stop) < (1 if ids else 15)


@settings(max_examples=scale_examples(60))
@given(st.integers(0, 250), st.integers(1, 20), st.integers(0, 250), st.integers(1, 20))
def test_the_first_of_several_stop_texts_ends_the_answer_wherever_tokens_end(a: int, m: int, b: int, k: int) -> None:
    whole = WHOLE
    stops = [whole[a : a + m], whole[b : b + k]]
    choice = Service().complete(max_tokens=120, stop=stops)["choices"][0]
    at = min((whole.find(stop) + len(stop)) for stop in stops if stop) if any(stops) else len(whole)
    assert whole.startswith(choice["text"])
    assert len(choice["text"]) >= min(at, len(whole))
    assert (choice["stop_reason"] in stops) == (choice["finish_reason"] == "stop")


WHOLE = Service().complete(max_tokens=120)["choices"][0]["text"]


def test_an_answer_begins_with_the_generation_prefix() -> None:
    for ids in (True, False):
        text = Service(ids=ids).complete(generation_prefix="And so, dear", max_tokens=30)["choices"][0]["text"]
        assert text.startswith("And so, dear")
        assert len(text) > len("And so, dear")
        short = Service(ids=ids).complete(generation_prefix="And so, dear", max_tokens=2)
        assert "And so, dear".startswith(short["choices"][0]["text"])
        assert short["usage"]["completion_tokens"] == 2


def test_logprobs_of_a_completion_are_parallel_lists() -> None:
    choice = Service(ids=True).complete(logprobs=3, temperature=0.9, generation_prefix="A")["choices"][0]
    logprobs = choice["logprobs"]
    assert set(logprobs) == {"tokens", "token_logprobs", "top_logprobs", "text_offset", "token_ids"}
    assert "".join(logprobs["tokens"]) == choice["text"]
    assert logprobs["token_ids"] == choice["token_ids"]
    assert logprobs["text_offset"] == list(range(20))
    assert all(logprob <= 0 for logprob in logprobs["token_logprobs"])
    assert logprobs["top_logprobs"][0] == {"A": 0.0}
    assert all(1 <= len(top) <= 3 for top in logprobs["top_logprobs"])


def test_a_prompt_with_the_chat_template_is_answered_with_one_turn() -> None:
    prompt = "[gMASK]<sop><|user|>\nTell me./nothink<|assistant|>\n<think></think>\n"
    choice = Service().complete(prompt, max_tokens=2000)["choices"][0]
    assert choice["text"].endswith("<|user|>")
    assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", OWN_END_OF_TURN)
    assert choice["token_ids"][-1] == OWN_END_OF_TURN
    assert Service(ids=True).complete(BYTES.encode(prompt), max_tokens=2000)["choices"][0]["finish_reason"] == "stop"


def test_a_token_that_ends_sentence_and_paragraph_is_part_of_the_turn() -> None:
    class Ending(ByteTokenizer):
        """Has one token for the end of a sentence and the blank line after it."""

        def encode(self, text: str) -> list[int]:
            sentences = map(super().encode, text.split(".\n\n"))
            return [token for sentence in sentences for token in (600, *sentence)][1:]

    tokenizer = Ending()
    tokenizer._pieces[600] = b".\n\n"  # type: ignore[index]  # a dict, of which only the reading is promised
    service = Service()
    service.emulator, service.owner = an_emulator(tokenizers=lambda _: tokenizer)
    choice = service.chat(max_tokens=2000)["choices"][0]
    assert choice["message"]["content"].endswith(".\n\n")
    assert choice["token_ids"][-2:] == [600, END_OF_TURN]


def test_a_switch_leaves_out_the_extras() -> None:
    assert set(Service(extras=False).complete()["choices"][0]) == {"index", "text", "finish_reason", "logprobs"}
    chunk = Service(extras=False).stream(CHAT, messages=ASK)[0]["choices"][0]
    assert set(chunk) == {"index", "delta", "finish_reason", "logprobs"}


# ---- chats


def test_a_chat_has_all_keys_of_the_reference() -> None:
    document = Service().chat()
    assert (document["object"], document["id"][:9]) == ("chat.completion", "chatcmpl-")
    (choice,) = document["choices"]
    assert set(choice["message"]) == {"role", "content"}
    assert choice["message"]["role"] == "assistant"
    assert "<|user|>" not in choice["message"]["content"]
    assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", OWN_END_OF_TURN)
    assert document["usage"]["completion_tokens"] == len(choice["token_ids"])


def test_a_chat_has_the_prompt_of_the_template() -> None:
    template = "[gMASK]<sop><|system|>\nYou tell tales.<|user|>\nTell me one./nothink<|assistant|>\n<think></think>\n"
    service = Service(ids=True)
    assert service.chat()["usage"]["prompt_tokens"] == len(template)
    shorter = len(template) - len("/nothink<think></think>\n")
    assert service.chat(enable_thinking=True)["usage"]["prompt_tokens"] == shorter
    named = [ASK[0], {**ASK[1], "name": "Ann"}]
    assert service.chat(named)["usage"]["prompt_tokens"] == len(template) + len("Ann: ")
    prefilled = [*ASK, {"role": "assistant", "content": "There was"}]
    assert service.chat(prefilled)["usage"]["prompt_tokens"] == len(template) + len("There was")
    completed = service.complete(template, max_tokens=256)["choices"][0]["text"]
    assert completed.removesuffix("<|user|>") == service.chat()["choices"][0]["message"]["content"]


def test_a_chat_may_have_several_choices() -> None:
    document = Service().chat(n=3, seed=None, max_tokens=30)
    assert [choice["index"] for choice in document["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in document["choices"]}) == 3


def test_the_observed_form_has_its_answer_only_in_the_ids() -> None:
    document = Service(ids=True, chat="observed", extras=False).chat(max_tokens=2000)
    assert document["object"] == "chat.completion.chunk"
    (choice,) = document["choices"]
    assert "message" not in choice
    assert choice["text"] == ""
    assert choice["token_ids"][-1] == END_OF_TURN
    text = BYTES.decode(choice["token_ids"][:-1])
    assert text.rstrip() == Service(ids=True).chat(max_tokens=2000)["choices"][0]["message"]["content"].rstrip()
    assert document["usage"]["completion_tokens"] == len(choice["token_ids"])


@for_each("field", ["reasoning_content", "reasoning"])
def test_a_switch_selects_the_field_of_the_reasoning(field: str) -> None:
    service = Service(thinking=field)
    message = service.chat(enable_thinking=True)["choices"][0]["message"]
    assert set(message) == {"role", "content", field}
    assert message[field]
    assert message["content"]
    assert "think>" not in "".join(message.values())
    assert set(service.chat(enable_thinking=False)["choices"][0]["message"]) == {"role", "content"}
    chunks = service.stream(CHAT, messages=ASK, enable_thinking=True)
    assert join_texts(chunks, "delta", field) == message[field]
    assert join_texts(chunks, "delta", "content") == message["content"]
    parts = [next(iter(choice["delta"])) for choice in list_choices(chunks) if choice["delta"]]
    assert [part for part, _ in groupby(parts)] == ["role", field, "content"]


def test_a_switch_puts_the_reasoning_into_the_text() -> None:
    separate = Service().chat(enable_thinking=True)["choices"][0]
    inline = Service(thinking="inline").chat(enable_thinking=True)["choices"][0]
    message = separate["message"]
    assert inline["message"]["content"] == f"<think>{message['reasoning_content']}</think>\n{message['content']}"
    assert inline["token_ids"] == separate["token_ids"]
    observed = Service(ids=True, chat="observed").chat(enable_thinking=True)["choices"][0]
    assert BYTES.decode(observed["token_ids"]).startswith("<think>")


def test_a_switch_decides_about_reasoning_if_the_request_does_not() -> None:
    def has_reasoning(enable: bool | None, messages: Any = ASK, **switches: Any) -> bool:
        message = Service(**switches).chat(messages, enable_thinking=enable)["choices"][0]["message"]
        return "reasoning_content" in message

    assert not has_reasoning(None)
    assert has_reasoning(None, thinks=True)
    assert not has_reasoning(False, thinks=True)
    assert not has_reasoning(True, thinking="off")
    assert not has_reasoning(True, [*ASK, {"role": "assistant", "content": "Once"}])


def test_reasoning_counts_towards_max_tokens_and_stop_texts_end_it() -> None:
    document = Service().chat(enable_thinking=True, max_tokens=5)
    assert document["choices"][0]["message"]["content"] == ""
    assert document["choices"][0]["finish_reason"] == "length"
    assert document["usage"]["completion_tokens"] == 5
    reasoning = Service().chat(enable_thinking=True)["choices"][0]["message"]["reasoning_content"]
    stopped = Service().chat(enable_thinking=True, stop=reasoning[3:6])["choices"][0]
    assert stopped["message"]["content"] == ""
    assert stopped["stop_reason"] == reasoning[3:6]


def test_the_content_after_the_reasoning_begins_with_the_prefix() -> None:
    message = Service().chat(enable_thinking=True, generation_prefix="Well")["choices"][0]["message"]
    assert message["reasoning_content"]
    assert message["content"].startswith("Well")


def test_logprobs_of_a_chat_have_openais_form() -> None:
    choice = Service(ids=True).chat(logprobs=2, max_tokens=2000)["choices"][0]
    content = choice["logprobs"]["content"]
    assert len(content) == len(choice["token_ids"])
    assert content[-1]["token"] == "<|user|>"
    for entry in content:
        assert set(entry) == {"token", "logprob", "bytes", "top_logprobs"}
        assert 1 <= len(entry["top_logprobs"]) <= 2
        assert bytes(entry["bytes"]).decode() == entry["token"]
    chunks = list_choices(Service(ids=True).stream(CHAT, messages=ASK, logprobs=2, max_tokens=2000))
    assert [one for chunk in chunks if chunk["logprobs"] for one in chunk["logprobs"]["content"]] == content


# ---- token count


def test_a_token_count_uses_the_models_tokenizer_or_the_emulators_own_vocabulary() -> None:
    for model in ("llama-3-erato-v1", "kayra-v1", "glm-4-5", "xialong-v1"):
        assert Service(ids=True).post(COUNT, model=model, prompt="Hä?") == {"length": 4, "encoded": BYTES.encode("Hä?")}
        document = Service().post(COUNT, model=model, prompt=ONCE)
        assert document["length"] == len(document["encoded"])
        assert get_tale_model().vocabulary.decode(document["encoded"]) == ONCE


def test_a_token_count_accepts_all_forms_of_a_prompt() -> None:
    both = BYTES.encode("ab") + BYTES.encode("c")
    for prompt in ("abc", ["ab", "c"], both, [both[:2], both[2:]]):
        assert Service(ids=True).post(COUNT, prompt=prompt) == {"length": 3, "encoded": both}
    assert Service().post(COUNT, prompt="") == {"length": 0, "encoded": []}


def test_the_token_count_equals_the_usage() -> None:
    for ids in (True, False):
        service = Service(ids=ids)
        assert service.post(COUNT, prompt=ONCE)["length"] == service.complete()["usage"]["prompt_tokens"]


# ---- repr


def test_a_request_and_a_piece_of_its_answer_show_no_texts() -> None:
    chat = {"model": "glm-4-6", "messages": [{"role": "user", "content": "secret"}], "stop": "secret"}
    request = parse_request(json.dumps(chat).encode(), ChatRequest, ranges=True)
    completion = json.dumps({"model": "glm-4-6", "prompt": "secret"}).encode()
    piece = TextPiece(StreamPart.CONTENT, 7, "secret", 0)
    for value in (
        request,
        request.messages[0],
        parse_request(completion, CompletionRequest, ranges=True),
        parse_request(completion, TokenCountRequest, ranges=False),
        piece,
    ):
        assert "secret" not in repr(value)
    assert repr(request) == "ChatRequest(model='glm-4-6', max_tokens=None, n=None, stream=None)"


# ---- any input


@given(st.sampled_from([COMPLETIONS, CHAT, COUNT]), hostile_bytes())
def test_any_other_body_is_400(path: str, body: bytes) -> None:
    head, _ = Service().ask(path, body)
    assert head.status == 400


@settings(max_examples=scale_examples(40))
@given(st.text(max_size=30), st.lists(st.text(max_size=5), max_size=3), st.text(max_size=10), st.booleans())
def test_any_text_can_be_a_message_a_stop_text_and_a_prefix(text: str, stop: list[str], prefix: str, ids: bool) -> None:
    service = Service(ids=ids)
    body: dict[str, Any] = {"stop": stop, "generation_prefix": prefix, "max_tokens": 8, "enable_thinking": True}
    messages = [{"role": "user", "content": text}]
    chunks = service.stream(CHAT, messages=messages, **body)
    whole = service.chat(messages, **body)["choices"][0]
    assert join_texts(chunks, "delta", "content") == whole["message"]["content"]
    assert join_texts(chunks, "delta", "reasoning_content") == whole["message"].get("reasoning_content", "")
    assert list_choices(chunks)[-1]["finish_reason"] == whole["finish_reason"]


# ---- the command


def test_the_command_accepts_switches_and_a_tier(tmp_path: Path) -> None:
    switches = ("models=glm-4-6,xialong-v1", "errors=model_server", "done=false", "retry_after=3", "delay=0.01")
    nowhere = {"NAI_TOKENIZER_DIR": "", "XDG_CACHE_HOME": str(tmp_path), "PIP_NO_INDEX": "1"}
    arguments = [word for one in switches for word in ("--switch", one)]
    with run_emulator("--tier", "Scroll", *arguments, **nowhere) as (ready, _), httpx.Client(trust_env=False) as http:
        http.base_url, http.headers["Authorization"] = ready["url"] + "/oa/v1/", f"Bearer {ready['token']}"
        assert [model["id"] for model in http.get("models").json()["data"]] == ["glm-4-6"]
        assert http.get("models/glm-4-6").json()["error"]["code"] == 404


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (("--switch", "chat"), "NAME=VALUE"),
        (("--switch", "chatter=1"), "chatter"),
        (("--switch", "chat=loud"), "loud"),
        (("--switch", "write_size=0"), "write_size is at least 1"),
        (("--tier", "gold"), "gold"),
    ],
)
def test_the_command_explains_what_is_wrong_with_a_switch(arguments: tuple[str, str], about: str) -> None:
    done = nai("emulate", *arguments)
    assert done.returncode == 2
    assert about in done.stderr


# ---- one vocabulary


def test_without_a_tokenizer_file_everything_is_counted_in_one_vocabulary() -> None:
    """Prompt, answer, usage, counts and log probabilities: docs/protocol/openai.md#8-token-count."""
    service, vocabulary = Service(), get_tale_model().vocabulary
    prompt = "[gMASK]<sop><|user|>\nTell me of Xanadu, \u96ea./nothink<|assistant|>\n<think></think>\n"
    counted = json.loads(service.ask(COUNT, {"model": "glm-4-6", "prompt": prompt})[1])
    assert vocabulary.decode(counted["encoded"]) == prompt
    assert counted["length"] == len(counted["encoded"])
    document = service.complete(prompt, max_tokens=2000, logprobs=2)
    (choice,) = document["choices"]
    assert choice["finish_reason"] == "stop"
    assert vocabulary.decode(choice["token_ids"]) == choice["text"] == "".join(choice["logprobs"]["tokens"])
    assert choice["logprobs"]["token_ids"] == choice["token_ids"]
    assert document["usage"]["prompt_tokens"] == counted["length"]
    assert document["usage"]["completion_tokens"] == len(choice["token_ids"])
    again = json.loads(service.ask(COUNT, {"model": "glm-4-6", "prompt": choice["text"]})[1])
    assert vocabulary.decode(again["encoded"]) == choice["text"]


@for_each(
    "path, body",
    [
        (COUNT, {"model": "glm-4-6", "prompt": "Once"}),
        (COMPLETIONS, {"model": "glm-4-6", "prompt": "Once", "max_tokens": 3}),
        (COMPLETIONS, {"model": "glm-4-6", "prompt": "Once", "max_tokens": 3, "stream": True}),
        (CHAT, {"model": "glm-4-6", "messages": ASK, "max_tokens": 3}),
        (CHAT, {"model": "glm-4-6", "messages": ASK, "max_tokens": 3, "stream": True}),
        *(
            (path, {"model": "kayra-v1", "input": "Once", "parameters": {"use_string": True, "num_logprobs": 3}})
            for path in ("/ai/generate", "/ai/generate-stream")
        ),
    ],
)
def test_a_header_says_that_tokens_are_the_emulator_s_own(path: str, body: dict[str, Any]) -> None:
    assert Service().ask(path, body)[0].headers.get("x-emulator-vocabulary") == "own"
    assert Service(ids=True).ask(path, body)[0].headers.get("x-emulator-vocabulary") is None
