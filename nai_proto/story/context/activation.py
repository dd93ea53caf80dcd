"""Which entries of the lorebook take part in a context, and why.

An entry is called by one of its keys, or by its advanced conditions. Sources say neither how the two combine nor when
conditions are asked: here either suffices, and conditions are asked whenever more has become active, until they hold once.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import NamedTuple

from ...errors import LimitExceeded
from ..lore.conditions import Surroundings, conditions_outcome
from ..lore.entries import SEARCH_RANGE, Entry
from ..lore.keys import tail_start
from .ears import Ears
from .report import ContextMatch, ContextStatus
from .rules import ContextRules

__all__ = ["Activation", "Listener", "Scene", "Source", "activate"]


class Source(NamedTuple):
    """A text in which keys are searched."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Activation:
    """Does a part take part, and why?"""

    status: ContextStatus
    reason: str
    match: ContextMatch | None = None
    "What made it active."
    location: int | None = None
    "Where in the story its keys match furthest down."

    @property
    def active(self) -> bool:
        """Does it?"""
        return self.status.included


@dataclass(frozen=True, slots=True)
class Listener:
    """An entry that may be called."""

    entry: Entry
    ears: Ears
    text: str
    source: Source
    "Its text with prefix and suffix, from which others may cascade."
    draws: list[float] = field(default_factory=list[float])
    "What chance has said to its conditions: it is asked once."


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What entries listen to."""

    story: Source
    "Without prefix and suffix."
    others: Sequence[Source]
    "Parts from which entries may cascade besides those of the lorebook, with prefix and suffix."
    around: Surroundings
    "What conditions ask about, but for the lore."
    off: Collection[str]
    "The ids of categories that are switched off."
    fill: Callable[[str], str]
    "Puts answers into the place of placeholders."
    rules: ContextRules


def activate(listeners: Sequence[Listener], scene: Scene) -> list[Activation]:
    """What becomes of each entry."""
    found: dict[int, Activation] = {}
    # 2, 4 and 6. What is switched off, what is always active, and what the story has a key of.
    heard = scene.story.text[-SEARCH_RANGE[1] :].lower()
    for number, each in enumerate(listeners):
        if known := _at_once(each, heard, scene):
            found[number] = known
    # 7. What has a key in another that is active, or conditions that hold now, until nothing new becomes active.
    waiting: list[int] = [number for number in range(len(listeners)) if number not in found]
    active = {number: listeners[number] for number, each in found.items() if each.active}
    fresh = [*scene.others, *(each.source for each in active.values())]
    while waiting:
        heard = "\n".join([source.text for source in fresh]).lower()
        around = replace(scene.around, lore={each.entry.id: each.text for each in active.values()})
        stirred: dict[int, Activation] = {
            number: called for number in waiting if (called := _later(listeners[number], fresh, heard, around, scene))
        }
        if not stirred:
            break
        found |= stirred
        active |= {number: listeners[number] for number in stirred}
        waiting = [number for number in waiting if number not in stirred]
        fresh = [listeners[number].source for number in stirred]
    for number in waiting:
        found[number] = Activation(ContextStatus.NO_KEY, _silence(listeners[number]))
    return [found[number] for number in range(len(listeners))]


def _at_once(listener: Listener, heard: str, scene: Scene) -> Activation | None:
    """What is certain from the entry and the story alone."""
    entry = listener.entry
    if not entry.enabled:
        return Activation(ContextStatus.DISABLED, "it is switched off")
    if entry.category in scene.off:
        return Activation(ContextStatus.DISABLED, "its category is switched off")
    match = _match(listener.ears, scene.story, entry.search_range) if listener.ears.hear(heard) else None
    if entry.force_activation:
        return Activation(ContextStatus.FORCED, "it is always active", location=None if match is None else match.start)
    return None if match is None else replace(_by_key(match), location=match.start)


def _later(
    listener: Listener, fresh: Iterable[Source], heard: str, around: Surroundings, scene: Scene
) -> Activation | None:
    """What follows from others that are active."""
    entry = listener.entry
    if entry.non_story_activatable and listener.ears.hear(heard):
        units = entry.search_range if scene.rules.cascade_in_range else None
        if match := next(filter(None, (_match(listener.ears, source, units) for source in fresh)), None):
            return _by_key(match)
    conditions = entry.advanced_conditions
    if conditions:
        chance = around.chance and _again(around.chance, listener.draws)
        try:
            outcome = conditions_outcome(
                conditions, replace(around, chance=chance), combine=scene.rules.conditions, fill=scene.fill
            )
        except LimitExceeded:
            return None
        if outcome.holds:
            return Activation(ContextStatus.KEY, f"of its conditions {outcome.why}")
    return None


def _again(chance: Callable[[], float], draws: list[float]) -> Callable[[], float]:
    """The same draws each time that conditions are asked, which ask all their parts in order."""
    turns = count()

    def draw() -> float:
        turn = next(turns)
        if turn == len(draws):
            draws.append(chance())
        return draws[turn]

    return draw


def _match(ears: Ears, source: Source, units: int | None) -> ContextMatch | None:
    """Where keys are in a text, or in the last so many UTF-16 units of it."""
    start = 0 if units is None else tail_start(source.text, units)
    if found := ears.furthest(source.text, start):
        start, end, key = found
        return ContextMatch(key, source.where, start, end)
    return None


def _by_key(match: ContextMatch) -> Activation:
    return Activation(ContextStatus.KEY, f'its key "{match.key}" is in the text of: {match.where}', match)


def _silence(listener: Listener) -> str:
    """Why an entry is not active."""
    entry = listener.entry
    conditions = ", and its conditions do not hold" if entry.advanced_conditions else ""
    problems = "".join([f"; {problem}" for problem in listener.ears.problems])
    if not listener.ears:
        lacks = "none of its keys can match" if problems else "it has no keys"
        return f"{lacks}{conditions}{problems}"
    cascades = ", nor in the text of another active part" if entry.non_story_activatable else ""
    searched = f"the last {entry.search_range} characters of the story{cascades}"
    return f"none of its keys is in {searched}{conditions}{problems}"
