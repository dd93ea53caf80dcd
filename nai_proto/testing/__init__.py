"""Test programs that use this library.

`play` runs a flow against a script of responses, `run_in_memory` against a server's logic in the same process; both without
I/O, threads or waiting. They use `MemoryConnection` and `Clock`. `list_targets` returns the fuzz targets of the whole core,
and a `Target` of your own is fuzzed in the same way. `nai_proto.testing.strategies` (needs Hypothesis) generates reads,
server streams, hostile bytes, and inputs of a target.
"""

from __future__ import annotations

from ..emulator.clock import Clock
from .connection import MemoryConnection, cut
from .play import FlowTrace, play, run_in_memory
from .target import Target, TargetResult
from .targets import find_target, list_targets

__all__ = [
    "Clock",
    "FlowTrace",
    "MemoryConnection",
    "Target",
    "TargetResult",
    "cut",
    "find_target",
    "list_targets",
    "play",
    "run_in_memory",
]


def __dir__() -> list[str]:
    return __all__
