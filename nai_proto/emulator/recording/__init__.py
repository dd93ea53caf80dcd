"""Recordings: `Recording` is an app around an app that notes down what was asked and answered, without its secrets;
`Replaying` is an app that answers from such notes.

A bug report with a recording runs on another machine: the same program, told another address, meets the same answers in
the same pieces. No clock and no file of its own; `file` says how a recording is written down.
"""

from __future__ import annotations

from .exchange import Ending, Exchange, Sent
from .file import Recorded, decode, encode, header
from .recorder import Recording
from .redaction import Redaction
from .replaying import Replaying

__all__ = [
    "Ending",
    "Exchange",
    "Recorded",
    "Recording",
    "Redaction",
    "Replaying",
    "Sent",
    "decode",
    "encode",
    "header",
]
