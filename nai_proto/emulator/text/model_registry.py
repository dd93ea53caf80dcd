"""The language model in every tokenizer's ids, each made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from ...errors import NaiError
from ..http.responses import HandlerSteps, compute
from .corpus import TALES
from .language_model import LanguageModel, get_tale_model

if TYPE_CHECKING:
    from ...tokenizers import Tokenizer

__all__ = ["ModelRegistry", "TokenizerLookup"]

TokenizerLookup: TypeAlias = "Callable[[str], Tokenizer | None]"
"""Gives a tokenizer by its name, or by the id of a model that uses it; None, or an error of ours, if it is not to be had. It
may take its time."""


class ModelRegistry:
    """Tokenizers, and the language models that read and write in their ids.

    Args:
        tokenizers: where the tokenizers of the models are.
    """

    def __init__(self, tokenizers: TokenizerLookup) -> None:
        self._tokenizers = tokenizers
        self._found: dict[str, Tokenizer | None] = {}
        self._made: dict[str, LanguageModel] = {}

    def tokenizer(self, model: str) -> HandlerSteps[Tokenizer | None]:
        """The tokenizer of the model with this id, if it is to be had; that is tried once."""
        if model not in self._found:
            self._found[model] = yield from compute(lambda: self._find(model))
        return self._found[model]

    def _find(self, model: str) -> Tokenizer | None:
        try:
            return self._tokenizers(model)
        except NaiError:
            return None

    def language_model(self, tokenizer: Tokenizer | None) -> HandlerSteps[LanguageModel]:
        """The language model in the tokenizer's ids, or in its own."""
        return (yield from compute(lambda: self._teller(tokenizer)))

    def _teller(self, tokenizer: Tokenizer | None) -> LanguageModel:
        if tokenizer is None:
            return get_tale_model()
        teller = self._made.get(tokenizer.name)
        if teller is None:
            teller = self._made[tokenizer.name] = LanguageModel(TALES, tokenizer)
        return teller
