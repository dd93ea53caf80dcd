"""The chat template of the GLM family: the text that a conversation becomes.

See docs/protocol/openai.md#31-request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ...tokenizers.registry import TOKENIZERS
from ..text.language_model import TextCodec
from .request_body import ChatMessage

__all__ = ["ASSISTANT", "END_OF_TURN", "THINK", "THOUGHT", "TURN", "find_end_of_turn", "render_chat"]

ASSISTANT: Final = "<|assistant|>"
"""Begins the model's turn."""
TURN: Final = "<|user|>"
"""Begins the user's turn, and so ends the model's."""
END_OF_TURN: Final = TOKENIZERS["glm-4.6"].specials[TURN]
"""Token id of `TURN` in GLM's vocabulary."""
THINK: Final = "<think>"
"""Begins the reasoning."""
THOUGHT: Final = "</think>\n"
"""Ends the reasoning."""


def find_end_of_turn(vocabulary: TextCodec) -> int:
    """Return the token id of `TURN`; that of GLM's vocabulary if the marker is no token of this one."""
    ids = vocabulary.encode(TURN)
    return ids[0] if len(ids) == 1 else END_OF_TURN


def render_chat(messages: Iterable[ChatMessage], *, thinking: bool) -> str:
    """Return the prompt of a chat.

    The prompt ends where the model's answer begins. If the last message is the model's own, the prompt ends with it, and the
    model continues it. A name is written before its message; no source tells its place.

    Args:
        messages: The conversation.
        thinking: Whether the answer may begin with reasoning.
    """
    blocks = ["[gMASK]<sop>"]
    role = ""
    for message in messages:
        role = message.role
        text = f"{message.name}: {message.content}" if message.name else message.content
        match role:
            case "user":
                blocks.append(f"{TURN}\n{text}" + ("" if thinking else "/nothink"))
            case "assistant":
                blocks.append(f"{ASSISTANT}\n{THINK}{THOUGHT}{text}")
            case _:
                blocks.append(f"<|system|>\n{text}")
    if role != "assistant":
        blocks.append(f"{ASSISTANT}\n" + ("" if thinking else THINK + THOUGHT))
    return "".join(blocks)
