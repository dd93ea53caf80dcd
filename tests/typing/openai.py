"""What the type checkers know of the OpenAI-compatible operations: checked, never run."""

from __future__ import annotations

from typing import Never, assert_type

import nai_proto as nai
from nai_proto.exchange.flow import Flow
from nai_proto.exchange.operation import Operation
from nai_proto.openai import (
    ChatAccumulator,
    ChatChunk,
    ChatCompletion,
    CompletionChunk,
    Message,
    ModelCard,
    OpenAICompletion,
    OpenAIOptions,
    TokenCount,
    chat_completion,
    chat_completion_stream,
    completion,
    completion_stream,
    count_tokens,
    list_models,
    render_chat,
    separate_reasoning,
    split_reasoning,
    token_count,
    trim_stop_text,
)
from nai_proto.tokenizers import Tokenizer
from nai_transports.httpx import AsyncClient, Client

HELLO = [Message("user", "Hello")]


def operations() -> None:
    assert_type(completion("x"), Operation[Never, OpenAICompletion])
    assert_type(completion(["a", "b"], max_tokens=100, temperature=0.7), Operation[Never, OpenAICompletion])
    assert_type(completion_stream([1, 2], logit_bias={1: 0.5}), Operation[CompletionChunk, OpenAICompletion])
    assert_type(completion_stream([[1], [2]], echo=True), Operation[CompletionChunk, OpenAICompletion])
    assert_type(chat_completion(HELLO), Operation[Never, ChatCompletion])
    assert_type(chat_completion_stream(HELLO, stop=["a"]), Operation[ChatChunk, ChatCompletion])
    assert_type(list_models(), Operation[Never, tuple[ModelCard, ...]])
    assert_type(token_count("x", model="llama-3-erato-v1"), Operation[Never, TokenCount])
    assert_type(nai.openai.completion("x", model=nai.Model.XIALONG), Operation[Never, OpenAICompletion])


def flows(tokenizer: Tokenizer) -> None:
    assert_type(count_tokens("x"), Flow[Never, int])
    assert_type(count_tokens("x", "glm-4-6", tokenizer), Flow[Never, int])
    assert_type(separate_reasoning(chat_completion_stream(HELLO)), Flow[ChatChunk, ChatCompletion])
    assert_type(trim_stop_text(completion_stream("x"), "END"), Flow[CompletionChunk, OpenAICompletion])
    assert_type(trim_stop_text(separate_reasoning(chat_completion(HELLO)), ["a"]), Flow[ChatChunk, ChatCompletion])
    assert_type(trim_stop_text(completion("x")), Flow[Never, OpenAICompletion])
    assert_type(split_reasoning("x"), tuple[str, str])
    assert_type(render_chat(HELLO, thinking=True), str)


def messages() -> None:
    chat_completion([{"role": "user", "content": "x"}, Message.user("y", "Ann"), {"role": "system", "content": "z"}])
    chat_completion_stream([Message(role="assistant", content="x")], enable_thinking=False)
    shared: OpenAIOptions = {"max_tokens": 100, "extra": {"anything": 1}}
    completion("x", **shared)
    chat_completion(HELLO, **shared)


def sync() -> None:
    with Client(nai.Session()) as client:
        answer = client.run(chat_completion(HELLO))
        assert_type(answer.choices[0].message.content, str)
        assert_type(answer.text, str)
        assert_type(client.run(completion("x")).choices[0].text, str)
        assert_type(client.run(count_tokens("x")), int)
        with client.stream(chat_completion_stream(HELLO)) as stream:
            so_far = ChatAccumulator()
            for chunk in stream:
                assert_type(chunk.choices[0].delta.content, str | None)
                so_far.receive([chunk])
                assert_type(so_far.result, ChatCompletion)
            assert_type(stream.result, ChatCompletion)


async def colours() -> None:
    async with AsyncClient(nai.Session()) as client:
        assert_type(await client.run(list_models()), tuple[ModelCard, ...])
        async with client.stream(completion_stream("x")) as stream:
            async for chunk in stream:
                assert_type(chunk.choices[0].text, str)
