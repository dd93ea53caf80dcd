"""Decide which entries of the lorebook take part in a context, and why.

An entry is activated by one of its keys, or by its advanced conditions. The sources say neither how the two combine nor when
conditions are evaluated. Here either suffices, and conditions are evaluated whenever more entries have become active, until
they hold once.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import NamedTuple

from ...errors import LimitExceeded
from ..context_config import ContextKind
from ..lore.conditions import ConditionEvaluator, ConditionInputs
from ..lore.key_matching import KeyMatcher
from ..lore.search_text import SearchText, SearchTexts
from ..placeholders import fill_placeholders
from .candidates import Activation, ContextCandidate, ContextMatch, ContextStatus
from .parts import ContextParts, ContextRules

__all__ = ["ActivationSource", "activate"]


class ActivationSource(NamedTuple):
    """A text in which keys are searched."""

    where: str
    "The name of the part that it is of."
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _ActivationInputs:
    """What decides whether entries are active."""

    story: ActivationSource
    "Without prefix and suffix."
    others: Sequence[ActivationSource]
    "The other parts outside of the lorebook from which entries may cascade, with prefix and suffix."
    conditions: ConditionInputs
    "What conditions are evaluated on, without the active entries."
    disabled_categories: Collection[str]
    "Ids."
    fill: Callable[[str], str]
    "Fills in placeholders."
    rules: ContextRules
    texts: SearchTexts
    "Prepares the texts that are searched."
    draws: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    "The random numbers that were drawn for the conditions of each entry, by the candidate's number: each is drawn once."


def activate(
    candidates: Sequence[ContextCandidate],
    parts: ContextParts,
    placeholders: Mapping[str, str],
    rules: ContextRules,
    chance: Callable[[], float] | None,
    texts: SearchTexts,
) -> list[ContextCandidate]:
    """Return the candidates with the activation of all entries of the lorebook.

    Args:
        candidates: as `candidates.list_candidates` returns them.
        parts: what they were made of.
        placeholders: the values to fill in, by key.
        rules: decide where the sources disagree.
        chance: draws a number from 0 to below 1 for each condition that needs one; None: such conditions do not hold.
        texts: prepares the texts that are searched.

    Raises:
        LimitExceeded: the searches take more steps than the budget of the texts has.
    """
    story, memory, note, *_ = candidates
    with_story = [memory, note, story] if rules.cascade_in_story else [memory, note]
    inputs = _ActivationInputs(
        story=ActivationSource(story.name, story.text),
        others=[_cascade_source(each) for each in with_story],
        conditions=ConditionInputs(
            story=story.text,
            memory=memory.text,
            authors_note=note.text,
            model=parts.model,
            mode=parts.mode,
            step=parts.step,
            chance=chance,
        ),
        disabled_categories=parts.lorebook.disabled_categories,
        fill=partial(fill_placeholders, values=placeholders),
        rules=rules,
        texts=texts,
    )
    activations = _activate_entries([each for each in candidates if each.kind is ContextKind.LORE], inputs)
    by_location = parts.lorebook.order_by_key_locations
    return [
        replace(each, activation=activation, location=activation.location if by_location else None)
        if (activation := activations.get(each.number))
        else each
        for each in candidates
    ]


def _cascade_source(candidate: ContextCandidate) -> ActivationSource:
    return ActivationSource(candidate.name, candidate.full_text)


def _activate_entries(entries: Sequence[ContextCandidate], inputs: _ActivationInputs) -> dict[int, Activation]:
    """Return the activation of each entry, by its number."""
    activations: dict[int, Activation] = {}
    active: list[ContextCandidate] = []
    waiting: list[ContextCandidate] = []
    # Steps 2, 4 and 6: what is switched off, what is always active, and what has a key in the story.
    budget = inputs.texts.budget
    for each in entries:
        budget.spender = each.name
        activation = _activate_by_story(each, inputs)
        if activation is None:
            waiting.append(each)
            continue
        activations[each.number] = activation
        if activation.is_active:
            active.append(each)
    # Step 7: what has a key in another active part, or conditions that hold now, until nothing new becomes active.
    sources = [*inputs.others, *map(_cascade_source, active)]
    while waiting:
        joined = SearchText("\n".join([source.text for source in sources]), 0, budget)
        lore, ids = tuple(each.text for each in active), {each.id for each in active if each.id}
        conditions = replace(inputs.conditions, lore=lore, lore_ids=ids)
        activated: list[ContextCandidate] = []
        for each in waiting:
            budget.spender = each.name
            if activation := _activate_by_cascade(each, sources, joined, conditions, inputs):
                activations[each.number] = activation
                activated.append(each)
        if not activated:
            break
        active += activated
        waiting = [each for each in waiting if each.number not in activations]
        sources = [*map(_cascade_source, activated)]
    for each in waiting:
        activations[each.number] = Activation(ContextStatus.NO_KEY, _explain_no_key(each))
    return activations


def _activate_by_story(candidate: ContextCandidate, inputs: _ActivationInputs) -> Activation | None:
    """Return what the entry and the story alone decide; None where others may still activate it.

    Args:
        candidate: an entry.
        inputs: have the story.
    """
    entry, matcher = candidate.entry, candidate.matcher
    if not entry.enabled:
        return Activation(ContextStatus.DISABLED, "it is switched off")
    if entry.category in inputs.disabled_categories:
        return Activation(ContextStatus.DISABLED, "its category is switched off")
    match = _match(matcher, inputs.story, entry.search_range, inputs.texts)
    location = None if match is None else match.start
    if entry.force_activation:
        return Activation(ContextStatus.FORCED, "it is always active", location=location)
    return None if match is None else replace(_activation_by_key(match), location=location)


def _activate_by_cascade(
    candidate: ContextCandidate,
    sources: Iterable[ActivationSource],
    joined: SearchText,
    conditions: ConditionInputs,
    inputs: _ActivationInputs,
) -> Activation | None:
    """Return what follows from other parts that have become active; None if nothing does.

    Args:
        candidate: an entry that is not active yet.
        sources: the texts of these parts.
        joined: all of them, joined.
        conditions: what conditions are evaluated on, with all active entries.
        inputs: have the rules.
    """
    entry, matcher = candidate.entry, candidate.matcher
    if entry.non_story_activatable:
        units = entry.search_range if inputs.rules.cascade_in_range else None
        if units is not None or matcher.may_match(joined):  # where a text is cut, a part of a word may match
            matches = (_match(matcher, source, units, inputs.texts) for source in sources)
            if match := next(filter(None, matches), None):
                return _activation_by_key(match)
    if entry.advanced_conditions:
        draws = inputs.draws.setdefault(candidate.number, [])
        chance = conditions.chance and _replay(conditions.chance, draws)
        evaluator = ConditionEvaluator(conditions, chance, inputs.fill, inputs.texts)
        try:
            outcome = evaluator.combine(entry.advanced_conditions, inputs.rules.conditions)
        except LimitExceeded:
            inputs.texts.budget.check()
            return None
        if outcome.holds:
            return Activation(ContextStatus.KEY, f"its conditions hold: {outcome.reason}")
    return None


def _replay(chance: Callable[[], float], draws: list[float]) -> Callable[[], float]:
    """Return a function that gives the same numbers whenever conditions are evaluated, and draws only those that are new.

    It relies on `ConditionEvaluator.combine`, which evaluates all conditions, always in the same order.
    """
    turns = count()

    def draw() -> float:
        turn = next(turns)
        if turn == len(draws):
            draws.append(chance())
        return draws[turn]

    return draw


def _match(matcher: KeyMatcher, source: ActivationSource, units: int | None, texts: SearchTexts) -> ContextMatch | None:
    """Return the last match in a text, or in so many UTF-16 units at its end."""
    if match := matcher.find_last(texts.prepare(source.text, units)):
        start, end, key = match
        return ContextMatch(key, source.where, start, end)
    return None


def _activation_by_key(match: ContextMatch) -> Activation:
    return Activation(ContextStatus.KEY, f'its key "{match.key}" is in the text of: {match.where}', match)


def _explain_no_key(candidate: ContextCandidate) -> str:
    """Return why an entry is not active."""
    entry, matcher = candidate.entry, candidate.matcher
    conditions = ", and its conditions do not hold" if entry.advanced_conditions else ""
    problems = "".join([f"; {problem}" for problem in matcher.problems])
    if not matcher:
        lacks = "none of its keys can match" if problems else "it has no keys"
        return f"{lacks}{conditions}{problems}"
    cascades = ", nor in the text of another active part" if entry.non_story_activatable else ""
    searched = f"the last {entry.search_range} characters of the story{cascades}"
    return f"none of its keys is in {searched}{conditions}{problems}"
