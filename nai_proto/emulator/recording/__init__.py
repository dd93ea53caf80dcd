"""Recordings: `Recorder` is an app that wraps an app and records its requests and responses; `Redaction` removes secrets
from them; `Replayer` is an app that answers from a recording.

A bug report with a recording can be run on another machine: the same program, with another address, gets the same
responses in the same pieces. Nothing here reads a clock or a file; `recording_file` has the format of a recording.
"""

from __future__ import annotations

from .recorder import Recorder
from .recording_file import (
    Ending,
    RecordedExchange,
    Recording,
    SentAction,
    decode_recording,
    encode_exchange,
    encode_header,
)
from .redaction import Redaction
from .replayer import Replayer

__all__ = [
    "Ending",
    "RecordedExchange",
    "Recorder",
    "Recording",
    "Redaction",
    "Replayer",
    "SentAction",
    "decode_recording",
    "encode_exchange",
    "encode_header",
]


def __dir__() -> list[str]:
    return __all__
