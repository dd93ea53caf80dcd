"""Why there is no route for a request: the method, the host, or a path that is nearly right.

See:
    docs/protocol/native.md#1-hosts
    docs/protocol/native.md#171-general-behaviour
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from ...exchange.endpoints import ENDPOINTS, match

__all__ = ["explain_missing_route"]

_LONGEST_PATH: Final = 200
"""Characters of a path that are compared with those of routes."""
_LEAST_LIKENESS: Final = 0.5
_METHODS: Final = tuple(sorted({row.method for row in ENDPOINTS.values()}))
_PATHS: Final = tuple(row.path for row in ENDPOINTS.values() if row.path != "/")


def explain_missing_route(method: str, target: str) -> str:
    """Return why a host has no route for a request, as a sentence that names the nearest route there is.

    Args:
        method: of the request.
        target: of the request: path and query.
    """
    if (found := match(method, None, target)) is not None:
        return f"{method} {found[0].path} is a route of another host; {_name_hosts(found[0].path)}"
    takes = [found[0] for other in _METHODS if (found := match(other, None, target)) is not None]
    if takes:
        methods = " and ".join(dict.fromkeys(row.method for row in takes))
        return f"this path takes {methods}, not {method[:10]}; {_name_hosts(takes[0].path)}"
    if near := get_close_matches(target.partition("?")[0][:_LONGEST_PATH], _PATHS, n=1, cutoff=_LEAST_LIKENESS):
        methods = " and ".join(dict.fromkeys(row.method for row in ENDPOINTS.values() if row.path == near[0]))
        return f"the nearest route is {methods} {near[0]}; {_name_hosts(near[0])}"
    return "no route of the service is like this path; check the base URL"


def _name_hosts(path: str) -> str:
    hosts = [*dict.fromkeys(row.host.value for row in ENDPOINTS.values() if row.path == path)]
    return f"the {' and '.join(hosts)} {'hosts have' if len(hosts) > 1 else 'host has'} it"
