"""Inputs, the same in every run."""

from __future__ import annotations

import random
from typing import Final

import msgspec

__all__ = ["READS", "WORDS", "body", "cut", "events"]

WORDS: Final = (" the", " a", " lantern", ",", " and", " of", "ly", " harbour", ".", " \u201cquiet\u201d", " sea", "\n")
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


def cut(data: bytes, size: int) -> list[bytes]:
    """In reads of ``size`` bytes."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def body(count: int) -> list[bytes]:
    """The same blocks as HTTP chunks, one to an event, with the end of the body."""
    return [*(b"%x\r\n%b\r\n" % (len(block), block) for block in events(count)), b"0\r\n\r\n"]
