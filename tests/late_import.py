"""Modules that are imported when they are first used.

Each process of pytest-xdist imports all files of tests, but runs a part of the tests: a library that takes a second to
import, and that one file needs, is imported by the process that runs its tests.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

__all__ = ["import_late"]


def import_late(name: str) -> ModuleType:
    """Return a module that is executed when one of its names is first read.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"no module named {name!r}", name=name)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
