"""How much memory does it take to receive pictures, beside what they are themselves?"""

from __future__ import annotations

import random
import tracemalloc
from base64 import b64encode
from typing import Any, Final

import msgspec

from nai_proto.codecs.image_frames import encode_frame
from nai_proto.codecs.zip_archive import zip_files
from nai_proto.exchange.call import Call
from nai_proto.http import Head, Headers
from nai_proto.image import generate, generate_stream

from .data import READS
from .report import Effort, Report

__all__ = ["measure"]

_MOST: Final = 2.5
_STEPS: Final = 22
_PREVIEW: Final = 15_000


def _json(pictures: list[bytes]) -> bytes:
    entries = [{"image": picture, "index": at, "seed": at} for at, picture in enumerate(pictures)]
    return msgspec.json.encode({"images": entries})


def _events(pictures: list[bytes]) -> list[dict[str, Any]]:
    """What a stream tells: previews of each picture, and the picture."""
    preview = b"\xff\xd8\xff" + bytes(_PREVIEW)
    step = {"event_type": "intermediate", "gen_id": 8292275, "sigma": 57.9, "image": preview}
    final = {"event_type": "final", "gen_id": 8292275}
    events: list[dict[str, Any]] = []
    for at, picture in enumerate(pictures):
        events += [{**step, "samp_ix": at, "step_ix": number} for number in range(_STEPS)]
        events.append({**final, "samp_ix": at, "image": picture})
    return events


def _framed(pictures: list[bytes]) -> bytes:
    return b"".join(map(encode_frame, _events(pictures)))


def _measure_in_process(pictures: list[bytes]) -> bytes:
    """The same as server-sent events."""
    lines = bytearray()
    for event in _events(pictures):
        said = msgspec.json.encode({**event, "image": b64encode(event["image"]).decode()})
        lines += b"event: %s\ndata: %s\n\n" % (event["event_type"].encode(), said)
    return bytes(lines)


def _peak(call: Call[Any, Any], content_type: str, body: bytes, *, sized: bool, pictures: list[bytes]) -> float:
    """The most that was allocated at once while the answer came, in sizes of the pictures."""
    length = {"content_length": str(len(body))} if sized else {}
    call.send()
    tracemalloc.start()
    call.receive_head(Head(200, Headers.of(content_type=content_type, **length)))
    size = READS["64 KiB"]
    for at in range(0, len(body), size):
        call.receive_data(body[at : at + size])
    images = call.receive_eof()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [image.data for image in images] == pictures
    return peak / sum(map(len, pictures))


def measure(effort: Effort) -> Report:
    """The peak of four pictures of 6 MB, of which nothing compresses, in each form that they come in."""
    report = Report("peak of memory while four pictures are received, in sizes of these pictures", "")
    noise = random.Random(1)
    pictures = [b"\x89PNG\r\n\x1a\n" + noise.randbytes(effort.of(6_000_000)) for _ in range(4)]
    whole = generate("a cat", seed=1, n_samples=4)
    files = [(f"image_{at}.png", picture) for at, picture in enumerate(pictures)]
    forms = {
        "ZIP, deflated": ("binary/octet-stream", zip_files(files)),
        "ZIP, stored": ("binary/octet-stream", zip_files(files, deflated=False)),
        "JSON": ("application/json", _json(pictures)),
    }
    for case, (content_type, body) in forms.items():
        for sized in (True, False):
            subject = "with its length" if sized else "chunked"
            peak = _peak(Call(whole), content_type, body, sized=sized, pictures=pictures)
            report.bound(case, subject, peak, "x", _MOST)
    streams = {
        "msgpack": ("application/msgpack", _framed(pictures)),
        "SSE": ("text/event-stream", _measure_in_process(pictures)),
    }
    for case, (content_type, body) in streams.items():
        streamed = generate_stream("a cat", seed=1, n_samples=4, framing="sse" if case == "SSE" else "msgpack")
        peak = _peak(Call(streamed), content_type, body, sized=False, pictures=pictures)
        report.bound(case, "chunked", peak, "x", _MOST)
    return report
