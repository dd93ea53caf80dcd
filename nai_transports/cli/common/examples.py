"""The examples of the help pages, by command. Each is a command line that works as it is with the account's environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["EXAMPLES"]

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "generate": (
        'nai generate "The keeper lit the lamp, and"',
        'nai generate "The keeper lit the lamp, and" --preset Carefree --max-length 60',
        "nai generate --file opening.txt --ban storm --logprobs 3",
    ),
}
