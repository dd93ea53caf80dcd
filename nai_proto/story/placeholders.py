"""Placeholders of scenarios: questions that are asked before the story begins, and the places of the answers.

A placeholder in a text is ``${key}`` or, with all its parts, ``${order#key[default]title:description}``. A text may begin
with a table of placeholders: a line ``%{``, one line for each placeholder without ``${`` and ``}``, and a line ``}``.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ..arguments import LIMITS, TEXT, TEXTS, list_items
from ..errors import InvalidRequestError, LimitExceeded
from ..limits import Limits
from ..unknown_names import suggest_name

__all__ = ["Placeholder", "check_answers", "fill_placeholders", "find_placeholders", "merge_placeholders"]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One question of a scenario."""

    key: str
    default: str = ""
    title: str = ""
    "The question; ``description`` in a scenario's list."
    description: str = ""
    "More about the question; ``longDescription`` there."
    order: int | None = None
    "The position among the questions; those without one come last, and those with the same by the alphabet."


# No part contains a brace, so matching is linear in the text even if the text is full of opening braces.
_BODY: Final = r"(?:(\d{1,9})\#)?([^\[\]{}:\n]+)(?:\[([^\[\]{}]*)\]([^{}:\n]*))?(?::([^{}]*))?"
_PLACEHOLDER: Final = re.compile(rf"\$\{{{_BODY}\}}")
_LINE: Final = re.compile(_BODY)
_TABLE: Final = re.compile(r"\s*%\{[ \t]*\r?\n((?:(?!\}[ \t]*(?:\r?\n|\Z)).*(?:\n|\Z))*?)\}[ \t]*(?:\r?\n|\Z)")


def find_placeholders(*texts: str) -> list[Placeholder]:
    """Return the placeholders of texts, each key once, in the order in which they are asked.

    If a key occurs several times, its parts are merged; the first occurrence of a part wins.
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
    """Return the placeholders of a scenario's list, and those that occur only in its texts."""
    listed = list_items(listed, Placeholder, "listed", "a list of Placeholder")
    known = {placeholder.key: placeholder for placeholder in listed}
    for placeholder in find_placeholders(*texts):
        before = known.get(placeholder.key)
        known[placeholder.key] = placeholder if before is None else _merge(before, placeholder)
    return _sort(known.values())


def fill_placeholders(
    text: str,
    values: Mapping[str, str],
    placeholders: Iterable[Placeholder] = (),
    *,
    limits: Limits = Limits(),
) -> str:
    """Return a text with its placeholders replaced by answers, and without its table of placeholders.

    A placeholder without an answer is replaced by its default: its own, else the one in ``placeholders``. Without a
    default it stays in the text.

    Args:
        text: the text with placeholders.
        values: the answers by key.
        placeholders: known placeholders, for their defaults.
        limits: for the length of the result: `Limits.filled_text`.

    Raises:
        LimitExceeded: the result is too long.
    """
    TEXT.check(text, "text")
    LIMITS.check(limits, "limits")
    TEXTS.convert(values, "values")
    placeholders = list_items(placeholders, Placeholder, "placeholders", "a list of Placeholder")
    defaults = {each.key: each.default for each in (*find_placeholders(text), *placeholders) if each.default}
    _, rest = _split_table(text)

    size = 0

    def replace_one(match: re.Match[str]) -> str:
        nonlocal size
        own = _build_placeholder(match)
        value = values.get(own.key, own.default or defaults.get(own.key, match[0]))
        size += len(value)
        if size > limits.filled_text:
            what = "characters of a text with its placeholders filled in"
            raise LimitExceeded(what, limit=limits.filled_text, value=size)
        return value

    return _PLACEHOLDER.sub(replace_one, rest)


def check_answers(answers: Mapping[str, str], placeholders: Iterable[Placeholder]) -> None:
    """Raise InvalidRequestError if an answer is to none of the placeholders; it may be misspelt."""
    TEXTS.convert(answers, "answers")
    known = [each.key for each in list_items(placeholders, Placeholder, "placeholders", "a list of Placeholder")]
    for key in answers:
        if key not in known:
            names = f"the placeholders are {', '.join(known)}" if known else "there are no placeholders"
            raise InvalidRequestError(
                f"there is no placeholder {key!r}; {names}{suggest_name(key, known)}", parameter="answers"
            )


def _split_table(text: str) -> tuple[str, str]:
    """Return the body of the table that a text begins with, and the rest of the text."""
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
    return sorted(placeholders, key=lambda each: (each.order is None, each.order or 0, each.key.casefold(), each.key))
