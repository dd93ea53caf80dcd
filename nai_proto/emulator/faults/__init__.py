"""Faults on demand: responses that are late, torn, garbled or missing. `Emulator.faults` has those of an emulator, and
`FaultyApp` wraps any app.

It reads no clock and no random source: it waits by `Wait`, and random numbers come from a seed. So it works the same in
memory as behind a socket, and fails in the same way each time. ``FAULTS`` is the table of faults; its names are those of
``nai emulate --fault``.
"""

from __future__ import annotations

from .content import Crlf, Failure
from .delivery import CutOff, Delay, Jitter, SlowHead, Split, Stall, Throughput, WrongLength
from .fault import Fault
from .faulty_app import FaultList, FaultyApp
from .replacement import Garbage, Gateway, Refusal
from .table import FAULTS, describe_fault_kinds, describe_faults, parse_fault

__all__ = [
    "FAULTS",
    "Crlf",
    "CutOff",
    "Delay",
    "Failure",
    "Fault",
    "FaultList",
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
    "describe_fault_kinds",
    "describe_faults",
    "parse_fault",
]


def __dir__() -> list[str]:
    return __all__
