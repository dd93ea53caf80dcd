"""The language model in every tokenizer's ids, each made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from ..errors import NaiError
from .answers import HandlerSteps, computed
from .corpus import TALES
from .language import LanguageModel, storyteller

if TYPE_CHECKING:
    from ..tokenizers import Tokenizer

__all__ = ["Tellers", "Tokenizers"]

Tokenizers: TypeAlias = "Callable[[str], Tokenizer | None]"
"""Gives a tokenizer by its name, or by the id of a model that uses it; None, or an error of ours, if it is not to be had. It
may take its time."""


class Tellers:
    """Tokenizers, and the language models that read and write in their ids.

    Args:
        tokenizers: where the tokenizers of the models are.
    """

    def __init__(self, tokenizers: Tokenizers) -> None:
        self._tokenizers = tokenizers
        self._found: dict[str, Tokenizer | None] = {}
        self._made: dict[str, LanguageModel] = {}

    def tokenizer(self, model: str) -> HandlerSteps[Tokenizer | None]:
        """The tokenizer of the model with this id, if it is to be had; that is tried once."""
        if model not in self._found:
            self._found[model] = yield from computed(lambda: self._find(model))
        return self._found[model]

    def _find(self, model: str) -> Tokenizer | None:
        try:
            return self._tokenizers(model)
        except NaiError:
            return None

    def teller(self, tokenizer: Tokenizer | None) -> HandlerSteps[LanguageModel]:
        """The language model in the tokenizer's ids, or in its own."""
        return (yield from computed(lambda: self._teller(tokenizer)))

    def _teller(self, tokenizer: Tokenizer | None) -> LanguageModel:
        if tokenizer is None:
            return storyteller()
        teller = self._made.get(tokenizer.name)
        if teller is None:
            teller = self._made[tokenizer.name] = LanguageModel(TALES, tokenizer)
        return teller
