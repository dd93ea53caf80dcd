"""Tokenizers for an emulator that a command runs: found or fetched when first asked for, and told if not."""

from __future__ import annotations

from collections.abc import Callable

from nai_proto.errors import NaiError
from nai_proto.tokenizers import Tokenizer

from ..tokenizer_files import load

__all__ = ["Found"]


class Found:
    """Gives a model's tokenizer, or None where there is none and none could be fetched.

    Args:
        missed: is told the model's id then, and why there is no tokenizer of it.
    """

    def __init__(self, missed: Callable[[str, str], None]) -> None:
        self._missed = missed

    def __call__(self, model: str) -> Tokenizer | None:
        try:
            return load(model)
        except NaiError as error:
            self._missed(model, str(error))
            return None
