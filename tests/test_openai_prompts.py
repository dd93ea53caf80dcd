"""A chat as the prompt of a raw completion, and how many tokens a text has.

See:
    docs/protocol/openai.md#31-request
    docs/protocol/openai.md#8-token-count
"""

from __future__ import annotations

from typing import Any, Final

import pytest

import nai_proto as nai
from nai_proto.errors import InvalidRequestError
from nai_proto.http import Head, Headers
from nai_proto.openai import Message, completion, count_tokens, render_chat
from nai_proto.testing import play
from tests.cases import for_each

from .support import ByteTokenizer

JSON: Final = Head(200, Headers.of(content_type="application/json"))
CHAT: Final = [Message.system("Be brief."), Message.user("Hi"), Message.assistant("Hello."), Message.user("2 + 2?")]


def test_a_chat_is_written_in_blocks_and_ends_with_one_that_is_open() -> None:
    assert render_chat(CHAT) == (
        "[gMASK]<sop><|system|>\nBe brief.<|user|>\nHi/nothink<|assistant|>\n<think></think>\nHello."
        "<|user|>\n2 + 2?/nothink<|assistant|>\n<think></think>\n"
    )


def test_a_chat_whose_model_may_think_leaves_that_to_it() -> None:
    assert render_chat(CHAT, thinking=True) == (
        "[gMASK]<sop><|system|>\nBe brief.<|user|>\nHi<|assistant|>\n<think></think>\nHello."
        "<|user|>\n2 + 2?<|assistant|>\n"
    )


@for_each("thinking", [False, True])
def test_an_answer_that_was_begun_is_gone_on_with(thinking: bool) -> None:
    prompt = render_chat([*CHAT, Message.assistant("It is ")], thinking=thinking)
    assert prompt.endswith("<|assistant|>\n<think></think>\nIt is ")


def test_a_turn_says_only_once_that_nothing_is_to_be_thought() -> None:
    assert render_chat([{"role": "user", "content": "Hi/nothink"}]).count("/nothink") == 1


def test_the_two_first_markers_stand_there_without_messages_too() -> None:
    assert render_chat([]) == "[gMASK]<sop><|assistant|>\n<think></think>\n"


def test_what_is_no_message_is_refused() -> None:
    messages: Any = [{"role": "tool", "content": "x"}]
    with pytest.raises(InvalidRequestError, match="role is not one of"):
        render_chat(messages)


def test_a_rendered_chat_is_the_prompt_of_a_completion() -> None:
    assert b'"prompt":"[gMASK]<sop><|system|>\\nBe brief.' in completion(render_chat(CHAT)).request.body


def test_tokens_are_counted_by_the_service() -> None:
    played = play(
        count_tokens("Hello, world!", nai.Model.ERATO), [JSON, b'{"length":4,"encoded":[9906,11,1917,0]}', b""]
    )
    assert played.result == 4
    assert played.requests[0].body == b'{"model":"llama-3-erato-v1","prompt":"Hello, world!"}'


def test_tokens_are_counted_here_where_there_is_a_tokenizer_without_a_request_and_off_the_loop() -> None:
    played = play(count_tokens("été", tokenizer=ByteTokenizer()), [])
    assert (played.result, played.kinds) == (5, "Compute")
