"""Faults on demand: `Faulty` is an app around an app, whose answers come late, torn, garbled, or not at all when they
are told to.

No clock and no chance of its own: time passes by `Wait`, and chance comes from a seed; so it works in memory as behind a
socket, and fails the same way each time. ``FAULTS`` is the table; its names are those of ``nai emulate --fault``.
"""

from __future__ import annotations

from .arriving import CutOff, Delay, Jitter, SlowHead, Split, Stall, Throughput, WrongLength
from .base import Fault
from .faulty import CONTROL, Faulty
from .instead import Garbage, Gateway, Refusal
from .saying import Crlf, Failure
from .table import FAULTS, described, fault

__all__ = [
    "CONTROL",
    "FAULTS",
    "Crlf",
    "CutOff",
    "Delay",
    "Failure",
    "Fault",
    "Faulty",
    "Garbage",
    "Gateway",
    "Jitter",
    "Refusal",
    "SlowHead",
    "Split",
    "Stall",
    "Throughput",
    "WrongLength",
    "described",
    "fault",
]
