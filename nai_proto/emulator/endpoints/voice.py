"""The speech endpoints of the emulator: silent audio files, as long as the text would take to speak.

See:
    docs/protocol/native.md#81-text-to-speech
    docs/protocol/native.md#173-text-voice-modules
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import pack
from typing import Final, Literal

import msgspec

from ...codecs.type_mismatch import find_mismatch
from ...exchange.reply import Handler
from ..errors import Refused
from ..http.request_context import EndpointHandler, RequestContext
from ..http.responses import send_response

__all__ = ["handlers", "mp3", "webm"]

_MAX_CHARACTERS: Final = 1000
"""Longer texts are cut."""
_SECONDS_PER_CHARACTER: Final = 0.02
"""Quicker than anybody speaks, and short enough for one cluster of WebM."""
_VOICE_FROM_SEED: Final = -1
"""The number of a voice that is made from a seed."""


class _Speech(msgspec.Struct):
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
        yield from _speak(context, msgspec.convert(query, _Speech, strict=False))
    except msgspec.ValidationError:
        raise Refused(400, f"Validation error: {find_mismatch(query, _Speech, strict=False)}") from None


def _speak_from_body(context: RequestContext) -> Handler:
    yield from _speak(context, context.body(_Speech))


def _speak(context: RequestContext, speech: _Speech) -> Handler:
    """Send the speech of a text. A text that is too long is cut, not refused; a numbered voice needs no seed."""
    if not speech.text:
        raise Refused(400, "Validation error: text is required")
    if speech.seed is None and speech.voice == _VOICE_FROM_SEED:
        raise Refused(400, "Validation error: seed is required")
    seconds = _SECONDS_PER_CHARACTER * min(len(speech.text), _MAX_CHARACTERS)
    kind, data = ("audio/webm", webm(seconds)) if speech.opus else ("audio/mpeg", mp3(seconds))
    yield from send_response(context.endpoint.status, kind, data)


# ---- MPEG-1 Layer III (ISO 11172-3 §2.4)

_HEADER: Final = b"\xff\xfb\x10\xc0"
"""Layer III without checksum, 32 kbit/s, 44.1 kHz, one channel."""
_FRAME: Final = 144 * 32_000 // 44_100
_SAMPLES: Final = 1152


def mp3(seconds: float) -> bytes:
    """Return an MP3 file of silence: frames whose side information is zero have nothing to decode."""
    count = max(1, round(seconds * 44_100 / _SAMPLES))
    return count * _HEADER.ljust(_FRAME, b"\0")


# ---- WebM, which is Matroska's EBML (RFC 8794, RFC 9559), with Opus (RFC 7845, RFC 6716)

_SILENT_OPUS: Final = b"\xf8\xff\xfe"
"""20 ms of silence in full-band Opus."""
_OPUS_HEAD: Final = b"OpusHead" + pack("<BBHIhB", 1, 1, 312, 48_000, 0, 0)


def webm(seconds: float) -> bytes:
    """Return a WebM file of silence in Opus, one block for each 20 ms; at most 30 s, as its block times are relative."""
    count = max(1, round(seconds / 0.02))
    blocks = b"".join(
        _element(0xA3, b"\x81" + pack(">hB", 20 * number, 0x80) + _SILENT_OPUS) for number in range(count)
    )
    info = _element(0x2AD7B1, _number(1_000_000)) + _element(0x4489, pack(">d", 20.0 * count))
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
    ) + (_element(0x18538067, segment))


def _element(id: int, content: bytes) -> bytes:  # noqa: A002
    """Return an EBML element: id, size in four bytes, content."""
    return id.to_bytes(-(-id.bit_length() // 8)) + (0x1000_0000 | len(content)).to_bytes(4) + content


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, -(-value.bit_length() // 8)))
