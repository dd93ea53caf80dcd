"""``nai story tree``: draw the history of a story."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from shutil import get_terminal_size
from typing import Annotated, Final

import typer

from nai_proto.story import History, Node

from ...terminals import PAGE_WIDTH, is_terminal
from ..common.account_options import AccountOptions
from ..common.json_document import print_json, to_time
from ..common.output import Json, escape_line
from ..common.tables import print_table
from ..common.text_wrapping import measure_text
from .story_source import AnswerOption, StoryArgument, select_story

__all__ = ["format_tree", "tree"]

_WIDTH: Final = 60
"""How much of a text other programs get."""
_LEAST_CELLS: Final = 12
"""How much of a text is shown rather than its author and time."""


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
    width: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Maximum characters of each node's text. Default: what fits into the terminal, else 60.",
        ),
    ] = None,
    answer: AnswerOption = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Draw a story's history: each node's id, author, time and text. The filled circle is the current node.

    Other programs get a line for each node: its id, its parent's, `current` for the current one, author, time, text, and how
    many characters were deleted, with tabs between them.
    """
    history = select_story(story, answer, account).story.history
    if as_json:
        print_json(StoryTree(current=history.current, nodes=[_describe_node(node) for node in history.values()]))
        return
    if not is_terminal(sys.stdout):
        titles = ("node", "parent", "is current", "author", "time (UTC)", "text", "deleted characters")
        print_table(titles, (_describe_row(node, history, width or _WIDTH) for node, _ in _walk(history)))
        return
    columns = get_terminal_size().columns if width is None else None
    for line in format_tree(history, width or columns or _WIDTH, columns):
        typer.echo(line)


def format_tree(history: History, width: int, columns: int | None = None) -> Iterator[str]:
    """Yield a line for each node that the root leads to, as it is drawn on a terminal.

    Args:
        history: the history.
        width: the maximum length of a node's text, in characters.
        columns: the maximum width of a line, in cells of a terminal; None for any.
    """
    for node, branch in _walk(history, (columns or PAGE_WIDTH) // 3):
        yield _format_node(node, f"{branch}{'●' if node.id == history.current else '○'} ", width, columns)


def _walk(history: History, most_cells: int = 0) -> Iterator[tuple[Node, str]]:
    """Yield each node that the root leads to, and the lines that are drawn before it.

    An only child stands below its parent. Where there are several, a line leads to each from the column of their parent.

    Args:
        history: the history.
        most_cells: the maximum width of these lines. Where branches have more branches than fit, those farthest left are
            left out, so that the texts keep their room.
    """
    if history.root is None or history.root not in history:
        return

    def extend(lines: str, more: str) -> str:
        drawn = lines + more
        return drawn if len(drawn) <= most_cells else "…" + drawn[len(drawn) - most_cells + 1 :]

    visited = set[int]()
    todo: list[tuple[int, str, str]] = [(history.root, "", "")]
    while todo:
        id_, branch, below = todo.pop()
        if id_ in visited:
            continue
        visited.add(id_)
        node = history[id_]
        yield node, branch
        match [child for child in node.children if child in history]:
            case [child]:
                todo.append((child, below, below))
            case [*others, last]:
                todo.append((last, extend(below, "└─"), extend(below, "  ")))
                todo += [(child, extend(below, "├─"), extend(below, "│ ")) for child in reversed(others)]
            case _:
                pass


def _format_node(node: Node, mark: str, width: int, columns: int | None) -> str:
    """Return the line of a node; its text is cut to the width, and to what is left of the columns.

    Where they have no room for some of the text, the time is left out, then the author, then the text and what is drawn
    farthest left. The id is whole, by which commands and people find the node.
    """
    deleted = _count_deleted(node)
    parts = [part for part in (str(node.id), str(node.origin), _format_time(node)) if part]
    tail = f"  (-{deleted})" if deleted else ""
    text = _cut(escape_line(node.inserted), width)
    if columns is None:
        return f"{mark}{_join(parts)}{text}".rstrip() + tail
    room = columns - len(tail)
    while len(parts) > 1 and len(mark + _join(parts)) > room - min(_LEAST_CELLS, measure_text(text)):
        parts.pop()
    head = mark + _join(parts)
    if len(head.rstrip()) > room:
        head = "…" + head.rstrip()[1 - room :]
    return f"{head}{_cut_to_cells(text, room - len(head))}".rstrip() + tail


def _join(parts: Sequence[str]) -> str:
    return "".join(f"{part}  " for part in parts)


def _describe_row(node: Node, history: History, width: int) -> Sequence[str]:
    """Return the row of a node for other programs."""
    parent = "" if node.parent is None else str(node.parent)
    state = "current" if node.id == history.current else ""
    deleted = str(_count_deleted(node) or "")
    return str(node.id), parent, state, str(node.origin), _format_time(node), _cut(node.inserted, width), deleted


def _format_time(node: Node) -> str:
    created = to_time(node.date)
    return "" if created is None else f"{created:%Y-%m-%d %H:%M}"


def _count_deleted(node: Node) -> int:
    return sum(len(change.deleted) for change in node.changes)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _cut_to_cells(text: str, most: int) -> str:
    """Return the text, or its beginning that fits into so many cells of a terminal: some characters take two."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= most:
        return text
    return set_cell_size(text, most - 1).rstrip() + "…" if most > 0 else ""


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
