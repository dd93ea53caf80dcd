"""What ``nai library restore`` prints: its plan as a table, and what became of it as lines or as one JSON document."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nai_proto.codecs.sealed_objects import OpenedObject
from nai_proto.library import RestoreAction, RestoredObject, RestoreStep, SaveOutcome

from ...terminals import is_terminal
from ..common.json_document import print_json
from ..common.notes import print_remark
from ..common.output import escape_line, format_count, print_sentence
from ..common.tables import Column, print_table

__all__ = [
    "Restore",
    "RestoreItem",
    "count_objects",
    "describe_plan",
    "describe_result",
    "print_plan",
    "print_restore",
    "title_of",
]

_CARDS: Final = "stories"
_CONTENTS: Final = "storycontent"
_STORED: Final = (SaveOutcome.CREATED.value, SaveOutcome.UPDATED.value)
_TITLE_FIELDS: Final = ("title", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreItem:
    """One object of the plan, and what became of it."""

    type: str
    id: str
    "In the backup."
    title: str
    "A content has the title of its card."
    action: str
    "The name of a `RestoreAction` in small letters."
    why: str
    outcome: str | None = None
    "A `SaveOutcome`; None if nothing was written."
    stored_id: str | None = None
    "The id in the account; None if the account does not have it."
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """What ``nai library restore`` did, or would do."""

    directory: str
    written: bool
    "Was the plan carried out?"
    backup: int | None
    "Number of the backup that has the state before the restore."
    backup_directory: str | None
    steps: list[RestoreItem]


def title_of(item: OpenedObject) -> str:
    """Return the title or name of an object; empty if it has none, or did not open."""
    content = item.json() if item.ok else {}
    return next((title for name in _TITLE_FIELDS if isinstance(title := content.get(name), str)), "")


def describe_plan(steps: Sequence[RestoreStep]) -> list[RestoreItem]:
    """Return the steps of a plan that was not carried out."""
    titles = {step.item.stored.meta: title_of(step.item) for step in steps if step.type == _CARDS}
    return [
        RestoreItem(
            type=step.type,
            id=step.item.stored.id,
            title=title_of(step.item) or titles.get(step.item.stored.meta, ""),
            action=step.action.name.lower(),
            why=step.why,
            stored_id=None if step.present is None else step.present.stored.id,
        )
        for step in steps
    ]


def describe_result(restored: Sequence[RestoredObject]) -> list[RestoreItem]:
    """Return the steps of a plan that was carried out."""
    return [
        replace(
            item,
            outcome=one.saved.outcome.value,
            stored_id=one.saved.item.stored.id,
            error=None if one.saved.error is None else str(one.saved.error),
        )
        for item, one in zip(describe_plan([each.step for each in restored]), restored, strict=True)
    ]


def print_plan(steps: Sequence[RestoreStep]) -> None:
    """Print a row for each step that does something, or says why it does not.

    A terminal gets one row for a story if the same is done with its card and its content.
    """
    cards = {_describe_story(step) for step in steps if step.type == _CARDS and is_terminal(sys.stdout)}
    rows = [
        (item.type, item.title, item.id, step.action.value, item.why)
        for step, item in zip(steps, describe_plan(steps), strict=True)
        if step.action is not RestoreAction.NOTHING and not (step.type == _CONTENTS and _describe_story(step) in cards)
    ]
    if rows:
        print_table((Column("type", is_mark=True), "title", Column("id", is_id=True), "what", "why"), rows)


def _describe_story(step: RestoreStep) -> tuple[str | None, RestoreAction, str]:
    """Return what a card and its content have in common, if the same is done with them."""
    return step.item.stored.meta, step.action, step.why


def count_objects(steps: Sequence[RestoreStep]) -> str:
    """Return how many objects are written, in words."""
    return _format_objects([step.type for step in steps if step.action.is_write])


def _format_objects(types: Collection[str]) -> str:
    return format_count(len(types), "object") + (" (a story has two)" if _CONTENTS in types else "")


def print_restore(report: Restore, as_json: bool) -> None:
    """Print what became of a plan; what was not stored goes to stderr."""
    if as_json:
        print_json(report)
        return
    unchanged = [item.action for item in report.steps].count("nothing")
    writes = [item for item in report.steps if RestoreAction[item.action.upper()].is_write]
    if not report.written:
        planned = _format_objects([item.type for item in writes]) if writes else "nothing"
        print_sentence(f"To restore: {planned}; unchanged: {unchanged}. Nothing was written.")
        return
    for item in report.steps:
        if item.error is not None:
            line = f"{item.type} {item.title} ({item.id}): {item.outcome}: {item.error}"
            print_remark(escape_line(line))
    _print_new_ids(report.steps)
    stored = [item.type for item in writes if item.outcome in _STORED]
    unchanged += [item.outcome for item in writes].count(
        SaveOutcome.UNCHANGED.value
    )  # another restore has created them
    left = f"; unchanged: {unchanged}" if unchanged else ""
    print_sentence(f"Restored {_format_objects(stored)}{left}.")
    if report.backup is not None:
        print_sentence(f"Backup {report.backup} in {report.backup_directory} has the state before the restore.")


def _print_new_ids(steps: Sequence[RestoreItem]) -> None:
    """Print a row for each object that the service gave another id; nobody names a story by the id of its content."""
    rows = [
        (item.type, item.title, item.id, item.stored_id)
        for item in steps
        if item.type != _CONTENTS
        and item.outcome == SaveOutcome.CREATED.value
        and item.stored_id not in (None, item.id)
    ]
    if rows:
        print_sentence("The service gave new ids:")
        print_table(
            (Column("type", is_mark=True), "title", Column("old id", is_id=True), Column("new id", is_id=True)), rows
        )
