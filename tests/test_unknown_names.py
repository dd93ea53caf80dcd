"""A name that nothing has is refused with the nearest, with all there are, and with the API that has it.

Advice for programs is apart from the problem, so that a shell can give its own.
"""

from __future__ import annotations

import inspect
import pickle
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import anyio
import pytest

import nai_proto as nai
from nai_proto import image, openai, story, text, tokenizers, voice
from nai_proto.arguments import takes
from nai_proto.codecs.pixels import Pixels, write_png
from nai_proto.codecs.sse import SSEDecoder
from nai_proto.emulator import Emulator
from nai_proto.emulator.faults import parse_fault
from nai_proto.errors import InvalidRequestError, InvalidTypeError, LimitExceeded, UnknownChoiceError
from nai_proto.exchange.endpoints import endpoint
from nai_proto.text.wordlists import find_wordlist
from nai_proto.unknown_names import unknown_choice
from nai_transports import httpx, memory, sync, trio
from tests.cases import for_each

PNG: Final = write_png(Pixels(64, 64, bytes(3 * 64 * 64)))
CHAT: Final = [{"role": "user", "content": "Hello"}]


def wrong(**options: Any) -> Any:
    """Return options whose values a type checker knows to be wrong."""
    return options


UNKNOWN: Final[Mapping[str, tuple[Callable[[], object], str, str]]] = {
    "model for stories": (lambda: text.generate("x", model="Kaira"), "kayra-v1", "clio-v1"),
    "preset": (lambda: text.generate("x", preset="carefre"), "Carefree", "Tesseract"),
    "model of a preset": (lambda: text.Preset.from_official("Kaira", "x"), "kayra-v1", "clio-v1"),
    "module": (lambda: text.generate("x", module="special opening"), "special_openings", "vanilla"),
    "prefix": (lambda: text.generate("x", prefix="vanila"), "vanilla", "special_openings"),
    "sampler of an order": (lambda: text.generate("x", **wrong(order=["tempratur"])), "temperature", "min_p"),
    "global setting": (lambda: text.GlobalSettings().copy(**wrong(ban_bracket=True)), "ban_brackets", "num_logprobs"),
    "kind of a precise reference": (
        lambda: image.PreciseReference(PNG, **wrong(kind="characters")),
        "character",
        "delta",
    ),
    "tokenizer of word lists": (lambda: find_wordlist("lama3"), "llama3", "nerdstash_v1"),
    "endpoint": (lambda: endpoint("list_object"), "list_objects", "generate_stream"),
    "field of an entry": (lambda: story.Entry({}).with_fields(keyz=[]), "keys", "display_name"),
    "fault": (lambda: parse_fault("cutt:at=1"), "cut", "refuse"),
    "option of a fault": (lambda: parse_fault("cut:aat=1"), "at", "times"),
    "language of tags": (lambda: image.suggest_tags("x", **wrong(lang="jap")), "jp", "en"),
    "phrase penalty": (lambda: text.generate("x", **wrong(phrase_rep_pen="agressive")), "aggressive", "off"),
    "image model": (lambda: image.generate("x", model="V4.5 Ful"), "nai-diffusion-4-5-full", "safe-diffusion"),
    "image model without its point": (
        lambda: image.generate("x", model="V45"),
        "nai-diffusion-4-5-full",
        "nai-diffusion-furry-3",
    ),
    "priced model": (
        lambda: image.generation_price("V4.5 Ful", 64, 64, steps=1),
        "nai-diffusion-4-5-full",
        "nai-diffusion-furry-3",
    ),
    "image sampler": (lambda: image.generate("x", sampler="euler"), "k_euler", "k_lms"),
    "schedule": (lambda: image.generate("x", model="V4.5 Full", noise_schedule="karas"), "karras", "exponential"),
    "size": (lambda: image.generate("x", size="portrat"), "portrait", "wallpaper_landscape"),
    "undesired content": (lambda: image.generate("x", uc_preset="human_focus"), "humanFocus", "none"),
    "quality": (lambda: image.generate("x", quality="standart"), "standard", "light"),
    "format": (lambda: image.generate("x", **wrong(image_format="webpp")), "webp", "png"),
    "director tool": (lambda: image.augment(PNG, "line art"), "lineart", "declutter"),
    "emotion": (lambda: image.augment(PNG, "emotion", emotion="hapy"), "happy", "playful"),
    "annotator": (lambda: image.annotate(PNG, "mida"), "midas", "canny"),
    "upscaler": (lambda: image.upscale(PNG, model="V5 Ful"), "nai-diffusion-5-full", "safe-diffusion"),
    "voice": (lambda: voice.speak("x", voice="Cylene", version="v1"), "Cyllene", "Nomios"),
    "tokenizer": (lambda: tokenizers.find_tokenizer_info("nerdstash_v3"), "nerdstash_v2", "kayra-v1"),
}


@for_each("case", UNKNOWN)
def test_an_unknown_name_is_refused_with_the_nearest_and_then_all(case: str) -> None:
    call, guess, other = UNKNOWN[case]
    with pytest.raises(UnknownChoiceError, match=r"^no .* is called '.*'; did you mean '.*'\? There are ") as caught:
        call()
    error = caught.value
    assert guess in error.guesses
    assert other in error.choices
    assert all(each in str(error) for each in (guess, other, error.name))
    assert not re.search(r"[A-Z]\w+\(|Preset\b|nai\.|docs/|§", error.plain_message)
    assert pickle.loads(pickle.dumps(error)).choices == error.choices


def test_without_a_near_name_there_is_no_guess() -> None:
    error = unknown_choice("qqqq", "voice", ["one", "two"], parameter="voice")
    assert (str(error), error.guesses) == ("no voice is called 'qqqq'; there are one, two", ())


def test_advice_for_programs_ends_the_message_and_is_no_part_of_the_plain_one() -> None:
    with pytest.raises(UnknownChoiceError) as caught:
        image.generate("x", sampler="k_new")
    error = caught.value
    assert str(error) == f"{error.plain_message}; {error.advice}"
    assert error.advice == "to send it all the same: nai.image.Sampler('k_new')"
    assert LimitExceeded("head", limit=1, value=2).plain_message == "head: 2 where at most 1 are allowed"
    assert InvalidRequestError("this is None; None").plain_message == "this is None; None"


@for_each(
    "call, problem",
    [
        (lambda: text.generate("x", model="glm"), "glm-4-6 is a chat model: only the OpenAI-compatible API has it"),
        (lambda: text.generate_stream("x", model="Xialong"), "xialong-v1 is a chat model"),
        (
            lambda: openai.chat_completion(CHAT, model="kayra"),
            "kayra-v1 is a model for stories: text generation has it",
        ),
        (lambda: openai.completion("x", model=nai.Model.ERATO), "llama-3-erato-v1 is a model for stories"),
        (lambda: text.generate("x", model="V4.5 Full"), "nai-diffusion-4-5-full is a model for images"),
        (lambda: text.Preset.from_official("V4.5 Full"), "nai-diffusion-4-5-full is a model for images"),
        (lambda: openai.completion("x", model="nai-diffusion-3"), "nai-diffusion-3 is a model for images"),
        (lambda: image.generate("x", model="Kayra"), "kayra-v1 is a text model, and draws no images"),
    ],
)
def test_a_model_of_another_kind_is_refused_with_what_has_it(call: Callable[[], object], problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem) as caught:
        call()
    assert caught.value.parameter == "model"


def test_what_may_be_new_is_sent_as_it_is() -> None:
    assert b'"glm-9"' in openai.chat_completion(CHAT, model="glm-9").request.body
    assert b'"kayra-v1"' in openai.completion("x", model="kayra", validate=False).request.body
    assert b'"kayra-v1"' in openai.token_count("x", model="kayra").request.body


# ---- names of options


def test_an_option_that_is_misspelt_is_answered_with_its_name() -> None:
    options: dict[Callable[..., object], type] = {
        text.generate: text.TextOptions,
        image.generate: image.ImageOptions,
    }
    for request, declared in options.items():
        for name in declared.__annotations__:
            with pytest.raises(InvalidRequestError, match=f"did you mean '{name}'"):
                request("Once", **wrong(**{f"{name}_": 1}))


# ---- names from other APIs

FOREIGN: Final[Mapping[Callable[..., object], Mapping[str, str]]] = {
    text.generate: {
        "max_tokens": "max_length",
        "maxTokens": "max_length",
        "stop": "stop_sequences",
        "frequency_penalty": "repetition_penalty_frequency",
        "logprobs": "num_logprobs",
        "negative_prompt": "cfg_uc",
        "bad_words": "bans",
    },
    image.generate: {
        "uc": "negative_prompt",
        "ucPreset": "uc_preset",
        "n": "n_samples",
        "cfg_scale": "scale",
        "num_inference_steps": "steps",
        "resolution": "size",
        "qualityToggle": "quality",
        "smea": "sm",
    },
    openai.chat_completion: {"max_length": "max_tokens", "stop_sequences": "stop", "num_logprobs": "logprobs"},
}


@for_each("request,name,ours", [(request, *names) for request, each in FOREIGN.items() for names in each.items()])
def test_the_name_of_another_api_is_answered_with_ours(request: Any, name: str, ours: str) -> None:
    prompt = CHAT if request is openai.chat_completion else "Once"
    with pytest.raises(InvalidRequestError, match=f"no parameter '{name}'; did you mean '{ours}'\\?"):
        request(prompt, **{name: 1})


ELSEWHERE: Final[Mapping[str, tuple[Callable[[], object], str]]] = {
    "a stream of text": (
        lambda: text.generate("x", **wrong(stream=True)),
        "a text request has no parameter 'stream'; nai.text.generate_stream, ",
    ),
    "a stream of images": (
        lambda: image.generate("x", **wrong(stream=True)),
        "an image request has no parameter 'stream'; nai.text.generate_stream, nai.image.generate_stream and ",
    ),
    "a chat": (
        lambda: text.generate(**wrong(messages=CHAT)),
        "generate() has no parameter 'messages'; nai.openai.chat_completion(messages) answers a chat",
    ),
    "a chat with images": (
        lambda: image.generate(**wrong(messages=CHAT)),
        "generate() has no parameter 'messages'; nai.openai.chat_completion(messages) answers a chat",
    ),
    "a chat beside a prompt": (
        lambda: openai.completion("x", **wrong(messages=CHAT)),
        "the request has no parameter 'messages'; nai.openai.chat_completion(messages) answers a chat",
    ),
    "a prompt of a chat": (
        lambda: openai.chat_completion(**wrong(prompt="x")),
        "chat_completion() has no parameter 'prompt'; nai.text.generate(prompt) and ",
    ),
    "a timeout of a request": (
        lambda: text.generate("x", **wrong(timeout=3)),
        "a text request has no parameter 'timeout'; nai.Session takes timeouts=nai.Timeouts(total=60), and ",
    ),
    "a timeout of a client": (
        lambda: sync.Client(**wrong(timeout=3)),
        "Client() has no parameter 'timeout'; nai.Session takes timeouts=nai.Timeouts(total=60), and ",
    ),
    "a timeout of a session": (
        lambda: nai.Session(**wrong(timeout=3)),
        "Session() has no parameter 'timeout'; did you mean 'timeouts'?",
    ),
    "a timeout of an operation": (
        lambda: text.generate("x").with_options(**wrong(timeout=3)),
        "Operation.with_options() has no parameter 'timeout'; did you mean 'timeouts'?",
    ),
    "a timeout of a run": (
        lambda: memory.Client(Emulator()).run(text.generate("x"), **wrong(timeout=3)),
        "Client.run() has no parameter 'timeout'; nai.Session takes timeouts=nai.Timeouts(total=60), and ",
    ),
    "a timeout of an asynchronous run": (
        lambda: anyio.run(lambda: memory.AsyncClient(Emulator()).run(text.generate("x"), **wrong(timeout=3))),
        "AsyncClient.run() has no parameter 'timeout'; nai.Session takes timeouts=nai.Timeouts(total=60), and ",
    ),
    "a token of a stream": (
        lambda: memory.Client(Emulator()).stream(text.generate("x"), **wrong(token="t")),
        "Client.stream() has no parameter 'token'; a client takes token=…, and so does with_options of an operation",
    ),
    "a proxy of a client": (
        lambda: httpx.AsyncClient(**wrong(proxies={})),
        "AsyncClient() has no parameter 'proxies'; did you mean 'proxy'?",
    ),
    "a misspelt argument": (
        lambda: image.upscale(PNG, **wrong(max_anla=1)),
        "upscale() has no parameter 'max_anla'; did you mean 'max_anlas'?",
    ),
    "another body": (
        lambda: openai.completion("x", **wrong(tools=[])),
        "the request has no parameter 'tools'; anything goes in extra={…}",
    ),
}


@for_each("call, problem", ELSEWHERE.values(), ids=list(ELSEWHERE))
def test_an_argument_of_another_api_or_place_is_refused_with_the_place_that_has_it(
    call: Callable[[], object], problem: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        call()
    assert str(caught.value).startswith(problem)
    assert caught.value.parameter is not None
    assert not re.search(r"nai\.|_stream", caught.value.plain_message)


@for_each(
    "call, owner",
    [
        (lambda: memory.AsyncClient(**wrong()), "AsyncClient()"),
        (lambda: nai.AccessToken(**wrong(token="x")), "AccessToken()"),
        (lambda: SSEDecoder(**wrong(limit=1)), "SSEDecoder()"),
        (lambda: trio.Client(None, **wrong(session=None)), "Client()"),
    ],
)
def test_a_call_that_does_not_fit_is_a_type_error_that_names_the_public_class(
    call: Callable[[], object], owner: str
) -> None:
    with pytest.raises(TypeError, match=rf"^{re.escape(owner)} (missing|has|got) ") as caught:
        call()
    assert isinstance(caught.value, InvalidTypeError)


def test_what_checks_its_arguments_is_still_a_coroutine_function() -> None:
    assert inspect.iscoroutinefunction(memory.AsyncClient(Emulator()).run)
    assert not inspect.iscoroutinefunction(memory.AsyncClient(Emulator()).stream)


def test_a_type_error_from_inside_a_function_is_not_taken_for_a_wrong_call() -> None:
    @takes()
    def broken(value: int) -> int:
        return len(cast("str", value))

    with pytest.raises(TypeError, match=r"len\(\)") as caught:
        broken(1)
    assert not isinstance(caught.value, InvalidTypeError)
