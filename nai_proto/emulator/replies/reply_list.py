"""The scripted replies of an emulator: a list, of which the first one that matches answers a request."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import InvalidRequestError
from ..limited_list import LimitedList
from .request_facts import RequestFacts
from .scripted_reply import Answer, ScriptedReply, check_reply, decode_reply

__all__ = ["ReplyList"]


class ReplyList(LimitedList[ScriptedReply]):
    """Scripted replies in order. A reply whose ``times`` are used up is removed.

    Args:
        *replies: as for `add`.

    Raises:
        InvalidRequestError: as for `add`.
    """

    def __init__(self, *replies: ScriptedReply | Mapping[str, object]) -> None:
        super().__init__()
        self.add(*replies)

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
        self._items += added

    def use(self, facts: RequestFacts, *answers: Answer) -> ScriptedReply | None:
        """Return the reply to a request with these facts, and count it as used once more.

        Returns:
            The first reply that matches, if it consists of one of these answers; else None, and no reply is used.
        """
        first = next((one for one in self if one.matches(facts)), None)
        return None if first is None or first.answer not in answers else self._use_first(lambda one: one is first)
