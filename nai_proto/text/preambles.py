"""What a model's context begins with.

See docs/protocol/native.md#98-model-heads-preamble-and-special-token-use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..arguments import FLAG, INTEGER, TEXT, convert_fields, list_of

__all__ = ["PREAMBLE", "Preamble"]


@dataclass(frozen=True, slots=True)
class Preamble:
    """The beginning of a context, as text and as ids."""

    text: str | None
    "None where no text is encoded as these ids."
    tokens: tuple[int, ...]
    always: bool = False
    "True: before every prompt. False: in the place of an empty one."

    def __post_init__(self) -> None:
        convert_fields(self, text=TEXT | None, tokens=list_of(INTEGER), always=FLAG)


PREAMBLE: Final[Mapping[str, Preamble]] = {
    "6B-v4": Preamble("⁂\n", (46256, 224, 198)),
    "euterpe-v2": Preamble("\n***\n", (198, 8162, 198)),
    "krake-v2": Preamble("<|endoftext|>[ Prologue ]\n", (0, 60, 367, 9490, 489, 5032, 187)),
    "clio-v1": Preamble(
        "[ Author: Various ]\n[ Prologue ]\n",
        (49356, 26, 49287, 43252, 7794, 85, 49356, 1310, 49219, 6663, 7794, 85),
    ),
    "kayra-v1": Preamble("", ()),  # its module special_openings does this
    # The sources disagree; these two ids are what the protocol recommends, and the text is their names.
    "llama-3-erato-v1": Preamble("<|startoftext|><|reserved_special_token81|>", (128000, 128081), always=True),
    "genji-jp-6b-v2": Preamble(None, (60, 198, 198)),
    "genji-python-6b": Preamble("<|endoftext|>\n", (50256, 198)),
}
"""By model id; the other models have none that is known."""
