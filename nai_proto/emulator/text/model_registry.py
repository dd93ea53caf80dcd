"""The tokenizers of models, and a language model in the ids of each; both are made when they are first needed."""

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
"""Returns a tokenizer by its name, or by the id of a model that uses it. If there is none, it returns None or raises a
`NaiError`. It may block."""


class ModelRegistry:
    """Tokenizers, and language models that work in their ids.

    Args:
        tokenizers: finds the tokenizer of a model.
    """

    def __init__(self, tokenizers: TokenizerLookup) -> None:
        self._lookup = tokenizers
        self._tokenizers: dict[str, Tokenizer | None] = {}
        self._models: dict[str, LanguageModel] = {}

    def tokenizer(self, model: str) -> HandlerSteps[Tokenizer | None]:
        """Return the tokenizer of the model with this id, or None. It is looked up once."""
        if model not in self._tokenizers:
            self._tokenizers[model] = yield from compute(lambda: self._find(model))
        return self._tokenizers[model]

    def _find(self, model: str) -> Tokenizer | None:
        try:
            return self._lookup(model)
        except NaiError:
            return None

    def language_model(self, tokenizer: Tokenizer | None) -> HandlerSteps[LanguageModel]:
        """Return a language model in the tokenizer's ids; in its own ids without a tokenizer."""
        return (yield from compute(lambda: self._get_model(tokenizer)))

    def _get_model(self, tokenizer: Tokenizer | None) -> LanguageModel:
        if tokenizer is None:
            return get_tale_model()
        model = self._models.get(tokenizer.name)
        if model is None:
            model = self._models[tokenizer.name] = LanguageModel(TALES, tokenizer)
        return model
