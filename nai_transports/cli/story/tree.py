"""``nai story tree``: draw the history of a story."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from nai_proto.story import History, Node

from ..common.account_options import AccountOptions
from ..common.json_document import print_json, to_time
from ..common.output import Json, escape_line
from .story_source import AnswerOption, StoryArgument, select_story

__all__ = ["format_tree", "tree"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryNode:
    """A step of a history."""

    id: int
    parent: int | None
    children: list[int]
    origin: str
    "Who wrote it."
    created_at: datetime | None
    inserted: str
    deleted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryTree:
    """The history of a story, as ``nai story tree`` prints it."""

    current: int | None
    nodes: list[HistoryNode]


def tree(
    story: StoryArgument,
    width: Annotated[int, typer.Option(help="Maximum characters of each node's text.")] = 60,
    answer: AnswerOption = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Draw a story's history: each node's id, author, time and text. The filled circle is the current node."""
    history = select_story(story, answer, account).story.history
    if as_json:
        print_json(StoryTree(current=history.current, nodes=[_describe_node(node) for node in history.values()]))
        return
    for line in format_tree(history, width):
        typer.echo(line)


def format_tree(history: History, width: int) -> Iterator[str]:
    """Yield a line for each node that the root leads to.

    An only child, and the last of several children, stands below its parent; the other children are indented.

    Args:
        history: the history.
        width: the maximum length of a node's text.
    """
    if history.root is None or history.root not in history:
        return
    visited = set[int]()
    todo: list[tuple[int, str, str]] = [(history.root, "", "")]
    while todo:
        id_, prefix, child_prefix = todo.pop()
        if id_ in visited:
            continue
        visited.add(id_)
        node = history[id_]
        yield f"{prefix}{'●' if id_ == history.current else '○'} {_format_node(node, width)}"
        children = [child for child in node.children if child in history]
        todo += [(child, child_prefix, child_prefix) for child in children[-1:]]
        todo += [(child, f"{child_prefix}├─", f"{child_prefix}│ ") for child in reversed(children[:-1])]


def _format_node(node: Node, width: int) -> str:
    created = to_time(node.date)
    date = "" if created is None else f"{created:%Y-%m-%d %H:%M}"
    text = escape_line(node.inserted)
    deleted = sum(len(change.deleted) for change in node.changes)
    deletion = f"  (-{deleted})" if deleted else ""
    cut = text if len(text) <= width else text[: max(width - 1, 0)] + "…"
    return "  ".join(part for part in (str(node.id), str(node.origin), date, cut) if part) + deletion


def _describe_node(node: Node) -> HistoryNode:
    return HistoryNode(
        id=node.id,
        parent=node.parent,
        children=[*node.children],
        origin=str(node.origin),
        created_at=to_time(node.date),
        inserted=node.inserted,
        deleted="\n".join(change.deleted for change in node.changes if change.deleted),
    )
