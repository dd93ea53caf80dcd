"""A compiler from the syntax tree of a pattern to instructions for the matcher.

Registers hold positions in the text, or -1: two for each group, and further ones for repetitions and lookarounds. Each node
becomes a fixed number of instructions, however often it is repeated, so a program is about as long as its pattern.

Inside a lookbehind the text is matched from right to left, as the standard demands (§22.2.2.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from . import opcodes
from .case_folding import fold_case, fold_ranges
from .character_sets import UNLIMITED, Ranges, compile_run, get_membership, invert_ranges
from .opcodes import Instruction
from .pattern_source import PatternFlags
from .syntax_tree import (
    Alternation,
    Assertion,
    Backreference,
    CapturingGroup,
    CharacterSet,
    Literal,
    Lookaround,
    PatternNode,
    Repetition,
    Sequence,
    can_be_empty,
    find_first_characters,
    find_prefix,
)

__all__ = ["Program", "compile_program", "fold_tree"]

_MAX_RUN_RANGES: Final = 64  # ranges of a set; `re` compiles larger ones slowly
_MAX_LOOKAHEAD: Final = 8  # characters of the text behind a run; searching for a long text from the right is not linear


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled pattern for the matcher."""

    instructions: tuple[Instruction, ...]
    registers: int


def fold_tree(node: PatternNode, flags: PatternFlags) -> PatternNode:
    """Return the tree for a folded text, without negated sets.

    Texts and sets are folded if the flag ``i`` is set.
    """
    match node:
        case Literal(text) if flags.ignore_case:
            return Literal(fold_case(text, flags.unicode))
        case CharacterSet(ranges, negated):
            ranges = fold_ranges(ranges, flags.unicode) if flags.ignore_case else ranges
            return CharacterSet(invert_ranges(ranges) if negated else ranges)
        case Sequence(items):
            return Sequence(tuple(fold_tree(item, flags) for item in items))
        case Alternation(options):
            return Alternation(tuple(fold_tree(option, flags) for option in options))
        case CapturingGroup(number, body):
            return CapturingGroup(number, fold_tree(body, flags))
        case Lookaround(body, ahead, negated):
            return Lookaround(fold_tree(body, flags), ahead, negated)
        case Repetition(body, minimum, maximum, greedy, groups):
            return Repetition(fold_tree(body, flags), minimum, maximum, greedy, groups)
        case _:
            return node


def compile_program(tree: PatternNode, groups: int, flags: PatternFlags) -> Program:
    """Return the program for a folded tree."""
    compiler = _ProgramCompiler(groups, flags.multiline)
    compiler.compile_group(CapturingGroup(0, tree), False, "")
    compiler.emit(opcodes.MATCHED)
    return Program(tuple(compiler.instructions), compiler.registers)


class _BranchTable(dict[str, tuple[int, ...]]):
    """The options of an alternation that may match before a character, or before the end (``""``).

    In a list of names, these are only the names that begin with the character.
    """

    def __init__(self, targets: list[int], first: list[Ranges | None]) -> None:
        super().__init__()
        self._options = list(zip(targets, first, strict=True))

    def __missing__(self, character: str) -> tuple[int, ...]:
        targets = self[character] = tuple(
            target
            for target, ranges in self._options
            if ranges is None or (character and get_membership(ranges)[character])
        )
        return targets


class _ProgramCompiler:
    def __init__(self, groups: int, multiline: bool) -> None:
        self.instructions: list[Instruction] = []
        self.registers = 2 * (groups + 1)
        self._assertions: Final = {
            Assertion.START: (opcodes.ASSERT_LINE_START if multiline else opcodes.ASSERT_START, 0),
            Assertion.END: (opcodes.ASSERT_LINE_END if multiline else opcodes.ASSERT_END, 0),
            Assertion.WORD_BOUNDARY: (opcodes.ASSERT_WORD_BOUNDARY, True),
            Assertion.NOT_WORD_BOUNDARY: (opcodes.ASSERT_WORD_BOUNDARY, False),
        }

    def emit(self, code: int, a: int = 0, b: int = 0, c: int = 0, *, x: Any = None) -> int:
        """Append an instruction, and return its index."""
        self.instructions.append((code, x, a, b, c))
        return len(self.instructions) - 1

    def _allocate_registers(self, count: int = 1) -> int:
        self.registers += count
        return self.registers - count

    def compile_node(self, node: PatternNode, backward: bool, follow: str) -> None:
        """Emit the instructions for a node.

        Args:
            node: of a folded tree.
            backward: whether to match from right to left.
            follow: a text that has to follow the match of the node, as far as it is known.
        """
        match node:
            case Literal(text):
                self.emit(opcodes.LITERAL_BACKWARD if backward else opcodes.LITERAL, len(text), x=text)
            case CharacterSet(ranges):
                self.emit(opcodes.CHARACTER_BACKWARD if backward else opcodes.CHARACTER, x=get_membership(ranges))
            case Sequence(items):
                self._parse_sequence(items, backward, follow)
            case Alternation(options):
                self._parse_alternation(options, backward, follow)
            case CapturingGroup():
                self.compile_group(node, backward, follow)
            case Lookaround():
                self._compile_lookaround(node)
            case Repetition(Literal(text), minimum, maximum, greedy) if len(text) == 1 and not backward:
                self._compile_run(CharacterSet(((ord(text), ord(text)),)), minimum, maximum, greedy, follow)
            case Repetition(CharacterSet(ranges) as body, minimum, maximum, greedy) if (
                len(ranges) <= _MAX_RUN_RANGES and not backward
            ):
                self._compile_run(body, minimum, maximum, greedy, follow)
            case Repetition():
                self._compile_repetition(node, backward)
            case Assertion():
                self.emit(*self._assertions[node])
            case Backreference(groups):
                self.emit(opcodes.BACKREFERENCE_BACKWARD if backward else opcodes.BACKREFERENCE, x=groups)

    def compile_group(self, group: CapturingGroup, backward: bool, follow: str) -> None:
        """Emit the instructions for a group, which saves its positions."""
        self.emit(opcodes.SAVE_POSITION, 2 * group.number + backward)
        self.compile_node(group.body, backward, follow)
        self.emit(opcodes.SAVE_POSITION, 2 * group.number + (not backward))

    def _parse_sequence(self, items: tuple[PatternNode, ...], backward: bool, follow: str) -> None:
        if backward:
            for item in reversed(items):
                self.compile_node(item, True, "")
        else:
            for place, item in enumerate(items, 1):
                self.compile_node(
                    item, False, find_prefix(items[place])[:_MAX_LOOKAHEAD] if place < len(items) else follow
                )

    def _parse_alternation(self, options: tuple[PatternNode, ...], backward: bool, follow: str) -> None:
        branch = self.emit(opcodes.BRANCH)
        targets: list[int] = []
        jumps: list[int] = []
        for option in options:
            targets.append(len(self.instructions))
            self.compile_node(option, backward, follow)
            jumps.append(self.emit(opcodes.JUMP))
        for jump in jumps:
            self._patch_target(jump)
        first = [None if backward or can_be_empty(option) else find_first_characters(option) for option in options]
        self.instructions[branch] = (opcodes.BRANCH, _BranchTable(targets, first), len(targets) >> 2, 0, 0)

    def _patch_target(self, index: int) -> None:
        """Set the target of an earlier instruction to the next index."""
        code, x, a, b, c = self.instructions[index]
        here = len(self.instructions)
        if code in (opcodes.LOOP, opcodes.LOOP_LAZY):
            self.instructions[index] = (code, here, a, b, c)
        elif code == opcodes.LOOK_NEGATIVE:
            self.instructions[index] = (code, x, a, here, c)
        else:
            self.instructions[index] = (code, x, here, b, c)

    def _compile_run(self, body: CharacterSet, minimum: int, maximum: int | None, greedy: bool, follow: str) -> None:
        expression = compile_run(body.ranges, minimum, UNLIMITED if maximum is None else maximum)
        self.emit(opcodes.RUN, minimum, x=expression.match)
        self.emit(opcodes.RUN_END if greedy else opcodes.RUN_END_LAZY, len(follow), x=follow)

    def _compile_repetition(self, repetition: Repetition, backward: bool) -> None:
        """Emit a loop (§22.2.2.3.1): each iteration clears its groups, and an optional one must consume something."""
        if repetition.maximum == 0:
            return
        simple = repetition.minimum == 0 and repetition.maximum in (1, None)
        counter = -1 if simple else self._allocate_registers()
        if simple:
            start = self.emit(opcodes.SPLIT if repetition.greedy else opcodes.SPLIT_LAZY)
        else:
            self.emit(opcodes.SET_REGISTER, counter, 0)
            maximum = UNLIMITED if repetition.maximum is None else repetition.maximum
            start = self.emit(
                opcodes.LOOP if repetition.greedy else opcodes.LOOP_LAZY, counter, repetition.minimum, maximum
            )
            self.emit(opcodes.INCREMENT, counter)
        if repetition.groups:
            self.emit(opcodes.RESET_GROUPS, 2 * repetition.groups.start, 2 * repetition.groups.stop)
        empty = can_be_empty(repetition.body)
        position = self._allocate_registers() if empty else -1
        if empty:
            self.emit(opcodes.SAVE_POSITION, position)
        self.compile_node(repetition.body, backward, "")
        if empty:
            self.emit(opcodes.FAIL_IF_EMPTY, position) if simple else self.emit(
                opcodes.FAIL_IF_EMPTY_AND_OPTIONAL, position, counter, repetition.minimum
            )
        if repetition.maximum != 1:
            self.emit(opcodes.JUMP, start)
        self._patch_target(start)

    def _compile_lookaround(self, lookaround: Lookaround) -> None:
        registers = self._allocate_registers(2)
        start = self.emit(opcodes.LOOK_NEGATIVE if lookaround.negated else opcodes.LOOK, registers)
        self.compile_node(lookaround.body, not lookaround.ahead, "")
        self.emit(opcodes.LOOK_NEGATIVE_MATCHED if lookaround.negated else opcodes.LOOK_MATCHED, registers)
        if lookaround.negated:
            self._patch_target(start)
