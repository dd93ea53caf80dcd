"""Operations of older models only: a made-up prompt, the next tokens, hidden states.

See:
    docs/protocol/native.md#8-ai-endpoints-text-side
    docs/protocol/native.md#97-rare-outputs-api-host-older-models
"""

from __future__ import annotations

from typing import Any, Final, Never, TypeVar

import msgspec

from ..arguments import INTEGER, NUMBER, TEXT, takes
from ..codecs.json import encode_json
from ..errors import InvalidRequestError
from ..exchange.endpoints import EndpointParameters, build, endpoint
from ..exchange.operation import Operation
from ..exchange.readers import JsonBodyReader
from ..http import Headers, Host
from .generation import build_generation_request
from .models import MODEL, Model

__all__ = ["generate_prompt", "get_hidden_states", "get_next_words"]

T = TypeVar("T")

_HEADERS: Final = Headers.of(content_type="application/json", accept="application/json")
_ONE_TOKEN: Final = {"max_length": 1, "min_length": 1, "use_string": True}


class _Prompt(msgspec.Struct):
    generated_text: str


class _HiddenStates(msgspec.Struct):
    output: tuple[float, ...]


class _NextWords(msgspec.Struct):
    output: tuple[tuple[str, float], ...]


def _text(answer: _Prompt) -> str:
    return answer.generated_text


def _states(answer: _HiddenStates) -> tuple[float, ...]:
    return answer.output


def _words(answer: _NextWords) -> tuple[tuple[str, float], ...]:
    return answer.output


@takes(prompt=TEXT, model=MODEL, temp=NUMBER, tokens_to_generate=INTEGER)
def generate_prompt(
    prompt: str, *, model: Model | str = Model.EUTERPE, temp: float = 1.0, tokens_to_generate: int = 40
) -> Operation[Never, str]:
    """Have the service make up a prompt (``POST /ai/generate-prompt``, docs/protocol/native.md#8-ai-endpoints-text-side).

    Args:
        prompt: what it is about, 1–40,000 characters.
        model: which model, or its id or name.
        temp: the temperature, 0.1–100.
        tokens_to_generate: 1–200.

    Raises:
        InvalidRequestError: one of these is out of its range.
    """
    for name, value, least, most in (
        ("prompt's length", len(prompt), 1, 40_000),
        ("temp", temp, 0.1, 100),
        ("tokens_to_generate", tokens_to_generate, 1, 200),
    ):
        if not least <= value <= most:
            raise InvalidRequestError(
                f"{name} is {value}, and it has to be from {least} to {most:,}", parameter=name.partition("'")[0]
            )
    body = {"model": Model.named(model).id, "prompt": prompt, "temp": temp, "tokens_to_generate": tokens_to_generate}
    request = build(endpoint("generate_prompt"), EndpointParameters(body=encode_json(body)), _HEADERS)
    return Operation(request, (("application/json", JsonBodyReader(_Prompt, _text)),))


@takes(prompt=TEXT, model=MODEL)
def get_next_words(
    prompt: str, *, model: Model | str = Model.EUTERPE
) -> Operation[Never, tuple[tuple[str, float], ...]]:
    """Get the likeliest next tokens, up to 256, each with its weight (``next_word``).

    See docs/protocol/native.md#97-rare-outputs-api-host-older-models.

    Args:
        prompt: the text.
        model: which model, or its id or name; one of the api host.

    Raises:
        InvalidRequestError: the model is on the text host, which does not have this.
    """
    return _build_operation(prompt, model, "next_word", JsonBodyReader(_NextWords, _words))


@takes(prompt=TEXT, model=MODEL)
def get_hidden_states(prompt: str, *, model: Model | str = Model.SIGURD) -> Operation[Never, tuple[float, ...]]:
    """Get the model's last hidden state (``get_hidden_states``): of Sigurd, Krake and what is older.

    See docs/protocol/native.md#97-rare-outputs-api-host-older-models.

    Args:
        prompt: the text.
        model: which model, or its id or name; one of the api host, and not Clio.

    Raises:
        InvalidRequestError: the model does not have this.
    """
    if Model.named(model).newest == Model.CLIO:
        raise InvalidRequestError("get_hidden_states is of Sigurd, Krake and what is older", parameter="model")
    return _build_operation(prompt, model, "get_hidden_states", JsonBodyReader(_HiddenStates, _states))


def _build_operation(
    prompt: str, model: Model | str, output: str, reader: JsonBodyReader[Any, T]
) -> Operation[Never, T]:
    model = Model.named(model)
    if model.host is not Host.API:
        raise InvalidRequestError(f"{output} is a parameter of older models, and {model.id} is none", parameter="model")
    request = build_generation_request("generate", prompt, model, {**_ONE_TOKEN, output: True}, "application/json")
    return Operation(request, (("application/json", reader),))
