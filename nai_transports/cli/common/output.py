"""What a command prints: facts as lines or as one JSON document, foreign text that is safe for a terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO, TypeAlias, cast

import msgspec
import typer

from nai_proto.exchange.responses import Response
from nai_proto.tier import Tier

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "Json",
    "choose_colors",
    "describe_response",
    "escape_line",
    "escape_lines",
    "format_date",
    "is_terminal",
    "open_console",
    "print_facts",
    "print_problems",
]

_SHOWN_PROBLEMS: Final = 5

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def is_terminal(stream: TextIO) -> bool:
    """Return whether a stream is a terminal, or is to be treated as one because of FORCE_COLOR."""
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))


def choose_colors() -> bool | None:
    """Return whether colours and styles are printed: no with NO_COLOR or TERM=dumb, yes with FORCE_COLOR, else None.

    None means that each stream has them if it is a terminal.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def open_console(**settings: Any) -> Console:
    """Return a console of rich that prints colours and styles only as `choose_colors` says; arguments as rich's."""
    from rich.console import Console

    return Console(color_system=None if choose_colors() is False else "auto", highlight=False, **settings)


# ---- facts


def describe_response(response: Response) -> dict[str, object]:
    """Return the fields of a response that are set and not private, by their names."""
    fields = ((field.name, getattr(response, field.name)) for field in msgspec.structs.fields(response))
    return {
        name: describe_response(value)
        if isinstance(value, Response)
        else value.name.lower()
        if isinstance(value, Tier)
        else value
        for name, value in fields
        if name != "extra" and name not in response.private and value is not None
    }


def print_facts(facts: Mapping[str, object], as_json: bool) -> None:
    """Print facts, a line for each, or as one JSON document with the same names.

    Args:
        facts: values by name. A number whose name ends in ``_at`` is a time in UNIX seconds; the lines show it as a date.
        as_json: print JSON?
    """
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))
        return
    lines = list(_format_facts(facts))
    width = max((len(name) for name, _ in lines), default=0)
    for name, value in lines:
        typer.echo(f"{typer.style(f'{name:<{width}}', dim=True)}  {value}")


def _format_facts(facts: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each line; nested facts have their parent's name as a prefix."""
    for key, value in facts.items():
        name = prefix + _quote_unprintable(key.replace("_", " "))
        match value:
            case dict():
                yield from _format_facts(cast("dict[str, object]", value), f"{name}: ")
            case list() | tuple() if value:
                items = cast("Sequence[object]", value)
                names = [key] if len(items) == 1 else [f"{key} {number}" for number in range(1, len(items) + 1)]
                yield from _format_facts(dict(zip(names, items, strict=True)), prefix)
            case bool():
                yield name, "yes" if value else "no"
            case int() | float():
                yield name, _format_time(value) if key.endswith("_at") else str(value)
            case _:
                yield name, _quote_unprintable(str(value or "none"))


def _format_time(seconds: float) -> str:
    try:
        return f"{format_date(seconds)} UTC"
    except (OverflowError, OSError, ValueError):  # the service may send any number
        return str(seconds)


def format_date(seconds: float | None) -> str:
    """Return the day and the minute of a UNIX time in UTC; an empty text for None.

    Raises:
        OverflowError, OSError, ValueError: the time is outside of the years 1 to 9999.
    """
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


# ---- foreign text


def _quote_unprintable(text: str) -> str:
    """Return the text, or a quoted form of it if it has characters that could control the terminal."""
    return text if text.isprintable() else ascii(text)


def escape_line(text: str) -> str:
    """Return the text as one line, with escapes for line ends and all that could control a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def escape_lines(text: str) -> str:
    """Return the text with each of its lines escaped as by `escape_line`."""
    return "\n".join(map(escape_line, text.split("\n")))


def print_problems(where: str, problems: Sequence[str]) -> None:
    """Print the first problems of a file or a story to standard error, and how many there are more.

    Args:
        where: the name of the file or of the story.
        problems: in sentences.
    """
    for problem in problems[:_SHOWN_PROBLEMS]:
        typer.echo(escape_line(f"{where}: {problem}"), err=True)
    if len(problems) > _SHOWN_PROBLEMS:
        typer.echo(escape_line(f"{where}: and {len(problems) - _SHOWN_PROBLEMS} more problems"), err=True)
