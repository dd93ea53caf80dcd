"""Scripted replies: what an emulator answers to the next requests that match, before its own models answer again.

`ScriptedReply` is one of them, and `Emulator.replies` has those of an emulator. A text goes through the endpoint's own
tokens, log probabilities, streams, prices and checks; a status replaces the whole response.
"""

from __future__ import annotations

from .reply_list import ReplyList
from .scripted_reply import ScriptedReply

__all__ = ["ReplyList", "ScriptedReply"]


def __dir__() -> list[str]:
    return __all__
