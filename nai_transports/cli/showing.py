"""How facts are shown: a line for each, or one JSON document with the same names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeAlias, cast

import msgspec
import typer

from nai_proto.exchange.responses import Response
from nai_proto.tier import Tier

__all__ = ["Json", "facts_of", "show"]

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]


def facts_of(answer: Response) -> dict[str, object]:
    """What the service said that has a name of ours, and is not private."""
    named = ((field.name, getattr(answer, field.name)) for field in msgspec.structs.fields(answer))
    return {
        name: facts_of(value)
        if isinstance(value, Response)
        else value.name.lower()
        if isinstance(value, Tier)
        else value
        for name, value in named
        if name != "extra" and name not in answer.private and value is not None
    }


def show(facts: Mapping[str, object], as_json: bool) -> None:
    """Prints them. What ends in ``_at`` is a time: UNIX seconds in JSON, a date to be read elsewhere."""
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))
        return
    lines = list(_lines(facts))
    width = max((len(name) for name, _ in lines), default=0)
    for name, value in lines:
        typer.echo(f"{typer.style(f'{name:<{width}}', dim=True)}  {value}")


def _lines(facts: Mapping[str, object], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        name = before + _printable(key.replace("_", " "))
        match value:
            case dict():
                yield from _lines(cast("dict[str, object]", value), f"{name}: ")
            case list() | tuple() if value:
                items = enumerate(cast("Sequence[object]", value), 1)
                yield from _lines({f"{key} {number}": item for number, item in items}, before)
            case bool():
                yield name, "yes" if value else "no"
            case int() | float():
                yield name, _date(value) if key.endswith("_at") else str(value)
            case _:
                yield name, _printable(str(value or "none"))


def _date(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, OSError, ValueError):  # whatever the service may say
        return str(seconds)


def _printable(text: str) -> str:
    """The text; what could steer the terminal is escaped."""
    return text if text.isprintable() else ascii(text)
