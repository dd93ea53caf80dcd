"""Runs a program on a text, counting its steps: what a pattern costs is bounded, whatever the pattern.

One loop with a stack of its own, so neither groups nor turns can exhaust Python's. The stack has places to go back to,
``(step, position, other end of a run)``, and old values of registers, ``(~register, value, 0)``: on the way back these are
restored as they come by. A run of characters of one set is one step and one entry, whatever its length; of the lengths that
it may have, only those are tried behind which the text goes on as the pattern does.
"""

from __future__ import annotations

from typing import Final

from . import steps
from .program import Program

__all__ = ["run"]

_WORD: Final = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_LINE_ENDS: Final = frozenset("\n\r\u2028\u2029")
_CHEAP: Final = 8  # 2 ** 8 characters that a library looks at cost about as much as one step of ours


def run(program: Program, text: str, pos: int, budget: int) -> tuple[list[int] | None, int]:
    """A match that begins here.

    Args:
        program: of a pattern.
        text: folded, if the pattern is.
        pos: where to begin.
        budget: how many steps there may be.

    Returns:
        The registers, or None if there is no match; and what is left of the budget: negative, if it was not enough to know.
    """
    code_of = program.steps
    end = len(text)
    registers = [-1] * program.registers
    stack: list[tuple[int, int, int]] = []
    at = other = 0
    while True:
        budget -= 1
        if budget < 0:
            return None, budget
        code, x, a, b, c = code_of[at]
        at += 1
        if code == steps.LITERAL:
            if text.startswith(x, pos):
                pos += a
                continue
        elif code == steps.SET:
            if pos < end and x[text[pos]]:
                pos += 1
                continue
        elif code == steps.CHOOSE:
            found = text.rfind(x, other, pos + a)
            budget -= (pos - (found if found >= 0 else other)) >> _CHEAP
            if found >= 0:
                if found > other:
                    stack.append((at - 1, found - 1, other))
                pos = found
                continue
        elif code == steps.SPLIT:
            stack.append((a, pos, 0))
            continue
        elif code == steps.BRANCH:
            character = text[pos] if pos < end else ""
            budget -= 0 if character in x else a
            places = x[character]
            if places:
                budget -= len(places) - 1
                stack += [(place, pos, 0) for place in places[:0:-1]]
                at = places[0]
                continue
        elif code == steps.MARK:
            stack.append((~a, registers[a], 0))
            registers[a] = pos
            continue
        elif code == steps.JUMP:
            at = a
            continue
        elif code == steps.RUN:
            longest = x(text, pos)
            if longest is not None:
                first, last = pos + a, longest.end()
                budget -= (last - pos) >> _CHEAP
                pos, other = (last, first) if code_of[at][0] == steps.CHOOSE else (first, last)
                continue
        elif code == steps.CHOOSE_LEAST:
            found = text.find(x, pos, other + a)
            budget -= ((found if found >= 0 else other) - pos) >> _CHEAP
            if found >= 0:
                if found < other:
                    stack.append((at - 1, found + 1, other))
                pos = found
                continue
        elif code == steps.SPLIT_LAZY:
            stack.append((at, pos, 0))
            at = a
            continue
        elif code == steps.EDGE_WORD:
            if ((pos > 0 and text[pos - 1] in _WORD) != (pos < end and text[pos] in _WORD)) == (a > 0):
                continue
        elif code == steps.COUNT or code == steps.COUNT_LAZY:
            turns = registers[a]
            if turns >= c:
                at = x
            elif turns >= b:
                stack.append((x if code == steps.COUNT else at, pos, 0))
                at = at if code == steps.COUNT else x
            continue
        elif code == steps.MORE:
            stack.append((~a, registers[a], 0))
            registers[a] += 1
            continue
        elif code == steps.ENOUGH:
            if registers[a] != pos:
                continue
        elif code == steps.MOVED:
            if registers[a] != pos or registers[b] <= c:
                continue
        elif code == steps.RESET:
            budget -= (b - a) >> 3
            for register in range(a, b):
                if registers[register] >= 0:
                    stack.append((~register, registers[register], 0))
                    registers[register] = -1
            continue
        elif code == steps.PUT:
            stack.append((~a, registers[a], 0))
            registers[a] = b
            continue
        elif code == steps.LOOK:
            registers[a], registers[a + 1] = len(stack), pos
            continue
        elif code == steps.LOOKED:
            height, pos = registers[a], registers[a + 1]
            budget -= (len(stack) - height) >> 2
            stack[height:] = [entry for entry in stack[height:] if entry[0] < 0]
            continue
        elif code == steps.LOOK_NOT:
            registers[a] = len(stack)
            stack.append((b, pos, 0))
            continue
        elif code == steps.NOT_LOOKED:
            for register, value, _ in reversed(stack[registers[a] :]):
                if register < 0:
                    registers[~register] = value
            del stack[registers[a] :]
        elif code == steps.BACK or code == steps.BACK_BEFORE:
            taken = next((g for g in x if registers[2 * g] >= 0 and registers[2 * g + 1] >= 0), None)
            if taken is None:
                continue
            held = text[registers[2 * taken] : registers[2 * taken + 1]]
            budget -= len(held) >> _CHEAP
            if code == steps.BACK and text.startswith(held, pos):
                pos += len(held)
                continue
            if code == steps.BACK_BEFORE and pos >= len(held) and text.startswith(held, pos - len(held)):
                pos -= len(held)
                continue
        elif code == steps.EDGE_START:
            if pos == 0:
                continue
        elif code == steps.EDGE_END:
            if pos == end:
                continue
        elif code == steps.EDGE_LINE_START:
            if pos == 0 or text[pos - 1] in _LINE_ENDS:
                continue
        elif code == steps.EDGE_LINE_END:
            if pos == end or text[pos] in _LINE_ENDS:
                continue
        elif code == steps.LITERAL_BEFORE:
            if pos >= a and text.startswith(x, pos - a):
                pos -= a
                continue
        elif code == steps.SET_BEFORE:
            if pos > 0 and x[text[pos - 1]]:
                pos -= 1
                continue
        else:  # FOUND
            return registers, budget
        while stack:  # that failed: back to the last choice
            at, pos, other = stack.pop()
            if at >= 0:
                break
            registers[~at] = pos
        else:
            return None, budget
