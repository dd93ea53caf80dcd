"""Event streams as typed events: what all their readers have in common.

See docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, Generic, Never, TypeVar, cast

import msgspec

from ..codecs.json import parse_service_error, read_error_message
from ..codecs.lone_surrogates import SplitCharacters, replace_lone_escapes
from ..codecs.sse import SSESplitter
from ..errors import NaiError, RemoteProtocolError, StreamError, Truncated
from ..limits import Limits

__all__ = ["UNUSUAL", "EventReader"]

E = TypeVar("E")
R = TypeVar("R")

UNUSUAL: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, RemoteProtocolError)
"""How the quick decoding fails on what needs a second look."""

_NOTHING: Final = (b"", b"null", b"{}")
"""What services send to keep a connection alive.

See docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top.
"""


class EventReader(ABC, Generic[E, R]):
    """Reads an event stream: each event is a value, the result is what they make together.

    Costs one splitting and one quick decoding per event. What does not decode is looked at again: it may be an error, a
    ping, the end, have keys that are not known yet, or be wrong, and then `general` says how. Events of other names are
    values if they hold `MARK`, failures if they are called ``error``, and else left out. A character that is split over two
    events, as two escapes of surrogates, comes with the second one.

    See docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top.

    Args:
        usual: decodes an everyday event; fails with one of `UNUSUAL` on any other.
        where: what is read, to begin messages with.
        limits: bounds for lines, events and their depth.
        is_last: does an event say that it is the last one? None if none ever does.
    """

    NAMES: ClassVar[tuple[bytes, ...]]
    "The names of everyday events."
    MARK: ClassVar[bytes]
    "What stands in every event that is a value, whatever its name."
    END: ClassVar[bytes | None] = None
    "The event that says that the stream is over, where there is one of its own."
    PARTS: ClassVar[str] = "events"
    "What the events are, for the message about a stream that is cut short; and what is missing then."
    MISSING: ClassVar[str] = "its end"

    def __init__(
        self, usual: Callable[[bytes], E], where: str, limits: Limits, is_last: Callable[[E], bool] | None = None
    ) -> None:
        self.complete = False
        self.failure: NaiError | None = None
        self._events: list[E] = []
        self._usual = usual
        self._is_last = is_last
        self._where = where
        self._depth = limits.json_depth
        self._splitter = SSESplitter(limits)
        self._split = SplitCharacters()

    @abstractmethod
    def general(self, data: bytes, where: str, depth: int) -> E:
        """Decodes an event in any form.

        Raises:
            RemoteProtocolError: it has none; the message begins with ``where``.
        """

    def join_texts(self, document: dict[str, Any], split: SplitCharacters) -> None:
        """Joins the pieces of text in a document with those of earlier events, in place; nothing where it has none."""

    @abstractmethod
    def result(self) -> R:
        """What the events make together, or make so far."""

    def whole(self) -> bool:
        """Is nothing missing, although nobody has said that it is the end?"""
        return False

    @property
    def partial(self) -> R | None:
        """What has come so far."""
        return self.result() if self._events else None

    def receive_data(self, data: bytes) -> Sequence[E]:
        if self.failure is not None:
            raise self.failure
        events: list[E] = []
        if self.complete:
            return events
        usual, names, is_last = _look_closer if self._split else self._usual, self.NAMES, self._is_last
        for name, block in self._splitter.receive_data(data):
            try:
                event = usual(block) if name in names else None
            except UNUSUAL:
                event = None
            if event is None:
                try:
                    event = self._unusual(name, block, len(self._events) + len(events))
                except NaiError as error:
                    if not events:
                        raise
                    self.failure = error
                    break
                usual = _look_closer if self._split else self._usual
                if self.complete:
                    break
                if event is None:
                    continue
            events.append(event)
            if is_last is not None and is_last(event):
                self.complete = True
                break
        self._events += events
        return events

    def receive_eof(self) -> R:
        if not self.complete:
            self.receive_data(b"")
            self._splitter.receive_eof()
            if not self.whole():
                if self._splitter.stray and (error := parse_service_error(self._splitter.stray)) is not None:
                    raise error
                came = f"the stream ended after {len(self._events)} {self.PARTS}"
                raise Truncated(f"{self._where}: {came}, before {self.MISSING}")
        return self.result()

    def _unusual(self, name: bytes, block: bytes, number: int) -> E | None:
        """The value of an event; None if it has none: a ping, the end, or something that is not known yet."""
        said = block.strip()
        if said == self.END:
            self.complete = True
        if said in _NOTHING or self.complete:
            return None
        if (error := parse_service_error(block)) is not None:
            raise error
        if name == b"error":
            raise StreamError(read_error_message(block, "") or "an error without a message")
        if name not in (*self.NAMES, b"", b"message") and self.MARK not in block:
            return None
        text = block.decode(
            "utf-8", "replace"
        ).encode()  # bad UTF-8 is U+FFFD in an event stream (docs/protocol/sse.md#11-bytes-to-text)
        if self._split or replace_lone_escapes(text) != text:
            text = self._join_split_characters(text)
        return self.general(text, f"{self._where}: event {number}", self._depth)

    def _join_split_characters(self, text: bytes) -> bytes:
        try:
            document = json.loads(text)  # the standard library keeps lone surrogates; msgspec refuses them
            if isinstance(document, dict):
                self.join_texts(cast("dict[str, Any]", document), self._split)
            return json.dumps(document).encode()
        except (ValueError, RecursionError):
            return text  # and `general` says what is wrong with it


def _look_closer(_: bytes) -> Never:
    """Decode no event quickly, because it may begin with the second half of a character."""
    raise RemoteProtocolError("half a character is held back")
