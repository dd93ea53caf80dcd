"""``nai story tree``: a story's history, drawn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from nai_proto.codecs.box import write_json
from nai_proto.story import History, Node

from ..credentials import Email, UnsafePassword, Url
from ..failing import one_line
from ..showing import Json
from ..stories import printable
from .given import Which, found

__all__ = ["drawn", "tree"]

_EVER: Final = 253_402_300_800_000


def tree(
    story: Which,
    width: Annotated[int, typer.Option(help="Characters of each node's text.")] = 60,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Draw a story's history: each node's id, who wrote it, when, and what; the node whose text it has is marked."""
    with one_line("story tree"):
        history = found(story, url, email, unsafe_password).story.history
        if as_json:
            typer.echo(write_json({"current": history.current, "nodes": [_told(node) for node in history.values()]}))
            return
        for line in drawn(history, width):
            typer.echo(line)


def drawn(history: History, width: int) -> Iterator[str]:
    """A line for each node that can be reached. What follows the only child stands below it; where there are several, each
    but the last stands indented, with all that follows it."""
    if history.root is None or history.root not in history:
        return
    seen = set[int]()
    todo: list[tuple[int, str, str]] = [(history.root, "", "")]
    while todo:
        id_, before, rest = todo.pop()
        if id_ in seen:
            continue
        seen.add(id_)
        node = history[id_]
        yield f"{before}{'●' if id_ == history.current else '○'} {_line(node, width)}"
        children = [child for child in node.children if child in history]
        todo += [(child, rest, rest) for child in children[-1:]]
        todo += [(child, f"{rest}├─", f"{rest}│ ") for child in reversed(children[:-1])]


def _line(node: Node, width: int) -> str:
    date = ""
    if node.date is not None and 0 <= node.date < _EVER:
        date = f"{datetime.fromtimestamp(node.date / 1000, UTC):%Y-%m-%d %H:%M}"
    text = printable(node.inserted)
    deleted = sum(len(change.deleted) for change in node.changes)
    gone = f"  (-{deleted})" if deleted else ""
    cut = text if len(text) <= width else text[: max(width - 1, 0)] + "…"
    return "  ".join(part for part in (str(node.id), str(node.origin), date, cut) if part) + gone


def _told(node: Node) -> dict[str, object]:
    return {
        "id": node.id,
        "parent": node.parent,
        "children": list(node.children),
        "origin": str(node.origin),
        "date": node.date,
        "inserted": node.inserted,
        "deleted": "\n".join(change.deleted for change in node.changes if change.deleted),
    }
