"""``nai story context``: show the context that a model gets of a story, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from nai_proto.story import build_continuation, build_counted_continuation, resolve_model
from nai_proto.story.context.report import Context, ContextRow

from ..common.account_options import AccountOptions
from ..common.json_document import print_json
from ..common.notes import print_note
from ..common.output import Json, escape_line, format_count
from ..common.tables import Column, TableRow, print_table
from ..common.text_stream import print_prose
from ..common.tokenizers import load_or_none
from .story_source import AnswerOption, StoryArgument, check_model, parse_tier, select_story

__all__ = ["context", "print_context"]

_NAME_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextPart:
    """A part of a context, or one that was left out."""

    kind: str
    id: str | None
    name: str
    status: str
    reason: str
    included: bool
    tokens: int
    reserved: int
    "Tokens that are kept free for it."
    allowed: int
    "Tokens that it may have."
    spans: list[list[int]]
    "Beginnings and ends in the context's text, in characters."
    trimmed_by: str | None
    dropped_characters: int
    key: str | None
    "The key that activated it."


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextReport:
    """A context, as ``nai story context`` prints it."""

    context: int
    "How many tokens it may have."
    tokens: int
    is_full: bool
    "Were parts left out for lack of space?"
    text: str
    parts: list[ContextPart]


def context(
    story: StoryArgument,
    tier: Annotated[str, typer.Option(help="Tier that limits the context: paper, tablet, scroll or opus.")] = "opus",
    size: Annotated[int | None, typer.Option(min=1, help="Maximum tokens of the context. Default: the tier's.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens to reserve for the generated text. Default: the preset's.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model id or name. Default: the story's.")] = None,
    answer: AnswerOption = None,
    text: Annotated[bool, typer.Option("--text", help="Print only the text of the context.")] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Show the parts of a story's context: whether each is included, why, where, and its tokens."""
    chosen_tier = parse_tier(tier)
    check_model(model)
    selected = select_story(story, answer, account, builds_context=True)
    tokenizer = load_or_none(resolve_model(selected.story, model))
    options: dict[str, Any] = {
        "tier": chosen_tier,
        "model": model,
        "max_length": max_tokens,
        "size": size,
        "placeholders": selected.answers,
    }
    if tokenizer is not None:
        built = build_continuation(selected.story, tokenizer=tokenizer, **options).context
    else:
        with account.log_in() as client:
            built = client.run(build_counted_continuation(selected.story, **options)).context
    if as_json:
        print_json(_describe_context(built))
    elif text:
        print_prose(built.prompt)
    else:
        print_context(built)
        inclusion = "some parts were left out" if built.full else "everything is included"
        print_note(f"{len(built.tokens)} of {built.size} tokens, {inclusion}")


def print_context(context: Context) -> None:
    """Print a table with a row for each part of the context."""
    numbers = (Column(name, is_number=True) for name in ("tokens", "reserved", "allowed", "at"))
    print_table((Column("", is_mark=True), "part", *numbers, "why"), map(_describe_row, context.rows))


def _describe_row(row: ContextRow) -> TableRow:
    at = ", ".join(f"{start}–{end}" for start, end in row.spans)
    numbers = (number or None for number in (row.tokens, row.reserved, row.allowed))
    values = ("✓" if row.included else "·", _format_name(row), *numbers, at, _format_reason(row))
    return TableRow(values, is_dim=not row.included)


def _format_name(row: ContextRow) -> str:
    name = escape_line(row.name) if row.name and row.name != str(row.kind) else ""
    cut = name if len(name) <= _NAME_CHARACTERS else name[: _NAME_CHARACTERS - 1] + "…"
    return f"{row.kind}: {cut}" if cut else str(row.kind)


def _format_reason(row: ContextRow) -> str:
    trimmed = f"; cut by {row.trimmed}s, {format_count(row.dropped, 'character')} left out" if row.trimmed else ""
    return escape_line(row.reason or str(row.status)) + trimmed


def _describe_context(context: Context) -> ContextReport:
    return ContextReport(
        context=context.size,
        tokens=len(context.tokens),
        is_full=context.full,
        text=context.text,
        parts=[*map(_describe_part, context.rows)],
    )


def _describe_part(row: ContextRow) -> ContextPart:
    return ContextPart(
        kind=str(row.kind),
        id=row.id or None,
        name=row.name,
        status=str(row.status),
        reason=row.reason,
        included=row.included,
        tokens=row.tokens,
        reserved=row.reserved,
        allowed=row.allowed,
        spans=[*map(list, row.spans)],
        trimmed_by=str(row.trimmed) if row.trimmed else None,
        dropped_characters=row.dropped,
        key=None if row.match is None else row.match.key,
    )
