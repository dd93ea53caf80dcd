"""The speech endpoints of the emulator: a hum of notes, as long as the text would take to speak.

Text, voice, seed and version decide the notes, so each of them can be heard and seen in the bytes.

See:
    docs/protocol/native.md#81-text-to-speech
    docs/protocol/native.md#173-text-voice-modules
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from struct import pack
from typing import Final, Literal

import msgspec

from ...codecs.type_mismatch import find_mismatch
from ...exchange.reply import Handler
from ..errors import Refused
from ..http.request_context import EndpointHandler, RequestContext
from ..http.responses import send_response
from ..seeded_random import SeededRandom

__all__ = ["NOTE_SECONDS", "SpeechRequest", "handlers", "mp3", "webm"]

_MAX_CHARACTERS: Final = 1000
"""Longer texts are cut."""
NOTE_SECONDS: Final = 0.04
"""How long a note is: two characters, which is quicker than anybody speaks, and short enough for one cluster of WebM."""
_CHARACTERS_PER_NOTE: Final = 2
_LEAST_NOTES: Final = 8
"""So many that two voices differ in a short text too."""
_VOICE_FROM_SEED: Final = -1
"""The number of a voice that is made from a seed."""


class SpeechRequest(msgspec.Struct):
    """What a request of speech holds."""

    text: str
    voice: int
    opus: bool
    version: Literal["v1", "v2"]
    seed: str | None = None


def handlers() -> Mapping[str, EndpointHandler]:
    """Return the handlers by the names of the endpoint table."""
    return {"get_voice": _speak_from_query, "post_voice": _speak_from_body}


def _speak_from_query(context: RequestContext) -> Handler:
    query = dict(context.parameters.query)
    try:
        yield from _speak(context, msgspec.convert(query, SpeechRequest, strict=False))
    except msgspec.ValidationError:
        raise Refused(400, f"Validation error: {find_mismatch(query, SpeechRequest, strict=False)}") from None


def _speak_from_body(context: RequestContext) -> Handler:
    yield from _speak(context, context.body(SpeechRequest))


def _speak(context: RequestContext, speech: SpeechRequest) -> Handler:
    """Send the speech of a text. A text that is too long is cut, not refused; a numbered voice needs no seed."""
    if not speech.text:
        raise Refused(400, "Validation error: text is required")
    if speech.seed is None and speech.voice == _VOICE_FROM_SEED:
        raise Refused(
            400,
            "Validation error: seed is required",
            reason="a voice of -1 is made from seed, such as Aini; or send the number of a voice of v1, such as 17",
        )
    notes = _compose(speech)
    kind, data = ("audio/webm", webm(notes)) if speech.opus else ("audio/mpeg", mp3(notes))
    yield from send_response(context.endpoint.status, kind, data)


def _compose(speech: SpeechRequest) -> list[int]:
    """Return the notes of a text in a voice: places in the scale. A numbered voice does not depend on a seed."""
    text = speech.text[:_MAX_CHARACTERS]
    voice = speech.seed if speech.voice == _VOICE_FROM_SEED else speech.voice
    rng = SeededRandom(f"{speech.version} {voice!r}").fork(text)
    count = max(_LEAST_NOTES, ceil(len(text) / _CHARACTERS_PER_NOTE))
    return [int(rng.uniform() * len(_LINES)) for _ in range(count)]


# ---- MPEG-1 Layer III (ISO 11172-3 §2.4)

_HEADER: Final = b"\xff\xfb\x10\xc0"
"""Layer III without checksum, 32 kbit/s, 44.1 kHz, one channel."""
_FRAME_BYTES: Final = 144 * 32_000 // 44_100
_FRAME_SECONDS: Final = 1152 / 44_100
_SIDE_INFORMATION_BITS: Final = 8 * 17
_LINES: Final = (8, 9, 11, 12, 14, 16)
"""The scale, as lines of the spectrum, which are 38.3 Hz apart."""
_GAIN: Final = 192
"""A soft hum; 210 is as loud as can be."""


def mp3(notes: Sequence[int]) -> bytes:
    """Return an MP3 file of notes.

    Each half of a frame has one line of the spectrum, coded by the simplest of Huffman's tables: the bits of four lines,
    inverted, and the sign of each that is not 0. The signs change as those of a lasting tone do.
    """
    frames: list[bytes] = []
    for number in range(ceil(len(notes) * NOTE_SECONDS / _FRAME_SECONDS)):
        line = _LINES[notes[int(number * _FRAME_SECONDS / NOTE_SECONDS)]]
        quads, place = divmod(line, 4)
        halves = [
            f"{'1111' * quads}{0b1111 ^ 0b1000 >> place:04b}{_is_negative(line, half):b}"
            for half in (2 * number, 2 * number + 1)
        ]
        side = "0" * 18 + "".join([f"{len(half):012b}{0:09b}{_GAIN:08b}{0:029b}1" for half in halves])
        bits = side.ljust(_SIDE_INFORMATION_BITS, "0") + "".join(halves)
        body = int(bits.ljust(8 * (_FRAME_BYTES - len(_HEADER)), "0"), 2)
        frames.append(_HEADER + body.to_bytes(_FRAME_BYTES - len(_HEADER)))
    return b"".join(frames)


def _is_negative(line: int, half: int) -> bool:
    """Return the sign of a lasting tone's line in a half frame: its phase goes on by line + ½ half turns."""
    return bool((2 * half * (2 * line + 1) + 3) // 4 % 2)


# ---- WebM, which is Matroska's EBML (RFC 8794, RFC 9559), with Opus (RFC 7845, RFC 6716)

_HUMS: Final = tuple(
    map(
        bytes.fromhex,
        (
            "98c5b8ee7382af9d1c2cd4ed526795",
            "98c28acde3cc9bbf142202ec68b785",
            "98afe921a1e92951a524e79c4e8bee",
            "98b1a17cf88e6b74c56496cab023a5",
            "98b041b07c4030ef4942de92b13997",
            "98b19ff089bb4fe3c29bb5ffa1178d",
        ),
    )
)
"""20 ms of each note in narrow-band Opus at 6 kbit/s, as libopus encodes a lasting sine; they can be repeated."""
_PACKET_MS: Final = 20
_PACKETS_PER_NOTE: Final = round(1000 * NOTE_SECONDS) // _PACKET_MS
_OPUS_HEAD: Final = b"OpusHead" + pack("<BBHIhB", 1, 1, 312, 48_000, 0, 0)


def webm(notes: Sequence[int]) -> bytes:
    """Return a WebM file of notes in Opus, one block for each 20 ms; at most 30 s, as its block times are relative."""
    packets = [_HUMS[note] for note in notes for _ in range(_PACKETS_PER_NOTE)]
    blocks = b"".join(
        [
            _element(0xA3, b"\x81" + pack(">hB", _PACKET_MS * number, 0x80) + packet)
            for number, packet in enumerate(packets)
        ]
    )
    duration = float(_PACKET_MS * len(packets))
    info = _element(0x2AD7B1, _number(1_000_000)) + _element(0x4489, pack(">d", duration))
    audio = _element(0xB5, pack(">d", 48_000.0)) + _element(0x9F, _number(1))
    track = (
        _element(0xD7, _number(1))
        + _element(0x73C5, _number(1))
        + _element(0x83, _number(2))
        + _element(0x86, b"A_OPUS")
        + _element(0x63A2, _OPUS_HEAD)
        + _element(0x56BB, _number(80_000_000))
        + _element(0xE1, audio)
    )
    names = _element(0x4D80, b"nai-proto") + _element(0x5741, b"nai-proto")
    segment = (
        _element(0x1549A966, info + names)
        + _element(0x1654AE6B, _element(0xAE, track))
        + _element(0x1F43B675, _element(0xE7, _number(0)) + blocks)
    )
    return _element(
        0x1A45DFA3, _element(0x4282, b"webm") + _element(0x4287, _number(4)) + _element(0x4285, _number(2))
    ) + _element(0x18538067, segment)


def _element(id: int, content: bytes) -> bytes:  # noqa: A002
    """Return an EBML element: id, size in four bytes, content."""
    return id.to_bytes(-(-id.bit_length() // 8)) + (0x1000_0000 | len(content)).to_bytes(4) + content


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, -(-value.bit_length() // 8)))
