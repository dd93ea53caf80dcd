"""Which model a command means. For a model of another kind, the error names the command that it is for.

Models come and go, so a chat model that the library does not list is not wrong: the service is asked whether it has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nai_proto.errors import InvalidRequestError, excerpt
from nai_proto.text.models import CHAT_MODELS, MODELS, Model, suggest_model

__all__ = ["choose_chat_model", "choose_story_model"]


def choose_story_model(name: str) -> Model:
    """Return the model for stories with this id or name.

    Raises:
        InvalidRequestError: there is none. Names the nearest one, or the command for a model of another kind.
    """
    model = Model.named(name)
    if not model.is_listed:
        raise _unknown_error(name, (each.id for each in MODELS))
    if not model.is_native:
        raise InvalidRequestError(
            f"{model.id} is a chat model: nai chat --model {model.id} talks to it, and nai complete continues a prompt",
            parameter="model",
        )
    return model


def choose_chat_model(name: str, list_served: Callable[[], Iterable[str]]) -> Model:
    """Return the chat model with this id or name.

    Args:
        name: its id or name.
        list_served: returns the ids of the chat models that the service has. It is called for a name that the library
            does not list.

    Raises:
        InvalidRequestError: there is none. Names the nearest one, or the command for a model of another kind.
    """
    model = Model.named(name)
    if model.is_listed and model.is_native:
        raise InvalidRequestError(
            f"{model.id} is a model for stories, which does not chat: nai generate --model {model.id} continues a text",
            parameter="model",
        )
    if not model.is_listed and model.id not in (served := [*list_served()]):
        raise _unknown_error(name, dict.fromkeys((*(each.id for each in CHAT_MODELS), *served)))
    return model


def _unknown_error(name: str, ids: Iterable[str]) -> InvalidRequestError:
    from nai_proto.image.models import ImageModel

    if (image := ImageModel.named(name)).is_listed:
        problem = f"{image.id} is a model for images: nai image --model {image.id}"
    else:
        problem = f"no model is called {excerpt(name, 60)!r}; there are {', '.join(ids)}{suggest_model(name)}"
    return InvalidRequestError(problem, parameter="model")
