"""Images while they are drawn: the stream in both of its framings (image §7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import msgspec

from ..codecs.frames import FrameSplitter, MessageDecoder
from ..codecs.json import JsonDecoder
from ..errors import NaiError, RemoteProtocolError, StreamError, Truncated, excerpt
from ..exchange.events import UNUSUAL, EventReader
from ..exchange.readers import BodyReader
from ..http import Head
from ..limits import Limits
from .answers import Image, Pictures
from .sources import image_type

__all__ = ["Asked", "Drawn", "Events", "Frames", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """How far a picture has come."""

    image: bytes = field(repr=False)
    "JPEG, small."
    sample: int
    "Which of several pictures it is."
    step: int
    "From 0."
    sigma: float | None = None
    "How much noise is left."


Drawn: TypeAlias = Step | Image
"""What a stream tells: steps, and at the end of each sample its image."""


class _Message(msgspec.Struct):
    """What is in a frame, and in an event's data; bytes are base64 in the latter."""

    event_type: str
    samp_ix: int = 0
    step_ix: int = 0
    sigma: float | None = None
    image: bytes = b""
    code: Any = None
    message: Any = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a stream before it comes."""

    seed: int
    samples: int

    def told(self, message: _Message) -> Drawn | None:
        """What a message says; None if it is of a kind that is not known.

        Raises:
            StreamError: it says that something went wrong.
        """
        at = message.samp_ix
        if message.event_type == "intermediate":
            return Step(message.image, at, message.step_ix, message.sigma)
        if message.event_type == "final":
            return Image(message.image, f"image_{at}.{image_type(message.image) or 'bin'}", self.seed + at, at)
        if message.event_type == "error":
            said = excerpt(message.message) if isinstance(message.message, str) else ""
            status = message.code if isinstance(message.code, int) and 100 <= message.code <= 599 else None
            raise StreamError(said or "an error without a message", status=status)
        return None

    def whole(self, images: Iterable[Drawn]) -> bool:
        """Is there an image of every sample?"""
        return len(finals(images)) >= self.samples

    def missing(self, where: str, events: Sequence[Drawn]) -> Truncated:
        """The error for a stream that ended too early."""
        there = len(finals(events))
        return Truncated(f"{where}: the stream ended after {len(events)} events, with {there} of {self.samples} images")


def finals(events: Iterable[Drawn]) -> tuple[Image, ...]:
    """The images among the events, by sample."""
    found = {event.sample: event for event in events if isinstance(event, Image)}
    return tuple(found[sample] for sample in sorted(found))


# ---- msgpack

_FRAME: Final = MessageDecoder(_Message)


class FrameReader:
    """Reads frames of msgpack (image §7.1). A frame's first byte is zero; a body that begins otherwise is no stream."""

    def __init__(self, where: str, head: Head, limits: Limits, asked: Asked) -> None:
        self.failure: NaiError | None = None
        self.complete = False
        self._events: list[Drawn] = []
        self._asked = asked
        self._where = where
        self._splitter = FrameSplitter(limits)
        self._pictures = Pictures(asked.seed)(where, head, limits)
        self._whole: BodyReader[tuple[Image, ...]] | None = None
        self._begun = False

    @property
    def partial(self) -> tuple[Image, ...] | None:
        """The images so far, if anything came."""
        return finals(self._events) if self._events else None

    def receive_data(self, data: bytes) -> Sequence[Drawn]:
        if self.failure is not None:
            raise self.failure
        if data and not self._begun:
            self._begun = True
            self._whole = None if data[0] == 0 else self._pictures
        if self._whole is not None:
            return self._whole.receive_data(data)
        events: list[Drawn] = []
        if self.complete:
            return events
        try:
            for frame in self._splitter.receive_data(data):
                at = len(self._events) + len(events)
                event = self._asked.told(_FRAME.decode(frame, where=f"{self._where}: event {at}"))
                if event is None:
                    continue
                events.append(event)
                if isinstance(event, Image) and self._asked.whole([*self._events, *events]):
                    self.complete = True
                    break
        except NaiError as error:
            if not events:
                raise
            self.failure = error
        self._events += events
        return events

    def receive_eof(self) -> tuple[Image, ...]:
        if self.failure is not None:
            raise self.failure
        if self._whole is not None:
            return self._whole.receive_eof()
        if not self.complete:
            self._splitter.receive_eof()
            raise self._asked.missing(self._where, self._events)
        return finals(self._events)


@dataclass(frozen=True, slots=True)
class Frames:
    """Makes the reader of one stream of frames."""

    asked: Asked

    def __call__(self, where: str, head: Head, limits: Limits, /) -> FrameReader:
        return FrameReader(where, head, limits, self.asked)


# ---- server-sent events

_usual: Final = msgspec.json.Decoder(_Message).decode
_GENERAL: Final = JsonDecoder(_Message)


class ImageEventReader(EventReader[Drawn, "tuple[Image, ...]"]):
    """Reads an event stream (image §7.2)."""

    NAMES = (b"intermediate", b"final")
    MARK = b'"image"'
    MISSING = "the last image"

    def __init__(self, where: str, limits: Limits, asked: Asked) -> None:
        room = (
            limits.frame // 3 * 4 + limits.line
        )  # an image is as large as in a frame, but in base64, and all in one line
        super().__init__(self._told, where, replace(limits, line=room, event=room), self._is_final)
        self._asked = asked
        self._finished = set[int]()

    def _told(self, block: bytes) -> Drawn:
        message = _usual(block)
        told = self._asked.told(message) if message.event_type in ("intermediate", "final") else None
        if told is None:
            raise RemoteProtocolError(f"{self._where}: an event of another kind")
        return told

    def _is_final(self, event: Drawn) -> bool:
        if isinstance(event, Image):
            self._finished.add(event.sample)
        return len(self._finished) >= self._asked.samples

    def general(self, data: bytes, where: str, depth: int) -> Drawn:
        told = self._asked.told(_GENERAL.decode(data, where=where, depth=depth))
        if told is None:
            raise RemoteProtocolError(f"{where}: neither a step nor an image")
        return told

    def _unusual(self, name: bytes, block: bytes, number: int) -> Drawn | None:
        if name == b"error":
            try:
                self._asked.told(_usual(block))  # which raises what a frame with this would
            except UNUSUAL:
                pass  # of another form; what it says is found below
        return super()._unusual(name, block, number)

    def result(self) -> tuple[Image, ...]:
        return finals(self._events)


@dataclass(frozen=True, slots=True)
class Events:
    """Makes the reader of one event stream."""

    asked: Asked

    def __call__(self, where: str, head: Head, limits: Limits, /) -> ImageEventReader:  # noqa: ARG002 -- a ReaderFactory
        return ImageEventReader(where, limits, self.asked)
