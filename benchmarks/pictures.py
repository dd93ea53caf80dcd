"""What does it cost to take pictures out of the answers that they come in, and metadata out of pictures?"""

from __future__ import annotations

import io
import random
import zipfile
from functools import partial
from typing import Any

import msgspec

from nai_proto.codecs.image_frames import FrameSplitter, MessageDecoder, encode_frame
from nai_proto.codecs.picture_metadata import read_metadata
from nai_proto.codecs.pixels import Pixels, write_webp
from nai_proto.codecs.stealth import with_stealth
from nai_proto.codecs.zip_archive import unzip, zip_files

from .data import READS, cut
from .report import Effort, Report, timed

__all__ = ["measure"]


class _Message(msgspec.Struct):
    event_type: str
    samp_ix: int
    gen_id: int
    image: bytes
    step_ix: int = 0
    sigma: float = 0.0


def _stream(effort: Effort) -> tuple[bytes, int]:
    """28 previews and a picture, and how many that is."""
    noise = random.Random(1)
    sizes = [effort.of(60_000)] * 28 + [effort.of(2_000_000)]
    message = {"event_type": "intermediate", "samp_ix": 0, "gen_id": 8292275, "step_ix": 3, "sigma": 57.86742401123047}
    frames = [encode_frame({**message, "image": noise.randbytes(size)}) for size in sizes]
    return b"".join(frames), len(sizes)


def _limit(reads: list[bytes], count: int) -> None:
    """One growing buffer, cut without a check."""
    decode = msgspec.msgpack.Decoder(_Message).decode
    buffer, found = bytearray(), 0
    for data in reads:
        buffer += data
        at = 0
        while len(buffer) - at >= 4 and (end := at + 4 + int.from_bytes(buffer[at : at + 4])) <= len(buffer):
            with memoryview(buffer) as view:
                decode(view[at + 4 : end])
            at = end
            found += 1
        if at:
            del buffer[:at]
    assert found == count


def _ours(reads: list[bytes], count: int) -> None:
    splitter, decoder, found = FrameSplitter(), MessageDecoder(_Message), 0
    for data in reads:
        for frame in splitter.receive_data(data):
            decoder.decode(frame, where="frame")
            found += 1
    splitter.receive_eof()
    assert found == count


def _zipfile(archive: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert all(opened.read(name) for name in opened.namelist())


def _unzip(archive: bytes) -> None:
    assert all(member.data for member in unzip(archive))


def _webp(effort: Effort) -> bytes:
    """Return a lossless WebP of a megapixel with metadata in alpha alone."""
    from PIL import Image

    width = height = max(64, round(1024 * effort.scale**0.5))
    noise, small = random.Random(1), 32
    image: Any = Image.frombytes("RGB", (small, small), noise.randbytes(3 * small * small))
    drawn = with_stealth(Pixels(width, height, image.resize((width, height)).tobytes()), b'{"Comment": "{}"}')
    return write_webp(drawn)


def _decode(webp: bytes) -> None:
    from PIL import Image

    with Image.open(io.BytesIO(webp), formats=("WEBP",)) as image:
        image.load()


def _read_metadata(webp: bytes) -> None:
    assert read_metadata(webp) is not None


def measure(effort: Effort) -> Report:
    """µs of CPU per frame by read size, per archive of four pictures of 2 MB, and per WebP of a megapixel."""
    report = Report(
        "µs per frame of an image stream, per ZIP of four pictures, and per WebP's metadata", "the first of each case"
    )
    stream, count = _stream(effort)
    for case in ("64 KiB", "1400 B"):
        reads = cut(stream, READS[case])
        subjects = {"limit: grow + msgspec": partial(_limit, reads, count), "frames": partial(_ours, reads, count)}
        values = timed(subjects, effort, per=count)
        report.add(f"frames, {case}", values, "µs", reference="limit: grow + msgspec", at_most={"frames": 1.5})
    noise = random.Random(1)
    pictures = [(f"image_{number}.png", noise.randbytes(effort.of(2_000_000))) for number in range(4)]
    for case, deflated, faster in (("stored", False, {"zipfile": 2.5}), ("deflated", True, {})):
        archive = zip_files(pictures, deflated=deflated)
        values = timed({"zipfile": partial(_zipfile, archive), "unzip": partial(_unzip, archive)}, effort, per=1)
        report.add(f"ZIP, {case}", values, "µs", reference="zipfile", ours="unzip", faster=faster)
    try:
        webp = _webp(effort)
    except ImportError:  # MissingExtra is one
        report.absent.append("Pillow, or one that is new enough")
        return report
    values = timed(
        {"limit: decode, no more": partial(_decode, webp), "read_metadata": partial(_read_metadata, webp)},
        effort,
        per=1,
    )
    # 1.1 to 1.3, and a fortieth to a sixtieth of what decoding took in Python
    report.add("stealth copy, WebP", values, "µs", reference="limit: decode, no more", at_most={"read_metadata": 2.0})
    return report
