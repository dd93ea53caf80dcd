"""A pattern's tree as a list of steps for the machine.

Registers hold positions in the text, -1 for none: two for each group, and behind them what turns and looks need. Every node
becomes a fixed number of steps, however often it is repeated, so a program is about as long as its pattern.

Inside of a look behind, all goes from right to left, as the standard has it (§22.2.2.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from . import steps
from .flags import Flags
from .folding import folded, folded_set
from .sets import MOST, Ranges, compiled, inverted, membership
from .steps import Step
from .tree import (
    BackReference,
    Choice,
    Edge,
    Group,
    Literal,
    Look,
    Node,
    Repeat,
    Sequence,
    Set,
    beginnings,
    may_be_empty,
    prefix,
)

__all__ = ["Program", "folded_tree", "program_of"]

_PIECES: Final = 64  # ranges of a set; `re` takes long to compile larger ones
_LOOKED_FOR: Final = 8  # characters of what follows a run: looking for long texts from the right is not linear


@dataclass(frozen=True, slots=True)
class Program:
    """What the machine runs."""

    steps: tuple[Step, ...]
    registers: int


def folded_tree(node: Node, flags: Flags) -> Node:
    """The tree for a folded text, without negated sets: with ``i`` only what is compared is folded."""
    match node:
        case Literal(text) if flags.ignore_case:
            return Literal(folded(text, flags.unicode))
        case Set(ranges, negated):
            ranges = folded_set(ranges, flags.unicode) if flags.ignore_case else ranges
            return Set(inverted(ranges) if negated else ranges)
        case Sequence(items):
            return Sequence(tuple(folded_tree(item, flags) for item in items))
        case Choice(options):
            return Choice(tuple(folded_tree(option, flags) for option in options))
        case Group(number, inside):
            return Group(number, folded_tree(inside, flags))
        case Look(inside, ahead, negated):
            return Look(folded_tree(inside, flags), ahead, negated)
        case Repeat(inside, least, most, greedy, groups):
            return Repeat(folded_tree(inside, flags), least, most, greedy, groups)
        case _:
            return node


def program_of(tree: Node, groups: int, flags: Flags) -> Program:
    """The program of a folded tree."""
    writer = _Writer(groups, flags.multiline)
    writer.group(Group(0, tree), False, "")
    writer.add(steps.FOUND)
    return Program(tuple(writer.steps), writer.registers)


class _Branches(dict[str, tuple[int, ...]]):
    """Which alternatives may match before a character, or the end: for a list of names only those with its letter."""

    def __init__(self, places: list[int], first: list[Ranges | None]) -> None:
        super().__init__()
        self._options = list(zip(places, first, strict=True))

    def __missing__(self, character: str) -> tuple[int, ...]:
        found = self[character] = tuple(
            place for place, ranges in self._options if ranges is None or (character and membership(ranges)[character])
        )
        return found


class _Writer:
    def __init__(self, groups: int, multiline: bool) -> None:
        self.steps: list[Step] = []
        self.registers = 2 * (groups + 1)
        self._edges: Final = {
            Edge.START: (steps.EDGE_LINE_START if multiline else steps.EDGE_START, 0),
            Edge.END: (steps.EDGE_LINE_END if multiline else steps.EDGE_END, 0),
            Edge.WORD: (steps.EDGE_WORD, True),
            Edge.NO_WORD: (steps.EDGE_WORD, False),
        }

    def add(self, code: int, a: int = 0, b: int = 0, c: int = 0, *, x: Any = None) -> int:
        """Adds a step, and says where it is."""
        self.steps.append((code, x, a, b, c))
        return len(self.steps) - 1

    def _register(self, count: int = 1) -> int:
        self.registers += count
        return self.registers - count

    def node(self, node: Node, back: bool, follow: str) -> None:
        """The steps of a node.

        Args:
            node: a folded one.
            back: from right to left.
            follow: a text that has to stand behind what the node takes, as far as known.
        """
        match node:
            case Literal(text):
                self.add(steps.LITERAL_BEFORE if back else steps.LITERAL, len(text), x=text)
            case Set(ranges):
                self.add(steps.SET_BEFORE if back else steps.SET, x=membership(ranges))
            case Sequence(items):
                self._sequence(items, back, follow)
            case Choice(options):
                self._choice(options, back, follow)
            case Group():
                self.group(node, back, follow)
            case Look():
                self._look(node)
            case Repeat(Literal(text), least, most, greedy) if len(text) == 1 and not back:
                self._run(Set(((ord(text), ord(text)),)), least, most, greedy, follow)
            case Repeat(Set(ranges) as inside, least, most, greedy) if len(ranges) <= _PIECES and not back:
                self._run(inside, least, most, greedy, follow)
            case Repeat():
                self._repeat(node, back)
            case Edge():
                self.add(*self._edges[node])
            case BackReference(groups):
                self.add(steps.BACK_BEFORE if back else steps.BACK, x=groups)

    def group(self, group: Group, back: bool, follow: str) -> None:
        self.add(steps.MARK, 2 * group.number + back)
        self.node(group.inside, back, follow)
        self.add(steps.MARK, 2 * group.number + (not back))

    def _sequence(self, items: tuple[Node, ...], back: bool, follow: str) -> None:
        if back:
            for item in reversed(items):
                self.node(item, True, "")
        else:
            for place, item in enumerate(items, 1):
                self.node(item, False, prefix(items[place])[:_LOOKED_FOR] if place < len(items) else follow)

    def _choice(self, options: tuple[Node, ...], back: bool, follow: str) -> None:
        branch = self.add(steps.BRANCH)
        places: list[int] = []
        jumps: list[int] = []
        for option in options:
            places.append(len(self.steps))
            self.node(option, back, follow)
            jumps.append(self.add(steps.JUMP))
        for jump in jumps:
            self._lead(jump)
        first = [None if back or may_be_empty(option) else beginnings(option) for option in options]
        self.steps[branch] = (steps.BRANCH, _Branches(places, first), len(places) >> 2, 0, 0)

    def _lead(self, place: int) -> None:
        """Lets a step of another place lead to the next one to come."""
        code, x, a, b, c = self.steps[place]
        here = len(self.steps)
        if code in (steps.COUNT, steps.COUNT_LAZY):
            self.steps[place] = (code, here, a, b, c)
        elif code == steps.LOOK_NOT:
            self.steps[place] = (code, x, a, here, c)
        else:
            self.steps[place] = (code, x, here, b, c)

    def _run(self, inside: Set, least: int, most: int | None, greedy: bool, follow: str) -> None:
        expression = compiled(inside.ranges, least, MOST if most is None else most)
        self.add(steps.RUN, least, x=expression.match)
        self.add(steps.CHOOSE if greedy else steps.CHOOSE_LEAST, len(follow), x=follow)

    def _repeat(self, repeat: Repeat, back: bool) -> None:
        """Turns (§22.2.2.3.1): each forgets its groups, and one that need not be has to take something."""
        if repeat.most == 0:
            return
        simple = repeat.least == 0 and repeat.most in (1, None)
        counter = -1 if simple else self._register()
        if simple:
            start = self.add(steps.SPLIT if repeat.greedy else steps.SPLIT_LAZY)
        else:
            self.add(steps.PUT, counter, 0)
            most = MOST if repeat.most is None else repeat.most
            start = self.add(steps.COUNT if repeat.greedy else steps.COUNT_LAZY, counter, repeat.least, most)
            self.add(steps.MORE, counter)
        if repeat.groups:
            self.add(steps.RESET, 2 * repeat.groups.start, 2 * repeat.groups.stop)
        empty = may_be_empty(repeat.inside)
        mark = self._register() if empty else -1
        if empty:
            self.add(steps.MARK, mark)
        self.node(repeat.inside, back, "")
        if empty:
            self.add(steps.ENOUGH, mark) if simple else self.add(steps.MOVED, mark, counter, repeat.least)
        if repeat.most != 1:
            self.add(steps.JUMP, start)
        self._lead(start)

    def _look(self, look: Look) -> None:
        registers = self._register(2)
        start = self.add(steps.LOOK_NOT if look.negated else steps.LOOK, registers)
        self.node(look.inside, not look.ahead, "")
        self.add(steps.NOT_LOOKED if look.negated else steps.LOOKED, registers)
        if look.negated:
            self._lead(start)
