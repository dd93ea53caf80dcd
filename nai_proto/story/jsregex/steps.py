"""The codes of a program's steps ``(code, x, a, b, c)``: plain numbers, since a machine compares them at every step."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

__all__ = ["Step"]

Step: TypeAlias = tuple[int, Any, int, int, int]

# In the order in which the machine asks for them: the frequent ones first.
LITERAL: Final = 0
"The text x, of length a."
SET: Final = 1
"A character of the Membership x."
CHOOSE: Final = 2
"The end of a run: the last one at which the text x, of length a, stands."
SPLIT: Final = 3
"Goes on; else to a."
MARK: Final = 4
"Register a is the position."
JUMP: Final = 5
"To a."
RUN: Final = 6
"The longest run that the expression x finds, at least a long; CHOOSE or CHOOSE_LEAST is next."
CHOOSE_LEAST: Final = 7
"The end of a run: the first one at which the text x, of length a, stands."
SPLIT_LAZY: Final = 8
"To a; else goes on."
EDGE_WORD: Final = 9
"Here is a word's edge; or, if not a, none."
COUNT: Final = 10
"Register a counts turns, of which there have to be b and may be c. Goes on; else to x."
COUNT_LAZY: Final = 11
"As COUNT. To x; else goes on."
MORE: Final = 12
"One more in register a."
ENOUGH: Final = 13
"Not where register a is."
MOVED: Final = 14
"Not where register a is, if register b is above c."
RESET: Final = 15
"The registers from a to before b are none."
PUT: Final = 16
"Register a is b."
LOOK: Final = 17
"Registers a and a + 1 keep how high the stack is and where we are."
LOOKED: Final = 18
"Back to where LOOK was; what was chosen since then stays chosen."
LOOK_NOT: Final = 19
"As LOOK; and to b, if what follows fails."
NOT_LOOKED: Final = 20
"Fails, and LOOK_NOT with it."
BACK: Final = 21
"What the one of the groups x holds that took part; nothing, if none did."
EDGE_START: Final = 22
EDGE_END: Final = 23
EDGE_LINE_START: Final = 24
EDGE_LINE_END: Final = 25
LITERAL_BEFORE: Final = 26
SET_BEFORE: Final = 27
BACK_BEFORE: Final = 28
FOUND: Final = 29
