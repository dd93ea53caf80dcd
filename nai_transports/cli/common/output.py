"""What a command prints: facts as lines or as one JSON document, foreign text that is safe for a terminal."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, cast

import msgspec
import typer

from nai_proto.exchange.responses import Response
from nai_proto.tier import Tier

from ...terminals import can_draw, choose_colors, is_terminal, measure_width
from .json_document import print_json, to_time
from .notes import print_remark
from .text_wrapping import measure_text, wrap_for_terminal, wrap_text

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "Json",
    "describe_response",
    "escape_line",
    "escape_lines",
    "format_count",
    "format_date",
    "format_duration",
    "open_console",
    "print_columns",
    "print_facts",
    "print_problems",
    "print_sentence",
]

_PLURAL_END: Final = re.compile("(?<=[a-z])(?:(ie)s|(?<!s)s)$")
_COLUMN_GAP: Final = "  "
_SHOWN_PROBLEMS: Final = 5

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def open_console(*, stderr: bool = False, width: int | None = None, **settings: Any) -> Console:
    """Return a console of rich that draws on a terminal only, with colours as `choose_colors` says.

    Args:
        stderr: is it for stderr, and not for stdout?
        width: number of columns; None for the terminal's.
        settings: further arguments of rich's.
    """
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    on_terminal = is_terminal(stream)
    if on_terminal and not can_draw(stream):  # which rich takes for 80 columns, whatever the system and COLUMNS say
        width = width or measure_width(stream)
    height = None if width is None else 25  # without which it does not use the width there
    wanted = choose_colors()
    colors: Literal["auto", "standard"] | None = (
        None if wanted is False else "standard" if wanted and not on_terminal else "auto"
    )
    return Console(
        stderr=stderr,
        width=width,
        height=height,
        force_terminal=on_terminal,
        color_system=colors,
        highlight=False,
        **settings,
    )


# ---- facts


def describe_response(response: Response) -> dict[str, object]:
    """Return the fields of a response that are not private, by their names; those that are not known are None."""
    fields = ((field.name, getattr(response, field.name)) for field in msgspec.structs.fields(response))
    return {
        name: _describe_value(name, value) for name, value in fields if name != "extra" and name not in response.private
    }


def _describe_value(name: str, value: object) -> object:
    if isinstance(value, Response):
        return describe_response(value)
    if isinstance(value, Tier):
        return value.name.lower()
    return to_time(value) if name.endswith("_at") and isinstance(value, int | float) else value


def print_sentence(sentence: str) -> None:
    """Print what a command has done, or found, in a sentence: a terminal gets it wrapped between words.

    Args:
        sentence: may have foreign text, such as a path that no terminal can show; it is escaped here.
    """
    typer.echo(wrap_for_terminal(escape_line(sentence), sys.stdout))


def print_facts(facts: Mapping[str, object], as_json: bool) -> None:
    """Print facts, a line for each, or as one JSON document with the same names.

    Args:
        facts: values by name; the lines leave out what is None.
        as_json: print JSON?
    """
    if as_json:
        print_json(facts)
        return
    lines = list(_format_facts(facts))
    width = max((len(name) for name, _ in lines), default=0)
    before = ""
    for name, value in lines:
        is_repeated = name == before and is_terminal(sys.stdout)
        print_columns("" if is_repeated else name, value, width=width, dim=True)
        before = name


def print_columns(first: str, *others: str, width: int, **style: Any) -> None:
    """Print a line of several parts: for other programs, with tabs between them.

    Args:
        first: the first part. A terminal shows it in a column of this width, and in this style.
        others: the other parts. A terminal shows them beside that column, or below it, wrapped between words.
        width: of the column, in characters.
        style: as `typer.style` takes it.
    """
    columns = measure_width(sys.stdout)
    if columns is None:
        typer.echo("\t".join((first, *others)))
        return
    text = _COLUMN_GAP.join(others)
    begin = width + len(_COLUMN_GAP)
    has_room = begin <= columns // 2 and all(begin + measure_text(word) <= columns for word in text.split())
    shown = wrap_text(text, columns, column=begin, hanging=begin if has_room else None)
    typer.echo(typer.style(f"{first:<{width}}", **style) + _COLUMN_GAP + shown)


def _format_facts(facts: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each line; nested facts have their parent's name as a prefix."""
    for key, value in facts.items():
        name = prefix + _quote_unprintable(key.replace("_", " "))
        match value:
            case dict():
                yield from _format_facts(cast("dict[str, object]", value), f"{name}: ")
            case None:
                pass
            case list() | tuple() if value:
                yield from _format_list(name, cast("Sequence[object]", value))
            case bool():
                yield name, "yes" if value else "no"
            case int() | float():
                yield name, str(value)
            case datetime():
                yield name, f"{value:%Y-%m-%d %H:%M} UTC"
            case _:
                yield name, _quote_unprintable(str(value or "none"))


def _format_list(name: str, values: Sequence[object]) -> Iterator[tuple[str, str]]:
    """Yield the lines of a list: each has the list's name, in the singular if it has one value; objects have numbers."""
    singular = _PLURAL_END.sub(lambda end: "y" if end[1] else "", name)
    for number, value in enumerate(values, 1):
        is_numbered = type(value) in (dict, list, tuple) and len(values) > 1
        label = f"{singular} {number}" if is_numbered else name if len(values) > 1 else singular
        yield from _format_facts({label: "none" if value is None else value})


def format_date(seconds: float | None) -> str:
    """Return the day and the minute of a UNIX time in UTC; an empty text for None.

    Raises:
        OverflowError, OSError, ValueError: the time is outside of the years 1 to 9999.
    """
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("min", 60), ("s", 1))


def format_duration(seconds: float) -> str:
    """Return how long something takes, in its two largest units, such as ``0.4 s``, ``5 s`` or ``1 hour 30 min``."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    rest = round(seconds)
    first = next(at for at, (_, size) in enumerate(_UNITS) if rest >= size)
    words: list[str] = []
    for name, size in _UNITS[first : first + 2]:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {name}{'s' if count > 1 and name in ('day', 'hour') else ''}")
    return " ".join(words)


# ---- foreign text


def _quote_unprintable(text: str) -> str:
    """Return the text, or a quoted form of it if it has characters that could control the terminal."""
    return text if text.isprintable() else ascii(text)


def format_count(number: int, noun: str, nouns: str | None = None) -> str:
    """Return a number with its noun, such as ``"1 story"`` or ``"2,000 stories"``.

    Args:
        number: how many.
        noun: for one.
        nouns: for any other number; the noun with an s if None.
    """
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


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
        print_remark(escape_line(f"{where}: {problem}"))
    if len(problems) > _SHOWN_PROBLEMS:
        print_remark(escape_line(f"{where}: and {len(problems) - _SHOWN_PROBLEMS} more problems"))
