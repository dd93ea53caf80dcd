"""What the parts of the session share: clients at the emulator's address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openai import AsyncOpenAI, OpenAI

from ..checking import emulator

MODEL = "glm-4-6"
ONCE = "Once upon a time"
ASK: list[Any] = [{"role": "system", "content": "You tell tales."}, {"role": "user", "content": "Tell me one."}]


def client(which: str = "plain", **options: Any) -> OpenAI:
    """A client of one of the emulators."""
    ready = emulator(which)
    return OpenAI(**{"api_key": ready["token"], "base_url": ready["url"] + "/oa/v1", **options})


def async_client(which: str = "plain", **options: Any) -> AsyncOpenAI:
    """The same on asyncio."""
    ready = emulator(which)
    return AsyncOpenAI(**{"api_key": ready["token"], "base_url": ready["url"] + "/oa/v1", **options})


def text(chunks: Iterable[Any]) -> str:
    """What the chunks of a completion say."""
    return "".join(choice.text for chunk in chunks for choice in chunk.choices)


def join_content(chunks: Iterable[Any]) -> str:
    """What the chunks of a chat say."""
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def extra(value: Any, name: str) -> Any:
    """A field that the client does not know, and keeps."""
    return (value.model_extra or {})[name]
