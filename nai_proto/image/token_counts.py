"""Count the tokens of a prompt, and say how many it may have.

The prompt and all its characters share one budget; what is not wanted, with its characters, has another of the same size.
A prompt that is too long is no error: the service cuts it.

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
from .emphasis import Piece, parse_prompt
from .families import Generation
from .models import IMAGE_MODEL, ImageModel, find_base_model, find_generation

__all__ = ["PromptTokenCount", "count_tokens", "strip_emphasis", "token_limit"]

_T5: Final = (Generation.V4, Generation.V4_5)
_NO_BRACKETS: Final = str.maketrans("", "", "[]{}")


@dataclass(frozen=True, slots=True)
class PromptTokenCount:
    """The tokens of one side of a request: the prompt with its characters, or the undesired content with theirs."""

    limit: int
    "How many there may be."
    parts: tuple[int, ...]
    "Of the prompt, then of each character."
    ends: int = 0
    "Tokens that end the text: they count towards the limit, and belong to no part."

    def __post_init__(self) -> None:
        convert_fields(self, limit=INTEGER, parts=list_of(INTEGER), ends=INTEGER)

    @property
    def total(self) -> int:
        """Return the number of tokens."""
        return sum(self.parts) + self.ends

    @property
    def left(self) -> int:
        """Return how many more there may be; below 0 if there are too many."""
        return self.limit - self.total

    @property
    def over(self) -> int | None:
        """Return the part in which the limit is passed: 0 is the prompt, 1 the first character; None if it is not passed."""
        sums = enumerate(accumulate(self.parts, initial=self.ends))
        passed = next((place for place, tokens in sums if tokens > self.limit), None)
        return None if passed is None else passed - 1


@takes(model=IMAGE_MODEL)
def token_limit(model: ImageModel | str) -> int:
    """Return how many tokens one side of a request may have; more are cut.

    Args:
        model: as an object, or its id or name.

    Raises:
        InvalidRequestError: the model is not known.
    """
    return find_base_model(model).tokens


def strip_emphasis(prompt: str, model: ImageModel | str) -> str:
    """Return the text of a prompt that is counted: for V4 and V4.5 without the signs of emphasis, for others all of it.

    For V1 to V3 no source says whether their braces count; here they do, so that a prompt that seems to fit does.

    Raises:
        InvalidRequestError: the model is not known.
    """
    if find_generation(model) not in _T5:
        return prompt
    return "".join(map(_join_words, parse_prompt(prompt).pieces)).translate(_NO_BRACKETS)


@takes(model=IMAGE_MODEL, tokenizer=TOKENIZER, prompt=TEXT, characters=list_of(TEXT))
def count_tokens(
    model: ImageModel | str, tokenizer: Tokenizer, prompt: str, characters: Sequence[str] = ()
) -> PromptTokenCount:
    """Count the tokens of one side of a request.

    Args:
        model: as an object, or its id or name.
        tokenizer: the model's: `nai_proto.tokenizers.tokenizer_name` has its name by the id of the base model.
        prompt: as it is sent: with its quality tags, or the undesired content with its preset.
        characters: the prompts of those that are sent, in the same order.

    Raises:
        InvalidRequestError: the model is not known, or a text holds a lone surrogate.
    """
    parts = tuple(tokenizer.count(strip_emphasis(text, model)) for text in (prompt, *characters))
    return PromptTokenCount(token_limit(model), parts, ends=1 if find_generation(model) in _T5 else 0)


def _join_words(piece: Piece) -> str:
    if isinstance(piece, str):
        return piece
    inside = "".join(map(_join_words, piece.pieces))
    return inside if piece.closed or not piece.is_numeric else piece.opening + inside
