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
BRANCH: Final = 4
"The places that x has for the character here, one after the other; asking it for a new one costs a."
MARK: Final = 5
"Register a is the position."
JUMP: Final = 6
"To a."
RUN: Final = 7
"The longest run that the expression x finds, at least a long; CHOOSE or CHOOSE_LEAST is next."
CHOOSE_LEAST: Final = 8
"The end of a run: the first one at which the text x, of length a, stands."
SPLIT_LAZY: Final = 9
"To a; else goes on."
EDGE_WORD: Final = 10
"Here is a word's edge; or, if not a, none."
COUNT: Final = 11
"Register a counts turns, of which there have to be b and may be c. Goes on; else to x."
COUNT_LAZY: Final = 12
"As COUNT. To x; else goes on."
MORE: Final = 13
"One more in register a."
ENOUGH: Final = 14
"Not where register a is."
MOVED: Final = 15
"Not where register a is, if register b is above c."
RESET: Final = 16
"The registers from a to before b are none."
PUT: Final = 17
"Register a is b."
LOOK: Final = 18
"Registers a and a + 1 keep how high the stack is and where we are."
LOOKED: Final = 19
"Back to where LOOK was; what was chosen since then stays chosen."
LOOK_NOT: Final = 20
"As LOOK; and to b, if what follows fails."
NOT_LOOKED: Final = 21
"Fails, and LOOK_NOT with it."
BACK: Final = 22
"What the one of the groups x holds that took part; nothing, if none did."
EDGE_START: Final = 23
EDGE_END: Final = 24
EDGE_LINE_START: Final = 25
EDGE_LINE_END: Final = 26
LITERAL_BEFORE: Final = 27
SET_BEFORE: Final = 28
BACK_BEFORE: Final = 29
FOUND: Final = 30
