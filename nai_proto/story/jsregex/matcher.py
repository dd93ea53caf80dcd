"""A backtracking matcher that counts its steps, so that the cost of a search is bounded whatever the pattern.

The matcher is one loop with a stack of its own, so nested groups and long repetitions cannot exhaust Python's stack. It has
two kinds of entries: alternatives to go back to, ``(instruction, position, other end of a run)``, and old values of
registers, ``(~register, value, 0)``, which are restored on the way back. A run of characters of one set is one step and one
entry, whatever its length; of its possible ends only those are tried where the text continues as the pattern does.
"""

from __future__ import annotations

from typing import Final

from . import opcodes
from .compiler import Program

__all__ = ["SCAN_SHIFT", "match_at"]

_WORD: Final = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_LINE_ENDS: Final = frozenset("\n\r\u2028\u2029")
SCAN_SHIFT: Final = 8
"""2 ** 8 characters that `str` or `re` scans cost about as much as one step."""


def match_at(program: Program, text: str, position: int, budget: int) -> tuple[list[int] | None, int]:
    """Match a program at one position of a text.

    Args:
        program: of a pattern.
        text: folded, if the pattern is.
        position: where the match has to begin.
        budget: the number of steps that the match may take.

    Returns:
        The registers, or None if there is no match; and the steps that are left. A negative number of steps means that the
        budget was too small to find out.
    """
    instructions = program.instructions
    end = len(text)
    registers = [-1] * program.registers
    stack: list[tuple[int, int, int]] = []
    index = 0
    limit = 0  # the other end of the current run
    while True:
        budget -= 1
        if budget < 0:
            return None, budget
        opcode, x, a, b, c = instructions[index]
        index += 1
        if opcode == opcodes.LITERAL:
            if text.startswith(x, position):
                position += a
                continue
        elif opcode == opcodes.CHARACTER:
            if position < end and x[text[position]]:
                position += 1
                continue
        elif opcode == opcodes.RUN_END:
            end_of_run = text.rfind(x, limit, position + a)
            budget -= (position - (end_of_run if end_of_run >= 0 else limit)) >> SCAN_SHIFT
            if end_of_run >= 0:
                if end_of_run > limit:
                    stack.append((index - 1, end_of_run - 1, limit))
                position = end_of_run
                continue
        elif opcode == opcodes.SPLIT:
            stack.append((a, position, 0))
            continue
        elif opcode == opcodes.BRANCH:
            character = text[position] if position < end else ""
            budget -= 0 if character in x else a
            targets = x[character]
            if targets:
                budget -= len(targets) - 1
                stack += [(target, position, 0) for target in targets[:0:-1]]
                index = targets[0]
                continue
        elif opcode == opcodes.SAVE_POSITION:
            stack.append((~a, registers[a], 0))
            registers[a] = position
            continue
        elif opcode == opcodes.JUMP:
            index = a
            continue
        elif opcode == opcodes.RUN:
            longest = x(text, position)
            if longest is not None:
                first, last = position + a, longest.end()
                budget -= (last - position) >> SCAN_SHIFT
                position, limit = (last, first) if instructions[index][0] == opcodes.RUN_END else (first, last)
                continue
        elif opcode == opcodes.RUN_END_LAZY:
            end_of_run = text.find(x, position, limit + a)
            budget -= ((end_of_run if end_of_run >= 0 else limit) - position) >> SCAN_SHIFT
            if end_of_run >= 0:
                if end_of_run < limit:
                    stack.append((index - 1, end_of_run + 1, limit))
                position = end_of_run
                continue
        elif opcode == opcodes.SPLIT_LAZY:
            stack.append((index, position, 0))
            index = a
            continue
        elif opcode == opcodes.ASSERT_WORD_BOUNDARY:
            if ((position > 0 and text[position - 1] in _WORD) != (position < end and text[position] in _WORD)) == (
                a > 0
            ):
                continue
        elif opcode == opcodes.LOOP or opcode == opcodes.LOOP_LAZY:
            count = registers[a]
            if count >= c:
                index = x
            elif count >= b:
                stack.append((x if opcode == opcodes.LOOP else index, position, 0))
                index = index if opcode == opcodes.LOOP else x
            continue
        elif opcode == opcodes.INCREMENT:
            stack.append((~a, registers[a], 0))
            registers[a] += 1
            continue
        elif opcode == opcodes.FAIL_IF_EMPTY:
            if registers[a] != position:
                continue
        elif opcode == opcodes.FAIL_IF_EMPTY_AND_OPTIONAL:
            if registers[a] != position or registers[b] <= c:
                continue
        elif opcode == opcodes.RESET_GROUPS:
            budget -= (b - a) >> 3
            for register in range(a, b):
                if registers[register] >= 0:
                    stack.append((~register, registers[register], 0))
                    registers[register] = -1
            continue
        elif opcode == opcodes.SET_REGISTER:
            stack.append((~a, registers[a], 0))
            registers[a] = b
            continue
        elif opcode == opcodes.LOOK:
            registers[a], registers[a + 1] = len(stack), position
            continue
        elif opcode == opcodes.LOOK_MATCHED:
            height, position = registers[a], registers[a + 1]
            budget -= (len(stack) - height) >> 2
            stack[height:] = [entry for entry in stack[height:] if entry[0] < 0]
            continue
        elif opcode == opcodes.LOOK_NEGATIVE:
            registers[a] = len(stack)
            stack.append((b, position, 0))
            continue
        elif opcode == opcodes.LOOK_NEGATIVE_MATCHED:
            for register, value, _ in reversed(stack[registers[a] :]):
                if register < 0:
                    registers[~register] = value
            del stack[registers[a] :]
        elif opcode == opcodes.BACKREFERENCE or opcode == opcodes.BACKREFERENCE_BACKWARD:
            group = next((g for g in x if registers[2 * g] >= 0 and registers[2 * g + 1] >= 0), None)
            if group is None:
                continue
            captured = text[registers[2 * group] : registers[2 * group + 1]]
            budget -= len(captured) >> SCAN_SHIFT
            if opcode == opcodes.BACKREFERENCE and text.startswith(captured, position):
                position += len(captured)
                continue
            if (
                opcode == opcodes.BACKREFERENCE_BACKWARD
                and position >= len(captured)
                and text.startswith(captured, position - len(captured))
            ):
                position -= len(captured)
                continue
        elif opcode == opcodes.ASSERT_START:
            if position == 0:
                continue
        elif opcode == opcodes.ASSERT_END:
            if position == end:
                continue
        elif opcode == opcodes.ASSERT_LINE_START:
            if position == 0 or text[position - 1] in _LINE_ENDS:
                continue
        elif opcode == opcodes.ASSERT_LINE_END:
            if position == end or text[position] in _LINE_ENDS:
                continue
        elif opcode == opcodes.LITERAL_BACKWARD:
            if position >= a and text.startswith(x, position - a):
                position -= a
                continue
        elif opcode == opcodes.CHARACTER_BACKWARD:
            if position > 0 and x[text[position - 1]]:
                position -= 1
                continue
        else:  # MATCHED
            return registers, budget
        while stack:  # the instruction failed: go back to the last alternative
            index, position, limit = stack.pop()
            if index >= 0:
                break
            registers[~index] = position
        else:
            return None, budget
