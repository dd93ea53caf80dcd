"""No request makes a handler of text, chats or voices raise, and each answer has a form that the documents allow.

Requests have one to three parameters with odd values: of the right type at its extremes, or of any other type.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#910-response
    docs/protocol/native.md#10-streaming-aigenerate-stream
    docs/protocol/native.md#81-text-to-speech
    docs/protocol/openai.md#3-completions
    docs/protocol/openai.md#4-chat-completions
"""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

import msgspec.inspect as kinds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.codecs.sse import SSEDecoder
from nai_proto.codecs.token_packing import pack
from nai_proto.emulator import Account, Emulator, OpenAISwitches, Switches
from nai_proto.emulator.endpoints.voice import SpeechRequest
from nai_proto.emulator.openai.request_body import ChatRequest, CompletionRequest, TokenCountRequest
from nai_proto.emulator.text.text_request import PARAMETERS, PromptRequest
from nai_proto.http import Head, Host

from .hypothesis_profiles import scale_examples
from .support import ByteTokenizer, an_emulator
from .test_emulator import send_request

BYTES: Final = ByteTokenizer()
ONCE: Final = BYTES.encode("Once upon a time")
ODD_INTEGERS: Final = (-1, 0, 1, 2, 3, 30, 31, 300, 2047, 2048, 2**31, 2**32 - 1, 2**32, 2**63, 2**64, 10**400)
ODD_FLOATS: Final = (0.0, -0.0, 1.0, 0.5, -0.5, 5e-324, 1e-300, 0.1, 8.0, 100.0, 1e300, 1.7e308, -1.7e308)
ODD_TEXTS: Final = ("", "x", "vanilla", "off", "very_aggressive", "\0", "\u2028", "🦊", "\ud800", "[", "a" * 5000)

integers = st.sampled_from(ODD_INTEGERS) | st.integers()
floats = st.sampled_from(ODD_FLOATS) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.sampled_from(ODD_TEXTS) | st.text(max_size=5)
scalars = st.none() | st.booleans() | integers | floats | texts
anything = scalars | st.lists(scalars | st.lists(scalars, max_size=2), max_size=3) | st.dictionaries(texts, scalars)


def fitting(kind: kinds.Type) -> st.SearchStrategy[Any]:
    """Values of a type, its bounds among them."""
    match kind:
        case kinds.BoolType():
            return st.booleans()
        case kinds.IntType():
            return st.integers(300, 555) | integers.filter(lambda value: is_within(kind, value))
        case kinds.FloatType():
            return (floats | st.sampled_from((50, -50))).filter(lambda value: is_within(kind, value))
        case kinds.StrType():
            return texts
        case kinds.LiteralType():
            return st.sampled_from(kind.values)
        case kinds.UnionType():
            return st.one_of(*map(fitting, kind.types))
        case kinds.VarTupleType() | kinds.FrozenSetType():
            return st.lists(fitting(kind.item_type), min_size=kind.min_length or 0, max_size=4)
        case kinds.TupleType():
            return st.tuples(*map(fitting, kind.item_types))
        case kinds.DictType():
            return st.dictionaries(st.sampled_from(("300", "301", "99999", "x")), fitting(kind.value_type), max_size=3)
        case kinds.StructType():
            return st.fixed_dictionaries({field.encode_name: fitting(field.type) for field in kind.fields})
        case _:
            return st.none()


def is_within(kind: kinds.IntType | kinds.FloatType, value: float) -> bool:
    low, high = -(10**500) if kind.ge is None else kind.ge, 10**500 if kind.le is None else kind.le
    return low <= value <= high and (kind.gt is None or value > kind.gt) and (kind.lt is None or value < kind.lt)


def few(type: Any) -> st.SearchStrategy[dict[str, Any]]:  # noqa: A002
    """One to three of a request's parameters: most have the right type, and some have none that is documented."""
    info = kinds.type_info(type)
    assert isinstance(info, kinds.StructType)
    fields = {field.encode_name: st.one_of(*[fitting(field.type)] * 6, anything) for field in info.fields}
    some = st.lists(st.sampled_from([*fields]), min_size=1, max_size=3, unique=True)
    return some.flatmap(lambda names: st.fixed_dictionaries({name: fields[name] for name in names}))


@cache
def get_service(*, strict: bool) -> tuple[Emulator, Account]:
    """An emulator that has a tokenizer, and its account. It is the same for all examples: no state of it matters."""
    switches = Switches(strict_bodies=strict, strict_limits=strict, text_ranges=strict)
    return an_emulator(tokenizers=lambda _: BYTES, switches=switches, openai=OpenAISwitches(ranges=strict))


def ask(path: str, body: object, *, strict: bool, method: str = "POST") -> tuple[Head, bytes]:
    """Return the answer, which is checked if it is a refusal."""
    emulator, owner = get_service(strict=strict)
    raw = None if body is None else json.dumps(body).encode()  # which writes what msgspec refuses to write
    head, answer = send_request(emulator, method, path, raw, owner=owner)
    assert not owner.generating
    if head.status >= 400:
        assert head.content_type == "application/json"
        document = json.loads(answer)
        assert (set(document), document["statusCode"]) == ({"statusCode", "message"}, head.status)
        assert head.headers.get("x-emulator-reason")
    return head, answer


def read_events(answer: bytes) -> list[str]:
    """Return the data of all events of a stream."""
    return [event.data for event in SSEDecoder().receive_data(answer)]


# ---- native text


def check_output(output: Any, width: int, *, as_text: bool, shape: str) -> None:
    if shape == "words":
        assert all(isinstance(text, str) and isinstance(weight, float) for text, weight in output)
    elif shape == "numbers":
        assert all(isinstance(number, float) for number in output)
    elif isinstance(output, list):
        for one in output:
            check_output(one, width, as_text=as_text, shape="")
    else:
        assert isinstance(output, str)
        if not as_text:
            assert len(base64.b64decode(output, validate=True)) % width == 0


@settings(deadline=None, max_examples=scale_examples(60))
@given(
    few(PARAMETERS[Host.TEXT]) | few(PARAMETERS[Host.API]),
    st.sampled_from(["kayra-v1", "llama-3-erato-v1", "clio-v1", "euterpe-v2"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_odd_native_requests_are_answered_or_refused(
    odd: dict[str, Any], model: str, as_text: bool, stream: bool, strict: bool
) -> None:
    width = 4 if "llama" in model else 2
    parameters = {"max_length": 8, "min_length": 1, "force_emotion": False, "use_string": as_text, **odd}
    sent = {"input": "Once" if as_text else pack(ONCE, width), "model": model, "parameters": parameters}
    head, answer = ask("/ai/generate-stream" if stream else "/ai/generate", sent, strict=strict)
    assert head.status in (200, 201, 400, 501), answer
    if head.status >= 400:
        return
    document = json.loads(answer) if head.content_type == "application/json" else None
    if document is not None and "error" in document:
        assert strict
        assert head.headers.get("x-emulator-reason")
    elif document is not None:
        assert not stream
        assert set(document) <= {"output", "logprobs"}
        shape = "words" if parameters.get("next_word") else "numbers" if parameters.get("get_hidden_states") else ""
        default = model in ("kayra-v1", "llama-3-erato-v1")
        as_text = default if parameters["use_string"] is None else parameters["use_string"]
        check_output(document["output"], width, as_text=as_text, shape=shape)
    else:
        events = [json.loads(event) for event in read_events(answer)]
        assert [event["final"] for event in events] == [False] * (len(events) - 1) + [True]
        assert all(set(event) == {"token", "ptr", "final", "logprobs"} for event in events)


# ---- chats and completions

OPENAI: Final = {"/oa/v1/completions": few(CompletionRequest), "/oa/v1/chat/completions": few(ChatRequest)}


@pytest.mark.parametrize("path", [*OPENAI])
@settings(deadline=None, max_examples=scale_examples(60))
@given(st.data(), st.booleans())
def test_odd_requests_of_the_openai_api_are_answered_or_refused(path: str, data: st.DataObject, strict: bool) -> None:
    odd = data.draw(OPENAI[path])
    required = {"messages": [{"role": "user", "content": "Hi"}]} if "chat" in path else {"prompt": "Once"}
    sent = {"model": "glm-4-6", "max_tokens": 8, **required, **odd}
    head, answer = ask(path, sent, strict=strict)
    assert head.status in (200, 400) or (head.status, sent.get("logprobs")) == (500, 0), answer
    if head.status != 200:
        return
    if head.content_type == "application/json":
        document = json.loads(answer)
        assert {"id", "object", "created", "model", "choices", "usage"} == set(document)
        assert all(choice["finish_reason"] in ("stop", "length") for choice in document["choices"])
    else:
        *chunks, done = read_events(answer)
        assert done == "[DONE]"
        assert all({"id", "object", "created", "model", "choices"} <= set(json.loads(chunk)) for chunk in chunks)


# ---- voices and token counts


@settings(deadline=None, max_examples=scale_examples(60))
@given(few(SpeechRequest), st.booleans())
def test_odd_requests_of_voices_are_answered_or_refused(odd: dict[str, Any], in_query: bool) -> None:
    sent = {"text": "Hi", "voice": 17, "opus": True, "version": "v1", "seed": "Aini", **odd}
    if in_query:
        query = urlencode({name: str(value) for name, value in sent.items()}, errors="replace")
        head, answer = ask(f"/ai/generate-voice?{query}", None, strict=False, method="GET")
        assert head.status in (200, 400)
    else:
        head, answer = ask("/ai/generate-voice", sent, strict=False)
        assert head.status in (201, 400)
    if head.status < 400:
        assert answer.startswith(
            {"audio/mpeg": b"\xff\xfb", "audio/webm": b"\x1a\x45\xdf\xa3"}[head.content_type or ""]
        )


@settings(deadline=None, max_examples=scale_examples(60))
@given(few(TokenCountRequest), few(PromptRequest))
def test_odd_token_counts_and_prompts_are_answered_or_refused(count: dict[str, Any], odd: dict[str, Any]) -> None:
    head, answer = ask("/oa/v1/internal/token-count", {"model": "glm-4-6", "prompt": "Hi", **count}, strict=False)
    assert head.status in (200, 400)
    if head.status == 200:
        document = json.loads(answer)
        assert len(document["encoded"]) == document["length"]
    sent = {"model": "euterpe-v2", "prompt": "the sea", "temp": 1, "tokens_to_generate": 3, **odd}
    head, answer = ask("/ai/generate-prompt", sent, strict=False)
    assert head.status in (201, 400)
    assert head.status == 400 or set(json.loads(answer)) == {"generated_text"}
