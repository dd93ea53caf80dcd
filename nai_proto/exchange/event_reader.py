"""The base of all readers of event streams with typed events.

See docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar, Final, Generic, Never, TypeVar, cast

import msgspec

from ..codecs.json import parse_number, parse_service_error, read_error_message
from ..codecs.lone_surrogates import SplitCharacters, replace_lone_escapes
from ..codecs.sse import SSESplitter
from ..errors import LimitExceeded, NaiError, RemoteProtocolError, StreamError, Truncated
from ..limits import Limits

__all__ = ["UNUSUAL", "EventReader"]

E = TypeVar("E")
R = TypeVar("R")

UNUSUAL: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, RemoteProtocolError)
"""How the quick decoding fails for an event that is not an everyday one."""

_NOTHING: Final = re.compile(rb"(?:null|\{\s*\})?")
"""What services send to keep a connection alive."""


class EventReader(ABC, Generic[E, R]):
    """Reads an event stream: each event is a value, and together they make the result.

    Each event is split off and decoded quickly. If that fails, it may be an error, a ping, the end, or have new keys or be
    malformed: then `general` decodes it, or raises. An event of another name is a value if it has `MARK`, an error if its
    name is ``error``, and is ignored otherwise. A character that is split over two events, as two escapes of surrogates, is
    part of the second event.

    Args:
        usual: decodes an everyday event; raises one of `UNUSUAL` for any other.
        where: the beginning of error messages.
        limits: bounds for lines, events and their depth, and for the whole stream, of which all events are kept.
        is_last: returns whether an event is the last one; None if events do not show it.
    """

    NAMES: ClassVar[tuple[bytes, ...]]
    "The names of everyday events."
    MARK: ClassVar[bytes]
    "Bytes that every event with a value has, whatever its name."
    END: ClassVar[bytes | None] = None
    "The event that ends the stream, if there is one."
    PARTS: ClassVar[str] = "events"
    "For the error message about a truncated stream: what the events are, and what is missing."
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
        self._limit = limits.body
        self._size = 0
        self._splitter = SSESplitter(limits)
        self._split = SplitCharacters()

    @abstractmethod
    def general(self, data: bytes, where: str, depth: int) -> E | None:
        """Decode an event in any form; return None for one of an unknown kind.

        Raises:
            RemoteProtocolError: the event is malformed; the message begins with ``where``.
        """

    def join_texts(self, document: dict[str, Any], split: SplitCharacters) -> None:
        """Join the texts in a document with the split characters of earlier events, in place. Default: it has no texts."""

    def build_rest(self, rests: Mapping[Hashable, str]) -> E | None:
        """Return an event with what is left of split characters whose second halves never came; None if it has no texts.

        Args:
            rests: the text that stands for each, by its key in `join_texts`.

        Raises:
            RemoteProtocolError: there is no such event.
        """

    @abstractmethod
    def result(self) -> R:
        """Return the result of the events so far."""

    def whole(self) -> bool:
        """Return whether the result is complete, although no event has ended the stream."""
        return False

    @property
    def partial(self) -> R | None:
        """The result so far, or None."""
        return self.result() if self._events else None

    def receive_data(self, data: bytes) -> Sequence[E]:
        if self.failure is not None:
            raise self.failure
        events: list[E] = []
        if self.complete:
            return events
        self._size += len(data)
        if self._size > self._limit:
            data = data[: self._limit - self._size]
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
                    events += [] if event is None else [event]
                    break
                if event is None:
                    continue
            events.append(event)
            if is_last is not None and is_last(event):
                self.complete = True
                break
        self._events += events
        if self._size > self._limit and not self.complete and self.failure is None:
            self.failure = LimitExceeded("body", limit=self._limit, value=self._size)
            if not events:
                raise self.failure
        return events

    def receive_eof(self) -> R:
        if not self.complete:
            self.receive_data(b"")
            self._splitter.receive_eof()
            if (rest := self._take_rest()) is not None:
                self._events.append(rest)
            if not self.whole():
                if self._splitter.stray and (error := parse_service_error(self._splitter.stray)) is not None:
                    raise error
                came = f"the stream ended after {len(self._events)} {self.PARTS}"
                raise Truncated(f"{self._where}: {came}, before {self.MISSING}")
        return self.result()

    def _unusual(self, name: bytes, block: bytes, number: int) -> E | None:
        """Return the value of an event; None for a ping, an unknown event, and the end if nothing is held back."""
        text = block.strip()
        if text == self.END:
            self.complete = True
            return self._take_rest()
        if _NOTHING.fullmatch(text):
            return None
        if (error := parse_service_error(block)) is not None:
            raise error
        if name == b"error":
            raise StreamError(read_error_message(block, "") or "an error without a message")
        if name not in (*self.NAMES, b"", b"message") and self.MARK not in block:
            return None
        # bad UTF-8 is U+FFFD in an event stream (docs/protocol/sse.md#11-bytes-to-text)
        utf8 = block.decode("utf-8", "replace").encode()
        if self._split or replace_lone_escapes(utf8) != utf8:
            utf8 = self._join_split_characters(utf8)
        return self.general(utf8, f"{self._where}: event {number}", self._depth)

    def _take_rest(self) -> E | None:
        """Return an event with the halves of characters that are held back, when nothing else follows."""
        try:
            return self.build_rest(self._split.release()) if self._split else None
        except RemoteProtocolError:
            return None  # a half where there is no text

    def _join_split_characters(self, text: bytes) -> bytes:
        try:
            # the standard library keeps lone surrogates; msgspec refuses them
            document = json.loads(text, parse_float=parse_number)
            if isinstance(document, dict):
                self.join_texts(cast("dict[str, Any]", document), self._split)
            return json.dumps(document).encode()
        except (ValueError, RecursionError):
            return text  # `general` raises the error


def _look_closer(_: bytes) -> Never:
    """Refuse to decode an event quickly, because it may begin with the second half of a character."""
    raise RemoteProtocolError("half a character is held back")
