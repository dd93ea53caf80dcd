"""How many tokens a prompt has, and how many it may.

The prompt and all its characters share one budget; what is not wanted, with its characters, has another of the same size.
What is too long is no error: the service cuts it.

Of V4's limit one token is the ``</s>`` at the end. It is counted once, not for each character: no source says which, and one
token more or less is what depends on it.

See docs/protocol/image.md#63-token-counting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from ..arguments import INTEGER, TEXT, TOKENIZER, convert_fields, list_of, takes
from ..tokenizers.base import Tokenizer
from .generations import Generation
from .lineage import base_of, generation_of
from .models import IMAGE_MODEL, ImageModel
from .prompts import Piece, parse

__all__ = ["TokenCount", "count_tokens", "counted", "token_limit"]

_T5: Final = (Generation.V4, Generation.V4_5)
_NO_BRACKETS: Final = str.maketrans("", "", "[]{}")


@dataclass(frozen=True, slots=True)
class TokenCount:
    """The tokens of one side of a request: of what is wanted, or of what is not."""

    limit: int
    "How many there may be."
    parts: tuple[int, ...]
    "Of the prompt, then of each character."
    ends: int = 0
    "What ends the text: part of the limit, and of no part."

    def __post_init__(self) -> None:
        convert_fields(self, limit=INTEGER, parts=list_of(INTEGER), ends=INTEGER)

    @property
    def total(self) -> int:
        return sum(self.parts) + self.ends

    @property
    def left(self) -> int:
        """How many more there may be; below 0 if there are too many."""
        return self.limit - self.total

    @property
    def over(self) -> int | None:
        """The part in which the limit is passed: 0 is the prompt, 1 the first character. None if none is."""
        sums = enumerate(accumulate(self.parts, initial=self.ends))
        passed = next((place for place, tokens in sums if tokens > self.limit), None)
        return None if passed is None else passed - 1


@takes(model=IMAGE_MODEL)
def token_limit(model: ImageModel | str) -> int:
    """How many tokens one side of a request may have; more are cut.

    Args:
        model: its id, as it stands on the wire.

    Raises:
        InvalidRequestError: the model is not known.
    """
    return base_of(model).tokens


def counted(prompt: str, model: ImageModel | str) -> str:
    """What of a prompt is counted: for V4 and V4.5 its words without the signs of emphasis, for others all of it.

    For V1 to V3 no source says whether their braces count; here they do, so that what seems to fit does.

    Raises:
        InvalidRequestError: the model is not known.
    """
    if generation_of(model) not in _T5:
        return prompt
    return "".join(map(_words, parse(prompt).pieces)).translate(_NO_BRACKETS)


@takes(model=IMAGE_MODEL, tokenizer=TOKENIZER, prompt=TEXT, characters=list_of(TEXT))
def count_tokens(
    model: ImageModel | str, tokenizer: Tokenizer, prompt: str, characters: Sequence[str] = ()
) -> TokenCount:
    """Counts one side of a request.

    Args:
        model: its id, as it stands on the wire.
        tokenizer: the model's: `nai_proto.tokenizers.tokenizer_name` has its name by the id of the base model.
        prompt: with its quality tags, or what is not wanted with its preset: as it is sent.
        characters: the prompts of those that are sent, in the same order.

    Raises:
        InvalidRequestError: the model is not known, or a text holds a lone surrogate.
    """
    parts = tuple(tokenizer.count(counted(text, model)) for text in (prompt, *characters))
    return TokenCount(token_limit(model), parts, ends=1 if generation_of(model) in _T5 else 0)


def _words(piece: Piece) -> str:
    if isinstance(piece, str):
        return piece
    inside = "".join(map(_words, piece.pieces))
    return inside if piece.closed or not piece.numeric else piece.opening + inside
