"""Streams of the emulator's OpenAI-compatible endpoints, the lock, and clients that leave.

See:
    docs/protocol/openai.md#6-streaming
    docs/protocol/openai.md#74-concurrency-and-rate
    docs/protocol/openai.md#11-what-openais-python-client-sends-emulator-requirements
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest

from nai_proto.codecs.sse import SSEDecoder
from nai_proto.emulator import Emulator, OpenAISwitches, Switches
from nai_proto.errors import InvalidRequestError, NaiError
from nai_proto.http import Request
from nai_proto.secret import Password
from nai_proto.testing import Clock, MemoryConnection
from tests.cases import for_each
from tests.peer import Peer

from .support import ByteTokenizer, an_emulator
from .test_emulator import parse_error
from .test_emulator_openai import (
    ASK,
    CHAT,
    COMPLETIONS,
    COUNT,
    ONCE,
    OWN_END_OF_TURN,
    Service,
    decode_events,
    join_texts,
    list_choices,
)

# ---- streams


def test_a_completion_stream_has_one_token_per_chunk_and_gives_the_whole_text() -> None:
    service = Service()
    chunks = service.stream(COMPLETIONS, prompt=ONCE, max_tokens=20, logprobs=2)
    assert chunks.pop() == "[DONE]"
    whole = service.complete(logprobs=2)
    (choice,) = whole["choices"]
    assert join_texts(chunks, "text") == choice["text"]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    streamed = list_choices(chunks)
    assert [one["token_ids"] for one in streamed] == [[token] for token in choice["token_ids"]]
    assert [one["finish_reason"] for one in streamed] == [None] * 19 + ["length"]
    for name, values in choice["logprobs"].items():
        assert [value for one in streamed for value in one["logprobs"][name]] == values


def test_a_chat_stream_begins_with_the_role_and_ends_with_an_empty_delta() -> None:
    service = Service()
    chunks = service.stream(CHAT, messages=ASK)
    assert chunks.pop() == "[DONE]"
    first, *middle, last = list_choices(chunks)
    assert (first["delta"], first["token_ids"]) == ({"role": "assistant", "content": ""}, [])
    assert (last["delta"], last["finish_reason"], last["token_ids"]) == ({}, "stop", [OWN_END_OF_TURN])
    assert all(len(one["token_ids"]) == 1 and one["finish_reason"] is None for one in middle)
    whole = service.chat()["choices"][0]
    assert join_texts(chunks, "delta", "content") == whole["message"]["content"]
    assert [token for one in list_choices(chunks) for token in one["token_ids"]] == whole["token_ids"]
    cut_off = list_choices(service.stream(CHAT, messages=ASK, max_tokens=2))
    assert [one["finish_reason"] for one in cut_off] == [None, None, None, "length"]
    assert (cut_off[-1]["delta"], cut_off[-1]["token_ids"]) == ({}, [])


@for_each("path", [COMPLETIONS, CHAT])
def test_a_chunk_never_holds_half_a_character(path: str) -> None:
    class Umlauts(ByteTokenizer):
        """Writes every a as ä, so that characters take two tokens."""

        def encode(self, text: str) -> list[int]:
            return super().encode(text.replace("a", "ä"))

    service = Service()
    service.emulator, service.owner = an_emulator(tokenizers=lambda _: Umlauts())
    body: dict[str, Any] = {"prompt": ONCE} if path == COMPLETIONS else {"messages": ASK}
    chunks = service.stream(path, max_tokens=150, top_k=2, **body)[:-1]
    text = join_texts(chunks, "text") if path == COMPLETIONS else join_texts(chunks, "delta", "content")
    assert "ä" in text
    assert "\N{REPLACEMENT CHARACTER}" not in text.rstrip("\N{REPLACEMENT CHARACTER}")


def test_the_choices_of_a_stream_take_turns() -> None:
    service = Service()
    chunks = service.stream(COMPLETIONS, prompt=[ONCE, "The sea"], n=2, max_tokens=6)
    assert [one["index"] for one in list_choices(chunks)] == [0, 1, 2, 3] * 6
    whole = service.complete([ONCE, "The sea"], n=2, max_tokens=6)["choices"]
    for index, choice in enumerate(whole):
        assert join_texts(chunks, "text", index=index) == choice["text"]


def test_each_choice_of_a_stream_ends_on_its_own_and_the_last_end_has_the_usage() -> None:
    service = Service(usage="with_finish")
    chunks = service.stream(CHAT, messages=ASK, n=4)[:-1]
    ends = [number for number, chunk in enumerate(chunks) if chunk["choices"][0]["finish_reason"]]
    assert len(ends) == 4
    assert [number for number, chunk in enumerate(chunks) if "usage" in chunk] == [ends[-1]] == [len(chunks) - 1]
    whole = service.chat(n=4)
    assert chunks[-1]["usage"] == whole["usage"]
    lengths = {len(choice["token_ids"]) for choice in whole["choices"]}
    assert len(lengths) > 1


def test_a_switch_streams_chats_as_text() -> None:
    chunks = Service(chat_chunks="text").stream(CHAT, messages=ASK)[:-1]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert all("delta" not in one for one in list_choices(chunks))
    assert join_texts(chunks, "text") == Service().chat()["choices"][0]["message"]["content"]


@for_each("path", [COMPLETIONS, CHAT])
@for_each("wants_usage", [True, False])
@for_each("place", ["never", "on_request", "with_finish"])
def test_a_switch_selects_where_a_stream_has_its_usage(path: str, wants_usage: bool, place: str) -> None:
    body: dict[str, Any] = {"prompt": ONCE} if path == COMPLETIONS else {"messages": ASK}
    body |= {"stream_options": {"include_usage": True}} if wants_usage else {}
    chunks = Service(usage=place).stream(path, n=2, max_tokens=9, **body)[:-1]
    having = [number for number, chunk in enumerate(chunks) if "usage" in chunk]
    if place == "never" or (place == "on_request" and not wants_usage):
        assert having == []
        return
    assert having == [len(chunks) - 1]
    last = chunks[-1]
    assert bool(last["choices"]) == (place == "with_finish")
    usage = last["usage"]
    assert usage["completion_tokens"] == sum(len(one["token_ids"]) for one in list_choices(chunks))
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@for_each("newline", ["lf", "crlf", "cr"])
@for_each("space", [True, False])
@for_each("comments", [True, False])
@for_each("write_size", [None, 1, 7])
def test_switches_of_the_bytes_do_not_change_the_events(
    newline: str, space: bool, comments: bool, write_size: int | None
) -> None:
    body = {"model": "glm-4-6", "prompt": ONCE, "seed": 5, "stream": True, "max_tokens": 4}
    service = Service(newline=newline, space=space, comments=comments, write_size=write_size)
    raw = service.ask(COMPLETIONS, body)[1]
    streamed = [json.loads(event.data)["choices"] for event in decode_events(raw)[:-1]]
    plain = Service().ask(COMPLETIONS, body)[1]
    assert streamed == [json.loads(event.data)["choices"] for event in decode_events(plain)[:-1]]
    assert (b"\r" in raw) == (newline != "lf")
    assert (b"\n" in raw) == (newline != "cr")
    assert raw.startswith(b": keep-alive") == comments
    assert (b"data: {" in raw) == space


def test_a_switch_leaves_out_done() -> None:
    chunks = Service(done=False).stream(COMPLETIONS, prompt=ONCE, max_tokens=3)
    assert [one["finish_reason"] for one in list_choices(chunks)] == [None, None, "length"]
    assert "[DONE]" not in chunks


FAILED = "The generation failed."


@for_each(
    "form, data, name",
    [
        ("object", {"error": {"message": FAILED, "code": 500, "type": "server_error", "param": None}}, "message"),
        ("text", {"error": FAILED}, "message"),
        ("status", {"statusCode": 500, "message": FAILED}, "message"),
        ("event", {"statusCode": 500, "message": FAILED}, "error"),
    ],
)
@for_each("after", [0, 2, 5])
def test_a_switch_makes_a_stream_fail_after_so_many_chunks(form: str, data: Any, name: str, after: int) -> None:
    service = Service(error_after=after, error_form=form)
    body = {"model": "glm-4-6", "prompt": ONCE, "stream": True, "max_tokens": 5}
    streamed = decode_events(service.ask(COMPLETIONS, body)[1])
    assert len(streamed) == after + 1
    assert json.loads(streamed[-1].data) == data
    assert streamed[-1].event == name
    record = service.owner.streams[-1]
    assert (record.endpoint, record.chunks, record.complete) == ("completions", after, False)


def test_a_bare_error_is_a_line_without_a_field_name() -> None:
    raw = Service(error_after=1, error_form="bare").ask(
        COMPLETIONS, {"model": "glm-4-6", "prompt": ONCE, "stream": True, "max_tokens": 5}
    )[1]
    decoder = SSEDecoder()
    assert len(decoder.receive_data(raw)) == 1
    assert json.loads(decoder.stray) == {"statusCode": 500, "message": FAILED}


@for_each("stream", [True, False])
def test_a_document_error_replaces_a_response_with_status_200(stream: bool) -> None:
    service = Service(error_after=0, error_form="document")
    assert service.post(CHAT, messages=ASK, stream=stream) == {"statusCode": 500, "message": FAILED}


@for_each("after", [0, 1, 100, 200, 333])
@for_each("write_size", [None, 3])
def test_a_switch_cuts_a_stream_after_so_many_bytes(after: int, write_size: int | None) -> None:
    service = Service(cut_after=after, write_size=write_size)
    peer = Peer(MemoryConnection(service.emulator, service.clock))
    assert peer.send(build_request(service, {"stream": True, "max_tokens": 5, "prompt": ONCE}), 10).status == 200
    got = bytearray()
    with pytest.raises(NaiError):
        while data := peer.receive(10):
            got += data
    assert len(got) == after
    assert peer.link.closed
    assert not service.owner.generating


def test_switches_below_their_minimum_are_refused() -> None:
    for wrong in ({"write_size": 0}, {"cut_after": -1}, {"delay": -0.5}):
        with pytest.raises(InvalidRequestError, match=next(iter(wrong))):
            OpenAISwitches(**wrong)


# ---- lock and disconnects


def build_request(service: Service, body: dict[str, Any], path: str = COMPLETIONS) -> Request:
    raw = msgspec.json.encode({"model": "glm-4-6", **body})
    return Request("POST", path, body=raw, token=service.owner.persistent_token, base="http://emulator.invalid")


def start_stream(service: Service, chunks: int, **body: Any) -> Peer:
    """Return a client that has received so many chunks."""
    peer = Peer(MemoryConnection(service.emulator, service.clock))
    given = {"prompt": ONCE, "stream": True, "max_tokens": 100, **body}
    assert peer.send(build_request(service, given), 100).status == 200
    for _ in range(chunks):
        assert peer.receive(100)
    return peer


def test_all_generations_of_an_account_share_one_lock() -> None:
    service = Service(pace=1.0, retry_after=7)
    peer = start_stream(service, 2)
    native = {"input": "x", "model": "kayra-v1", "parameters": {"use_string": True, "max_length": 4}}
    for path, body in ((COMPLETIONS, b"not json"), (CHAT, b"not json"), ("/ai/generate", native)):
        answer = service.ask(path, body)
        assert parse_error(answer) == (429, "Concurrent generation is locked")
        assert answer[0].headers.get("retry-after") == "7"
    assert service.ask(COUNT, {"model": "glm-4-6", "prompt": "x"})[0].status == 200
    assert service.ask("/oa/v1/models")[0].status == 200
    peer.link.close()
    assert service.ask("/ai/generate", native)[0].status == 200


def test_a_refusal_has_retry_after_only_if_a_switch_sets_it() -> None:
    service = Service(pace=1.0)
    peer = start_stream(service, 1)
    assert service.ask(COMPLETIONS, {})[0].headers.get("retry-after") is None
    peer.link.close()


def test_a_switch_turns_the_lock_off() -> None:
    service = Service(pace=1.0, lock=False)
    peer = start_stream(service, 1)
    assert service.complete(max_tokens=3)["choices"]
    peer.link.close()


@for_each("chunks", [1, 3, 6])
def test_a_disconnect_is_noticed_and_the_progress_is_recorded(chunks: int) -> None:
    service = Service(pace=1.0)
    peer = start_stream(service, chunks)
    assert service.owner.generating
    peer.link.close()
    assert not service.owner.generating
    record = service.owner.streams[-1]
    assert (record.endpoint, record.complete) == ("completions", False)
    assert chunks - 1 <= record.chunks <= chunks
    service.stream(CHAT, messages=ASK, max_tokens=3)
    assert (service.owner.streams[-1].chunks, service.owner.streams[-1].complete) == (5, True)


@for_each("stalling", [{"stall_after": 2}, {"delay": 50.0}, {"pace": 50.0}])
def test_a_disconnect_while_nothing_is_sent_is_noticed(stalling: dict[str, Any]) -> None:
    for stream in (True, False) if "stall_after" not in stalling else (True,):
        service = Service(**stalling)
        peer = Peer(MemoryConnection(service.emulator, service.clock))
        sent = build_request(service, {"prompt": ONCE, "stream": stream, "max_tokens": 10})
        with contextlib.suppress(TimeoutError):
            peer.send(sent, 5)
            while peer.receive(5):
                pass
        assert service.owner.generating
        peer.link.close()
        assert not service.owner.generating


def test_a_switch_keeps_the_lock_for_a_while_after_a_disconnect() -> None:
    clock = Clock(1_000.0)
    emulator = Emulator(now=clock, entropy=bytes, switches=Switches(linger=3.0))
    service = Service(clock=clock)
    service.emulator, service.owner = emulator, emulator.add_account("a@example.com", Password("p"))
    peer = Peer(MemoryConnection(emulator, clock))
    peer.send(build_request(service, {"prompt": ONCE, "stream": True}), 10)
    assert service.owner.generating
    peer.link.close()
    assert service.get_refusal(COMPLETIONS, {}) == (429, "Concurrent generation is locked")
    clock.advance(3.0)
    assert service.complete()["choices"]
    assert service.complete()["choices"]  # an answer that is complete leaves nothing
