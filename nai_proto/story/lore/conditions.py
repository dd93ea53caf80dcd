"""Conditions of lore entries, each of which says why it holds or not.

How the members of an entry's list combine is not documented: any of them suffices, unless the caller says all. Chance is
drawn by the caller.

See docs/protocol/content.md#46-lorebook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fmod
from operator import add, mul, sub
from typing import Any, Final, Literal, TypeAlias

from ...arguments import INTEGER, LIMITS, OPTIONAL_FUNCTION, TEXT, TEXTS, check_type, list_items, one_of
from ...errors import LimitExceeded
from ...limits import Limits
from ..json_records import Record, as_number, as_text, as_texts, make_records_reader
from ..utf16 import count_units
from .keys import Key, tail_start

__all__ = ["COMBINATION", "MODE", "Outcome", "Surroundings", "condition_outcome", "conditions_outcome"]

MODE: Final = one_of("normal", "adventure")
COMBINATION: Final = one_of("any", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What conditions ask about."""

    story: str = field(default="", repr=False)
    "The story's text, placeholders filled in and comments removed."
    memory: str = field(default="", repr=False)
    authors_note: str = field(default="", repr=False)
    lore: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    "The texts of the active entries by their ids."
    model: str = ""
    "Its id."
    mode: Literal["normal", "adventure"] = "normal"
    step: int = 0
    "One per generation."
    chance: Callable[[], float] | None = field(default=None, repr=False)
    "Draws a number from 0 to below 1, for each condition that asks for one. None: such conditions do not hold."

    def __post_init__(self) -> None:
        for name in ("story", "memory", "authors_note", "model"):
            TEXT.check(getattr(self, name), name)
        TEXTS.convert(self.lore, "lore")
        MODE.convert(self.mode, "mode")
        INTEGER.check(self.step, "step")
        OPTIONAL_FUNCTION.check(self.chance, "chance")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Does a condition hold, and why?"""

    type: str
    "Of the condition; ``any`` or ``all`` for a list of them."
    holds: bool
    why: str
    parts: tuple[Outcome, ...] = ()
    "The outcomes of the conditions in it: all of them, needed or not."


def conditions_outcome(
    conditions: Iterable[Record],
    around: Surroundings,
    *,
    combine: Literal["any", "all"] = "any",
    fill: Callable[[str], str] | None = None,
    limits: Limits = Limits(),
) -> Outcome:
    """The outcome of an entry's `Entry.advanced_conditions`; without any, all of none hold, and not any.

    Args:
        conditions: those of the entry.
        around: what they ask about.
        combine: what the members of the list have to be.
        fill: for keys, as `Key.parse` has it.
        limits: for keys, and for how deep conditions are nested: `Limits.json_depth`.

    Raises:
        LimitExceeded: they are nested too deeply.
    """
    conditions = list_items(conditions, Record, "conditions", "a list of Record")
    check_type(around, Surroundings, "around", "Surroundings")
    COMBINATION.convert(combine, "combine")
    OPTIONAL_FUNCTION.check(fill, "fill")
    LIMITS.check(limits, "limits")
    judge = _Judge(around, fill, limits)
    return _together(combine, combine == "all", [judge.outcome(condition, 1) for condition in conditions])


def condition_outcome(
    condition: Record,
    around: Surroundings,
    *,
    fill: Callable[[str], str] | None = None,
    limits: Limits = Limits(),
) -> Outcome:
    """The outcome of one condition; as `conditions_outcome`. One that is not understood does not hold, and says so."""
    check_type(condition, Record, "condition", "a Record")
    check_type(around, Surroundings, "around", "Surroundings")
    OPTIONAL_FUNCTION.check(fill, "fill")
    LIMITS.check(limits, "limits")
    return _Judge(around, fill, limits).outcome(condition, 1)


def _together(kind: str, every: bool, parts: Sequence[Outcome]) -> Outcome:
    held = sum(part.holds for part in parts)
    return Outcome(
        kind,
        held == len(parts) if every else held > 0,
        f"{held} of {len(parts)} hold" + "s" * (held == 1),
        tuple(parts),
    )


_Number: TypeAlias = float | None
_OPERATORS: Final[Mapping[str, Callable[[float, float], float]]] = {
    **dict.fromkeys(("+", "add"), add),
    **dict.fromkeys(("-", "subtract"), sub),
    **dict.fromkeys(("*", "multiply"), mul),
    **dict.fromkeys(("/", "divide"), lambda one, other: one / other),
    **dict.fromkeys(("%", "modulo"), fmod),
}
_COMPARISONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("=", "==", "===", "equals", "equal", "eq"), "="),
    **dict.fromkeys(("!=", "!==", "≠", "notEquals", "notEqual", "ne"), "≠"),
    **dict.fromkeys(("<", "lessThan", "less", "lt"), "<"),
    **dict.fromkeys(("<=", "≤", "lessThanOrEqual", "lessThanOrEquals", "lessOrEqual", "lte", "le"), "≤"),
    **dict.fromkeys((">", "greaterThan", "greater", "gt"), ">"),
    **dict.fromkeys((">=", "≥", "greaterThanOrEqual", "greaterThanOrEquals", "greaterOrEqual", "gte", "ge"), "≥"),
}
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": lambda one, other: one == other,
    "≠": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "≤": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    "≥": lambda one, other: one >= other,
}
_RELATIONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "equals": lambda left, right: left == right,
    "includes": lambda left, right: right in left,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}
_PLACES: Final = {"story": "the story", "memory": "the memory", "an": "the author's note", "lore": "active lore"}


class _Judge:
    """Asks conditions about their surroundings."""

    def __init__(self, around: Surroundings, fill: Callable[[str], str] | None, limits: Limits) -> None:
        self._around = around
        self._fill = fill
        self._limits = limits
        self._by_type: Final[Mapping[str, Callable[[Mapping[str, Any]], tuple[bool, str]]]] = {
            "key": self._key,
            "lore": self._lore,
            "model": self._model,
            "storymode": self._mode,
            "random": self._random,
            "equation": self._equation,
            "string": self._string,
            "true": lambda _: (True, "always"),
        }

    def outcome(self, condition: Record, depth: int) -> Outcome:
        if depth > self._limits.json_depth:
            raise LimitExceeded("levels of conditions", limit=self._limits.json_depth, value=depth)
        data = condition.data
        kind = as_text(data.get("type")) or ""
        if kind in ("and", "or"):
            inside = make_records_reader(Record)(data.get("conditions")) or ()
            return _together(kind, kind == "and", [self.outcome(part, depth + 1) for part in inside])
        if kind == "not":
            inside = make_records_reader(Record)([data.get("condition")]) or ()
            parts = tuple(self.outcome(part, depth + 1) for part in inside)
            if not parts:
                return Outcome(kind, False, "there is no condition in it")
            return Outcome(kind, not parts[0].holds, f"what is in it holds{' not' * (not parts[0].holds)}", parts)
        ask = self._by_type.get(kind)
        return Outcome(kind, *(ask(data) if ask else (False, "conditions of this type are not known")))

    def _key(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        key = Key.parse(as_text(data.get("key")) or "", fill=self._fill, limits=self._limits)
        most = as_number(data.get("range"))
        problems: list[str] = []
        places = as_texts(data.get("in"))
        for place in ("story",) if places is None else places:
            for text in self._texts(place):
                found = key.search(text, 0 if most is None else tail_start(text, int(most)))
                if found.match is not None:
                    return True, f"the key is in {_PLACES[place]}"
                problems += [found.problem] if found.problem else []
        return False, problems[0] if problems else "the key is not there"

    def _texts(self, place: str) -> Iterable[str]:
        around = self._around
        if place == "lore":
            return around.lore.values()
        texts = {"story": around.story, "memory": around.memory, "an": around.authors_note}
        return [texts[place]] if place in texts else []

    def _lore(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        active = data.get("entryId") in [*self._around.lore]
        return active, f"that entry is {'' if active else 'not '}active"

    def _model(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        return self._around.model == data.get("model"), f"the model is {self._around.model or 'not known'}"

    def _mode(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        return self._around.mode == data.get("mode"), f"the story's mode is {self._around.mode}"

    def _random(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        """A chance from 0 to 1; above that it is in percent, as in some files."""
        chance, draw = as_number(data.get("chance")), self._around.chance
        if chance is None:
            return False, "there is no chance in it"
        if draw is None:
            return False, "nothing was drawn"
        share, drawn = chance / 100 if chance > 1 else chance, draw()
        return drawn < share, f"{drawn:.3g} was drawn, and less than {share:.3g} is asked for"

    def _equation(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        """Terms from left to right; each one's operator joins it to what is before, that of the first to nothing."""
        value: _Number = None
        for place, term in enumerate(make_records_reader(Record)(data.get("terms")) or ()):
            known, join = (
                self._number(term.data.get("value")),
                _OPERATORS.get(as_text(term.data.get("operator")) or "+"),
            )
            if known is None or join is None:
                return False, "a term is not understood"
            value = known if place == 0 else _joined(join, value, known)
        sign, target = _COMPARISONS.get(as_text(data.get("comparison")) or ""), self._number(data.get("target"))
        if value is None or target is None or sign is None:
            return False, "the equation has no value, no target or no comparison that is known"
        holds = _COMPARE[sign](value, target)
        return holds, f"{value:g} {sign} {target:g} is {'true' if holds else 'false'}"

    def _number(self, value: object) -> _Number:
        story = self._around.story
        if value == "characterCount":
            return count_units(story)
        if value == "currentStep":
            return self._around.step
        if value == "paragraphCount":
            return sum(1 for line in story.split("\n") if line.strip())
        return as_number(value)

    def _string(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        left, right = self._operand(data.get("left")), self._operand(data.get("right"))
        comparison = as_text(data.get("comparison")) or ""
        relation = _RELATIONS.get(comparison)
        if left is None or right is None or relation is None:
            return False, "an operand or the comparison is not understood"
        holds = relation(left, right)
        return holds, f"{comparison} is {'true' if holds else 'false'}"

    def _operand(self, value: object) -> str | None:
        around = self._around
        texts = {"storyText": around.story, "memoryText": around.memory, "authorsNoteText": around.authors_note}
        known = as_text(value)
        return known if known is None else texts.get(known, known)


def _joined(join: Callable[[float, float], float], value: _Number, term: float) -> _Number:
    """None where there is no number: divided by nothing, or too large."""
    try:
        return None if value is None else as_number(join(value, term))
    except (ArithmeticError, ValueError):
        return None
