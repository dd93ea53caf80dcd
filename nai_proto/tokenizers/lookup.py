"""Find the tokenizer of a model, of text or of images, by the model's id or name.

See docs/protocol/native.md#112-tokenizer-per-model.
"""

from __future__ import annotations

from typing import Final

from ..arguments import ArgumentType, takes
from ..image.models import MODELS as IMAGE_MODELS
from ..image.models import ImageModel
from ..text.models import CHAT_MODELS, Model
from ..text.models import MODELS as TEXT_MODELS
from ..unknown_names import unknown_choice
from .registry import TOKENIZERS, TokenizerInfo

__all__ = ["find_tokenizer_info", "tokenizer_name"]

_ID_BY_NAME: Final = {
    **{model.name: model.id for model in (*TEXT_MODELS, *CHAT_MODELS)},
    **{model.name: model.id for model in IMAGE_MODELS},
}
_BY_MODEL: Final = {model: one.name for one in TOKENIZERS.values() for model in one.models}
_MODEL: Final = ArgumentType("a Model, an ImageModel, or the id or the name of one", Model, ImageModel, str)
_NAME: Final = ArgumentType("the name of a tokenizer, or a model, its id or its name", Model, ImageModel, str)


@takes(model=_MODEL)
def tokenizer_name(model: Model | ImageModel | str) -> str:
    """Return the name of the tokenizer that a model uses.

    Args:
        model: a text model or an image model, or the id or the name of one, such as ``"kayra-v1"`` or ``"V4.5 Full"``.

    Raises:
        InvalidRequestError: the model is unknown.
    """
    name = _find_name(model)
    if name is None:
        wanted = model if isinstance(model, str) else model.id
        raise unknown_choice(
            wanted, "model with a known tokenizer", _BY_MODEL, parameter="model", spellings=_ID_BY_NAME
        )
    return name


@takes(name=_NAME)
def find_tokenizer_info(name: Model | ImageModel | str) -> TokenizerInfo:
    """Return the tokenizer with this name, or the tokenizer of a model.

    Args:
        name: name of a tokenizer; or a model, or the id or the name of one.

    Raises:
        InvalidRequestError: there is no such tokenizer and no such model.
    """
    info = TOKENIZERS.get(name) if isinstance(name, str) else None
    info = info or TOKENIZERS.get(_find_name(name) or "")
    if info is None:
        wanted = name if isinstance(name, str) else name.id
        choices = (*TOKENIZERS, *_BY_MODEL)
        raise unknown_choice(wanted, "tokenizer or model", choices, parameter="name", spellings=_ID_BY_NAME)
    return info


def _find_name(model: Model | ImageModel | str) -> str | None:
    """Return the name of a model's tokenizer; None if it is not known."""
    if not isinstance(model, ImageModel):
        text_model = Model.named(model)
        if text_model.is_listed or text_model.facts.tokenizer is not None:
            return text_model.tokenizer
    image_model = ImageModel.named(model) if not isinstance(model, Model) else None
    if image_model is None or not image_model.is_listed:
        return None
    return _BY_MODEL.get(image_model.base.id)
