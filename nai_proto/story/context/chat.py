"""A context as messages, for models that chat.

How the website lays them out is not public. This layout is our own and claims to equal nothing:

1. the system prompt, as a system message;
2. the context in its order: a stretch of the story is a message of the assistant, what stands between, such as memory, lore
   and notes, is a system message;
3. the prefill, as a last message of the assistant, which the answer goes on from.

The texts are those of the context, line feeds and all: joined, 2 is its text.

See docs/protocol/content.md#89-chat-format-models.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from ...arguments import TEXT, check_type
from ..config import ContextKind
from .report import Context

if TYPE_CHECKING:
    from ...openai.parameters import MessageDict

__all__ = ["chat_messages"]


def chat_messages(context: Context, *, system_prompt: str = "", prefill: str = "") -> list[MessageDict]:
    """The messages of a chat in which a story goes on.

    Args:
        context: built for a size that has room for the other two, and for what the model puts around each message.
        system_prompt, prefill: the story's ``messageSettings``; no message where there is none.
    """
    check_type(context, Context, "context", "a Context")
    TEXT.check(system_prompt, "system_prompt")
    TEXT.check(prefill, "prefill")
    messages: list[MessageDict] = [{"role": "system", "content": system_prompt}]
    for is_story, blocks in groupby(context.blocks, key=lambda block: block.kind is ContextKind.STORY):
        text = "".join([block.text for block in blocks])
        messages.append({"role": "assistant" if is_story else "system", "content": text})
    messages.append({"role": "assistant", "content": prefill})
    return [message for message in messages if message["content"]]
