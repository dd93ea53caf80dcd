"""Test programs that use this library.

`play` runs a flow against a script of responses, `run_in_memory` against a server's logic in the same process; both without
I/O, threads or waiting. They use `MemoryConnection` and `Clock`. `nai_proto.testing.strategies` (needs Hypothesis) generates
reads, server streams and hostile bytes.
"""

from __future__ import annotations

from ..emulator.clock import Clock
from .connection import MemoryConnection, cut
from .play import FlowTrace, play, run_in_memory

__all__ = ["Clock", "FlowTrace", "MemoryConnection", "cut", "play", "run_in_memory"]


def __dir__() -> list[str]:
    return __all__
