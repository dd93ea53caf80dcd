"""The same client on asyncio."""

from __future__ import annotations

import asyncio

from openai import AsyncOpenAI

from ..checking import check
from .client import ASK, MODEL, ONCE, async_client, join_content, text


async def session() -> None:
    """All of it."""
    async with async_client() as api:
        await _answers(api)
        await _streams(api)
    await _leaving()


async def _answers(api: AsyncOpenAI) -> None:
    with check("asyncio: models can be gone through"):
        assert MODEL in [model.id async for model in api.models.list()]
    with check("asyncio: a completion"):
        answer = await api.completions.create(model=MODEL, prompt=ONCE, max_tokens=12)
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 12
    with check("asyncio: a chat"):
        assert (await api.chat.completions.create(model=MODEL, messages=ASK)).choices[0].message.content
    with check("asyncio: a raw answer"):
        raw = await api.completions.with_raw_response.create(model=MODEL, prompt=ONCE, max_tokens=1)
        assert raw.http_response.status_code == 200
        assert raw.parse().choices[0].text


async def _streams(api: AsyncOpenAI) -> None:
    with check("asyncio: a completion streamed is the whole text"):
        whole = (await api.completions.create(model=MODEL, prompt=ONCE, max_tokens=30, seed=9)).choices[0].text
        stream = await api.completions.create(model=MODEL, prompt=ONCE, max_tokens=30, seed=9, stream=True)
        assert text([chunk async for chunk in stream]) == whole
    with check("asyncio: a chat streamed is the whole answer"):
        content = (await api.chat.completions.create(model=MODEL, messages=ASK, seed=9)).choices[0].message.content
        chat = await api.chat.completions.create(model=MODEL, messages=ASK, seed=9, stream=True)
        assert join_content([chunk async for chunk in chat]) == content


async def _leaving() -> None:
    async with async_client("slow", max_retries=0) as api:

        async def tell(begun: asyncio.Event) -> None:
            stream = await api.completions.create(model=MODEL, prompt=ONCE, max_tokens=2000, stream=True)
            async for _ in stream:
                begun.set()

        with check("asyncio: after a cancelled stream the account is free"):
            begun = asyncio.Event()
            task = asyncio.create_task(tell(begun))
            await begun.wait()
            task.cancel()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(outcome, asyncio.CancelledError)
            again = await api.with_options(max_retries=10).completions.create(model=MODEL, prompt=ONCE, max_tokens=1)
            assert again.choices[0].text
