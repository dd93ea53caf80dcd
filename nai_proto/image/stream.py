"""Images while they are drawn: the stream in both of its framings.

Previews are handed out and forgotten: of a stream without end only the images are kept, one of each sample.

See docs/protocol/image.md#7-streaming.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import msgspec

from ..codecs.frames import FrameSplitter, MessageDecoder
from ..codecs.json import JsonDecoder
from ..errors import NaiError, RemoteProtocolError, StreamError, Truncated, excerpt
from ..exchange.event_reader import UNUSUAL, EventReader
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

    def told(self, message: _Message, where: str) -> Drawn | None:
        """What a message says; None if it is of a kind that is not known.

        Raises:
            StreamError: it says that something went wrong.
            RemoteProtocolError: it should have an image, and has none.
        """
        at = message.samp_ix
        if message.event_type == "error":
            said = excerpt(message.message) if isinstance(message.message, str) else ""
            status = message.code if isinstance(message.code, int) and 100 <= message.code <= 599 else None
            raise StreamError(said or "an error without a message", status=status)
        if message.event_type not in ("intermediate", "final"):
            return None
        if not message.image:
            raise RemoteProtocolError(f"{where}: it has no image")
        if message.event_type == "intermediate":
            return Step(message.image, at, message.step_ix, message.sigma)
        return Image(message.image, f"image_{at}.{image_type(message.image) or 'bin'}", self.seed + at, at)

    def missing(self, where: str, events: int, images: int) -> Truncated:
        """The error for a stream that ended too early."""
        return Truncated(f"{where}: the stream ended after {events} events, with {images} of {self.samples} images")


def in_order(finals: Mapping[int, Image]) -> tuple[Image, ...]:
    """The images by sample."""
    return tuple(finals[sample] for sample in sorted(finals))


# ---- msgpack

_FRAME: Final = MessageDecoder(_Message)


_HEAD: Final = 4
_BLANKS: Final = b"\xef\xbb\xbf \t\r\n"


def _begins_whole(start: bytes) -> bool:
    text = start.lstrip(_BLANKS)
    return start.startswith((b"PK", b"\x89PNG", b"RIFF", b"\xff\xd8\xff")) or text[:1] in (b"", b"{")


class FrameReader:
    """Reads frames of msgpack; or a whole body, as its first four bytes say: a frame cannot be as large as what
    an archive, an image or JSON would claim by them.

    See docs/protocol/image.md#71-msgpack-stream-msgpack.
    """

    def __init__(self, where: str, head: Head, limits: Limits, asked: Asked) -> None:
        self.failure: NaiError | None = None
        self.complete = False
        self._count = 0
        self._finals: dict[int, Image] = {}
        self._asked = asked
        self._where = where
        self._splitter = FrameSplitter(limits)
        self._pictures = Pictures(asked.seed)(where, head, limits)
        self._whole: BodyReader[tuple[Image, ...]] | None = None
        self._start: bytes | None = b""
        "The body's beginning, until it is known what it begins."

    @property
    def partial(self) -> tuple[Image, ...] | None:
        """The images so far, if anything came."""
        return in_order(self._finals) if self._count else None

    def receive_data(self, data: bytes) -> Sequence[Drawn]:
        if self.failure is not None:
            raise self.failure
        if self._start is not None:
            data = self._start + data
            if len(data) < _HEAD:
                self._start = data
                return ()
            self._start = None
            self._whole = self._pictures if _begins_whole(data[:_HEAD]) else None
        if self._whole is not None:
            return self._whole.receive_data(data)
        events: list[Drawn] = []
        if self.complete:
            return events
        try:
            for frame in self._splitter.receive_data(data):
                where = f"{self._where}: event {self._count + len(events)}"
                event = self._asked.told(_FRAME.decode(frame, where=where), where)
                if event is None:
                    continue
                events.append(event)
                if isinstance(event, Image):
                    self._finals[event.sample] = event
                    self.complete = len(self._finals) >= self._asked.samples
                    if self.complete:
                        break
        except NaiError as error:
            if not events:
                raise
            self.failure = error
        self._count += len(events)
        return events

    def receive_eof(self) -> tuple[Image, ...]:
        if self.failure is not None:
            raise self.failure
        if self._whole is not None:
            return self._whole.receive_eof()
        if not self.complete:
            self._splitter.receive_data(self._start or b"")
            self._splitter.receive_eof()
            raise self._asked.missing(self._where, self._count, len(self._finals))
        return in_order(self._finals)


@dataclass(frozen=True, slots=True)
class Frames:
    """Makes the reader of one stream of frames."""

    asked: Asked

    def __call__(self, where: str, head: Head, limits: Limits, /) -> FrameReader:
        return FrameReader(where, head, limits, self.asked)


# ---- server-sent events

_usual: Final = msgspec.json.Decoder(_Message).decode
_GENERAL: Final = JsonDecoder(_Message)
_FORGOTTEN: Final = Step(b"", 0, 0)


class ImageEventReader(EventReader[Drawn, "tuple[Image, ...]"]):
    """Reads an event stream.

    See docs/protocol/image.md#72-sse-stream-sse.
    """

    NAMES = (b"intermediate", b"final")
    MARK = b'"image"'
    MISSING = "the last image"

    def __init__(self, where: str, limits: Limits, asked: Asked) -> None:
        # an image is as large as in a frame, but in base64, and all of it in one line
        room = limits.frame // 3 * 4 + limits.line
        super().__init__(self._told, where, replace(limits, line=room, event=room), self._is_last)
        self._asked = asked
        self._finals: dict[int, Image] = {}

    def receive_data(self, data: bytes) -> Sequence[Drawn]:
        events = super().receive_data(data)
        if events:
            self._events[-len(events) :] = [_FORGOTTEN] * len(events)
        return events

    def _told(self, block: bytes) -> Drawn:
        message = _usual(block)
        told = self._asked.told(message, self._where) if message.event_type in ("intermediate", "final") else None
        if told is None:
            raise RemoteProtocolError(f"{self._where}: an event of another kind")
        return told

    def _is_last(self, event: Drawn) -> bool:
        if isinstance(event, Image):
            self._finals[event.sample] = event
        return len(self._finals) >= self._asked.samples

    def general(self, data: bytes, where: str, depth: int) -> Drawn:
        told = self._asked.told(_GENERAL.decode(data, where=where, depth=depth), where)
        if told is None:
            raise RemoteProtocolError(f"{where}: neither a step nor an image")
        return told

    def _unusual(self, name: bytes, block: bytes, number: int) -> Drawn | None:
        if name == b"error":
            try:
                self._asked.told(_usual(block), self._where)  # which raises what a frame with this would
            except UNUSUAL:
                pass  # of another form; what it says is found below
        return super()._unusual(name, block, number)

    def result(self) -> tuple[Image, ...]:
        return in_order(self._finals)


@dataclass(frozen=True, slots=True)
class Events:
    """Makes the reader of one event stream."""

    asked: Asked

    def __call__(self, where: str, head: Head, limits: Limits, /) -> ImageEventReader:  # noqa: ARG002 -- a ReaderFactory
        return ImageEventReader(where, limits, self.asked)
