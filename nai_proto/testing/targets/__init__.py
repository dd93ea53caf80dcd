"""All fuzz targets of the core: each reader, codec, file format, state machine and operation.

    for target in list_targets():
        for seed in target.seeds():
            target.run(seed)

A program of your own adds its targets to the list; nothing here asks where a target comes from.

See docs/testing.md#fuzz-your-own-client.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ...errors import InvalidRequestError
from ...unknown_names import suggest_name
from ..target import Target

__all__ = ["find_target", "list_targets"]


def list_targets() -> tuple[Target, ...]:
    """Return all targets of the core, by name."""
    return tuple(_load().values())


def find_target(name: str) -> Target:
    """Return the target with this name.

    Raises:
        InvalidRequestError: no target has it.
    """
    try:
        return _load()[name]
    except KeyError:
        raise InvalidRequestError(f"no target is called {name!r}{suggest_name(name, _load())}") from None


@cache
def _load() -> Mapping[str, Target]:
    from . import documents, formats, operations, pictures, protocol, service

    modules = (protocol, formats, pictures, documents, operations, service)
    return {target.name: target for module in modules for target in module.TARGETS}
