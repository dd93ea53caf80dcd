"""Text generation on the native API. Facts: native §9, §10."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Never, TypeVar

from ..codecs.json import encode
from ..exchange.endpoints import Parameters as _EndpointParameters
from ..exchange.endpoints import build, endpoint
from ..exchange.operation import Operation
from ..exchange.readers import Json
from ..http import Headers, Host, Request
from .answers import Candidate, Completion, FinishReason, Logprobs, Token, Tokens
from .models import Model
from .parameters import LogitBias, Parameters, PhraseRepPen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

__all__ = [
    "Candidate",
    "Completion",
    "FinishReason",
    "LogitBias",
    "Logprobs",
    "Model",
    "Parameters",
    "PhraseRepPen",
    "Token",
    "generate",
    "generate_stream",
]

T = TypeVar("T")

_MAX_LENGTH: Final = 40
"""Tokens, when the caller does not say; the service requires the key (native §9.1)."""


def _same(value: T) -> T:
    return value


_WHOLE: Final = Json(Completion, _same)


def generate(
    prompt: str,
    *,
    model: Model | str = Model.KAYRA,
    extra: Mapping[str, object] | None = None,
    **parameters: Unpack[Parameters],
) -> Operation[Never, Completion]:
    """Generate text that goes on from ``prompt``; the answer comes in one piece (native §9).

    Args:
        prompt: the text to go on from; it is sent as text (``use_string``) and tokenised by the service.
        model: which model, or its id.
        extra: parameters that `Parameters` does not know, sent as they are.
        parameters: as `Parameters` lists them; ``max_length`` is 40 and ``min_length`` 1 when not given.

    Raises:
        LocalProtocolError: something cannot be written as JSON.
    """
    request = _request("generate", prompt, Model.named(model), parameters, extra, "application/json")
    return Operation(request, (("application/json", _WHOLE),))


def generate_stream(
    prompt: str,
    *,
    model: Model | str = Model.KAYRA,
    extra: Mapping[str, object] | None = None,
    **parameters: Unpack[Parameters],
) -> Operation[Token, Completion]:
    """Generate text that goes on from ``prompt``, piece by piece (native §10); arguments as for `generate`.

    An answer that is one JSON document, where a stream was asked for, gives no events but the result (sse §2.6).
    """
    request = _request("generate_stream", prompt, Model.named(model), parameters, extra, "text/event-stream")
    stream = Tokens(parameters.get("max_length", _MAX_LENGTH))
    return Operation(request, (("text/event-stream", stream), ("application/json", _WHOLE)))


def _request(
    name: str,
    prompt: str,
    model: Model,
    parameters: Parameters,
    extra: Mapping[str, object] | None,
    accept: str,
) -> Request:
    body = {
        "input": prompt,
        "model": model.id,
        "parameters": {"max_length": _MAX_LENGTH, "min_length": 1, **parameters, **(extra or {}), "use_string": True},
    }
    row = endpoint(name if model.host is Host.TEXT else f"api_{name}")
    headers = Headers.of(content_type="application/json", accept=accept)
    return build(row, _EndpointParameters(body=encode(body)), headers)
