"""Chats: in one piece and streamed, with reasoning, and by the client's own helper."""

from __future__ import annotations

from typing import Any

from openai import OpenAI

from ..checking import check
from .client import ASK, MODEL, client, extra, join_content

_THINKING = {"enable_thinking": True}


def session() -> None:
    """All of it."""
    with client() as api:
        _whole(api)
        _streamed(api)
        _thinking(api)


def _whole(api: OpenAI) -> None:
    create = api.chat.completions.create
    with check("chat: an answer is a message of the assistant's"):
        answer = create(model=MODEL, messages=ASK, seed=1)
        (choice,) = answer.choices
        assert (answer.object, choice.message.role, choice.finish_reason) == ("chat.completion", "assistant", "stop")
        assert choice.message.content
        assert choice.message.tool_calls is None
    with check("chat: usage counts the tokens"):
        assert answer.usage is not None
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    with check("chat: it goes on with all that was said before"):
        history = [*ASK, {"role": "assistant", "content": choice.message.content}, {"role": "user", "content": "And?"}]
        longer = create(model=MODEL, messages=history, max_tokens=20)
        assert longer.usage is not None
        assert longer.usage.prompt_tokens > answer.usage.prompt_tokens
        assert longer.usage.completion_tokens <= 20
    with check("chat: a stop sequence ends it"):
        (choice,) = create(model=MODEL, messages=ASK, stop=["."], max_tokens=500).choices
        assert choice.finish_reason == "stop"
        assert (choice.message.content or "").count(".") <= 1
    with check("chat: n answers"):
        assert len(create(model=MODEL, messages=ASK, n=2, max_tokens=5).choices) == 2
    with check("chat: OpenAI's other parameters are taken"):
        others: dict[str, Any] = {"top_p": 0.9, "temperature": 0.8, "presence_penalty": 0.1, "frequency_penalty": 0.1}
        assert create(model=MODEL, messages=ASK, max_tokens=5, user="me", metadata={"a": "b"}, **others).choices


def _streamed(api: OpenAI) -> None:
    create = api.chat.completions.create
    with check("chat streamed: the deltas are the whole answer"):
        whole = create(model=MODEL, messages=ASK, seed=1).choices[0].message.content
        chunks = [*create(model=MODEL, messages=ASK, seed=1, stream=True)]
        assert join_content(chunks) == whole
        assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    with check("chat streamed: the first delta has the role, the last chunk the reason of the end"):
        assert chunks[0].choices[0].delta.role == "assistant"
        assert [chunk.choices[0].finish_reason for chunk in chunks].count(None) == len(chunks) - 1
        assert chunks[-1].choices[0].finish_reason == "stop"
    with check("chat streamed: usage comes in a last chunk of its own when it is asked for"):
        chunks = [*create(model=MODEL, messages=ASK, max_tokens=5, stream=True, stream_options={"include_usage": True})]
        assert chunks[-1].choices == []
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == 5
    with check("chat streamed: the client's own helper puts it together"):
        with api.chat.completions.stream(model=MODEL, messages=ASK, seed=1) as stream:
            kinds = {event.type for event in stream}
            assert stream.get_final_completion().choices[0].message.content == whole
        assert {"chunk", "content.delta", "content.done"} <= kinds


def _thinking(api: OpenAI) -> None:
    create = api.chat.completions.create
    with check("thinking: what is asked for through extra_body is beside the answer"):
        (choice,) = create(model=MODEL, messages=ASK, seed=4, extra_body=_THINKING).choices
        reasoning = extra(choice.message, "reasoning_content")
        assert reasoning
        assert choice.message.content
        assert reasoning not in choice.message.content
    with check("thinking: streamed, it comes before the answer"):
        deltas = [
            chunk.choices[0].delta
            for chunk in create(model=MODEL, messages=ASK, seed=4, stream=True, extra_body=_THINKING)
        ]
        thought = [(delta.model_extra or {}).get("reasoning_content") or "" for delta in deltas]
        assert "".join(thought) == reasoning
        first = next(at for at, delta in enumerate(deltas) if delta.content)
        assert not any(thought[first:])
    with check("thinking: what is not asked for is not there"):
        (choice,) = create(model=MODEL, messages=ASK, extra_body={"enable_thinking": False}).choices
        assert not (choice.message.model_extra or {}).get("reasoning_content")
