"""The opcodes of a compiled pattern.

An instruction is a tuple ``(opcode, x, a, b, c)``. Opcodes are plain numbers because the matcher compares them at each step.
They are numbered in the order in which the matcher tests them: frequent ones first.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

__all__ = ["Instruction"]

Instruction: TypeAlias = tuple[int, Any, int, int, int]

LITERAL: Final = 0
"Match the text x, of length a."
CHARACTER: Final = 1
"Match one character of the CharacterMembership x."
RUN_END: Final = 2
"Choose where a run ends: the last position at which the text x, of length a, follows."
SPLIT: Final = 3
"Continue with the next instruction; on failure go to a."
BRANCH: Final = 4
"Try the instructions that x lists for the next character, in order. Looking up a new character costs a steps."
SAVE_POSITION: Final = 5
"Store the position in register a."
JUMP: Final = 6
"Go to a."
RUN: Final = 7
"Match the longest run that the expression x finds, at least a characters; RUN_END or RUN_END_LAZY comes next."
RUN_END_LAZY: Final = 8
"Choose where a run ends: the first position at which the text x, of length a, follows."
SPLIT_LAZY: Final = 9
"Go to a; on failure continue with the next instruction."
ASSERT_WORD_BOUNDARY: Final = 10
"Match at a word boundary if a is 1, and elsewhere if a is 0."
LOOP: Final = 11
"Register a counts iterations: at least b, at most c. Continue with the body; afterwards, or on failure, go to x."
LOOP_LAZY: Final = 12
"As LOOP, but go to x first and continue with the body on failure."
INCREMENT: Final = 13
"Add 1 to register a."
FAIL_IF_EMPTY: Final = 14
"Fail if the position is the one in register a."
FAIL_IF_EMPTY_AND_OPTIONAL: Final = 15
"Fail if the position is the one in register a and register b is above c."
RESET_GROUPS: Final = 16
"Clear the registers from a up to, and without, b."
SET_REGISTER: Final = 17
"Set register a to b."
LOOK: Final = 18
"Store the height of the stack in register a and the position in register a + 1."
LOOK_MATCHED: Final = 19
"Return to the position that LOOK stored, and drop the alternatives that were pushed since."
LOOK_NEGATIVE: Final = 20
"As LOOK, without the position; go to b if what follows fails."
LOOK_NEGATIVE_MATCHED: Final = 21
"Fail, together with LOOK_NEGATIVE."
BACKREFERENCE: Final = 22
"Match the text of the first group of x that took part; match nothing if none did."
ASSERT_START: Final = 23
ASSERT_END: Final = 24
ASSERT_LINE_START: Final = 25
ASSERT_LINE_END: Final = 26
LITERAL_BACKWARD: Final = 27
CHARACTER_BACKWARD: Final = 28
BACKREFERENCE_BACKWARD: Final = 29
MATCHED: Final = 30
