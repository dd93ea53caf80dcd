"""How much memory reading takes at most, and how it ends: for files and responses that unpack to more than they should."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

from nai_proto.errors import NaiError

__all__ = ["measure_peak"]


def measure_peak(work: Callable[[], object]) -> tuple[NaiError | None, int]:
    """Return the error that the work ends with, or None, and the most bytes that were allocated at once."""
    tracemalloc.start()
    try:
        work()
    except NaiError as error:
        return error, tracemalloc.get_traced_memory()[1]
    else:
        return None, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
