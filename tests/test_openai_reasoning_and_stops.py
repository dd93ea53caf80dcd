"""Inline reasoning and stop texts are separated from answers, opt-in.

See:
    docs/protocol/openai.md#34-stop-handling
    docs/protocol/openai.md#44-thinking--reasoning
"""

from __future__ import annotations

import json
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from nai_proto.errors import Truncated
from nai_proto.exchange.actions import Send
from nai_proto.http import Head, Headers
from nai_proto.openai import (
    ChatCompletion,
    Message,
    chat_completion,
    chat_completion_stream,
    completion,
    completion_stream,
    separate_reasoning,
    split_reasoning,
    trim_stop_text,
)
from nai_proto.testing import FlowTrace, play
from tests.cases import for_each

STREAM: Final = Head(200, Headers.of(content_type="text/event-stream"))
JSON: Final = Head(200, Headers.of(content_type="application/json"))
HELLO: Final = [Message("user", "What is 2 + 2?")]
CHAT: Final = chat_completion_stream(HELLO)
TEXT: Final = completion_stream("Once")
DONE: Final = b"data: [DONE]\n\n"


def events(*pieces: str, finish: bool = True, index: int = 0) -> bytes:
    """A stream of a chat, a chunk for each piece, the reason with the last one."""
    choices: list[dict[str, Any]] = [{"index": index, "delta": {"content": piece}} for piece in pieces]
    if finish:
        choices.append({"index": index, "delta": {}, "finish_reason": "stop"})
    return b"".join(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n" for choice in choices)


def thought(*pieces: str) -> FlowTrace[Any, Any]:
    return play(separate_reasoning(CHAT), [STREAM, events(*pieces), DONE, b""])


def split_events(played: FlowTrace[Any, Any]) -> tuple[list[str | None], list[str | None]]:
    deltas = [chunk.choices[0].delta for chunk in played.events]
    return [delta.reasoning_content for delta in deltas], [delta.content for delta in deltas]


# ---- reasoning


@for_each(
    "text, reasoning, content",
    [
        ("<think>2 + 2</think>4", "2 + 2", "4"),
        ("\n<think>\n2 + 2\n</think>\n\n4", "\n2 + 2\n", "\n\n\n4"),
        ("<think></think>\n4", "", "\n4"),
        ("<think>2 + 2", "2 + 2", ""),
        ("<think>2 </thi", "2 </thi", ""),
        ("4 <think>no</think>", "", "4 <think>no</think>"),
        ("<thinking>", "", "<thinking>"),
        ("<think>a</think><think>b</think>", "a", "<think>b</think>"),
        ("a</think>b", "", "a</think>b"),
        (" <thi", "", " <thi"),
        ("", "", ""),
    ],
)
def test_reasoning_is_between_tags_at_the_start(text: str, reasoning: str, content: str) -> None:
    assert split_reasoning(text) == (reasoning, content)
    assert thought(text).result.choices[0].message == Message("assistant", content, None, reasoning or None)


def test_tags_that_are_split_over_chunks_are_tags() -> None:
    played = thought("\n", "<th", "ink>2", " + 2</", "think", ">", "4 <think", "!")
    assert split_events(played) == (
        [None, None, "2", " + 2", None, None, None, None, None],
        ["\n", "", "", "", "", "", "4 <think", "!", None],
    )
    assert played.result.choices[0].message == Message("assistant", "\n4 <think!", None, "2 + 2")


def test_what_only_looked_like_a_tag_comes_with_the_end() -> None:
    assert split_events(thought("<thi"))[1] == ["", "<thi"]
    assert split_events(thought("<think>a</th"))[0] == ["a", "</th"]
    unfinished = play(separate_reasoning(CHAT), [STREAM, events("<thi", finish=False), DONE, b""])
    assert [chunk.text for chunk in unfinished.events] == ["", "<thi"]
    assert unfinished.result.text == "<thi"


def test_reasoning_stays_in_the_text_by_default() -> None:
    text = "<think>2 + 2</think>4"
    plain = play(CHAT, [STREAM, events(text), DONE, b""]).result
    assert plain.choices[0].message == Message("assistant", text)


def test_an_answer_in_one_piece_is_split_as_well() -> None:
    for operation in (chat_completion(HELLO), chat_completion(HELLO, stream=False)):
        body = b'{"choices":[{"message":{"content":"<think>2</think>4","reasoning_content":"1 + "}}]}'
        result = play(separate_reasoning(operation), [JSON, body, b""]).result
        assert result.choices[0].message == Message("assistant", "4", None, "1 + 2")


def test_each_of_several_answers_has_its_own_reasoning() -> None:
    body = events("<thi", finish=False) + events("<think>b", index=1, finish=False)
    body += events("nk>a</think>A") + events("</think>B", index=1)
    choices = play(separate_reasoning(CHAT), [STREAM, body, DONE, b""]).result.choices
    assert choices[0].message == Message("assistant", "A", None, "a")
    assert choices[1].message == Message("assistant", "B", None, "b")


# ---- stop text


@for_each(
    "text, stop, left",
    [
        ("The end.\nTHE END", "THE END", "The end.\n"),
        ("The end.<|user|>", (), "The end."),
        ("a\n\nb THE END", ["THE END", "\n\n"], "a"),
        ("abc", ["abcd", "bc"], "a"),
        ("xabc", ["abc", "b"], "xa"),
        ("xabc", ["abc", "c"], "x"),
        ("a THE EN", "THE END", "a THE EN"),
        ("nothing", "", "nothing"),
        ("", "x", ""),
    ],
)
def test_an_answer_ends_before_the_text_that_stopped_it(text: str, stop: Any, left: str) -> None:
    for pieces in ([text], list(text)):
        played = play(trim_stop_text(CHAT, stop), [STREAM, events(*pieces), DONE, b""])
        assert "".join(chunk.text for chunk in played.events) == played.result.text == left
    body = json.dumps({"choices": [{"text": text, "finish_reason": "stop"}]}).encode()
    assert play(trim_stop_text(completion("x"), stop), [JSON, body, b""]).result.text == left


def test_what_may_become_a_stop_text_is_not_shown_before_it_is_known() -> None:
    played = play(trim_stop_text(CHAT, "END"), [STREAM, events("the E", "N", "E", "ND", "x"), DONE, b""])
    assert [chunk.text for chunk in played.events] == ["the ", "", "EN", "", "", ""]
    assert played.result.choices[0].finish_reason == "stop"


def test_stop_text_stays_by_default() -> None:
    assert play(CHAT, [STREAM, events("a END"), DONE, b""]).result.text == "a END"


def test_a_completion_is_trimmed_too() -> None:
    body = b'data: {"choices":[{"text":"a E"}]}\n\ndata: {"choices":[{"text":"ND"}]}\n\n'
    played = play(trim_stop_text(TEXT, "END"), [STREAM, body, DONE, b""])
    assert [chunk.choices[0].text for chunk in played.events] == ["a ", ""]
    assert played.result.text == "a "
    kept = play(trim_stop_text(TEXT, "ENDE"), [STREAM, body, DONE, b""])
    assert [chunk.choices[0].text for chunk in kept.events] == ["a ", "", "END"]


def test_both_can_be_combined() -> None:
    flow = trim_stop_text(separate_reasoning(CHAT), "END")
    played = play(flow, [STREAM, events("<think>the END</think>", "4 EN", "D"), DONE, b""])
    assert played.result.choices[0].message == Message("assistant", "4 ", None, "the END")
    assert "".join(chunk.text for chunk in played.events) == "4 "


# ---- both


def test_partial_results_are_cut_as_well() -> None:
    flow = trim_stop_text(separate_reasoning(CHAT), "END")
    played = play(flow, [STREAM, events("<think>2</think>4 END 5", finish=False), b""])
    assert isinstance(played.error, Truncated)
    assert isinstance(played.error.partial, ChatCompletion)
    assert played.error.partial.choices[0].message == Message("assistant", "4 ", None, "2")
    seen = [action.call.partial for action in played.actions if isinstance(action, Send) and action.call]
    assert seen == [played.error.partial]


def test_an_error_before_the_first_chunk_has_nothing_to_cut() -> None:
    played = play(separate_reasoning(CHAT), [Head(400), b'{"statusCode":400,"message":"no"}', b""])
    assert played.error is not None
    assert played.error.partial is None


_letters = st.lists(
    st.sampled_from(["<think>", "</think>", "<th", "ink>", "END", "E", "N", "D", "<|user|>", "a", "\n"])
)


@given(_letters, st.lists(st.integers(1, 9), min_size=1), st.booleans())
def test_how_a_text_is_cut_into_chunks_never_matters(letters: list[str], sizes: list[int], finish: bool) -> None:
    text, pieces, at = "".join(letters), list[str](), 0
    for size in sizes * len(text):
        pieces.append(text[at : at + size])
        at += size
    whole = play(trim_stop_text(separate_reasoning(CHAT), ["END", "ND\n"]), [STREAM, events(text) + DONE, b""]).result
    played = play(
        trim_stop_text(separate_reasoning(CHAT), ["END", "ND\n"]), [STREAM, events(*pieces, finish=finish) + DONE, b""]
    )
    assert played.result.text == whole.text == "".join(chunk.text for chunk in played.events)
    assert "".join(thought or "" for thought in split_events(played)[0]) == split_reasoning(text)[0]
