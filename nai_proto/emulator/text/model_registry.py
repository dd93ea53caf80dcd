"""The tokenizers of models, and a language model in the ids of each; both are made when they are first needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from ...codecs.token_packing import unpack
from ...errors import NaiError
from ...text.models import Model
from ..accounts.trained_modules import ModuleTraining
from ..errors import Refused
from ..http.responses import HandlerSteps, compute
from .corpus import TALES
from .language_model import END_OF_TALE, LanguageModel, Vocabulary, get_tale_model

if TYPE_CHECKING:
    from ...tokenizers import Tokenizer

__all__ = ["ModelRegistry", "TokenizerLookup", "decode_prompt", "missing_tokenizer", "vocabulary_fields"]

TokenizerLookup: TypeAlias = "Callable[[str], Tokenizer | None]"
"""Returns a tokenizer by its name, or by the id of a model that uses it. If there is none, it returns None or raises a
`NaiError`. It may block."""


class ModelRegistry:
    """Tokenizers, and language models that work in their ids.

    Args:
        tokenizers: finds the tokenizer of a model, whatever it costs.
        local_tokenizers: finds it where it is at hand.
    """

    def __init__(self, tokenizers: TokenizerLookup, local_tokenizers: TokenizerLookup) -> None:
        self._lookup = tokenizers
        self._local_lookup = local_tokenizers
        self._tokenizers: dict[str, Tokenizer | None] = {}
        self._local_tokenizers: dict[str, Tokenizer | None] = {}
        self._models: dict[tuple[str, str], LanguageModel] = {}

    def tokenizer(self, model: str) -> HandlerSteps[Tokenizer | None]:
        """Return the tokenizer of the model with this id, or None. It is looked up once."""
        if model not in self._tokenizers:
            self._tokenizers[model] = yield from compute(lambda: _find(self._lookup, model))
        return self._tokenizers[model]

    def local_tokenizer(self, model: str) -> HandlerSteps[Tokenizer | None]:
        """Return the tokenizer of the model with this id if it is at hand: for requests that can do without it."""
        if model not in self._local_tokenizers:
            self._local_tokenizers[model] = yield from compute(lambda: _find(self._local_lookup, model))
        return self._local_tokenizers[model]

    def language_model(
        self, tokenizer: Tokenizer | None, module: ModuleTraining | None = None
    ) -> HandlerSteps[LanguageModel]:
        """Return a language model in the tokenizer's ids, or in its own ids without a tokenizer.

        Args:
            tokenizer: of the model that is asked for.
            module: the language model is trained on its texts, too.
        """
        return (yield from compute(lambda: self._get_model(tokenizer, module)))

    def _get_model(self, tokenizer: Tokenizer | None, module: ModuleTraining | None) -> LanguageModel:
        texts = "" if module is None else module.texts[:_MOST_TEXT]
        if module is None or not texts:
            return get_tale_model() if tokenizer is None else _get_shared_model(tokenizer)
        key = ("" if tokenizer is None else tokenizer.name, module.id)
        model = self._models.get(key)
        if model is None:
            model = self._models[key] = LanguageModel(_add_texts(texts), tokenizer or Vocabulary(TALES, texts))
        return model


_shared_models: Final[dict[int, LanguageModel]] = {}
"""The models of the tales, which all emulators of a process share, by the ids of the tokenizers, which they keep alive."""
_MOST_SHARED: Final = 16


def _get_shared_model(tokenizer: Tokenizer) -> LanguageModel:
    model = _shared_models.get(id(tokenizer))
    if model is None:
        model = LanguageModel(TALES, tokenizer)
        if len(_shared_models) >= _MOST_SHARED:
            _shared_models.clear()
        _shared_models[id(tokenizer)] = model
    return model


def _find(lookup: TokenizerLookup, model: str) -> Tokenizer | None:
    try:
        return lookup(model)
    except NaiError:
        return None


def missing_tokenizer(model: str, parameter: str) -> Refused:
    """Return the refusal of a request with token ids of a model whose tokenizer there is none of."""
    return Refused(
        501,
        f"this emulator has no tokenizer of {model}, and {parameter} holds token ids",
        reason=f"send {parameter} without token ids, as text, or give the emulator the tokenizer file of {model}: "
        "`nai emulate` looks in the directory of NAI_TOKENIZER_DIR, a test passes Emulator(tokenizers=...)",
    )


def vocabulary_fields(model: LanguageModel) -> tuple[tuple[str, str], ...]:
    """Return the header field that says that tokens are the emulator's own; none if they are a real tokenizer's.

    See docs/protocol/openai.md#8-token-count.
    """
    return (("X-Emulator-Vocabulary", "own"),) if isinstance(model.vocabulary, Vocabulary) else ()


def decode_prompt(tokenizer: Tokenizer, model: str, ids: str | list[int]) -> str:
    """Return the text of a prompt of token ids; the empty text if they are none.

    Args:
        tokenizer: of the model.
        model: its id.
        ids: a list, or the base64 of a native request.
    """
    try:
        return tokenizer.decode(unpack(ids, Model.named(model).token_width) if isinstance(ids, str) else ids)
    except (NaiError, ValueError):
        return ""


_MOST_TEXT: Final = 100_000
"""Characters of a module's texts that are learned."""


def _add_texts(texts: str) -> str:
    """Return the tales and the texts of a module, so often that they outweigh the tales."""
    return END_OF_TALE.join([TALES, *[texts] * (1 + 2 * len(TALES) // len(texts))])
