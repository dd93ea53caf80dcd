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
from nai_proto.emulator.openai.chat_template import END_OF_TURN
from nai_proto.errors import InvalidRequestError, NaiError
from nai_proto.http import Request
from nai_proto.secret import Password
from nai_proto.testing import Clock, MemoryConnection
from tests.peer import Peer

from .support import ByteTokenizer, an_emulator
from .test_emulator import refused
from .test_emulator_openai import ASK, CHAT, COMPLETIONS, COUNT, ONCE, Service, choices, events, joined

# ---- streams


def test_a_completion_stream_has_a_token_per_chunk_and_is_the_whole_text() -> None:
    service = Service()
    chunks = service.streamed(COMPLETIONS, prompt=ONCE, max_tokens=20, logprobs=2)
    assert chunks.pop() == "[DONE]"
    whole = service.completed(logprobs=2)
    (choice,) = whole["choices"]
    assert joined(chunks, "text") == choice["text"]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    told = choices(chunks)
    assert [one["token_ids"] for one in told] == [[token] for token in choice["token_ids"]]
    assert [one["finish_reason"] for one in told] == [None] * 19 + ["length"]
    for name, values in choice["logprobs"].items():
        assert [value for one in told for value in one["logprobs"][name]] == values


def test_a_chat_stream_opens_with_the_role_and_closes_with_nothing() -> None:
    service = Service()
    chunks = service.streamed(CHAT, messages=ASK)
    assert chunks.pop() == "[DONE]"
    first, *middle, last = choices(chunks)
    assert (first["delta"], first["token_ids"]) == ({"role": "assistant", "content": ""}, [])
    assert (last["delta"], last["finish_reason"], last["token_ids"]) == ({}, "stop", [END_OF_TURN])
    assert all(len(one["token_ids"]) == 1 and one["finish_reason"] is None for one in middle)
    whole = service.chatted()["choices"][0]
    assert joined(chunks, "delta", "content") == whole["message"]["content"]
    assert [token for one in choices(chunks) for token in one["token_ids"]] == whole["token_ids"]
    cut_off = choices(service.streamed(CHAT, messages=ASK, max_tokens=2))
    assert [one["finish_reason"] for one in cut_off] == [None, None, None, "length"]
    assert (cut_off[-1]["delta"], cut_off[-1]["token_ids"]) == ({}, [])


@pytest.mark.parametrize("path", [COMPLETIONS, CHAT])
def test_a_stream_never_has_half_a_character(path: str) -> None:
    class Umlauts(ByteTokenizer):
        """Writes every a as ä, so that characters take two tokens."""

        def encode(self, text: str) -> list[int]:
            return super().encode(text.replace("a", "ä"))

    service = Service()
    service.emulator, service.owner = an_emulator(tokenizers=lambda _: Umlauts())
    body: dict[str, Any] = {"prompt": ONCE} if path == COMPLETIONS else {"messages": ASK}
    chunks = service.streamed(path, max_tokens=150, top_k=2, **body)[:-1]
    text = joined(chunks, "text") if path == COMPLETIONS else joined(chunks, "delta", "content")
    assert "ä" in text
    assert "\N{REPLACEMENT CHARACTER}" not in text.rstrip("\N{REPLACEMENT CHARACTER}")


def test_choices_of_a_stream_take_turns() -> None:
    service = Service()
    chunks = service.streamed(COMPLETIONS, prompt=[ONCE, "The sea"], n=2, max_tokens=6)
    assert [one["index"] for one in choices(chunks)] == [0, 1, 2, 3] * 6
    whole = service.completed([ONCE, "The sea"], n=2, max_tokens=6)["choices"]
    for index, choice in enumerate(whole):
        assert joined(chunks, "text", index=index) == choice["text"]


def test_choices_of_a_stream_end_when_they_are_over_and_the_last_one_has_the_usage() -> None:
    service = Service(usage="with_finish")
    chunks = service.streamed(CHAT, messages=ASK, n=4)[:-1]
    ends = [number for number, chunk in enumerate(chunks) if chunk["choices"][0]["finish_reason"]]
    assert len(ends) == 4
    assert [number for number, chunk in enumerate(chunks) if "usage" in chunk] == [ends[-1]] == [len(chunks) - 1]
    whole = service.chatted(n=4)
    assert chunks[-1]["usage"] == whole["usage"]
    lengths = {len(choice["token_ids"]) for choice in whole["choices"]}
    assert len(lengths) > 1


def test_a_chat_may_be_streamed_as_text() -> None:
    chunks = Service(chat_chunks="text").streamed(CHAT, messages=ASK)[:-1]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert all("delta" not in one for one in choices(chunks))
    assert joined(chunks, "text") == Service().chatted()["choices"][0]["message"]["content"]


@pytest.mark.parametrize("path", [COMPLETIONS, CHAT])
@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("place", ["never", "on_request", "with_finish"])
def test_the_usage_of_a_stream_is_where_it_is_wanted(path: str, asks: bool, place: str) -> None:
    body: dict[str, Any] = {"prompt": ONCE} if path == COMPLETIONS else {"messages": ASK}
    body |= {"stream_options": {"include_usage": True}} if asks else {}
    chunks = Service(usage=place).streamed(path, n=2, max_tokens=9, **body)[:-1]
    having = [number for number, chunk in enumerate(chunks) if "usage" in chunk]
    if place == "never" or (place == "on_request" and not asks):
        assert having == []
        return
    assert having == [len(chunks) - 1]
    last = chunks[-1]
    assert bool(last["choices"]) == (place == "with_finish")
    usage = last["usage"]
    assert usage["completion_tokens"] == sum(len(one["token_ids"]) for one in choices(chunks))
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("newline", ["lf", "crlf", "cr"])
@pytest.mark.parametrize("space", [True, False])
@pytest.mark.parametrize("comments", [True, False])
@pytest.mark.parametrize("write_size", [None, 1, 7])
def test_however_a_stream_is_written_its_events_are_the_same(
    newline: str, space: bool, comments: bool, write_size: int | None
) -> None:
    body = {"model": "glm-4-6", "prompt": ONCE, "seed": 5, "stream": True, "max_tokens": 4}
    service = Service(newline=newline, space=space, comments=comments, write_size=write_size)
    raw = service.ask(COMPLETIONS, body)[1]
    told = [json.loads(event.data)["choices"] for event in events(raw)[:-1]]
    plain = Service().ask(COMPLETIONS, body)[1]
    assert told == [json.loads(event.data)["choices"] for event in events(plain)[:-1]]
    assert (b"\r" in raw) == (newline != "lf")
    assert (b"\n" in raw) == (newline != "cr")
    assert raw.startswith(b": keep-alive") == comments
    assert (b"data: {" in raw) == space


def test_done_may_be_missing() -> None:
    chunks = Service(done=False).streamed(COMPLETIONS, prompt=ONCE, max_tokens=3)
    assert [one["finish_reason"] for one in choices(chunks)] == [None, None, "length"]
    assert "[DONE]" not in chunks


FAILED = "The generation failed."


@pytest.mark.parametrize(
    ("form", "data", "name"),
    [
        ("object", {"error": {"message": FAILED, "code": 500, "type": "server_error", "param": None}}, "message"),
        ("text", {"error": FAILED}, "message"),
        ("status", {"statusCode": 500, "message": FAILED}, "message"),
        ("event", {"statusCode": 500, "message": FAILED}, "error"),
    ],
)
@pytest.mark.parametrize("after", [0, 2, 5])
def test_a_stream_may_fail_after_so_many_chunks(form: str, data: Any, name: str, after: int) -> None:
    service = Service(error_after=after, error_form=form)
    body = {"model": "glm-4-6", "prompt": ONCE, "stream": True, "max_tokens": 5}
    told = events(service.ask(COMPLETIONS, body)[1])
    assert len(told) == after + 1
    assert json.loads(told[-1].data) == data
    assert told[-1].event == name
    record = service.owner.streams[-1]
    assert (record.endpoint, record.chunks, record.complete) == ("completions", after, False)


def test_an_error_may_be_a_line_of_no_field() -> None:
    raw = Service(error_after=1, error_form="bare").ask(
        COMPLETIONS, {"model": "glm-4-6", "prompt": ONCE, "stream": True, "max_tokens": 5}
    )[1]
    decoder = SSEDecoder()
    assert len(decoder.receive_data(raw)) == 1
    assert json.loads(decoder.stray) == {"statusCode": 500, "message": FAILED}


@pytest.mark.parametrize("stream", [True, False])
def test_an_error_may_come_instead_of_an_answer_with_status_200(stream: bool) -> None:
    service = Service(error_after=0, error_form="document")
    assert service.told(CHAT, messages=ASK, stream=stream) == {"statusCode": 500, "message": FAILED}


@pytest.mark.parametrize("after", [0, 1, 100, 200, 333])
@pytest.mark.parametrize("write_size", [None, 3])
def test_a_stream_may_be_cut_after_so_many_bytes(after: int, write_size: int | None) -> None:
    service = Service(cut_after=after, write_size=write_size)
    peer = Peer(MemoryConnection(service.emulator, service.clock))
    assert peer.send(request(service, {"stream": True, "max_tokens": 5, "prompt": ONCE}), 10).status == 200
    got = bytearray()
    with pytest.raises(NaiError):
        while data := peer.receive(10):
            got += data
    assert len(got) == after
    assert peer.link.closed
    assert not service.owner.generating


def test_switches_that_make_no_sense_are_refused() -> None:
    for wrong in ({"write_size": 0}, {"cut_after": -1}, {"delay": -0.5}):
        with pytest.raises(InvalidRequestError, match=next(iter(wrong))):
            OpenAISwitches(**wrong)


# ---- the lock, and clients that leave


def request(service: Service, body: dict[str, Any], path: str = COMPLETIONS) -> Request:
    raw = msgspec.json.encode({"model": "glm-4-6", **body})
    return Request("POST", path, body=raw, token=service.owner.persistent_token, base="http://emulator.invalid")


def streaming(service: Service, chunks: int, **body: Any) -> Peer:
    """A client that has had so many chunks."""
    peer = Peer(MemoryConnection(service.emulator, service.clock))
    given = {"prompt": ONCE, "stream": True, "max_tokens": 100, **body}
    assert peer.send(request(service, given), 100).status == 200
    for _ in range(chunks):
        assert peer.receive(100)
    return peer


def test_all_generations_of_an_account_share_one_lock() -> None:
    service = Service(pace=1.0, retry_after=7)
    peer = streaming(service, 2)
    native = {"input": "x", "model": "kayra-v1", "parameters": {"use_string": True, "max_length": 4}}
    for path, body in ((COMPLETIONS, b"not json"), (CHAT, b"not json"), ("/ai/generate", native)):
        answer = service.ask(path, body)
        assert refused(answer) == (429, "Concurrent generation is locked")
        assert answer[0].headers.get("retry-after") == "7"
    assert service.ask(COUNT, {"model": "glm-4-6", "prompt": "x"})[0].status == 200
    assert service.ask("/oa/v1/models")[0].status == 200
    peer.link.close()
    assert service.ask("/ai/generate", native)[0].status == 200


def test_a_refusal_does_not_say_how_long_to_wait_unless_it_is_told() -> None:
    service = Service(pace=1.0)
    peer = streaming(service, 1)
    assert service.ask(COMPLETIONS, {})[0].headers.get("retry-after") is None
    peer.link.close()


def test_the_lock_may_be_off() -> None:
    service = Service(pace=1.0, lock=False)
    peer = streaming(service, 1)
    assert service.completed(max_tokens=3)["choices"]
    peer.link.close()


@pytest.mark.parametrize("chunks", [1, 3, 6])
def test_a_client_that_leaves_is_noticed_and_how_far_it_came_is_known(chunks: int) -> None:
    service = Service(pace=1.0)
    peer = streaming(service, chunks)
    assert service.owner.generating
    peer.link.close()
    assert not service.owner.generating
    record = service.owner.streams[-1]
    assert (record.endpoint, record.complete) == ("completions", False)
    assert chunks - 1 <= record.chunks <= chunks
    service.streamed(CHAT, messages=ASK, max_tokens=3)
    assert (service.owner.streams[-1].chunks, service.owner.streams[-1].complete) == (5, True)


@pytest.mark.parametrize("stalling", [{"stall_after": 2}, {"delay": 50.0}, {"pace": 50.0}])
def test_a_client_that_leaves_while_nothing_comes_is_noticed(stalling: dict[str, Any]) -> None:
    for stream in (True, False) if "stall_after" not in stalling else (True,):
        service = Service(**stalling)
        peer = Peer(MemoryConnection(service.emulator, service.clock))
        sent = request(service, {"prompt": ONCE, "stream": stream, "max_tokens": 10})
        with contextlib.suppress(TimeoutError):
            peer.send(sent, 5)
            while peer.receive(5):
                pass
        assert service.owner.generating
        peer.link.close()
        assert not service.owner.generating


def test_the_lock_may_last_a_moment_after_a_client_has_left() -> None:
    clock = Clock(1_000.0)
    emulator = Emulator(now=clock, entropy=bytes, switches=Switches(linger=3.0))
    service = Service(clock=clock)
    service.emulator, service.owner = emulator, emulator.add_account("a@example.com", Password("p"))
    peer = Peer(MemoryConnection(emulator, clock))
    peer.send(request(service, {"prompt": ONCE, "stream": True}), 10)
    assert service.owner.generating
    peer.link.close()
    assert service.refused(COMPLETIONS, {}) == (429, "Concurrent generation is locked")
    clock.advance(3.0)
    assert service.completed()["choices"]
    assert service.completed()["choices"]  # an answer that is complete leaves nothing
