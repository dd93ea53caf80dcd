"""Responses with images: archives, JSON, files, and the messages of a stream.

See:
    docs/protocol/image.md#21-post-aigenerate-image
    docs/protocol/image.md#7-streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import floor
from struct import pack, unpack
from typing import Final, Literal

from ...codecs import accelerators
from ...codecs.image_frames import encode_frame
from ...codecs.json import encode_json
from ...codecs.zip_archive import zip_files
from ...exchange.reply import Handler, Start, Write
from ...http import Head, Headers
from ...image.choices import ImageGenerationType
from ...image.image_files import image_type
from ..errors import Refused
from ..http.request_context import RequestContext
from ..http.responses import ALLOW_ANY_ORIGIN, compute, ignored_fields, send_response
from ..replies.scripted_reply import ScriptedReply
from .refusals import GenerationTask
from .request import validation_error

__all__ = [
    "FRAMINGS",
    "FileFormat",
    "RenderedPicture",
    "StreamFraming",
    "StreamMessage",
    "accepts_json",
    "count_messages",
    "error_message",
    "find_framing",
    "noise_levels",
    "replace_by_reply",
    "send_archive",
    "send_file",
    "send_pictures",
]

FileFormat = Literal["png", "webp", "jpeg"]
StreamMessage = Mapping[str, object]

_JSON: Final = "application/json"


# ---- whole responses


@dataclass(frozen=True, slots=True)
class RenderedPicture:
    """An image file to send."""

    data: bytes = field(repr=False)
    format: FileFormat = "png"
    seed: int | None = None
    "The seed that it was drawn with; None if it was not drawn from a seed."


def accepts_json(context: RequestContext) -> bool:
    """Return whether the request accepts JSON. All other requests get an archive."""
    return any(_JSON in value.lower() for value in context.headers.get_all("accept"))


def replace_by_reply(reply: ScriptedReply | None, pictures: Sequence[RenderedPicture]) -> Sequence[RenderedPicture]:
    """Return the pictures, or as many times the one of a scripted reply."""
    if reply is None or reply.picture is None:
        return pictures
    return [replace(one, data=reply.picture, format=image_type(reply.picture) or "png") for one in pictures]


def send_pictures(
    context: RequestContext, pictures: Sequence[RenderedPicture], status: int = 200, ignored: Iterable[str] = ()
) -> Handler:
    """Send all images or a scripted one, as JSON with base64 if the request accepts that, else as an archive.

    Args:
        context: The request.
        pictures: The images.
        status: Status of the response.
        ignored: The names of parameters that changed nothing.
    """
    pictures = replace_by_reply(context.use_reply("picture"), pictures)
    if not accepts_json(context):
        yield from send_archive(pictures, status, ignored)
        return
    images = [
        {
            "image": accelerators.encode(picture.data),
            "index": index,
            **({} if picture.seed is None else {"seed": picture.seed}),
        }
        for index, picture in enumerate(pictures)
    ]
    document = yield from compute(lambda: encode_json({"images": images}))
    yield from send_response(status, _JSON, document, *ignored_fields(ignored))


def send_archive(
    pictures: Sequence[RenderedPicture], status: int = 200, ignored: Iterable[str] = (), *, deflated: bool = True
) -> Handler:
    """Send all images as a ZIP archive with members ``image_0.png`` and so on.

    See docs/protocol/image.md#23-post-aiaugment-image-director-tools.

    Args:
        pictures: The images.
        status: Status of the response.
        ignored: The names of parameters that changed nothing.
        deflated: Whether the members are compressed; director tools store them.
    """
    members = [(f"image_{index}.{picture.format}", picture.data) for index, picture in enumerate(pictures)]
    archive = yield from compute(lambda: zip_files(members, deflated=deflated))
    yield from send_file(archive, "images.zip", "binary/octet-stream", status, *ignored_fields(ignored))


def send_file(data: bytes, name: str, content_type: str, status: int = 200, *more: tuple[str, str]) -> Handler:
    """Send a file as an attachment, chunked as the service does.

    See docs/protocol/image.md#1-hosts-auth-headers.
    """
    disposition = ("Content-Disposition", f"attachment; filename={name}")
    yield Start(Head(status, Headers([("Content-Type", content_type), disposition, ALLOW_ANY_ORIGIN, *more])))
    yield Write(data)


# ---- streams

_FIRST_NOISE: Final = 20_000.0
_MAX_NOISE: Final = 113.89996337890625
_MIN_NOISE: Final = 0.31205201148986816
_RHO: Final = 7  # Karras et al. 2022, equation 5


@dataclass(frozen=True, slots=True)
class StreamFraming:
    """Encoding of the messages of a stream."""

    content_type: str
    encode: Callable[[StreamMessage], bytes]


def _encode_event(message: StreamMessage) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(message["event_type"]).encode(), encode_json(message))


FRAMINGS: Final[Mapping[str, StreamFraming]] = {
    "msgpack": StreamFraming("application/msgpack", encode_frame),
    "sse": StreamFraming("text/event-stream", _encode_event),
}
"""All framings by the value of the parameter ``stream``."""


def find_framing(task: GenerationTask) -> StreamFraming:
    """Return the requested framing. Raises Refused, 400, if there is none of this name."""
    framing = FRAMINGS.get(task.parameters.stream)
    if framing is None:
        raise validation_error(f"stream must be {' or '.join(FRAMINGS)}")
    return framing


def count_messages(task: GenerationTask) -> int:
    """Return how many messages one sample has, the final image included.

    See docs/protocol/image.md#71-msgpack-stream-msgpack.
    """
    share = {
        ImageGenerationType.NORMAL: 1.0,
        ImageGenerationType.IMG2IMG: task.parameters.strength,
        ImageGenerationType.INPAINTING: task.parameters.inpaint_strength,
    }[task.action]
    return max(1, floor(round(task.parameters.steps * share, 9)))


def noise_levels(count: int) -> list[float]:
    """Return the ``sigma`` of so many steps, as float32 values. The first and the last are the captured ones."""
    high, low = _MAX_NOISE ** (1 / _RHO), _MIN_NOISE ** (1 / _RHO)
    shares = [step / max(1, count - 2) for step in range(count - 1)]
    curve = [(high + share * (low - high)) ** _RHO for share in shares]
    return [_to_float32(sigma) for sigma in (_FIRST_NOISE, *curve)][:count]


def error_message(refused: Refused, sample: int) -> StreamMessage:
    """Return the message for an error after the head was sent."""
    return {"event_type": "error", "samp_ix": sample, "code": refused.status, "message": refused.message}


def _to_float32(value: float) -> float:
    rounded: float = unpack("<f", pack("<f", value))[0]
    return rounded
