"""A plugin for pytest within mutmut: the cheapest tests run first, so that a mutant is killed soon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

_STATISTICS: Final = Path("mutmut-stats.json")
"""What mutmut writes after its first run of all tests."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by the seconds that each took in the first run; before it, leave their order."""
    if _STATISTICS.exists():
        seconds: dict[str, float] = json.loads(_STATISTICS.read_bytes())["duration_by_test"]
        items.sort(key=lambda item: seconds.get(item.nodeid, 0.0))
