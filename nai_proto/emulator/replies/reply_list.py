"""The scripted replies of an emulator: a list, of which the first one that matches answers a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import overload

import msgspec

from ...errors import InvalidRequestError
from .request_facts import RequestFacts
from .scripted_reply import Answer, ScriptedReply, check_reply, decode_reply

__all__ = ["ReplyList"]


class ReplyList(Sequence[ScriptedReply]):
    """Scripted replies in order. A reply whose ``times`` are used up is removed.

    Args:
        *replies: as for `add`.

    Raises:
        InvalidRequestError: as for `add`.
    """

    def __init__(self, *replies: ScriptedReply | Mapping[str, object]) -> None:
        self._replies: list[ScriptedReply] = []
        self.add(*replies)

    @overload
    def __getitem__(self, index: int, /) -> ScriptedReply: ...
    @overload
    def __getitem__(self, index: slice, /) -> tuple[ScriptedReply, ...]: ...
    def __getitem__(self, index: int | slice, /) -> ScriptedReply | tuple[ScriptedReply, ...]:
        """Return a reply that is left; its ``times`` is how often it still answers."""
        return self._replies[index] if isinstance(index, int) else tuple(self._replies[index])

    def __len__(self) -> int:
        """Return how many replies are left."""
        return len(self._replies)

    def __repr__(self) -> str:
        return f"{type(self).__name__}{(*self._replies,)!r}"

    def add(self, *replies: ScriptedReply | Mapping[str, object]) -> None:
        """Add replies at the end: all of them, or none if it raises.

        Args:
            *replies: values, or objects such as ``{"prompt": "dragon", "text": " a small green dragon."}``.

        Raises:
            InvalidRequestError: one is not a reply. The message is one line, and names what is wrong; of several replies
                also which one, numbered from 0.
        """
        added = list[ScriptedReply]()
        for number, one in enumerate(replies):
            try:
                added.append(check_reply(one) if isinstance(one, ScriptedReply) else decode_reply(one))
            except InvalidRequestError as error:
                place = f"replies[{number}]: " if len(replies) > 1 else ""
                raise InvalidRequestError(f"{place}{error}", parameter=error.parameter) from None
        self._replies += added

    def remove(self, index: int) -> None:
        """Remove a reply by its place. A response that has begun is not affected.

        Raises:
            IndexError: there are not so many.
        """
        del self._replies[index]

    def clear(self) -> None:
        """Remove all replies. Responses that have begun are not affected."""
        self._replies.clear()

    def use(self, facts: RequestFacts, *answers: Answer) -> ScriptedReply | None:
        """Return the reply to a request with these facts, and count it as used once more.

        Returns:
            The first reply that matches, if it consists of one of these answers; else None, and no reply is used.
        """
        at = next((at for at, one in enumerate(self._replies) if one.matches(facts)), None)
        if at is None or self._replies[at].answer not in answers:
            return None
        reply = self._replies[at]
        left = None if reply.times is None else reply.times - 1
        self._replies[at : at + 1] = [] if left == 0 else [msgspec.structs.replace(reply, times=left)]
        return reply
