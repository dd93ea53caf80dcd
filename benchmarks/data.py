"""Inputs, the same in every run."""

from __future__ import annotations

import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

__all__ = ["NOTHING", "READS", "WORDS", "body", "chunks", "cut", "events"]

WORDS: Final = (" the", " a", " lantern", ",", " and", " of", "ly", " harbour", ".", " \u201cquiet\u201d", " sea", "\n")
NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
READS: Final = {"64 KiB": 65_536, "1400 B": 1400, "16 B": 16, "1 B": 1}
"""What a read holds at most: a full buffer, a packet, and two ways to be unkind."""


def events(count: int) -> list[bytes]:
    """The blocks of a native token stream, about 77 bytes each; the last is final.

    See docs/protocol/native.md#10-streaming-aigenerate-stream.
    """
    chance = random.Random(20260101)
    blocks: list[bytes] = []
    for ptr in range(count):
        fields = {"token": chance.choice(WORDS), "ptr": ptr, "final": ptr == count - 1}
        blocks.append(b"event:newToken\nid:%d\ndata:%b\n\n" % (ptr, msgspec.json.encode(fields)))
    return blocks


def chunks(count: int, extra: Mapping[str, object] = NOTHING, *, chat: bool = True) -> list[bytes]:
    """The blocks of a stream of an OpenAI-compatible endpoint, about 200 bytes each, then the end mark.

    See docs/protocol/openai.md#6-streaming.

    Args:
        count: of the chunks; the last has the finish reason.
        extra: more keys of each chunk.
        chat: a chat's chunks, not a completion's.
    """
    chance = random.Random(20260101)
    kind = "chat.completion.chunk" if chat else "text_completion"
    head = {"id": "chatcmpl-01", "object": kind, "created": 1_790_000_000, "model": "glm-4-6", **extra}
    blocks: list[bytes] = []
    for number in range(count):
        text = chance.choice(WORDS)
        choice = {"index": 0, **({"delta": {"content": text}} if chat else {"text": text}), "logprobs": None}
        choices = [{**choice, "finish_reason": "stop" if number == count - 1 else None}]
        blocks.append(b"data: %b\n\n" % msgspec.json.encode({**head, "choices": choices}))
    return [*blocks, b"data: [DONE]\n\n"]


def cut(data: bytes, size: int) -> list[bytes]:
    """In reads of ``size`` bytes."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def body(count: int) -> list[bytes]:
    """The same blocks as HTTP chunks, one to an event, with the end of the body."""
    return [*(b"%x\r\n%b\r\n" % (len(block), block) for block in events(count)), b"0\r\n\r\n"]
