"""The parts of a driver of your own. A program that uses a client needs none of them.

A driver performs the actions of a `Run`, sends requests with a `ClientExchange` over a `Wire`, and takes limits from a
`Budget`. `Reply` and `server_connection` are for servers; `map_actions` and `map_batches` change flows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..http.wire import NEED_DATA, PAUSED, Wire
    from .budget import Budget, LimitReached
    from .client import ClientExchange
    from .flow import map_actions, map_batches
    from .reply import Reply
    from .run import Run
    from .server import server_connection
else:
    from ..lazy import finder

    __getattr__ = finder(
        __name__,
        {
            ".http.wire": "NEED_DATA PAUSED Wire",
            "budget": "Budget LimitReached",
            "client": "ClientExchange",
            "flow": "map_actions map_batches",
            "reply": "Reply",
            "run": "Run",
            "server": "server_connection",
        },
    )

    def __dir__():
        return __all__


__all__ = [
    "NEED_DATA",
    "PAUSED",
    "Budget",
    "ClientExchange",
    "LimitReached",
    "Reply",
    "Run",
    "Wire",
    "map_actions",
    "map_batches",
    "server_connection",
]
