"""Which model a command means. For a model of another kind, the error names the command that it is for.

Models come and go, so a chat model that the library does not list is not wrong: the service is asked whether it has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from nai_proto.errors import InvalidRequestError
from nai_proto.image.models import ImageModel
from nai_proto.text.models import CHAT_MODELS, MODELS, Model, unknown_model
from nai_proto.unknown_names import fold_name, unknown_choice

from ..common.notes import print_remark

__all__ = ["check_chat_model", "choose_chat_model", "choose_story_model", "note_family"]


def choose_story_model(name: str) -> Model:
    """Return the model for stories with this id or name.

    Raises:
        InvalidRequestError: there is none. Names the nearest one, or the command for a model of another kind.
    """
    model = Model.named(name)
    _check_text(name)
    if not model.is_listed:
        raise unknown_model(name, MODELS)
    if not model.is_native:
        raise InvalidRequestError(
            f"{model.id} is a chat model: nai chat --model {model.id} talks to it, and nai complete continues a prompt",
            parameter="model",
        )
    return model


def check_chat_model(name: str) -> Model:
    """Return the model with this id or name, which may be one that the library does not list.

    Raises:
        InvalidRequestError: it is a model of another kind. Names the command that it is for.
    """
    model = Model.named(name)
    if model.is_listed and model.is_native:
        raise InvalidRequestError(
            f"{model.id} is a model for stories, which does not chat: nai generate --model {model.id} continues a text",
            parameter="model",
        )
    _check_text(name)
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
    model = check_chat_model(name)
    if not model.is_listed and model.id not in (served := [*list_served()]):
        others = (each for each in map(Model.named, served) if not (each.is_listed and each.is_native))
        raise _unknown_chat_model(name, [*dict.fromkeys((*CHAT_MODELS, *others))])
    return model


def note_family(name: str, model: Model, *, quiet: bool) -> None:
    """Say on stderr which model a name of several stands for, such as ``glm``.

    Args:
        name: that was given.
        model: that it stands for.
        quiet: say nothing?
    """
    if not quiet and fold_name(name) not in (fold_name(model.id), fold_name(model.name)):
        print_remark(f"{name} is {model.name} here (--model {model.id})")


def _unknown_chat_model(name: str, chat_models: Sequence[Model]) -> InvalidRequestError:
    """Return the error for a name that no chat model has, with the nearest one, or the command for the nearest other."""
    error = unknown_choice(
        name,
        "chat model",
        [each.id for each in chat_models],
        parameter="model",
        spellings={each.name: each.id for each in chat_models},
    )
    if error.guesses or not (nearest := unknown_model(name, MODELS).guesses):
        return error
    other = f"{nearest[0]} is a model for stories: nai generate --model {nearest[0]}"
    return InvalidRequestError(f"{error.plain_message}; {other}", parameter="model")


def _check_text(name: str) -> None:
    if (image := ImageModel.named(name)).is_listed:
        raise InvalidRequestError(f"{image.id} is an image model: nai image --model {image.id}", parameter="model")
