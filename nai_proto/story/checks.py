"""Refuse arguments that are no model or no tokenizer, by a sentence that names the parameter and what it takes."""

from __future__ import annotations

from typing import Final

from ..codecs.checks import check_type, type_error
from ..text.models import Model

__all__ = ["as_model", "check_tokenizer"]

_TOKENIZER: Final[tuple[str, ...]] = ("encode", "decode", "count")


def as_model(model: Model | str, name: str = "model") -> Model:
    """Return a model, which may be given by its id or its name.

    Raises:
        InvalidTypeError: it is neither.
    """
    check_type(model, (Model, str), name, "a Model or a str")
    return Model.named(model)


def check_tokenizer(tokenizer: object) -> None:
    """Raise InvalidTypeError if this has not the methods of a `nai_proto.tokenizers.Tokenizer`."""
    if not all(callable(getattr(tokenizer, method, None)) for method in _TOKENIZER):
        raise type_error(tokenizer, "tokenizer", "a Tokenizer")
