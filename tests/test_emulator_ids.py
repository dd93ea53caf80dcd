"""The emulator in the ids of a model's tokenizer: prompts, answers, and all else that holds ids.

See:
    docs/protocol/native.md#9-aigenerate-request
    docs/protocol/native.md#111-packing
"""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from nai_proto import text
from nai_proto.codecs.token_packing import pack, unpack
from nai_proto.emulator import Account, Emulator
from nai_proto.errors import ConcurrentGenerationError, TransportError
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.testing import run_in_memory
from nai_proto.text.models import MODELS
from nai_proto.text.official_presets import find_presets
from nai_proto.tokenizers import Tokenizer
from nai_transports.httpx import Client
from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each

from .support import ByteTokenizer, an_emulator
from .test_emulator import parse_error, send_request

BYTES = ByteTokenizer()
ONCE = "Once upon a time"


def byte_emulator() -> tuple[Emulator, Account]:
    return an_emulator(tokenizers=lambda _: BYTES)


def body(input: str | list[int], model: str = "kayra-v1", **parameters: Any) -> dict[str, Any]:  # noqa: A002
    width = 4 if "erato" in model else 2
    given = {"max_length": 30, "seed": 5, "use_string": isinstance(input, str), **parameters}
    packed = input if isinstance(input, str) else pack(input, width)
    return {"input": packed, "model": model, "parameters": given}


def generate_document(owner_and: tuple[Emulator, Account], sent: dict[str, Any]) -> Any:
    emulator, owner = owner_and
    head, document = send_request(emulator, "POST", "/ai/generate", sent, owner=owner)
    assert head.status in (200, 201), document
    return json.loads(document)


@for_each("model", MODELS, ids=lambda model: model.id)
def test_a_prompt_of_ids_is_answered_with_ids_of_the_models_width(model: text.Model) -> None:
    document = generate_document(byte_emulator(), body(BYTES.encode(ONCE), model.id))
    ids = unpack(document["output"], model.token_width)
    assert len(ids) == 30
    assert set(ids) <= set(range(300, 556))


def test_ids_and_text_give_the_same_output() -> None:
    ids = unpack(generate_document(byte_emulator(), body(BYTES.encode(ONCE), num_logprobs=0))["output"], 2)
    assert BYTES.decode(ids) == generate_document(byte_emulator(), body(ONCE, num_logprobs=1))["output"]


def test_streamed_and_whole_are_the_same_ids() -> None:
    emulator, owner = byte_emulator()
    session = Session(token=owner.persistent_token)
    for model in ("kayra-v1", "llama-3-erato-v1"):
        prompt = BYTES.encode(ONCE)
        streamed = run_in_memory(text.generate_stream(prompt, model=model, extra={"seed": 3}), emulator, session)
        whole = run_in_memory(text.generate(prompt, model=model, extra={"seed": 3}), emulator, session)
        assert streamed.result == whole.result
        assert [len(token.ids) for token in streamed.events] == [1] * 40
        assert streamed.result.finish_reason == "length"


def test_streamed_text_consists_of_whole_characters() -> None:
    class Umlauts(ByteTokenizer):
        """Writes every a as ä, so that characters take two tokens."""

        def encode(self, text: str) -> list[int]:
            return super().encode(text.replace("a", "ä"))

    emulator, owner = an_emulator(tokenizers=lambda _: Umlauts())
    operation = text.generate_stream(ONCE, max_length=200, num_logprobs=0, bad_words_ids=[[1]], extra={"seed": 2})
    played = run_in_memory(operation, emulator, Session(token=owner.persistent_token))
    assert "ä" in played.result.text
    assert "�" not in played.result.text.rstrip("�")
    assert len(played.events) == 200


def test_logprobs_are_in_the_ids_of_the_tokenizer() -> None:
    document = generate_document(byte_emulator(), body(ONCE, num_logprobs=3))
    chosen = [entry["chosen"][0][0][0] for entry in document["logprobs"]]
    assert BYTES.decode(chosen) == document["output"]


@for_each(
    "prompt, parameters, what",
    [
        ([301], {}, "input"),
        (ONCE, {"stop_sequences": [[301]]}, "stop_sequences"),
        (ONCE, {"eos_token_id": 301}, "eos_token_id"),
        (ONCE, {"bad_words_ids": [[301]], "logit_bias": [[301, 1]]}, "logit_bias"),
    ],
)
def test_without_a_tokenizer_requests_with_ids_are_501(prompt: Any, parameters: Any, what: str) -> None:
    emulator, owner = an_emulator()
    status, message = parse_error(
        send_request(emulator, "POST", "/ai/generate", body(prompt, **parameters), owner=owner)
    )
    assert status == 501
    assert message == f"this emulator has no tokenizer of kayra-v1, and {what} holds token ids"
    assert not owner.generating


def test_without_a_tokenizer_ids_that_only_keep_tokens_out_are_ignored_and_named() -> None:
    plain = generate_document(an_emulator(), body(ONCE, seed=3))["output"]
    for excluded in ({"bad_words_ids": [[banned] for banned in range(300)]}, {"repetition_penalty_whitelist": [1, 2]}):
        emulator, owner = an_emulator()
        head, document = send_request(emulator, "POST", "/ai/generate", body(ONCE, seed=3, **excluded), owner=owner)
        assert json.loads(document)["output"] == plain, "a number means another token in the emulator's vocabulary"
        assert head.headers.get("x-emulator-ignored") == next(iter(excluded))
        assert head.headers.get("x-emulator-vocabulary") == "own"


def test_without_a_tokenizer_every_official_preset_is_served_but_those_that_end_a_text_by_ids() -> None:
    emulator, owner = an_emulator()
    session, settings = Session(token=owner.persistent_token), text.GlobalSettings(num_logprobs=text.NO_LOGPROBS)
    for model in MODELS:
        for preset in find_presets(model):
            operation = text.generate_stream(ONCE, model=model, preset=preset.name, settings=settings)
            if preset.parameters.keys() & {"stop_sequences", "eos_token_id"}:
                assert model.id in ("hypebot", "infillmodel")
                continue
            assert run_in_memory(operation, emulator, session).result.text, (model.id, preset.name)


def test_a_request_without_ids_takes_only_a_tokenizer_that_is_at_hand() -> None:
    def forbidden(_: str) -> Tokenizer | None:
        raise AssertionError("not needed")

    for local, own in ((lambda _: None, True), (lambda _: BYTES, False)):
        emulator, owner = an_emulator(tokenizers=forbidden, local_tokenizers=local)
        head, document = send_request(emulator, "POST", "/ai/generate", body(ONCE), owner=owner)
        output = json.loads(document)["output"]
        assert (head.headers.get("x-emulator-vocabulary") == "own") == own
        assert (len(output) == 30) == (not own), "max_length counts the tokens of the vocabulary"


def test_a_text_has_the_tokens_of_the_models_tokenizer() -> None:
    ids = generate_document(byte_emulator(), body(BYTES.encode(ONCE)))["output"]
    assert BYTES.decode(unpack(ids, 2)) == generate_document(byte_emulator(), body(ONCE))["output"]


@for_each(
    "packed, about",
    [
        ("@@@@", "not base64 of the standard alphabet"),
        ("AQID", "3 bytes are no whole number of tokens of 2"),
        ("AQ=", "not base64"),
    ],
)
def test_a_prompt_that_is_not_packed_tokens_is_400(packed: str, about: str) -> None:
    emulator, owner = byte_emulator()
    sent = body([1])
    sent["input"] = packed
    status, message = parse_error(send_request(emulator, "POST", "/ai/generate", sent, owner=owner))
    assert status == 400
    assert message.startswith(f"Validation error: input: packed tokens: {about}")


def test_a_slow_tokenizer_does_not_block_other_requests() -> None:
    asked_for, go_on = threading.Event(), threading.Event()

    def slow(model: str) -> Tokenizer:
        assert model == "kayra-v1"
        asked_for.set()
        assert go_on.wait(20)
        return BYTES

    emulator, owner = an_emulator(tokenizers=slow)
    with serve_in_thread(emulator) as url, Client(Session(base_url=url, token=owner.persistent_token)) as client:
        completions: list[text.CompletionIds] = []
        generating = threading.Thread(target=lambda: completions.append(client.run(text.generate([301]))))
        generating.start()
        assert asked_for.wait(20)
        with pytest.raises(ConcurrentGenerationError):
            client.run(text.generate(ONCE).with_options(retry=NO_RETRY))
        go_on.set()
        generating.join()
    assert len(completions[0].ids) == 40


# ---- what ends it, and what never comes


def test_a_stop_sequence_ends_the_text_and_is_included() -> None:
    stop = BYTES.encode("the")
    document = generate_document(
        byte_emulator(), body(BYTES.encode(ONCE), max_length=250, stop_sequences=[[1, 2], stop])
    )
    ids = unpack(document["output"], 2)
    assert BYTES.decode(ids).endswith("the")
    assert BYTES.decode(ids).count("the") == 1
    assert len(ids) < 250


def test_nothing_stops_before_min_length() -> None:
    stop = [[one] for one in BYTES.encode("abcdefghijklmnopqrstuvwxyz ")]
    document = generate_document(
        byte_emulator(), body(BYTES.encode(ONCE), max_length=50, min_length=20, stop_sequences=stop)
    )
    assert 20 <= len(unpack(document["output"], 2)) <= 50


def test_a_banned_sequence_never_occurs_with_a_text_prompt_too() -> None:
    banned = [BYTES.encode("e"), BYTES.encode(" a")]
    for prompt in (BYTES.encode(ONCE), ONCE):
        output = generate_document(byte_emulator(), body(prompt, max_length=250, bad_words_ids=banned))["output"]
        output_text = output if isinstance(prompt, str) else BYTES.decode(unpack(output, 2))
        assert "e" not in output_text
        assert " a" not in output_text
        assert " " in output_text
        assert "a" in output_text


def test_if_everything_is_banned_the_output_is_empty_and_complete() -> None:
    emulator, owner = byte_emulator()
    session = Session(token=owner.persistent_token)
    everything = [[one + 300] for one in range(256)]
    streamed = run_in_memory(text.generate_stream([301], bad_words_ids=everything), emulator, session)
    assert streamed.result == run_in_memory(text.generate([301], bad_words_ids=everything), emulator, session).result
    assert streamed.result.ids == ()


def test_a_strong_bias_is_followed_and_finished() -> None:
    bias = {"sequence": BYTES.encode(" swan"), "bias": 50, "ensure_sequence_finish": True, "generate_once": True}
    document = generate_document(byte_emulator(), body(BYTES.encode(ONCE), max_length=100, logit_bias_exp=[bias]))
    assert BYTES.decode(unpack(document["output"], 2)).count(" swan") == 1


@for_each(
    "model, parameters, about",
    [
        ("kayra-v1", {"logit_bias_exp": [{"sequence": [301], "bias": 1}]}, "ensure_sequence_finish"),
        ("clio-v1", {"logit_bias_exp": [{"ensure_sequence_finish": True, "generate_once": True}]}, "sequence"),
        ("kayra-v1", {"stop_sequences": [[]]}, "$.parameters.stop_sequences[0]"),
        ("kayra-v1", {"bad_words_ids": [[1]] * 2049}, "$.parameters.bad_words_ids"),
        ("kayra-v1", {"stop_sequences": [[1]] * 1025}, "$.parameters.stop_sequences"),
        ("kayra-v1", {"phrase_rep_pen": "a bit"}, "$.parameters.phrase_rep_pen"),
        ("kayra-v1", {"repetition_penalty_frequency": 17}, "$.parameters.repetition_penalty_frequency"),
        ("6B-v4", {"repetition_penalty_frequency": 3}, "$.parameters.repetition_penalty_frequency"),
        ("kayra-v1", {"repetition_penalty_whitelist": [[1]]}, "$.parameters.repetition_penalty_whitelist"),
    ],
)
def test_lists_and_ranges_have_the_limits_of_the_models_host(model: str, parameters: Any, about: str) -> None:
    emulator, owner = byte_emulator()
    answer = send_request(emulator, "POST", "/ai/generate", body([301], model, **parameters), owner=owner)
    status, message = parse_error(answer)
    assert status == 400
    assert about in message


def test_the_api_host_has_no_limit_on_lists() -> None:
    assert generate_document(byte_emulator(), body([301], "6B-v4", bad_words_ids=[[1]] * 2049))["output"]


def test_temperature_increases_variety_and_top_k_of_one_removes_it() -> None:
    """Seeds are fixed. At temperature 0.1 and 2 the words of 2,000 tokens differ by far more than chance explains."""

    def different(temperature: float) -> int:
        documents = (
            generate_document(byte_emulator(), body(ONCE, max_length=200, temperature=temperature, seed=n))
            for n in range(10)
        )
        return len({word for document in documents for word in document["output"].split()})

    assert different(0.1) * 2 < different(2)
    whole = {
        generate_document(byte_emulator(), body(ONCE, max_length=200, top_k=1, seed=seed))["output"]
        for seed in range(5)
    }
    assert len(whole) == 1


OFFICIAL = [preset for model in MODELS for preset in text.Preset.official(model)]


@pytest.mark.parametrize("preset", OFFICIAL, ids=lambda preset: f"{preset.model.id}-{preset.name}")
def test_every_official_preset_is_accepted_in_the_websites_form(preset: text.Preset) -> None:
    emulator, owner = byte_emulator()
    operation = text.generate(BYTES.encode(ONCE), preset=preset)
    result = run_in_memory(operation, emulator, Session(token=owner.persistent_token)).result
    assert 1 <= len(result.ids) <= (preset.max_length or 40)
    assert result.logprobs is not None
    assert len(result.logprobs) == len(result.ids)


def test_a_missing_tokenizer_is_looked_up_once() -> None:
    asked_for: list[str] = []

    def missing(model: str) -> Tokenizer | None:
        asked_for.append(model)
        raise TransportError("no network", sent=False, phase="connect")

    emulator, owner = an_emulator(tokenizers=missing)
    for _ in range(3):
        assert parse_error(send_request(emulator, "POST", "/ai/generate", body([301]), owner=owner))[0] == 501
        assert generate_document((emulator, owner), body(ONCE, num_logprobs=1))["output"]
    assert asked_for == ["kayra-v1"]
