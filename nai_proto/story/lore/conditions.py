"""Evaluate the advanced conditions of lorebook entries; each outcome has its reason.

How the members of an entry's list combine is not documented: any of them suffices, unless the caller asks for all. The
caller draws the random numbers.

See docs/protocol/content.md#46-lorebook.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import fmod
from operator import add, mul, sub
from typing import Any, Final, Literal, TypeAlias

from ...arguments import CONTAINER, INTEGER, LIMITS, OPTIONAL_FUNCTION, TEXT, check_type, list_items, one_of
from ...errors import LimitExceeded
from ...limits import Limits
from ..json_records import Record, as_number, as_text, as_texts, make_records_reader
from ..jsregex.matcher import SCAN_SHIFT
from ..utf16 import count_units
from .key_matching import Key
from .search_text import SearchTexts

__all__ = [
    "COMBINATION",
    "MODE",
    "ConditionEvaluator",
    "ConditionInputs",
    "ConditionOutcome",
    "evaluate_condition",
    "evaluate_conditions",
]

MODE: Final = one_of("normal", "adventure")
COMBINATION: Final = one_of("any", "all")
_CONDITION_STEPS: Final = 8
"""Steps that a condition takes, whatever it asks."""
_LINE_SHIFT: Final = 5  # 2 ** 5 characters of a text that is split into lines cost about as much as one step


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionInputs:
    """What conditions are evaluated on."""

    story: str = field(default="", repr=False)
    "The text of the story, placeholders filled in and comments removed."
    memory: str = field(default="", repr=False)
    authors_note: str = field(default="", repr=False)
    lore: tuple[str, ...] = field(default=(), repr=False)
    "The texts of the active entries."
    lore_ids: Collection[str] = frozenset()
    "The ids of the active entries, as far as they have one."
    model: str = ""
    "The id of the model."
    mode: Literal["normal", "adventure"] = "normal"
    step: int = 0
    "How many generations the story has had."
    chance: Callable[[], float] | None = field(default=None, repr=False)
    "Draws a number from 0 to below 1 for each condition that needs one. None: such conditions do not hold."

    def __post_init__(self) -> None:
        for name in ("story", "memory", "authors_note", "model"):
            TEXT.check(getattr(self, name), name)
        object.__setattr__(self, "lore", tuple(list_items(self.lore, str, "lore", "a tuple of str")))
        CONTAINER.check(self.lore_ids, "lore_ids", "a set of str")
        MODE.convert(self.mode, "mode")
        INTEGER.check(self.step, "step")
        OPTIONAL_FUNCTION.check(self.chance, "chance")


@dataclass(frozen=True, slots=True)
class ConditionOutcome:
    """Whether a condition holds, and why."""

    type: str
    "The type of the condition; ``any`` or ``all`` for a list of conditions."
    holds: bool
    reason: str = field(repr=False)
    parts: tuple[ConditionOutcome, ...] = ()
    "The outcomes of all conditions inside of it, whether they are needed or not."


def evaluate_conditions(
    conditions: Iterable[Record],
    inputs: ConditionInputs,
    *,
    combine: Literal["any", "all"] = "any",
    fill: Callable[[str], str] | None = None,
    limits: Limits = Limits(),
) -> ConditionOutcome:
    """Return the outcome of the conditions of an entry. An empty list holds for ``all`` and does not hold for ``any``.

    Args:
        conditions: `Entry.advanced_conditions`.
        inputs: what they are evaluated on.
        combine: whether any or all of them have to hold.
        fill: fills in placeholders, as for `Key.parse`.
        limits: for keys, for the depth to which conditions are nested (`Limits.json_depth`), and for all of them together
            (`Limits.lore_steps`).

    Raises:
        LimitExceeded: they are nested too deeply, or take too many steps.
    """
    conditions = list_items(conditions, Record, "conditions", "a list of Record")
    check_type(inputs, ConditionInputs, "inputs", "ConditionInputs")
    COMBINATION.convert(combine, "combine")
    OPTIONAL_FUNCTION.check(fill, "fill")
    LIMITS.check(limits, "limits")
    return ConditionEvaluator(inputs, inputs.chance, fill, SearchTexts(limits)).combine(conditions, combine)


def evaluate_condition(
    condition: Record,
    inputs: ConditionInputs,
    *,
    fill: Callable[[str], str] | None = None,
    limits: Limits = Limits(),
) -> ConditionOutcome:
    """Return the outcome of one condition. A condition that is not understood does not hold.

    Args:
        condition: one of `Entry.advanced_conditions`.
        inputs: what it is evaluated on.
        fill: fills in placeholders, as for `Key.parse`.
        limits: as for `evaluate_conditions`.

    Raises:
        LimitExceeded: it is nested too deeply, or takes too many steps.
    """
    check_type(condition, Record, "condition", "a Record")
    check_type(inputs, ConditionInputs, "inputs", "ConditionInputs")
    OPTIONAL_FUNCTION.check(fill, "fill")
    LIMITS.check(limits, "limits")
    return ConditionEvaluator(inputs, inputs.chance, fill, SearchTexts(limits)).evaluate(condition)


def _combine(kind: str, every: bool, parts: Sequence[ConditionOutcome]) -> ConditionOutcome:
    """Return the outcome of several conditions, of which every one or any has to hold."""
    held = sum(part.holds for part in parts)
    return ConditionOutcome(
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


class ConditionEvaluator:
    """Evaluates the conditions of one entry.

    Args:
        inputs: what they are evaluated on.
        chance: draws the random numbers, in place of that of the inputs.
        fill: fills in placeholders, as for `Key.parse`.
        texts: in which keys are searched; the steps are taken from its budget.
    """

    def __init__(
        self,
        inputs: ConditionInputs,
        chance: Callable[[], float] | None,
        fill: Callable[[str], str] | None,
        texts: SearchTexts,
    ) -> None:
        self._inputs = inputs
        self._chance = chance
        self._fill = fill
        self._texts = texts
        self._by_type: Final[Mapping[str, Callable[[Mapping[str, Any]], tuple[bool, str]]]] = {
            "key": self._evaluate_key,
            "lore": self._evaluate_lore,
            "model": self._evaluate_model,
            "storymode": self._evaluate_mode,
            "random": self._evaluate_random,
            "equation": self._evaluate_equation,
            "string": self._evaluate_string,
            "true": lambda _: (True, "always"),
        }

    # Each of the methods below that evaluates a type returns whether the condition holds, and the reason.

    def combine(self, conditions: Iterable[Record], rule: Literal["any", "all"]) -> ConditionOutcome:
        """Return the outcome of several conditions; all are evaluated, always in the same order.

        Raises:
            LimitExceeded: they are nested too deeply, or take too many steps.
        """
        return _combine(rule, rule == "all", [self.evaluate(condition) for condition in conditions])

    def evaluate(self, condition: Record, depth: int = 1) -> ConditionOutcome:
        """Return the outcome of one condition, at some depth in others; raises as `combine` does."""
        most = self._texts.limits.json_depth
        if depth > most:
            raise LimitExceeded("levels of conditions", limit=most, value=depth)
        self._texts.budget.spend(_CONDITION_STEPS)
        self._texts.budget.check()
        data = condition.data
        kind = as_text(data.get("type")) or ""
        if kind in ("and", "or"):
            inside = make_records_reader(Record)(data.get("conditions")) or ()
            return _combine(kind, kind == "and", [self.evaluate(part, depth + 1) for part in inside])
        if kind == "not":
            inside = make_records_reader(Record)([data.get("condition")]) or ()
            parts = tuple(self.evaluate(part, depth + 1) for part in inside)
            if not parts:
                return ConditionOutcome(kind, False, "it has no condition")
            return ConditionOutcome(
                kind, not parts[0].holds, f"its condition {'holds' if parts[0].holds else 'does not hold'}", parts
            )
        evaluate = self._by_type.get(kind)
        return ConditionOutcome(kind, *(evaluate(data) if evaluate else (False, "this type of condition is not known")))

    def _evaluate_key(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        key = Key.parse(as_text(data.get("key")) or "", fill=self._fill, limits=self._texts.limits)
        most = as_number(data.get("range"))
        problems: list[str] = []
        places = as_texts(data.get("in"))
        for place in ("story",) if places is None else places:
            for text in self._list_texts(place):
                found = key.search_in(self._texts.prepare(text, None if most is None else int(most)))
                if found.match is not None:
                    return True, f"the key is in {_PLACES[place]}"
                problems += [found.problem] if found.problem else []
        return False, problems[0] if problems else "the key is not in the text"

    def _list_texts(self, place: str) -> Iterable[str]:
        inputs = self._inputs
        if place == "lore":
            return inputs.lore
        texts = {"story": inputs.story, "memory": inputs.memory, "an": inputs.authors_note}
        return [texts[place]] if place in texts else []

    def _evaluate_lore(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        active = as_text(data.get("entryId")) in self._inputs.lore_ids
        return active, f"the entry is {'' if active else 'not '}active"

    def _evaluate_model(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        return self._inputs.model == data.get("model"), f"the model is {self._inputs.model or 'not known'}"

    def _evaluate_mode(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        return self._inputs.mode == data.get("mode"), f"the story's mode is {self._inputs.mode}"

    def _evaluate_random(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        """Evaluate a chance from 0 to 1. A number above 1 is in percent, as in some files."""
        chance, draw = as_number(data.get("chance")), self._chance
        if chance is None:
            return False, "it has no chance"
        if draw is None:
            return False, "no number was drawn"
        share, drawn = chance / 100 if chance > 1 else chance, draw()
        return drawn < share, f"{drawn:.3g} was drawn, which has to be less than {share:.3g}"

    def _evaluate_equation(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        """Evaluate terms from left to right. Each operator joins its term to the value so far; the first one is ignored."""
        value: _Number = None
        for place, term in enumerate(make_records_reader(Record)(data.get("terms")) or ()):
            known, join = (
                self._read_number(term.data.get("value")),
                _OPERATORS.get(as_text(term.data.get("operator")) or "+"),
            )
            if known is None or join is None:
                return False, "a term is not understood"
            value = known if place == 0 else _join_terms(join, value, known)
        sign, target = _COMPARISONS.get(as_text(data.get("comparison")) or ""), self._read_number(data.get("target"))
        if value is None or target is None or sign is None:
            return False, "the equation has no known value, target or comparison"
        holds = _COMPARE[sign](value, target)
        return holds, f"{value:g} {sign} {target:g} is {'true' if holds else 'false'}"

    def _read_number(self, value: object) -> _Number:
        if value == "characterCount":
            return self._unit_count
        if value == "currentStep":
            return self._inputs.step
        if value == "paragraphCount":
            return self._paragraph_count
        return as_number(value)

    @cached_property
    def _unit_count(self) -> int:
        story = self._inputs.story
        self._texts.budget.spend(len(story) >> SCAN_SHIFT)
        return count_units(story)

    @cached_property
    def _paragraph_count(self) -> int:
        story = self._inputs.story
        self._texts.budget.spend(len(story) >> _LINE_SHIFT)
        return sum(1 for line in story.split("\n") if line.strip())

    def _evaluate_string(self, data: Mapping[str, Any]) -> tuple[bool, str]:
        left, right = self._read_operand(data.get("left")), self._read_operand(data.get("right"))
        comparison = as_text(data.get("comparison")) or ""
        relation = _RELATIONS.get(comparison)
        if left is None or right is None or relation is None:
            return False, "an operand or the comparison is not understood"
        self._texts.budget.spend((len(left) + len(right)) >> SCAN_SHIFT)
        holds = relation(left, right)
        return holds, f"{comparison} is {'true' if holds else 'false'}"

    def _read_operand(self, value: object) -> str | None:
        inputs = self._inputs
        texts = {"storyText": inputs.story, "memoryText": inputs.memory, "authorsNoteText": inputs.authors_note}
        known = as_text(value)
        return known if known is None else texts.get(known, known)


def _join_terms(join: Callable[[float, float], float], value: _Number, term: float) -> _Number:
    """Return None where the result is no number: after a division by 0, or if it is too large."""
    try:
        return None if value is None else as_number(join(value, term))
    except (ArithmeticError, ValueError):
        return None
