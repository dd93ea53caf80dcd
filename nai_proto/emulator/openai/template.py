"""The chat template of the GLM family: what a conversation looks like to the model.

See docs/protocol/openai.md#31-request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ...tokenizers.known import KNOWN
from .parameters import Message

__all__ = ["ASSISTANT", "END_OF_TURN", "THINK", "THOUGHT", "TURN", "rendered"]

ASSISTANT: Final = "<|assistant|>"
"""Begins the model's turn."""
TURN: Final = "<|user|>"
"""Begins the user's turn, so it ends the model's."""
END_OF_TURN: Final = KNOWN["glm-4.6"].specials[TURN]
"""Its id, whatever tokenizer is to be had."""
THINK: Final = "<think>"
THOUGHT: Final = "</think>\n"


def rendered(messages: Iterable[Message], *, thinking: bool) -> str:
    """The prompt of a chat; it ends where the model's answer begins, or goes on, if the last message is its own.

    A name stands before what its owner says; no source tells where it goes.

    Args:
        messages: the conversation.
        thinking: may the answer begin with reasoning?
    """
    blocks = ["[gMASK]<sop>"]
    role = ""
    for message in messages:
        role = message.role
        said = f"{message.name}: {message.content}" if message.name else message.content
        match role:
            case "user":
                blocks.append(f"{TURN}\n{said}" + ("" if thinking else "/nothink"))
            case "assistant":
                blocks.append(f"{ASSISTANT}\n{THINK}{THOUGHT}{said}")
            case _:
                blocks.append(f"<|system|>\n{said}")
    if role != "assistant":
        blocks.append(f"{ASSISTANT}\n" + ("" if thinking else THINK + THOUGHT))
    return "".join(blocks)
