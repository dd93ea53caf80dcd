"""``nai story context``: what a model sees of a story, and why."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from nai_proto.codecs.box import write_json
from nai_proto.story import build_continuation, resolve_model
from nai_proto.story.context.report import Context, ContextRow

from ...tokenizer_files import load
from ..common.credentials import Email, UnsafePassword, Url
from ..common.errors import exit_on_error
from ..common.output import Json, escape_line, escape_lines
from .story_source import AnswerOption, StoryArgument, parse_answers, parse_tier, select_story

__all__ = ["build_table", "context"]

_NAME_CHARACTERS: Final = 40


def context(
    story: StoryArgument,
    tier: Annotated[str, typer.Option(help="Whose context: paper, tablet, scroll or opus.")] = "opus",
    size: Annotated[int | None, typer.Option(help="Tokens it may have, if fewer than the tier allows.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens to be generated; the preset's if not given.")] = None,
    model: Annotated[str | None, typer.Option(help="Instead of the story's.")] = None,
    answer: AnswerOption = None,
    text: Annotated[bool, typer.Option("--text", help="Print the context itself, and nothing else.")] = False,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show what a model would see of a story: of each part whether it is in, why, where, and how many tokens it takes."""
    with exit_on_error("story context"):
        told = select_story(story, url, email, unsafe_password).story
        tokenizer = load(resolve_model(told, model))
        made = build_continuation(
            told,
            tokenizer=tokenizer,
            tier=parse_tier(tier),
            model=model,
            max_length=max_length,
            size=size,
            placeholders=parse_answers(answer),
        ).context
    if as_json:
        typer.echo(write_json(_describe_context(made)))
    elif text:
        typer.echo(escape_lines(made.prompt) if sys.stdout.isatty() else made.prompt)
    else:
        Console(highlight=False).print(build_table(made))
        typer.echo(f"{len(made.tokens)} of {made.size} tokens, {'some were left out' if made.full else 'all is in'}")


def build_table(context: Context) -> Table:
    """A row for each part."""
    right = (Column(name, justify="right") for name in ("tokens", "reserved", "allowed", "at"))
    table = Table("", "part", *right, "why")
    for row in context.rows:
        at = ", ".join(f"{start}–{end}" for start, end in row.spans)
        numbers = (row.tokens, row.reserved, row.allowed)
        table.add_row(
            "✓" if row.included else "·",
            Text(_format_name(row)),
            *(f"{number:,}" if number else "" for number in numbers),
            at,
            Text(_format_reason(row)),
            style="" if row.included else "dim",
        )
    return table


def _format_name(row: ContextRow) -> str:
    name = escape_line(row.name) if row.name and row.name != str(row.kind) else ""
    cut = name if len(name) <= _NAME_CHARACTERS else name[: _NAME_CHARACTERS - 1] + "…"
    return f"{row.kind}: {cut}" if cut else str(row.kind)


def _format_reason(row: ContextRow) -> str:
    trimmed = f"; cut by {row.trimmed}s, {row.dropped} characters left out" if row.trimmed else ""
    return escape_line(row.reason or str(row.status)) + trimmed


def _describe_context(context: Context) -> dict[str, Any]:
    rows = [
        {
            "kind": str(row.kind),
            "id": row.id,
            "name": row.name,
            "status": str(row.status),
            "reason": row.reason,
            "included": row.included,
            "tokens": row.tokens,
            "reserved": row.reserved,
            "allowed": row.allowed,
            "spans": [list(span) for span in row.spans],
            "trimmed": row.trimmed,
            "dropped": row.dropped,
            "key": None if row.match is None else row.match.key,
        }
        for row in context.rows
    ]
    return {"size": context.size, "tokens": len(context.tokens), "text": context.text, "rows": rows}
