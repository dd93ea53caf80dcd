"""Recordings: `Recorder` is an app around an app that notes down what was asked and answered, without its secrets;
`Replayer` is an app that answers from such notes.

A bug report with a recording runs on another machine: the same program, told another address, meets the same answers in
the same pieces. No clock and no file of its own; `file` says how a recording is written down.
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
