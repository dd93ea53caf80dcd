"""The two framings of a stream of pictures, and what is told of each step.

See docs/protocol/image.md#7-streaming.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import floor
from struct import pack, unpack
from typing import Final

from ...codecs.frames import encode_frame
from ...codecs.json import encode
from ...image.choices import ImageGenerationType
from ..answers import Refused
from .bodies import invalid
from .checks import Task

__all__ = ["FRAMINGS", "Framing", "Message", "frame_count", "framing_of", "refusal", "sigmas"]

Message = Mapping[str, object]

_FIRST: Final = 20_000.0
_HIGH: Final = 113.89996337890625
_LOW: Final = 0.31205201148986816
_CURVE: Final = 7  # Karras et al. 2022, equation 5


@dataclass(frozen=True, slots=True)
class Framing:
    """How a message becomes bytes."""

    content_type: str
    written: Callable[[Message], bytes]


def _event(message: Message) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(message["event_type"]).encode(), encode(message))


FRAMINGS: Final[Mapping[str, Framing]] = {
    "msgpack": Framing("application/msgpack", encode_frame),
    "sse": Framing("text/event-stream", _event),
}
"""By the parameter ``stream``."""


def framing_of(task: Task) -> Framing:
    """The framing that is asked for. Raises Refused: 400, there is none of this name."""
    if task.wish.stream not in FRAMINGS:
        raise invalid(f"stream must be {' or '.join(FRAMINGS)}")
    return FRAMINGS[task.wish.stream]


def frame_count(task: Task) -> int:
    """Messages of one sample, that with the picture included.

    See docs/protocol/image.md#71-msgpack-stream-msgpack.
    """
    share = {
        ImageGenerationType.NORMAL: 1.0,
        ImageGenerationType.IMG2IMG: task.wish.strength,
        ImageGenerationType.INPAINTING: task.wish.inpaint_strength,
    }[task.action]
    return max(1, floor(round(task.wish.steps * share, 9)))


def sigmas(count: int) -> list[float]:
    """How much noise is left at so many steps: values of float32, the first and the last as they were captured."""
    high, low = _HIGH ** (1 / _CURVE), _LOW ** (1 / _CURVE)
    shares = [step / max(1, count - 2) for step in range(count - 1)]
    curve = [(high + share * (low - high)) ** _CURVE for share in shares]
    return [_float32(each) for each in (_FIRST, *curve)][:count]


def refusal(refused: Refused, sample: int) -> Message:
    """What goes wrong behind the head."""
    return {"event_type": "error", "samp_ix": sample, "code": refused.status, "message": refused.message}


def _float32(value: float) -> float:
    near: float = unpack("<f", pack("<f", value))[0]
    return near
