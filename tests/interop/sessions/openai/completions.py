"""Completions: in one piece and streamed, with every parameter that the service shares with OpenAI's, and its own."""

from __future__ import annotations

from typing import Any

from openai import OpenAI

from ..checking import check, raised
from .client import MODEL, ONCE, client, extra, text


def session() -> None:
    """All of it."""
    with client() as api:
        _whole(api)
        _streamed(api)
        _own(api)
        _raw(api)


def _whole(api: OpenAI) -> None:
    create = api.completions.create
    with check("completions: a prompt is gone on with"):
        answer = create(model=MODEL, prompt=ONCE, max_tokens=30)
        (choice,) = answer.choices
        assert (answer.object, answer.model, choice.index) == ("text_completion", MODEL, 0)
        assert choice.text.strip()
        assert choice.finish_reason == "length"
    with check("completions: usage counts the tokens"):
        usage = answer.usage
        assert usage is not None
        assert usage.completion_tokens == 30
        assert usage.total_tokens == usage.prompt_tokens + 30
    with check("completions: several prompts have a choice each"):
        answer = create(model=MODEL, prompt=[ONCE, "The sea", "Dear Moon,"], max_tokens=8)
        assert [choice.index for choice in answer.choices] == [0, 1, 2]
    with check("completions: n choices of one prompt, each another"):
        answer = create(model=MODEL, prompt=ONCE, n=3, max_tokens=20, seed=1)
        assert len({choice.text for choice in answer.choices}) == 3
    with check("completions: the same seed tells the same"):
        texts = [create(model=MODEL, prompt=ONCE, max_tokens=20, seed=seed).choices[0].text for seed in (5, 5, 6)]
        assert texts[0] == texts[1] != texts[2]
    with check("completions: logprobs of each token, and of the likeliest beside it"):
        (choice,) = create(model=MODEL, prompt=ONCE, max_tokens=6, logprobs=2).choices
        logprobs = choice.logprobs
        assert logprobs is not None
        assert "".join(logprobs.tokens or ()) == choice.text
        assert len(logprobs.token_logprobs or ()) == len(logprobs.top_logprobs or ()) == 6
        assert all(value <= 0 for value in logprobs.token_logprobs or ())
    for form, stop in (("a text", " the"), ("a list", [" the", "."])):
        with check(f"completions: {form} stops them"):
            (choice,) = create(model=MODEL, prompt=ONCE, max_tokens=500, stop=stop).choices
            assert choice.finish_reason == "stop"
            assert extra(choice, "stop_reason") in stop
    with check("completions: OpenAI's other parameters are taken"):
        others: dict[str, Any] = {"frequency_penalty": 0.2, "presence_penalty": 0.1, "top_p": 0.9, "temperature": 0.8}
        assert create(model=MODEL, prompt=ONCE, max_tokens=5, user="me", best_of=1, echo=False, **others).choices


def _streamed(api: OpenAI) -> None:
    create = api.completions.create
    with check("completions streamed: the chunks are the whole text"):
        whole = create(model=MODEL, prompt=ONCE, max_tokens=40, seed=2).choices[0].text
        chunks = [*create(model=MODEL, prompt=ONCE, max_tokens=40, seed=2, stream=True)]
        assert text(chunks) == whole
        assert len(chunks) == 40
    with check("completions streamed: only the last chunk has a finish reason"):
        assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * 39
        assert chunks[-1].choices[0].finish_reason == "length"
    with check("completions streamed: they have one id, and usage when it is asked for"):
        chunks = [*create(model=MODEL, prompt=ONCE, max_tokens=5, stream=True, stream_options={"include_usage": True})]
        assert len({chunk.id for chunk in chunks}) == 1
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == 5
    with check("completions streamed: n choices are told apart by their index"):
        chunks = [*create(model=MODEL, prompt=ONCE, max_tokens=5, n=2, stream=True)]
        assert {chunk.choices[0].index for chunk in chunks} == {0, 1}


def _own(api: OpenAI) -> None:
    create: Any = api.completions.create
    with check("own parameters: as keywords the client refuses them"):
        raised(TypeError, lambda: create(model=MODEL, prompt=ONCE, top_k=5))
    with check("own parameters: in extra_body they act"):
        own = {"top_k": 5, "min_p": 0.02, "unified_linear": 1.1, "generation_prefix": "Well"}
        assert create(model=MODEL, prompt=ONCE, max_tokens=9, extra_body=own).choices[0].text.startswith("Well")
    with check("own fields: the ids of the tokens are kept in the answer"):
        (choice,) = create(model=MODEL, prompt=ONCE, max_tokens=9).choices
        assert len(extra(choice, "token_ids")) == 9
    with check("token count: by a path of its own, of the native models too"):
        body = {"model": "llama-3-erato-v1", "prompt": "Hello, world!"}
        counted: Any = api.post("/internal/token-count", body=body, cast_to=object)
        assert counted["length"] == len(counted["encoded"]) > 0


def _raw(api: OpenAI) -> None:
    with check("raw: the answer's head, and the answer parsed from it"):
        raw = api.completions.with_raw_response.create(model=MODEL, prompt=ONCE, max_tokens=3)
        assert raw.http_response.status_code == 200
        assert raw.headers["content-type"] == "application/json"
        assert raw.parse().choices[0].finish_reason == "length"
        assert raw.retries_taken == 0
    with check("raw: a stream is lines of events and ends with [DONE]"):
        with api.completions.with_streaming_response.create(
            model=MODEL, prompt=ONCE, max_tokens=3, stream=True
        ) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = [line for line in response.iter_lines() if line]
        assert len(lines) == 4
        assert lines[-1] == "data: [DONE]"
    with check("raw: headers and queries of the caller's own are taken"):
        headers, query = {"X-Correlation-Id": "abc123", "Origin": "https://example.com"}, {"trace": "1"}
        raw = api.completions.with_raw_response.create(
            model=MODEL, prompt=ONCE, max_tokens=1, extra_headers=headers, extra_query=query
        )
        assert raw.headers["access-control-allow-origin"] == "*"
