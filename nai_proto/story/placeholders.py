"""Placeholders: what a scenario asks of whoever begins it, and where the answers go.

In a text one is ``${key}``, and with everything that may be said of it ``${order#key[default]title:description}``. A text
may begin with a table of them: a line ``%{``, one placeholder a line without its marks, and a line ``}``.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ..arguments import TEXT, TEXTS, list_items

__all__ = ["Placeholder", "fill_placeholders", "find_placeholders", "merge_placeholders"]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One question."""

    key: str
    default: str = ""
    title: str = ""
    "What is asked; ``description`` in a scenario's list."
    description: str = ""
    "More of it; ``longDescription`` there."
    order: int | None = None
    "Where it comes among the others; those without one come last."


# No part holds a brace, so that a text full of openings is read once.
_BODY: Final = r"(?:(\d{1,9})\#)?([^\[\]{}:\n]+)(?:\[([^\[\]{}]*)\]([^{}:\n]*))?(?::([^{}]*))?"
_PLACEHOLDER: Final = re.compile(rf"\$\{{{_BODY}\}}")
_LINE: Final = re.compile(_BODY)
_TABLE: Final = re.compile(r"\s*%\{[ \t]*\n((?:(?!\}[ \t]*(?:\n|\Z)).*(?:\n|\Z))*?)\}[ \t]*(?:\n|\Z)")


def find_placeholders(*texts: str) -> list[Placeholder]:
    """Those of some texts, each key once, in the order in which they are to be asked.

    What is said of one in several places is put together; where places differ the first counts.
    """
    found: dict[str, Placeholder] = {}
    for text in texts:
        TEXT.check(text, "texts")
        table, rest = _split_table(text)
        lines = [line.strip() for line in table.split("\n")]
        matches = [*(_LINE.fullmatch(line) for line in lines), *_PLACEHOLDER.finditer(rest)]
        for placeholder in (_build_placeholder(match) for match in matches if match):
            before = found.get(placeholder.key)
            found[placeholder.key] = placeholder if before is None else _merge(before, placeholder)
    return _sort(found.values())


def merge_placeholders(listed: Iterable[Placeholder], *texts: str) -> list[Placeholder]:
    """Those of a scenario's list, and those which only its texts have."""
    listed = list_items(listed, Placeholder, "listed", "a list of Placeholder")
    known = {placeholder.key: placeholder for placeholder in listed}
    for placeholder in find_placeholders(*texts):
        before = known.get(placeholder.key)
        known[placeholder.key] = placeholder if before is None else _merge(before, placeholder)
    return _sort(known.values())


def fill_placeholders(text: str, values: Mapping[str, str], placeholders: Iterable[Placeholder] = ()) -> str:
    """The text with answers in the place of placeholders, and without a table of them.

    Args:
        text: in which they stand.
        values: answers by key.
        placeholders: what is known of them otherwise. Without an answer a placeholder is its default, its own before the
            one that is known; without a default it stays as it is.
    """
    TEXT.check(text, "text")
    TEXTS.convert(values, "values")
    placeholders = list_items(placeholders, Placeholder, "placeholders", "a list of Placeholder")
    defaults = {each.key: each.default for each in (*find_placeholders(text), *placeholders) if each.default}
    _, rest = _split_table(text)

    def answered(match: re.Match[str]) -> str:
        own = _build_placeholder(match)
        return values.get(own.key, own.default or defaults.get(own.key, match[0]))

    return _PLACEHOLDER.sub(answered, rest)


def _split_table(text: str) -> tuple[str, str]:
    """The inside of the table that a text begins with, and the rest."""
    match = _TABLE.match(text)
    return (match[1], text[match.end() :]) if match else ("", text)


def _build_placeholder(match: re.Match[str]) -> Placeholder:
    order, key, default, title, description = match.groups(default="")
    return Placeholder(key.strip(), default, title.strip(), description.strip(), int(order) if order else None)


def _merge(first: Placeholder, second: Placeholder) -> Placeholder:
    return replace(
        first,
        default=first.default or second.default,
        title=first.title or second.title,
        description=first.description or second.description,
        order=second.order if first.order is None else first.order,
    )


def _sort(placeholders: Iterable[Placeholder]) -> list[Placeholder]:
    return sorted(placeholders, key=lambda each: (each.order is None, each.order or 0))
