"""Halves of characters in JSON: joined where the two meet, and U+FFFD where they do not.

See docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto import text
from nai_proto.codecs.json import JsonDecoder
from nai_proto.codecs.lone_surrogates import SplitCharacters, replace_lone_escapes
from nai_proto.exchange.endpoints import ENDPOINTS, Endpoint
from nai_proto.http import Head, Headers
from nai_proto.openai import chat_completion_stream, completion_stream
from nai_proto.testing import play
from tests.cases import for_each

from .support import an_emulator
from .test_emulator import prompt, send_request
from .test_emulator_requests import log_in

STREAM = Head(200, Headers.of(content_type="text/event-stream"))
UNITS = st.text(st.sampled_from('a\\"/u\n\ud83d\ude00\ud800\udfff\U0001f600é') | st.characters(), max_size=12)
CHAT = chat_completion_stream([{"role": "user", "content": "Hello"}])


def replaced(given: str) -> str:
    """The text as JavaScript writes it in UTF-8."""
    return given.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def replaced_in(value: Any) -> Any:
    if isinstance(value, dict):
        return {replaced(key): replaced_in(item) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced_in(item) for item in value]
    return replaced(value) if isinstance(value, str) else value


# ---- documents


@given(st.recursive(UNITS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(UNITS, inner)))
def test_only_lone_surrogates_of_a_document_are_replaced(document: Any) -> None:
    data = json.dumps(document).encode()
    assert json.loads(replace_lone_escapes(data)) == replaced_in(document)
    assert JsonDecoder(object).decode(data, where="here", depth=99) == replaced_in(document)


@given(st.text('"\\udD8cC0[],1x'))
def test_what_is_not_json_does_not_become_json(broken: str) -> None:
    data = broken.encode()
    try:
        json.loads(data)
    except ValueError:
        with pytest.raises(json.JSONDecodeError):
            json.loads(replace_lone_escapes(data))
    else:
        json.loads(replace_lone_escapes(data))


@given(st.lists(UNITS, min_size=1), st.integers(0, 5))
def test_pieces_that_are_joined_are_the_whole(pieces: list[str], key: int) -> None:
    split = SplitCharacters()
    joined = [split.join(piece, key, last=False) for piece in pieces] + [split.join("", key, last=True)]
    assert "".join(joined) == replaced("".join(pieces))
    assert not split


# ---- streams


def cut_units(whole: str, cuts: list[int]) -> list[str]:
    """Cut a text between UTF-16 units."""
    units = whole.encode("utf-16-le", "surrogatepass")
    edges = sorted({0, len(units), *(2 * cut for cut in cuts if 2 * cut < len(units))})
    return [units[low:high].decode("utf-16-le", "surrogatepass") for low, high in pairwise(edges)] or [""]


def event(document: Any, name: str = "message") -> bytes:
    return f"event: {name}\n".encode() + b"data: " + json.dumps(document).encode() + b"\n\n"


def choice_event(index: int, *, last: bool, **choice: Any) -> bytes:
    return event({"choices": [{"index": index, "finish_reason": "stop" if last else None, **choice}]})


@settings(deadline=None)
@given(UNITS, st.lists(st.integers(0, 14)), st.booleans())
def test_a_character_may_be_split_over_events_of_every_stream(whole: str, cuts: list[int], ends_empty: bool) -> None:
    pieces = [*cut_units(whole, cuts), *([""] if ends_empty else [])]
    last = len(pieces) - 1
    native = [event({"token": piece, "ptr": at, "final": at == last}, "newToken") for at, piece in enumerate(pieces)]
    completion = [choice_event(0, last=at == last, text=piece) for at, piece in enumerate(pieces)]
    chat = [choice_event(0, last=at == last, delta={"content": piece}) for at, piece in enumerate(pieces)]
    operations: list[tuple[Any, list[bytes]]] = [
        (text.generate_stream("x"), native),
        (completion_stream("x"), completion),
        (CHAT, chat),
    ]
    for operation, events in operations:
        story = play(operation, [STREAM, b"data: null\n\n".join(events), b""])
        assert story.result.text == replaced(whole)
        assert "".join([each.text for each in story.events]) == replaced(whole)


def test_halves_of_different_answers_or_texts_do_not_meet() -> None:
    body = b"".join(
        [
            choice_event(0, last=False, delta={"content": "a\ud83d"}),
            choice_event(1, last=False, delta={"content": "\ude00b"}),
            choice_event(0, last=False, delta={"reasoning_content": "\ude00"}),
            choice_event(0, last=False, delta={"content": "\ude00"}),
            choice_event(1, last=False, delta={"content": "\ud83d"}),
            choice_event(0, last=True, delta={}),
            choice_event(1, last=True),
        ]
    )
    story = play(CHAT, [STREAM, body, b""])
    first, second = story.result.choices
    assert (first.message.content, first.message.reasoning_content) == ("a\U0001f600", "\ufffd")
    assert second.message.content == "\ufffdb\ufffd"


# ---- the emulator


def body_for(row: Endpoint, half: str) -> bytes:
    """A request with halves of characters in its keys and texts, and under the keys that services look at."""
    model = "kayra-v1" if row.path.startswith("/ai/generate") and "image" not in row.path else "glm-4-6"
    keys = ("data", "keystore", "meta", "input", "prompt", "messages", "email", "key", "text", "name", "value", "image")
    return json.dumps({half: half, "model": model, "parameters": {"seed": half}, **dict.fromkeys(keys, half)}).encode()


WITH_BODY = [row for row in ENDPOINTS.values() if row.method != "GET"]


@for_each("row", WITH_BODY, ids=lambda row: row.name)
def test_every_endpoint_of_the_emulator_takes_a_half_of_a_character_as_the_replacement_character(row: Endpoint) -> None:
    path = row.path
    for name in row.names:
        path = path.replace(f"{{{name}}}", "stories" if name == "type" else "1")
    answers = []
    for half in ("\ud83d", "\ufffd"):
        emulator, owner = an_emulator(now=lambda: 1_800_000_000.0)  # an id has the second in it
        body, token = body_for(row, half), log_in(emulator, owner)
        answers.append(send_request(emulator, row.method, path, body, authorization=token))
    assert answers[0] == answers[1]
    assert answers[0][0].status != 401 or not row.auth
    assert b"not JSON" not in answers[0][1]


def test_an_object_is_stored_with_the_replacement_character_and_settings_as_they_came() -> None:
    emulator, owner = an_emulator()
    token = log_in(emulator, owner)
    body = json.dumps({"meta": "\U0001f600\ude00", "data": "AA=="}).encode()
    head, answer = send_request(emulator, "PUT", "/user/objects/stories", body, authorization=token)
    assert (head.status, json.loads(answer)["meta"]) == (200, "\U0001f600\ufffd")
    settings_text = rb'"{\"a\": \"\ud800\"}"'
    send_request(emulator, "PUT", "/user/clientsettings", settings_text, authorization=token)
    assert send_request(emulator, "GET", "/user/clientsettings", authorization=token)[1] == settings_text


def test_prompts_with_a_half_of_a_character_are_continued() -> None:
    emulator, owner = an_emulator()
    native = {**prompt(max_length=5), "input": "Once \ud83d"}
    head, answer = send_request(emulator, "POST", "/ai/generate", json.dumps(native).encode(), owner=owner)
    assert (head.status, json.loads(answer)["output"] != "") == (200, True)
    chat = {"model": "glm-4-6", "messages": [{"role": "user", "content": "\ude00"}], "max_tokens": 5}
    head, answer = send_request(emulator, "POST", "/oa/v1/chat/completions", json.dumps(chat).encode(), owner=owner)
    assert (head.status, json.loads(answer)["choices"][0]["message"]["content"] != "") == (200, True)
