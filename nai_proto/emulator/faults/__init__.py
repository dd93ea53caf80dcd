"""Faults on demand: `FaultyApp` is an app around an app, whose answers come late, torn, garbled, or not at all when they
are told to.

No clock and no chance of its own: time passes by `Wait`, and chance comes from a seed; so it works in memory as behind a
socket, and fails the same way each time. ``FAULTS`` is the table; its names are those of ``nai emulate --fault``.
"""

from __future__ import annotations

from .content import Crlf, Failure
from .delivery import CutOff, Delay, Jitter, SlowHead, Split, Stall, Throughput, WrongLength
from .fault import Fault
from .faulty_app import CONTROL, FaultyApp
from .replacement import Garbage, Gateway, Refusal
from .table import FAULTS, describe_faults, parse_fault

__all__ = [
    "CONTROL",
    "FAULTS",
    "Crlf",
    "CutOff",
    "Delay",
    "Failure",
    "Fault",
    "FaultyApp",
    "Garbage",
    "Gateway",
    "Jitter",
    "Refusal",
    "SlowHead",
    "Split",
    "Stall",
    "Throughput",
    "WrongLength",
    "describe_faults",
    "parse_fault",
]
