"""Which models an API is for: a model of another kind is refused with what it is for.

See:
    docs/protocol/native.md#12-which-host-per-text-model
    docs/protocol/openai.md#71-models-over-time
"""

from __future__ import annotations

from ..errors import InvalidRequestError
from .models import Model

__all__ = ["check_native", "check_openai"]


def check_native(model: Model) -> None:
    """Raise for a model that native text generation is known not to have. One that is not listed may be new.

    Raises:
        InvalidRequestError: it is a chat model or a model for images.
    """
    if not model.is_native:
        raise InvalidRequestError(
            f"{model.id} is a chat model: only the OpenAI-compatible API has it, for chats and completions",
            parameter="model",
            advice=f"nai.openai.chat_completion(messages, model={model.id!r}) or nai.openai.completion(prompt, …)",
        )
    _check_text(model)


def check_openai(model: Model) -> None:
    """Raise for a model that the OpenAI-compatible API is known not to have. One that is not listed may be new.

    Raises:
        InvalidRequestError: it is a model for stories or for images.
    """
    if model.is_listed and model.is_native:
        raise InvalidRequestError(
            f"{model.id} is a model for stories: text generation has it, and the OpenAI-compatible API does not",
            parameter="model",
            advice=f"nai.text.generate(prompt, model={model.id!r})",
        )
    _check_text(model)


def _check_text(model: Model) -> None:
    if model.is_listed:
        return
    from ..image.models import ImageModel  # needed only for a name that is not listed

    if (image := ImageModel.named(model.id)).is_listed:
        raise InvalidRequestError(
            f"{image.id} is a model for images, and this takes text models",
            parameter="model",
            advice=f"nai.image.generate(prompt, model={image.id!r})",
        )
