"""The page of state tables: each is the table that the code itself looks its transitions up in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final

from nai_proto.exchange.call import TRANSITIONS
from nai_proto.exchange.reply import REPLY_TRANSITIONS
from nai_proto.http.wire_states import OUR_TRANSITIONS, PEER_TRANSITIONS

from .rst import format_heading, format_table

__all__ = ["TABLES", "build_page"]

TABLES: Final[Mapping[str, tuple[str, Mapping[Any, Enum]]]] = {
    "A call": ("One use of an operation, on the client's side: ``nai.Call``.", TRANSITIONS),
    "A reply": (
        "One response, on the server's side: ``nai_proto.exchange.Reply``. The inputs are actions.",
        REPLY_TRANSITIONS,
    ),
    "What the peer sends": (
        "The peer's direction of an HTTP/1.1 connection: ``nai_proto.exchange.Wire``.",
        PEER_TRANSITIONS,
    ),
    "What we send": ("Our direction of the same connection.", OUR_TRANSITIONS),
}
"""Introductions and tables, by heading."""


def build_page() -> str:
    """Return the page with all tables."""
    sections = [part for heading, table in TABLES.items() for part in _format(heading, *table)]
    introduction = "Any other transition raises ``LocalProtocolError``. A state with no row has no way out.\n"
    return "\n".join([format_heading("State tables"), introduction, *sections])


def _format(heading: str, introduction: str, transitions: Mapping[Any, Enum]) -> Iterator[str]:
    yield format_heading(heading, "-")
    yield f"{introduction}\n"
    yield format_table(
        ("in the state", "after", "comes the state"),
        (
            (f"``{state.value}``", _name(cause), f"``{following.value}``")
            for (state, cause), following in transitions.items()
        ),
        "states",
    )


def _name(cause: object) -> str:
    return str(cause.value) if isinstance(cause, Enum) else f"``{getattr(cause, '__name__', cause)}``"
