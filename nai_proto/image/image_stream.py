"""Read the stream of images with previews, in both of its framings.

Previews are handed out and not kept; of each sample the final image is kept.

See docs/protocol/image.md#7-streaming.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias, cast

import msgspec

from ..codecs.forgiving_base64 import decode_base64
from ..codecs.image_frames import FrameSplitter, MessageDecoder
from ..codecs.json import JsonDecoder, drop_nulls
from ..errors import NaiError, RemoteProtocolError, StreamError, Truncated, excerpt
from ..exchange.event_reader import EventReader
from ..exchange.readers import BodyReader
from ..http import Head
from ..limits import Limits
from .image_files import Image, ImagesReaderFactory, image_type

__all__ = ["FrameReaderFactory", "ImageEvent", "ImageEventReaderFactory", "PreviewStep", "RequestedImages"]


@dataclass(frozen=True, slots=True)
class PreviewStep:
    """A preview of an image that is being generated."""

    image: bytes = field(repr=False)
    "JPEG, small."
    sample: int
    "Its place among several images, from 0."
    step: int
    "Number of the step, from 0."
    sigma: float | None = None
    "How much noise is left."


ImageEvent: TypeAlias = PreviewStep | Image
"""An event of a stream: previews, and at the end of each sample its image."""


class _Message(msgspec.Struct):
    """The content of a frame, and of an event's data, where bytes are base64."""

    event_type: str
    samp_ix: int = 0
    step_ix: int = 0
    sigma: float | None = None
    image: bytes = b""
    code: Any = None
    message: Any = None


@dataclass(frozen=True, slots=True)
class RequestedImages:
    """The images that a request asked for."""

    seed: int
    samples: int

    def to_event(self, message: _Message, where: str) -> ImageEvent | None:
        """Return the event of a message; None for a kind that is not known.

        Raises:
            StreamError: it reports an error.
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
            return PreviewStep(message.image, at, message.step_ix, message.sigma)
        return Image(message.image, f"image_{at}.{image_type(message.image) or 'bin'}", self.seed + at, at)

    def missing(self, where: str, events: int, images: int) -> Truncated:
        """Return the error for a stream that ended too early."""
        return Truncated(f"{where}: the stream ended after {events} events, with {images} of {self.samples} images")


def sort_images(finals: Mapping[int, Image]) -> tuple[Image, ...]:
    """Return the images in the order of their samples."""
    return tuple(finals[sample] for sample in sorted(finals))


# ---- msgpack

_FRAME: Final = MessageDecoder(_Message)


_HEAD: Final = 4
_BLANKS: Final = b"\xef\xbb\xbf \t\r\n"


def _begins_document(start: bytes) -> bool:
    text = start.lstrip(_BLANKS)
    return start.startswith((b"PK", b"\x89PNG", b"RIFF", b"\xff\xd8\xff")) or text[:1] in (b"", b"{")


class FrameReader:
    """Read frames of msgpack, or a body that is no stream.

    The first four bytes tell them apart: as a length they would be larger than any frame.

    See docs/protocol/image.md#71-msgpack-stream-msgpack.
    """

    def __init__(self, where: str, head: Head, limits: Limits, requested: RequestedImages) -> None:
        self.failure: NaiError | None = None
        self.complete = False
        self._count = 0
        self._finals: dict[int, Image] = {}
        self._requested = requested
        self._where = where
        self._splitter = FrameSplitter(limits)
        self._pictures = ImagesReaderFactory(requested.seed)(where, head, limits)
        self._whole: BodyReader[tuple[Image, ...]] | None = None
        self._start: bytes | None = b""
        "The first bytes, until there are enough to tell what the body is."

    @property
    def partial(self) -> tuple[Image, ...] | None:
        """Return the images so far; None if nothing came."""
        return sort_images(self._finals) if self._count else None

    def receive_data(self, data: bytes) -> Sequence[ImageEvent]:
        if self.failure is not None:
            raise self.failure
        if self._start is not None:
            data = self._start + data
            if len(data) < _HEAD:
                self._start = data
                return ()
            self._start = None
            self._whole = self._pictures if _begins_document(data[:_HEAD]) else None
        if self._whole is not None:
            return self._whole.receive_data(data)
        events: list[ImageEvent] = []
        if self.complete:
            return events
        try:
            for frame in self._splitter.receive_data(data):
                where = f"{self._where}: event {self._count + len(events)}"
                event = self._requested.to_event(_FRAME.decode(frame, where=where), where)
                if event is None:
                    continue
                events.append(event)
                if isinstance(event, Image):
                    self._finals[event.sample] = event
                    self.complete = len(self._finals) >= self._requested.samples
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
            raise self._requested.missing(self._where, self._count, len(self._finals))
        return sort_images(self._finals)


@dataclass(frozen=True, slots=True)
class FrameReaderFactory:
    """Make the reader of one stream of frames."""

    requested: RequestedImages

    def __call__(self, where: str, head: Head, limits: Limits, /) -> FrameReader:
        return FrameReader(where, head, limits, self.requested)


# ---- server-sent events

_decode: Final = msgspec.json.Decoder(_Message).decode


def _arrange(document: object) -> object:
    """Leave out what is null, and read base64 as browsers do: with blanks, without padding, and as a data URL."""
    if not isinstance(document, dict):
        return document  # which the decoder refuses
    message = cast("dict[str, object]", drop_nulls(cast("object", document)))
    if isinstance(image := message.get("image"), str):
        try:
            message["image"] = decode_base64(image)
        except ValueError:
            pass  # and refused by the decoder
    return message


_GENERAL: Final = JsonDecoder(_Message, _arrange, lenient=True)
_PLACEHOLDER: Final = PreviewStep(b"", 0, 0)


class ImageEventReader(EventReader[ImageEvent, "tuple[Image, ...]"]):
    """Read an event stream.

    See docs/protocol/image.md#72-sse-stream-sse.
    """

    NAMES = (b"intermediate", b"final")
    MARK = b'"image"'
    MISSING = "the last image"

    def __init__(self, where: str, limits: Limits, requested: RequestedImages) -> None:
        # an image is as large as in a frame, but in base64, and all of it in one line
        room = limits.frame // 3 * 4 + limits.line
        # and of all previews none is kept, so that the stream may have any size
        limits = replace(limits, line=room, event=room, body=sys.maxsize)
        super().__init__(self._decode_event, where, limits, self._is_last)
        self._requested = requested
        self._finals: dict[int, Image] = {}

    def receive_data(self, data: bytes) -> Sequence[ImageEvent]:
        events = super().receive_data(data)
        if events:
            self._events[-len(events) :] = [_PLACEHOLDER] * len(events)
        return events

    def _decode_event(self, block: bytes) -> ImageEvent:
        message = _decode(block)
        event = (
            self._requested.to_event(message, self._where) if message.event_type in ("intermediate", "final") else None
        )
        if event is None:
            raise RemoteProtocolError(f"{self._where}: an event of another kind")
        return event

    def _is_last(self, event: ImageEvent) -> bool:
        if isinstance(event, Image):
            self._finals[event.sample] = event
        return len(self._finals) >= self._requested.samples

    def general(self, data: bytes, where: str, depth: int) -> ImageEvent | None:
        return self._requested.to_event(_GENERAL.decode(data, where=where, depth=depth), where)

    def _unusual(self, name: bytes, block: bytes, number: int) -> ImageEvent | None:
        if name == b"error":
            try:
                self.general(block, self._where, self._depth)  # raises as a frame with this message would
            except RemoteProtocolError:
                pass  # of another form, which is read below
        return super()._unusual(name, block, number)

    def result(self) -> tuple[Image, ...]:
        return sort_images(self._finals)


@dataclass(frozen=True, slots=True)
class ImageEventReaderFactory:
    """Make the reader of one event stream."""

    requested: RequestedImages

    def __call__(self, where: str, head: Head, limits: Limits, /) -> ImageEventReader:  # noqa: ARG002 -- a ReaderFactory
        return ImageEventReader(where, limits, self.requested)
