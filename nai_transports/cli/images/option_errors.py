"""Errors of image requests in the words of the command line: options, and models that there are."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from nai_proto.errors import InvalidRequestError, UnknownChoiceError
from nai_proto.image import ImageModel
from nai_proto.image.models import unknown_model
from nai_proto.text.models import Model

from ..common.usage_messages import explain_choice

__all__ = ["find_image_model", "name_options_in_errors", "to_option"]

_OPTIONS: Final = {
    "characters": "--character",
    "declared_blur_sigma": "--blur",
    "dynamic_thresholding": "--decrisper",
    "height": "--size: height",
    "image_format": "--format",
    "inpaint_img2img_strength": "--inpaint-strength",
    "n_samples": "--number",
    "negative_prompt": "--negative",
    "prompt": "PROMPT",
    "references": "--reference",
    "sm": "--smea",
    "sm_dyn": "--smea-dyn",
    "uc_preset": "--uc",
    "upscaled_enhance": "--max-enhance",
    "variety_plus": "--variety",
    "vibes": "--vibe",
    "width": "--size: width",
}
"""The options whose names are not those of their parameters."""


def to_option(parameter: str) -> str:
    """Return the option, or the argument, for a parameter of a request."""
    return _OPTIONS.get(parameter, f"--{parameter.replace('_', '-')}")


@contextmanager
def name_options_in_errors() -> Generator[None, None, None]:
    """Raise errors about parameters with the names of their options, and with what the shell can do."""
    try:
        yield
        return
    except InvalidRequestError as error:
        message, parameter = error.plain_message, error.parameter
        if isinstance(error, UnknownChoiceError) and parameter:
            message = f"{to_option(parameter)}: {explain_choice(error)}"
            if parameter == "sampler" and error.advice:
                message += f"; to send it all the same, give --unlisted-sampler {error.name}"
    if parameter and message.startswith(f"{parameter} "):
        message = to_option(parameter) + message.removeprefix(parameter)
    raise InvalidRequestError(message, parameter=parameter)


def find_image_model(name: str) -> ImageModel:
    """Return the model with this id or name.

    Raises:
        InvalidRequestError: there is none. The message has the models, and those that may have been meant.
    """
    model = ImageModel.named(name)
    text_model = Model.named(name)
    if text_model.is_listed:
        kind, command = ("model for stories", "nai generate") if text_model.is_native else ("chat model", "nai chat")
        raise InvalidRequestError(
            f"{text_model.id} is a {kind}, and draws no images: {command} --model {text_model.id}",
            parameter="model",
        )
    if not model.is_listed:
        raise unknown_model(name)
    return model
